// CPUs of guests, and interrupts that reach them without the host.
#include <fmt/format.h>

#include "scenarios/engine/steps/step_base.hpp"

namespace smmusim::scenarios {

namespace {

using sim::ConfigVisitor;
using sim::Task;
using sim::Unit;

class CreateVcpus final : public GuestStep {
public:
    void fields(ConfigVisitor& visit) override {
        GuestStep::fields(visit);
        visit(count_, {"count", "number of CPUs of the guest", Unit::Count, sim::Origin::Choice, "", 1, 512});
    }
    Task<> run(Stage& stage) override {
        const int error = co_await stage.assigned.at(guest).guest->create_vcpus(stage.cpu(cpu), count_);
        Stage::require(error, "create_vcpus");
    }

private:
    u32 count_ = 1;
};

class DestroyVcpus final : public GuestStep {
public:
    Task<> run(Stage& stage) override {
        const int error = co_await stage.assigned.at(guest).guest->destroy_vcpus(stage.cpu(cpu));
        Stage::require(error, "destroy_vcpus");
        stage.watch_all();
    }
};

/// A step that concerns one CPU of a guest.
class VcpuStep : public GuestStep {
public:
    void fields(ConfigVisitor& visit) override {
        GuestStep::fields(visit);
        visit(number_, {"vcpu", "number of the guest's CPU"});
    }

protected:
    sw::kvm::Vcpu& vcpu(Stage& stage) const {
        sw::kvm::Guest& owner = *stage.assigned.at(guest).guest;
        if (number_ < owner.vcpus()) return owner.vcpu(number_);
        throw StepFailure(fmt::format("guest '{}' has no vcpu {}; it has {}", guest, number_, owner.vcpus()));
    }

private:
    u32 number_ = 0;
};

class RunVcpu final : public VcpuStep {
public:
    Task<> run(Stage& stage) override {
        const int error = co_await vcpu(stage).run(stage.cpu(cpu));
        Stage::require(error, "run_vcpu");
        stage.watch_all();
    }
};

class PreemptVcpu final : public VcpuStep {
public:
    Task<> run(Stage& stage) override {
        const int error = co_await vcpu(stage).preempt();
        Stage::require(error, "preempt_vcpu");
    }
};

class BlockVcpu final : public VcpuStep {
public:
    Task<> run(Stage& stage) override {
        const int error = co_await vcpu(stage).block();
        Stage::require(error, "block_vcpu");
    }
};

/// A step that concerns consecutive vectors of a function and the guest's LPIs for them.
class VlpiStep : public GuestStep {
public:
    void fields(ConfigVisitor& visit) override {
        GuestStep::fields(visit);
        visit(device, {"device", "name of the function"});
        visit(first, {"first", "first vector", Unit::Count, sim::Origin::Choice, "", 0, 2047});
        visit(count, {"count", "number of vectors", Unit::Count, sim::Origin::Choice, "", 1, 2048});
    }
    void check(Names& names) const override {
        GuestStep::check(names);
        names.require(Names::Kind::Device, device, where());
    }
    Task<> run(Stage& stage) override {
        sw::HostDevice& found = stage.host_device(device);
        for (u32 index = first; index < first + count; ++index) {
            const int error = co_await change(stage, *stage.assigned.at(guest).guest, found.msi, index);
            Stage::require(error, fmt::format("{} of vector {}", kind(), index));
        }
        stage.watch_all();
    }

protected:
    virtual Task<int> change(Stage& stage, sw::kvm::Guest& user, sw::msi::Source& source, u32 index) = 0;

    std::string device;
    u32 first = 0;
    u32 count = 1;
};

class MapVlpi final : public VlpiStep {
public:
    void fields(ConfigVisitor& visit) override {
        VlpiStep::fields(visit);
        visit(vcpu_, {"vcpu", "number of the guest's CPU that takes them"});
        visit(vintid_, {"vintid", "the guest's number of the first; the others follow", Unit::Count,
                        sim::Origin::Choice, "", 8192, 0xFFFF});
    }

protected:
    Task<int> change(Stage& stage, sw::kvm::Guest& user, sw::msi::Source& source, u32 index) override {
        return user.map_vlpi(stage.cpu(cpu), source, index, vcpu_, vintid_ + (index - first));
    }

private:
    u32 vcpu_ = 0;
    u32 vintid_ = 8192;
};

class UnmapVlpi final : public VlpiStep {
protected:
    Task<int> change(Stage& stage, sw::kvm::Guest& user, sw::msi::Source& source, u32 index) override {
        return user.unmap_vlpi(stage.cpu(cpu), source, index);
    }
};

class EnableVlpi final : public VlpiStep {
public:
    void fields(ConfigVisitor& visit) override {
        VlpiStep::fields(visit);
        visit(enabled_, {"enabled", "or not: then they stay pending"});
    }

protected:
    Task<int> change(Stage& stage, sw::kvm::Guest& user, sw::msi::Source& source, u32 index) override {
        return user.enable_vlpi(stage.cpu(cpu), source, index, enabled_);
    }

private:
    bool enabled_ = true;
};

constexpr std::array vcpu_kinds{
    StepKind{"create_vcpus", "give a guest CPUs that take interrupts without the host", make_step<CreateVcpus>},
    StepKind{"destroy_vcpus", "take a guest's CPUs away; its interrupts are injected again", make_step<DestroyVcpus>},
    StepKind{"run_vcpu", "run a guest's CPU on this CPU", make_step<RunVcpu>},
    StepKind{"preempt_vcpu", "take the CPU away from a guest's CPU", make_step<PreemptVcpu>},
    StepKind{"block_vcpu", "a guest's CPU waits for an interrupt (WFI), which makes it run again",
             make_step<BlockVcpu>},
    StepKind{"map_vlpi", "the guest maps LPIs for vectors; they are delivered without the host", make_step<MapVlpi>},
    StepKind{"unmap_vlpi", "they are injected by the host again", make_step<UnmapVlpi>},
    StepKind{"enable_vlpi", "the guest enables or disables its LPIs", make_step<EnableVlpi>},
};

}  // namespace

std::span<const StepKind> vcpu_steps() { return vcpu_kinds; }

}  // namespace smmusim::scenarios
