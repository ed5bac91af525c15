// A guest: its memory, its CPUs, the functions assigned to it, and how their interrupts reach it: injected by the host,
// or as virtual LPIs without it.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "sw/kvm/vcpu.hpp"
#include "sw/msi/msi_domain.hpp"
#include "sw/vfio/container.hpp"

namespace smmusim::sw::kvm {

using sim::Task;

class Guest {
public:
    /// The guest's handler for vector `vector` of `source`, on the CPU that runs it.
    using Handler = std::function<Task<>(cpu::Cpu& cpu, msi::Source& source, u32 vector)>;

    /// What a guest needs of the host.
    struct Services {
        sim::Simulation& simulation;
        msi::MsiDomain& msi;
        its::VpeDriver& vpes;
        cpu::InterruptTable& interrupts;
        u32 injection_cycles;
    };
    Guest(std::string name, vfio::Container& container, const Services& services)
        : name_(std::move(name)), container_(container), services_(services) {}
    ~Guest();
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    /// Guest-physical [guest, guest + size) is host memory at `host`, for its CPUs and its devices alike. Errors of
    /// Container::map_dma.
    Task<int> add_memory(cpu::Cpu& cpu, u64 guest, u64 host, u64 size);
    Task<int> remove_memory(cpu::Cpu& cpu, u64 guest, u64 size);
    /// Physical address of a guest-physical one.
    std::optional<u64> physical(u64 guest) const;

    /// Enables `vectors` messages of the function; each interrupt is injected into the guest.
    Task<int> enable_msix(cpu::Cpu& cpu, msi::Source& source, u32 vectors);
    void set_handler(Handler handler) { handler_ = std::move(handler); }

    /// CPUs that take interrupts of functions without the host (GICv4): -EEXIST, and what VpeDriver::create_vm says.
    Task<int> create_vcpus(cpu::Cpu& cpu, u32 count);
    /// They are preempted, vLPIs are the host's interrupts again, the tables are given back.
    Task<int> destroy_vcpus(cpu::Cpu& cpu);
    u32 vcpus() const { return static_cast<u32>(vcpus_.size()); }
    Vcpu& vcpu(u32 index) { return *vcpus_[index]; }

    /// The guest maps (or moves) its LPI `vintid` to one of its CPUs for this vector of a function, and the host has
    /// the event delivered as that (irq forwarding): -EINVAL, -ENOSYS, -EIO.
    Task<int> map_vlpi(cpu::Cpu& cpu, msi::Source& source, u32 vector, u32 vcpu, u32 vintid);
    /// The host's interrupt again, injected as before. What is pending of it is lost, as when it was mapped (DISCARD).
    Task<int> unmap_vlpi(cpu::Cpu& cpu, msi::Source& source, u32 vector);
    /// The guest changes the configuration of its LPI: one that is disabled stays pending.
    Task<int> enable_vlpi(cpu::Cpu& cpu, msi::Source& source, u32 vector, bool enabled);
    bool forwards(const msi::Vector& vector) const { return find(vector) != vlpis_.end(); }
    /// Physical CPU that handles a forwarded vector while its vCPU runs.
    u32 cpu_of(const msi::Vector& vector) const { return vcpus_[find(vector)->second.vcpu]->cpu(); }

    const std::string& name() const { return name_; }
    vfio::Container& container() { return container_; }
    u64 injected() const { return injected_; }
    u64 direct() const { return direct_; }

private:
    struct Vlpi {
        msi::Vector* vector;
        u32 vcpu;
    };
    using Vlpis = std::map<u32, Vlpi>;
    Vlpis::const_iterator find(const msi::Vector& vector) const;
    Task<> inject(cpu::Cpu& cpu, msi::Vector& vector);
    Task<> handle_vlpi(cpu::Cpu& cpu, u32 vintid);
    Task<> handle(cpu::Cpu& cpu, const msi::Vector& vector);

    std::string name_;
    vfio::Container& container_;
    Services services_;
    struct Memory {
        u64 host;
        u64 size;
    };
    std::map<u64, Memory> slots_;  ///< by guest-physical address
    Handler handler_;
    u64 injected_ = 0;

    std::unique_ptr<its::Vm> vm_;
    cpu::InterruptTable interrupts_;  ///< of the guest
    std::vector<std::unique_ptr<Vcpu>> vcpus_;
    Vlpis vlpis_;  ///< by vINTID
    u64 direct_ = 0;
};

}  // namespace smmusim::sw::kvm
