// Booting, and assigning functions to guests the way VFIO and KVM do.
#include "scenarios/engine/steps/step_base.hpp"
#include "sw/smmu/domain.hpp"

namespace smmusim::scenarios {

namespace {

using platform::config::ConfigError;
using sim::ConfigVisitor;
using sim::Task;
using sim::Unit;
using sw::vfio::Container;

class Boot final : public Step {
public:
    void fields(ConfigVisitor&) override {}
    Task<> run(Stage& stage) override { co_await stage.boot(); }
};

class BusMaster final : public SoftwareStep {
public:
    void fields(ConfigVisitor& visit) override {
        visit(device_, {"device", "name of the function"});
        visit(on_, {"on", "whether the function may send requests"});
        SoftwareStep::fields(visit);
    }
    void check(Names& names) const override { names.require(Names::Kind::Device, device_, where()); }
    Task<> run(Stage& stage) override {
        sw::HostDevice& device = stage.host_device(device_);
        const int error = co_await device.function.set_bus_master(stage.cpu(cpu), on_);
        Stage::require(error, "bus_master");
    }

private:
    std::string device_;
    bool on_ = true;
};

constexpr std::array<sim::Choice, 2> stage_names{sim::Choice{"any", 0}, sim::Choice{"nesting", 1}};

class CreateGuest final : public Step {
public:
    void fields(ConfigVisitor& visit) override {
        visit(name_, {"name", "name of the guest for later steps"});
        visit(stage_, {"stage", "nesting: the host takes stage 2, so that the guest can own stage 1"}, stage_names);
    }
    void check(Names& names) const override { names.define(Names::Kind::Guest, name_, where()); }
    Task<> run(Stage& stage) override {
        Assigned& user = stage.assigned[name_];
        user.container = stage.host().open_container(stage_);
        user.guest = stage.host().create_guest(name_, *user.container);
        user.guest->set_handler([&stage](sw::cpu::Cpu& cpu, sw::msi::Source& source, u32 vector) {
            return stage.on_interrupt(cpu, source, vector);
        });
        co_return;
    }

private:
    std::string name_;
    Container::Stage stage_ = Container::Stage::Any;
};

class RegisterWindow final : public GuestStep {
public:
    void fields(ConfigVisitor& visit) override {
        GuestStep::fields(visit);
        visit(iova_, {"iova", "first address of the window", Unit::Address});
        visit(size_, {"size", "its size", Unit::Bytes});
        visit(order_, {"order", "binary logarithm of the granule", Unit::Count, sim::Origin::Choice, "", 12, 30});
        visit(prot_, {"prot", "most that mappings in it may permit, letters of rw"});
    }
    void check(Names& names) const override {
        GuestStep::check(names);
        if (!sw::parse_prot(prot_)) throw ConfigError(where(), "prot is '" + prot_ + "'", "use letters of rwxm");
    }
    Task<> run(Stage& stage) override {
        Container& container = *stage.assigned.at(guest).container;
        const int error = co_await container.map_reserved(stage.cpu(cpu), iova_, size_, order_, *sw::parse_prot(prot_));
        Stage::require(error, "register_window");
    }

private:
    u64 iova_ = 0x0800'0000;
    u64 size_ = MiB;
    u32 order_ = 12;
    std::string prot_ = "rw";
};

class Attach final : public GuestStep {
public:
    void fields(ConfigVisitor& visit) override {
        GuestStep::fields(visit);
        visit(device_, {"device", "name of the function"});
    }
    void check(Names& names) const override {
        GuestStep::check(names);
        names.require(Names::Kind::Device, device_, where());
    }
    Task<> run(Stage& stage) override {
        sw::HostDevice& device = stage.host_device(device_);
        sw::cpu::Cpu& on = stage.cpu(cpu);
        const int error = co_await stage.assigned.at(guest).container->attach(on, device.msi);
        Stage::require(error, "attach");
        // User space lets the function master the bus.
        const int mastering = co_await device.function.set_bus_master(on, true);
        Stage::require(mastering, "attach");
    }

private:
    std::string device_;
};

class GuestMemory final : public GuestStep {
public:
    void fields(ConfigVisitor& visit) override {
        GuestStep::fields(visit);
        visit(name_, {"name", "name of this memory for later steps"});
        visit(address_, {"address", "guest-physical address", Unit::Address});
        visit(size_, {"size", "its size", Unit::Bytes, sim::Origin::Choice, "", 4 * KiB, 255 * GiB});
    }
    void check(Names& names) const override {
        GuestStep::check(names);
        names.define(Names::Kind::Buffer, name_, where());
    }
    Task<> run(Stage& stage) override {
        const u64 host = stage.allocate(size_);
        const int error = co_await stage.assigned.at(guest).guest->add_memory(stage.cpu(cpu), address_, host, size_);
        Stage::require(error, "guest_memory");
        stage.buffers[name_] = {guest, address_, address_, host, size_};
    }

private:
    std::string name_;
    u64 address_ = 0x4000'0000;
    u64 size_ = MiB;
};

class RemoveMemory final : public SoftwareStep {
public:
    void fields(ConfigVisitor& visit) override {
        SoftwareStep::fields(visit);
        visit(buffer_, {"buffer", "name of the guest memory that is taken away"});
    }
    void check(Names& names) const override { names.require(Names::Kind::Buffer, buffer_, where()); }
    Task<> run(Stage& stage) override {
        const Buffer& buffer = stage.buffers.at(buffer_);
        sw::kvm::Guest& guest = *stage.assigned.at(buffer.guest).guest;
        const int error = co_await guest.remove_memory(stage.cpu(cpu), buffer.address, buffer.size);
        Stage::require(error, "remove_memory");
    }

private:
    std::string buffer_;
};

class GuestStage1Step final : public GuestStep {
public:
    void fields(ConfigVisitor& visit) override {
        GuestStep::fields(visit);
        visit(device_, {"device", "name of the function"});
        visit(tables_, {"tables", "name of the guest memory that the guest spends on tables"});
        visit(asid_, {"asid", "ASID that the guest uses", Unit::Count, sim::Origin::Choice, "", 0, 0xFFFF});
    }
    void check(Names& names) const override {
        GuestStep::check(names);
        names.require(Names::Kind::Device, device_, where());
        names.require(Names::Kind::Buffer, tables_, where());
    }
    Task<> run(Stage& stage) override {
        sw::Host& host = stage.host();
        sw::HostDevice& device = stage.host_device(device_);
        Assigned& user = stage.assigned.at(guest);
        if (host.smmus() == 0) throw StepFailure("guest_stage1: the machine has no SMMU");
        if (user.container->domain() == nullptr) throw StepFailure("guest_stage1: no function is attached to " + guest);
        // Its tables would begin anew in the memory of those in use.
        if (user.stage1 != nullptr) throw StepFailure("guest_stage1: " + guest + " has its stage 1 already");
        if (device.iommu.domain != user.container->domain())
            throw StepFailure("guest_stage1: " + device_ + " is not attached to " + guest);
        const Buffer& tables = stage.buffers.at(tables_);
        const sw::smmu::SmmuDriver& smmu = host.smmu(smmu_of(host, device));
        user.stage1 = std::make_unique<sw::kvm::GuestStage1>(stage.simulation(), *user.guest, tables.address,
                                                             tables.size, smmu.geometry(sw::pgtable::Stage::One),
                                                             smmu.features().output_code, asid_);
        const int error = co_await user.stage1->create(stage.cpu(cpu));
        Stage::require(error, "guest_stage1");
        sw::iommu::DomainRequest request;
        request.type = sw::iommu::DomainType::Nested;
        request.parent = user.container->domain();
        request.context_pointer = user.stage1->context_pointer();
        const auto domain = co_await host.alloc_domain(stage.cpu(cpu), request, smmu_of(host, device));
        Stage::require(domain.error(), "guest_stage1: alloc_domain");
        user.nested = *domain;
        const int attached = co_await host.attach(stage.cpu(cpu), *user.nested, device);
        Stage::require(attached, "guest_stage1: attach");
    }

private:
    static u32 smmu_of(sw::Host& host, const sw::HostDevice& device) {
        for (u32 index = 0; index < host.smmus(); ++index)
            if (&host.smmu(index) == device.iommu.driver) return index;
        throw StepFailure("guest_stage1: the function is behind no SMMU");
    }

    std::string device_;
    std::string tables_;
    u32 asid_ = 1;
};

class GuestMap final : public GuestStep {
public:
    void fields(ConfigVisitor& visit) override {
        GuestStep::fields(visit);
        visit(buffer_, {"buffer", "name of guest memory that is mapped; empty: `address` and `size` say what"});
        visit(iova_, {"iova", "where functions see it", Unit::Address});
        visit(address_, {"address", "guest-physical address, without a buffer", Unit::Address});
        visit(size_, {"size", "its size, without a buffer", Unit::Bytes});
        visit(prot_, {"prot", "letters of rwxm"});
    }
    void check(Names& names) const override {
        GuestStep::check(names);
        if (!buffer_.empty()) names.require(Names::Kind::Buffer, buffer_, where());
        else if (size_ == 0)
            throw ConfigError(where(), "neither a buffer nor a size is given", "add `buffer:` or `size:`");
        if (!sw::parse_prot(prot_)) throw ConfigError(where(), "prot is '" + prot_ + "'", "use letters of rwxm");
    }
    Task<> run(Stage& stage) override {
        Assigned& user = stage.assigned.at(guest);
        if (!user.stage1) throw StepFailure("guest_map: the guest has no stage 1; the step `guest_stage1` makes it");
        u64 address = address_, size = size_;
        if (!buffer_.empty()) {
            Buffer& buffer = stage.buffers.at(buffer_);
            address = buffer.address;
            size = buffer.size;
            buffer.iova = iova_;
        }
        const int error = co_await user.stage1->map(stage.cpu(cpu), iova_, address, size, *sw::parse_prot(prot_));
        Stage::require(error, "guest_map");
    }

private:
    std::string buffer_;
    u64 iova_ = 0;
    u64 address_ = 0;
    u64 size_ = 0;
    std::string prot_ = "rw";
};

constexpr std::array guest_kinds{
    StepKind{"boot", "start the software stack: GIC, ITSs, SMMUs, PCI", make_step<Boot>},
    StepKind{"bus_master", "let a function send requests, or not", make_step<BusMaster>},
    StepKind{"guest", "create a guest with its container for assigned functions", make_step<CreateGuest>},
    StepKind{"register_window", "user space reserves a window of I/O addresses for doorbells",
             make_step<RegisterWindow>},
    StepKind{"attach", "assign a function to a guest: it joins the container's unmanaged domain", make_step<Attach>},
    StepKind{"guest_memory", "give a guest memory, mapped for its functions", make_step<GuestMemory>},
    StepKind{"remove_memory", "take memory away: unmap, invalidate, wait until done", make_step<RemoveMemory>},
    StepKind{"guest_stage1", "the guest takes over stage 1 of a function, on top of the host's stage 2",
             make_step<GuestStage1Step>},
    StepKind{"guest_map", "the guest maps memory in its own stage 1", make_step<GuestMap>},
};

}  // namespace

std::span<const StepKind> guest_steps() { return guest_kinds; }

}  // namespace smmusim::scenarios
