// The rows of the speed table: what is measured, against what, and what it must and should reach.
#pragma once

#include <string>
#include <vector>

#include "bench/dma_machine.hpp"

namespace smmusim::bench {

struct Row {
    std::string id;
    std::string metric;
    double measured = 0;
    double must = 0;
    double goal = 0;
    bool larger_is_better = false;
    std::string note;  ///< absolute figures, and whether the reference was steady

    bool reaches(double bound) const { return larger_is_better ? measured >= bound : measured <= bound; }
};

/// How long to measure: the smoke test only wants to see that everything runs.
struct Effort {
    double scale = 1;  ///< of the work in a slice
    unsigned slices = 9;
    unsigned attempts = 4;
    static Effort brief() { return {0.02, 3, 1}; }
};

/// Identifiers of all rows, in order.
std::vector<std::string> row_ids();

/// The DMA machines that rows run, by name: that of the row, or "F1.reference" and "F2.reference".
std::vector<std::string> workload_ids();
Workload workload(const std::string& id);

/// Measures one row; the identifier must be one of row_ids().
Row measure(const std::string& id, const Effort& effort);

}  // namespace smmusim::bench
