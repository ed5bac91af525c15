// A booted operating system: drivers of all devices of a machine, and the calls that users of it make.
#pragma once

#include <memory>

#include "sw/config.hpp"
#include "sw/doorbells/frame_controllers.hpp"
#include "sw/kvm/guest.hpp"
#include "sw/machine.hpp"
#include "sw/msi/msi_domain.hpp"
#include "sw/msi/reserved_iova_policy.hpp"
#include "sw/pci/function.hpp"

namespace smmusim::sw {

using sim::Task;

/// A PCI function in its three roles.
struct HostDevice {
    explicit HostDevice(const pci::Function& found) : function(found) {}
    HostDevice(const HostDevice&) = delete;
    HostDevice& operator=(const HostDevice&) = delete;

    pci::Function function;
    iommu::Device iommu;
    msi::Source msi;
};

class Host {
public:
    /// The CPUs belong to the machine and outlive the host.
    Host(sim::Simulation& simulation, const SoftwareConfig& config, const MachineDescription& machine,
         std::vector<cpu::Cpu*> cpus);
    ~Host();
    /// Nothing of the software runs any more, so that what uses the host may go: guests first.
    void abandon();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    /// GIC, ITSs, SMMUs, PCI; every function ends in an identity domain. 0 or the first error; see failure().
    Task<int> boot();
    /// Which step of boot() failed.
    const std::string& failure() const { return failure_; }

    /// Null: no such function. `requester` is segment << 16 | bus, device, function.
    HostDevice* device(u32 requester);
    const std::vector<std::unique_ptr<HostDevice>>& devices() const { return devices_; }

    /// -ENODEV: no such SMMU.
    Task<Result<iommu::Domain*>> alloc_domain(cpu::Cpu& cpu, iommu::DomainRequest request, u32 smmu = 0);
    Task<int> free_domain(cpu::Cpu& cpu, iommu::Domain& domain) { return iommu_.free_domain(cpu, domain); }
    /// Also lets the function master the bus.
    Task<int> attach(cpu::Cpu& cpu, iommu::Domain& domain, HostDevice& device);
    Task<int> detach(cpu::Cpu& cpu, HostDevice& device) { return iommu_.detach(cpu, device.iommu); }

    Task<int> enable_msix(cpu::Cpu& cpu, HostDevice& device, u32 vectors) {
        return msi_.alloc_vectors(cpu, device.msi, vectors);
    }
    Task<int> disable_vector(cpu::Cpu& cpu, HostDevice& device, u32 vector) {
        return msi_.free_vector(cpu, device.msi, vector);
    }
    Task<int> disable_msix(cpu::Cpu& cpu, HostDevice& device) { return msi_.free_vectors(cpu, device.msi); }
    Task<int> set_affinity(cpu::Cpu& cpu, HostDevice& device, u32 vector, u32 target) {
        return msi_.set_affinity(cpu, device.msi, vector, target);
    }

    std::unique_ptr<vfio::Container> open_container(vfio::Container::Stage stage = vfio::Container::Stage::Any);
    std::unique_ptr<kvm::Guest> create_guest(std::string name, vfio::Container& container);

    sim::Simulation& simulation() const { return simulation_; }
    const SoftwareConfig& config() const { return config_; }
    cpu::Cpu& cpu(u32 index) { return *cpus_[index]; }
    std::size_t cpus() const { return cpus_.size(); }
    iommu::Iommu& iommu() { return iommu_; }
    msi::MsiDomain& msi() { return msi_; }
    msi::ReservedIova& reserved_iova() { return reserved_; }
    its::GicDriver& gic() { return gic_; }
    its::ItsDriver& its(u32 index) { return *itss_[index]; }
    std::size_t itss() const { return itss_.size(); }
    its::VpeDriver& vpes() { return vpes_; }
    smmu::SmmuDriver& smmu(u32 index) { return *smmus_[index]; }
    std::size_t smmus() const { return smmus_.size(); }
    cpu::PagePool& memory() { return memory_; }
    cpu::InterruptTable& interrupts() { return interrupts_; }
    /// For the activities of whoever uses the host.
    sim::Scope& scope() { return scope_; }

    /// Statistics under `sw`.
    void statistics(sim::StatisticsVisitor& visit);

private:
    Task<int> boot_gic(cpu::Cpu& cpu);
    Task<int> boot_smmus(cpu::Cpu& cpu);
    Task<int> boot_pci(cpu::Cpu& cpu);
    Task<int> scan(cpu::Cpu& cpu, const RootComplexDescription& complex);
    int identify(HostDevice& device, const RootComplexDescription& complex);
    void find_shared_device_ids();
    std::vector<msi::Controller*> controllers() const;
    int fail(int error, const std::string& what);

    sim::Simulation& simulation_;
    SoftwareConfig config_;
    MachineDescription machine_;
    std::vector<cpu::Cpu*> cpus_;
    std::string failure_;
    cpu::PagePool memory_;
    cpu::InterruptTable interrupts_;
    its::GicDriver gic_;
    iommu::Iommu iommu_;
    msi::ReservedIova reserved_;
    msi::ReservedIovaPolicy policy_;
    msi::MsiDomain msi_;
    std::vector<std::unique_ptr<its::ItsDriver>> itss_;
    its::VpeDriver vpes_;
    std::unique_ptr<doorbells::SpiController> doorbell_;  ///< null: the ITSs take the messages
    std::vector<std::unique_ptr<smmu::SmmuDriver>> smmus_;
    std::vector<pci::Windows> windows_;  ///< of each root complex
    std::vector<std::unique_ptr<HostDevice>> devices_;
    sim::Scope scope_;  ///< last: its activities use all of the above
};

/// IOMMU_* of the letters of "rwx" and "m" (device memory); nothing if another letter is there.
std::optional<u32> parse_prot(std::string_view letters);

}  // namespace smmusim::sw
