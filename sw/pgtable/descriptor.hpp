// Descriptors as software writes them (DDI 0487, D8.3; only the fields that this driver uses).
#pragma once

#include "sw/iommu/protection.hpp"
#include "sw/pgtable/geometry.hpp"

namespace smmusim::sw::pgtable {

// Indexes into the MAIR value that this software puts into context descriptors.
inline constexpr u64 attribute_noncacheable = 0;
inline constexpr u64 attribute_writeback = 1;
inline constexpr u64 attribute_device = 2;
/// Normal non-cacheable, Normal write-back read/write-allocate, Device-nGnRE.
inline constexpr u64 mair = 0x44 | 0xFFu << 8 | 0x04u << 16;

inline constexpr u64 descriptor_valid = 1u << 0;
inline constexpr u64 descriptor_table_or_page = 1u << 1;  // level < 3: table; level 3: page

inline bool valid(u64 descriptor) { return (descriptor & descriptor_valid) != 0; }
inline bool table(u64 descriptor, unsigned level) { return level < 3 && (descriptor & 3) == 3; }

/// Bits [47:granule] of a descriptor; 52-bit output addresses are not used.
inline u64 address(u64 descriptor, const Geometry& geometry) {
    return descriptor & sim::low_mask(48) & ~sim::low_mask(geometry.granule_bits);
}

inline u64 table_descriptor(u64 next) { return next | descriptor_valid | descriptor_table_or_page; }

inline u64 leaf_descriptor(const Geometry& geometry, unsigned level, u64 output, u32 prot) {
    using namespace iommu;
    constexpr u64 access_flag = u64{1} << 10;
    constexpr u64 inner_shareable = u64{3} << 8, outer_shareable = u64{2} << 8;
    u64 descriptor = output | access_flag | descriptor_valid;
    if (level == 3) descriptor |= descriptor_table_or_page;
    const bool device = (prot & IOMMU_MMIO) != 0;
    const bool cached = (prot & IOMMU_CACHE) != 0 && !device;
    descriptor |= device ? outer_shareable : inner_shareable;
    if (geometry.stage == Stage::One) {
        constexpr u64 not_global = u64{1} << 11, unprivileged = u64{1} << 6, read_only = u64{1} << 7;
        constexpr u64 privileged_never = u64{1} << 53, unprivileged_never = u64{1} << 54;
        const u64 index = device ? attribute_device : cached ? attribute_writeback : attribute_noncacheable;
        descriptor |= index << 2 | not_global;
        // Stage 1 cannot forbid reading alone: a mapping without permission at all stays privileged.
        if ((prot & (IOMMU_READ | IOMMU_WRITE)) != 0) descriptor |= unprivileged;
        if ((prot & IOMMU_WRITE) == 0) descriptor |= read_only;
        if ((prot & IOMMU_NOEXEC) != 0) descriptor |= privileged_never | unprivileged_never;
    } else {
        constexpr u64 readable = u64{1} << 6, writable = u64{1} << 7, never = u64{1} << 54;
        constexpr u64 memory_writeback = 0xF, memory_noncacheable = 0x5, memory_device = 0x1;
        descriptor |= (device ? memory_device : cached ? memory_writeback : memory_noncacheable) << 2;
        if ((prot & IOMMU_READ) != 0) descriptor |= readable;
        if ((prot & IOMMU_WRITE) != 0) descriptor |= writable;
        if ((prot & IOMMU_NOEXEC) != 0) descriptor |= never;
    }
    return descriptor;
}

}  // namespace smmusim::sw::pgtable
