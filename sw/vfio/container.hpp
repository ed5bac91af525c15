// Assignment of functions to user space: one address space, its slots, and the groups in it (VFIO type 1).
#pragma once

#include <map>
#include <vector>

#include "sw/iommu/iommu.hpp"
#include "sw/msi/reserved_iova.hpp"

namespace smmusim::sw::vfio {

using sim::Task;

/// What a container needs of the host.
struct Services {
    iommu::Iommu* iommu = nullptr;
    msi::ReservedIova* reserved = nullptr;
    std::vector<msi::Controller*> controllers;
    bool allow_unsafe_interrupts = false;
};

class Container {
public:
    enum class Stage : u8 { Any, Nesting };  ///< Nesting: stage 2, so that a guest may own stage 1

    Container(sim::Simulation& simulation, Services services, Stage stage)
        : lock_(simulation, "vfio.container"), services_(std::move(services)), stage_(stage) {}

    /// VFIO_IOMMU_MAP_DMA: [iova, iova + size) becomes the user's memory at `address`. -EINVAL: not aligned, beyond
    /// the aperture, or in a reserved region; -EEXIST: overlaps a slot.
    Task<int> map_dma(cpu::Cpu& cpu, u64 iova, u64 address, u64 size, u32 prot);
    /// VFIO_IOMMU_MAP_DMA with VFIO_DMA_MAP_FLAG_MSI_RESERVED_IOVA: a window for doorbells, nothing is mapped.
    /// -EINVAL: not aligned to 1 << order; -EEXIST: a second window, or it overlaps a slot.
    Task<int> map_reserved(cpu::Cpu& cpu, u64 iova, u64 size, u32 order,
                           u32 prot = iommu::IOMMU_READ | iommu::IOMMU_WRITE);
    /// VFIO_IOMMU_UNMAP_DMA of exactly one slot: -ENOENT if there is none.
    Task<int> unmap_dma(cpu::Cpu& cpu, u64 iova, u64 size);

    /// Adds the group of the function. -EPERM: its messages are not isolated; -EINVAL: it is in already, a slot is
    /// in one of its reserved regions, or it is behind another SMMU than the others; -ENODEV: no IOMMU.
    Task<int> attach(cpu::Cpu& cpu, msi::Source& source);
    /// Gives the group back; with the last one the domain goes.
    Task<int> detach(cpu::Cpu& cpu, msi::Source& source);

    /// VFIO_IOMMU_GET_INFO.
    struct Info {
        bool require_msi_map = false;
        u64 msi_pages = 0;  ///< granules that a window must have at least
    };
    Info info(unsigned order) const;

    /// Null until a group is attached.
    iommu::Domain* domain() const { return domain_; }

private:
    struct Slot {
        u64 size = 0;
        bool reserved = false;  ///< VFIO_IOVA_RESERVED: not backed, not replayed; its mappings belong to the MSI layer
        u64 address = 0;
        u32 prot = 0;
        u32 order = 0;
    };
    bool free_range(u64 iova, u64 size) const;
    bool permitted(const iommu::Device& device) const;
    Task<int> fill(cpu::Cpu& cpu);
    Task<int> remove_domain(cpu::Cpu& cpu);

    cpu::Lock lock_;
    Services services_;
    Stage stage_;
    iommu::Domain* domain_ = nullptr;
    iommu::Driver* driver_ = nullptr;
    std::map<u64, Slot> slots_;
    std::vector<iommu::Group*> groups_;
};

}  // namespace smmusim::sw::vfio
