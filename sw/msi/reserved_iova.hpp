// The reserved IOVA domain of "KVM PCIe/MSI passthrough on ARM/ARM64" (2016, v7): a window that user space gives to a
// domain, from which doorbells get addresses, counted by who uses them.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "sw/iova/iova_domain.hpp"
#include "sw/msi/controller.hpp"

namespace smmusim::sw::msi {

/// One mapped run of granules. It is never split and never merged.
struct Binding {
    u64 address = 0;  ///< physical
    u64 iova = 0;
    u64 size = 0;
    u64 references = 0;
};

/// What the policy keeps in a domain.
class ReservedIovaDomain final : public iommu::DomainCookie {
public:
    ReservedIovaDomain(sim::Simulation& simulation, const std::string& owner, u64 base, u64 window_size, u32 permitted,
                       unsigned granule_order)
        : iovad(granule_order, base >> granule_order),
          last((base + window_size - 1) >> granule_order),
          prot(permitted),
          changing(simulation, owner + ".reserved_iova.quiet") {}

    u64 granule() const { return iovad.granule(); }

    iova::IovaDomain iovad;
    const u64 last;                   ///< last granule of the window
    const u32 prot;                   ///< most that a mapping may permit
    std::map<u64, Binding> bindings;  ///< by physical address; they do not overlap
    bool dying = false;
    sim::Underway changing;  ///< maps and unmaps outside the lock
};

/// The API of the series, with its names, arguments and errno. One object serves all domains of a host.
class ReservedIova {
public:
    /// Disabled, everything answers as the stubs of CONFIG_IOMMU_DMA_RESERVED=n.
    explicit ReservedIova(bool enabled) : enabled_(enabled) {}

    /// -EINVAL: not aligned to 1 << order, empty, or beyond the domain's aperture; -EEXIST: the domain has a cookie;
    /// -ENOENT: disabled.
    Task<int> iommu_alloc_reserved_iova_domain(cpu::Cpu& cpu, iommu::Domain& domain, u64 iova, u64 size, u32 prot,
                                               u32 order);
    /// Unmaps what is still bound. Without a reserved domain nothing happens.
    Task<> iommu_free_reserved_iova_domain(cpu::Cpu& cpu, iommu::Domain& domain);
    /// Binds [addr, addr + size), or takes a reference on the binding that contains it, and sets `iova` to what `addr`
    /// is behind the IOMMU. -EINVAL: no window, or more permission than it allows; -EBUSY: it overlaps a binding
    /// without being contained in it, or the window went away meanwhile; -ENOMEM: the window is full; -ENOENT.
    Task<int> iommu_get_reserved_iova(cpu::Cpu& cpu, iommu::Domain& domain, u64 addr, u64 size, u32 prot, u64& iova);
    /// Drops a reference; the last one unmaps. An unknown address is ignored.
    Task<> iommu_put_reserved_iova(cpu::Cpu& cpu, iommu::Domain& domain, u64 addr);
    /// Does not sleep. 0: the message is right now; -EINVAL: it needs a binding and has none.
    int iommu_msi_mapping_translate_msg(const Vector& vector, Message& message) const;
    /// The domain in which the doorbell of this vector must be mapped; null if its writes are not translated.
    iommu::Domain* iommu_msi_mapping_desc_to_domain(const Vector& vector) const;

    /// Live bindings of a domain in order of address; for inspection.
    static std::vector<Binding> bindings(const iommu::Domain& domain);

    struct {
        u64 map_ops = 0, unmap_ops = 0, lookups = 0, lost_races = 0;
    } count;
    u64 mapped_pages() const { return mapped_pages_; }

private:
    Task<Result<u64>> bind(cpu::Cpu& cpu, iommu::Domain& domain, std::shared_ptr<ReservedIovaDomain> window,
                           Binding wanted, u32 prot);
    Task<> unbind(cpu::Cpu& cpu, iommu::Domain& domain, std::shared_ptr<ReservedIovaDomain> window, Binding binding);

    bool enabled_;
    u64 mapped_pages_ = 0;
};

/// Granules that all doorbells of a machine need at most; two doorbells in one granule count twice.
u64 doorbell_pages(const std::vector<Doorbell>& doorbells, unsigned order);

}  // namespace smmusim::sw::msi
