#include "sw/host.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace smmusim::sw {

namespace {

std::vector<u32> affinities(const MachineDescription& machine) {
    std::vector<u32> result;
    for (const CpuDescription& cpu : machine.cpus) result.push_back(cpu.affinity);
    return result;
}

/// Null: the ITSs take the messages.
std::unique_ptr<doorbells::SpiController> make_doorbell(MsiController which,
                                                        const doorbells::DoorbellDescription& description,
                                                        its::GicDriver& gic) {
    switch (which) {
        case MsiController::Its: break;
        case MsiController::GicV2m: return std::make_unique<doorbells::GicV2m>(description, gic);
        case MsiController::Mbi: return std::make_unique<doorbells::Mbi>(description, gic);
        case MsiController::MultiFrame: return std::make_unique<doorbells::MultiFrame>(description, gic);
        case MsiController::FixedWindow: return std::make_unique<doorbells::WindowController>(description, gic);
    }
    return nullptr;
}

}  // namespace

Host::Host(sim::Simulation& simulation, const SoftwareConfig& config, const MachineDescription& machine,
           std::vector<cpu::Cpu*> cpus)
    : simulation_(simulation),
      config_(config),
      machine_(machine),
      cpus_(std::move(cpus)),
      memory_(machine.host_memory.base, machine.host_memory.size),
      gic_(machine.gic, config.its, memory_, affinities(machine)),
      iommu_(simulation),
      reserved_(config.iommu_dma_reserved),
      policy_(reserved_),
      msi_(simulation, policy_, interrupts_, static_cast<u32>(cpus_.size())),
      vpes_(simulation, gic_, itss_, memory_, config.its),
      doorbell_(make_doorbell(config.msi_controller, machine.doorbells, gic_)),
      scope_(simulation, "host") {
    assert(cpus_.size() == machine_.cpus.size());
    for (std::size_t index = 0; index < machine_.itss.size(); ++index)
        itss_.push_back(std::make_unique<its::ItsDriver>(simulation_, fmt::format("its{}", index), machine_.itss[index],
                                                         config_.its, gic_, memory_));
    for (std::size_t index = 0; index < machine_.smmus.size(); ++index)
        smmus_.push_back(std::make_unique<smmu::SmmuDriver>(simulation_, fmt::format("smmu{}", index),
                                                            machine_.smmus[index], config_.smmu, memory_,
                                                            iommu_.statistics()));
    for (const RootComplexDescription& complex : machine_.root_complexes) {
        const cpu::PagePool low(complex.low_window.base, complex.low_window.size);
        const cpu::PagePool high(complex.high_window.base, complex.high_window.size);
        windows_.push_back(pci::Windows{low, high});
    }
}

Host::~Host() {
    abandon();
    iommu_.drop_domains();
}

void Host::abandon() {
    scope_.cancel();
    // Handlers run on the CPUs and use the drivers.
    for (cpu::Cpu* cpu : cpus_) cpu->abandon_software();
}

int Host::fail(int error, const std::string& what) {
    if (error != 0 && failure_.empty()) failure_ = fmt::format("{}: errno {}", what, -error);
    return error;
}

Task<int> Host::boot() {
    cpu::Cpu& cpu = *cpus_[0];
    for (cpu::Cpu* each : cpus_) each->take_interrupts(&interrupts_);
    int error = co_await boot_gic(cpu);
    if (error == 0) error = co_await boot_smmus(cpu);
    if (error == 0) error = co_await boot_pci(cpu);
    co_return error;
}

Task<int> Host::boot_gic(cpu::Cpu& cpu) {
    int error = co_await gic_.init_distributor(cpu);
    if (fail(error, "distributor") != 0) co_return error;
    for (cpu::Cpu* each : cpus_) {
        error = co_await gic_.init_cpu(*each);
        if (fail(error, fmt::format("redistributor of cpu{}", each->index())) != 0) co_return error;
    }
    for (const auto& its : itss_) {
        error = co_await its->init(cpu);
        for (u32 target = 0; target < cpus_.size() && error == 0; ++target)
            error = co_await its->map_collection(cpu, target);
        if (fail(error, its->name()) != 0) co_return error;
    }
    error = co_await vpes_.init(cpu);
    if (fail(error, "virtual PEs") != 0) co_return error;
    if (doorbell_ == nullptr) co_return 0;
    error = co_await doorbell_->init(cpu);
    co_return fail(error, doorbell_->name());
}

Task<int> Host::boot_smmus(cpu::Cpu& cpu) {
    for (const auto& smmu : smmus_) {
        // The wires are edges (IHI 0070, 3.18); handlers first, an event may wait already.
        smmu->connect(interrupts_);
        int error = co_await smmu->probe(cpu);
        for (const u32 intid : {smmu->description().event_intid, smmu->description().gerror_intid})
            if (error == 0) error = co_await gic_.enable_spi(cpu, intid, true, 0);
        if (error == 0) error = co_await smmu->reset(cpu);
        if (fail(error, smmu->name()) != 0) co_return error;
    }
    co_return 0;
}

Task<int> Host::boot_pci(cpu::Cpu& cpu) {
    for (const RootComplexDescription& complex : machine_.root_complexes) {
        const int error = co_await scan(cpu, complex);
        if (error != 0) co_return error;
    }
    find_shared_device_ids();
    iommu_.set_listener(&msi_);
    for (const auto& device : devices_) {
        msi_.add(device->msi);
        const int error = co_await iommu_.add_device(cpu, device->iommu);
        if (fail(error, device->iommu.name) != 0) co_return error;
    }
    co_return 0;
}

Task<int> Host::scan(cpu::Cpu& cpu, const RootComplexDescription& complex) {
    pci::Windows& windows = windows_[static_cast<std::size_t>(&complex - machine_.root_complexes.data())];
    for (u32 bus = complex.first_bus; bus <= complex.last_bus; ++bus)
        for (u32 slot = 0; slot < 32; ++slot)
            for (u32 number = 0, functions = 1; number < functions; ++number) {
                pci::Function found(complex.ecam, complex.segment << 16 | bus << 8 | slot << 3 | number);
                const bool present = co_await found.probe(cpu);
                if (!present) continue;
                if (found.multifunction()) functions = 8;
                int error = co_await found.assign_bars(cpu, windows);
                if (error == 0) {
                    devices_.push_back(std::make_unique<HostDevice>(found));
                    error = identify(*devices_.back(), complex);
                }
                if (fail(error, found.name()) != 0) co_return error;
            }
    co_return 0;
}

int Host::identify(HostDevice& device, const RootComplexDescription& complex) {
    const u32 requester = device.function.requester();
    device.iommu.name = device.function.name();
    device.iommu.requester_id = requester;
    device.msi.device = &device.iommu;
    if (device.function.capacity() != 0) device.msi.table = &device.function;
    const auto rule_of = [requester](const std::vector<IdRule>& rules) {
        return std::find_if(rules.begin(), rules.end(),
                            [requester](const IdRule& rule) { return rule.covers(requester & 0xFFFF); });
    };
    if (const auto rule = rule_of(complex.iommu_map); rule != complex.iommu_map.end()) {
        if (rule->target >= smmus_.size()) return -EINVAL;
        device.iommu.driver = smmus_[rule->target].get();
        device.iommu.streams.push_back(rule->output(requester & 0xFFFF));
    }
    if (doorbell_ != nullptr) {
        device.msi.controller = doorbell_.get();
        device.msi.device_id = requester;
        device.msi.events = device.function.capacity();
    } else if (const auto rule = rule_of(complex.msi_map); rule != complex.msi_map.end()) {
        if (rule->target >= itss_.size()) return -EINVAL;
        device.msi.controller = itss_[rule->target].get();
        device.msi.device_id = rule->output(requester & 0xFFFF);
        device.msi.events = device.function.capacity();
    }
    for (const ReservedDescription& reserved : machine_.reserved)
        if (requester >= reserved.first_requester && requester <= reserved.last_requester)
            device.iommu.reserved.push_back(reserved.region);
    return 0;
}

/// Functions with one DeviceID share an interrupt translation table, sized for all of them.
void Host::find_shared_device_ids() {
    for (const auto& one : devices_)
        for (const auto& other : devices_) {
            if (one == other || one->msi.controller == nullptr) continue;
            if (one->msi.controller != other->msi.controller || one->msi.device_id != other->msi.device_id) continue;
            one->msi.shared = true;
            one->msi.events += other->function.capacity();
        }
}

HostDevice* Host::device(u32 requester) {
    const auto found = std::find_if(devices_.begin(), devices_.end(), [requester](const auto& device) {
        return device->function.requester() == requester;
    });
    return found == devices_.end() ? nullptr : found->get();
}

Task<Result<iommu::Domain*>> Host::alloc_domain(cpu::Cpu& cpu, iommu::DomainRequest request, u32 smmu) {
    if (smmu >= smmus_.size()) co_return Error(-ENODEV);
    const Result<iommu::Domain*> domain = co_await iommu_.alloc_domain(cpu, *smmus_[smmu], request);
    co_return domain;
}

Task<int> Host::attach(cpu::Cpu& cpu, iommu::Domain& domain, HostDevice& device) {
    int error = co_await iommu_.attach(cpu, domain, device.iommu);
    if (error == 0) error = co_await device.function.set_bus_master(cpu, true);
    co_return error;
}

std::vector<msi::Controller*> Host::controllers() const {
    if (doorbell_ != nullptr) return {doorbell_.get()};
    std::vector<msi::Controller*> all;
    for (const auto& its : itss_) all.push_back(its.get());
    return all;
}

std::unique_ptr<vfio::Container> Host::open_container(vfio::Container::Stage stage) {
    vfio::Services services;
    services.iommu = &iommu_;
    services.reserved = &reserved_;
    services.controllers = controllers();
    services.allow_unsafe_interrupts = config_.allow_unsafe_interrupts;
    return std::make_unique<vfio::Container>(simulation_, std::move(services), stage);
}

std::unique_ptr<kvm::Guest> Host::create_guest(std::string name, vfio::Container& container) {
    const kvm::Guest::Services services{simulation_, msi_, vpes_, interrupts_, config_.injection_cycles};
    return std::make_unique<kvm::Guest>(std::move(name), container, services);
}

void Host::statistics(sim::StatisticsVisitor& visit) {
    visit.enter("sw");
    visit.enter("iommu");
    iommu::Statistics& iommu = iommu_.statistics();
    visit.counter("map_ops", iommu.map_ops, "calls", "maps, those of the MSI policy included");
    visit.counter("unmap_ops", iommu.unmap_ops, "calls", "unmaps, those of the MSI policy included");
    visit.counter("tlbi_cmds", iommu.tlbi_cmds, "commands", "TLBI commands given to SMMUs");
    visit.counter("sync_cmds", iommu.sync_cmds, "commands", "CMD_SYNCs given to SMMUs");
    visit.leave();
    visit.enter("msi");
    visit.text("policy", msi_.policy().name(), "how doorbells become reachable");
    msi_.policy().statistics(visit);
    visit.counter("unhandled", interrupts_.unhandled, "interrupts", "interrupts that nobody had registered for");
    visit.leave();
    for (const auto& smmu : smmus_) {
        visit.enter(smmu->name());
        smmu->statistics(visit);
        visit.leave();
    }
    visit.gauge("table_bytes", memory_.used(), "bytes", "memory in use for tables and queues");
    visit.leave();
}

std::optional<u32> parse_prot(std::string_view letters) {
    using namespace iommu;
    u32 prot = IOMMU_CACHE | IOMMU_NOEXEC;
    for (const char letter : letters) switch (letter) {
            case 'r': prot |= IOMMU_READ; break;
            case 'w': prot |= IOMMU_WRITE; break;
            case 'x': prot &= ~IOMMU_NOEXEC; break;
            case 'm': prot = (prot | IOMMU_MMIO) & ~IOMMU_CACHE; break;
            default: return std::nullopt;
        }
    return prot;
}

}  // namespace smmusim::sw
