// What a mapping permits, and of what kind the memory behind it is; the names and values of the Linux IOMMU API.
#pragma once

#include "sim/types.hpp"

namespace smmusim::sw::iommu {

inline constexpr u32 IOMMU_READ = 1u << 0;
inline constexpr u32 IOMMU_WRITE = 1u << 1;
inline constexpr u32 IOMMU_CACHE = 1u << 2;  ///< write-back cacheable, coherent
inline constexpr u32 IOMMU_NOEXEC = 1u << 3;
inline constexpr u32 IOMMU_MMIO = 1u << 4;  ///< device memory

}  // namespace smmusim::sw::iommu
