// The rows of the speed table: what is measured, against what, and what it must and should reach.
#pragma once

#include <string>
#include <vector>

#include "sim/types.hpp"

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

/// What can run without being measured: the DMA machines of rows by their names, "F1.reference", "F2.reference", and
/// "raw" for SystemC events.
std::vector<std::string> workload_ids();
/// Lets it do `count` reads or events; the identifier must be one of workload_ids().
void run(const std::string& id, u64 count);

/// Measures one row; the identifier must be one of row_ids().
Row measure(const std::string& id, const Effort& effort);

}  // namespace smmusim::bench
