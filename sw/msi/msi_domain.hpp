// The MSI layer: allocates vectors, composes messages, routes them, and keeps them right when the domain changes.
#pragma once

#include <map>

#include "sw/msi/policy.hpp"

namespace smmusim::sw::msi {

class MsiDomain final : public iommu::DomainListener {
public:
    MsiDomain(sim::Simulation& simulation, Policy& policy, cpu::InterruptTable& interrupts, u32 cpus)
        : lock_(simulation, "msi.lock"),
          idle_(simulation, "msi.handlers"),
          policy_(policy),
          interrupts_(interrupts),
          load_(cpus) {}

    void add(Source& source) { sources_[source.device] = &source; }

    /// As pci_enable_msix_exact: vectors 0 to count - 1, routed to the CPUs with the fewest. -ENODEV: no controller
    /// or no table; -EINVAL: none, or some are allocated already; -ENOSPC: too many; and what the policy says.
    Task<int> alloc_vectors(cpu::Cpu& cpu, Source& source, u32 count);
    /// Waits for a handler that runs; must not be called from it. -EINVAL: not allocated.
    Task<int> free_vector(cpu::Cpu& cpu, Source& source, u32 index);
    Task<int> free_vectors(cpu::Cpu& cpu, Source& source);
    /// -EINVAL: no such vector or CPU.
    Task<int> set_affinity(cpu::Cpu& cpu, Source& source, u32 index, u32 target);

    /// irq_set_vcpu_affinity: the vector's messages become a virtual interrupt; with no route the host's again.
    /// -EINVAL: no such vector, or nothing to undo; -ENOSYS: the controller has no virtual interrupts.
    Task<int> set_vcpu_affinity(cpu::Cpu& cpu, Source& source, u32 index, std::optional<VirtualRoute> route);

    Vector* vector(const Source& source, u32 index) const;
    Policy& policy() { return policy_; }

    Task<int> on_attach(cpu::Cpu& cpu, iommu::Device& device, iommu::Domain& domain) override;
    Task<int> on_replace(cpu::Cpu& cpu, iommu::Device& device, iommu::Domain& before, iommu::Domain& after) override;
    Task<> on_domain_free(cpu::Cpu& cpu, iommu::Domain& domain) override;

private:
    Task<> handle(cpu::Cpu& cpu, Vector& vector);
    Task<int> start(cpu::Cpu& cpu, Vector& vector);
    Task<> stop(cpu::Cpu& cpu, Vector& vector);
    Task<int> write_message(cpu::Cpu& cpu, Vector& vector);
    static void withdraw(Vector& vector);
    Task<> drop(cpu::Cpu& cpu, Source& source, u32 index);
    Source* source_of(const iommu::Device& device) const;
    u32 least_loaded() const;

    cpu::Lock lock_;  ///< one change of vectors at a time
    sim::Signal idle_;
    Policy& policy_;
    cpu::InterruptTable& interrupts_;
    std::vector<u32> load_;  ///< vectors routed to each CPU
    std::map<const Vector*, u32> running_;
    std::map<const iommu::Device*, Source*> sources_;
};

}  // namespace smmusim::sw::msi
