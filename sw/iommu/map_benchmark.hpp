// What mapping costs when several CPUs do it at once, in the manner of dma_map_benchmark of Linux.
#pragma once

#include <vector>

#include "sw/iommu/domain.hpp"

namespace smmusim::sw::iommu {

/// What each CPU maps and unmaps again: ranges of `size` bytes that follow each other, one for each CPU.
struct MapPlan {
    u64 iova = 0;
    u64 address = 0;
    u64 size = 0;
    u32 prot = 0;
    u32 rounds = 1;  ///< after a first one, which builds tables and warms caches, and is not measured
};

/// Of one call, in the mean over CPUs and rounds.
struct MapCost {
    Time map = 0;
    Time unmap = 0;
};

/// Runs on all `cpus` at the same time; the first error of a call, or -EINVAL without a CPU or a round.
Task<Result<MapCost>> measure_mapping(Domain& domain, std::vector<cpu::Cpu*> cpus, MapPlan plan);

}  // namespace smmusim::sw::iommu
