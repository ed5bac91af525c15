// Ratios of rates taken in one process: both sides run in short slices, one after the other, and the best of each
// counts.
#pragma once

#include <functional>
#include <string>

#include "sim/types.hpp"

namespace smmusim::bench {

/// Does work for about a slice and says how many pieces of work it did.
using Work = std::function<u64()>;

struct Ratio {
    double value = 0;      ///< nanoseconds of `measured` / nanoseconds of `reference`, per piece of work
    double measured = 0;   ///< best, in ns
    double reference = 0;  ///< best, in ns
    bool steady = false;   ///< the slices of the reference agree
};

/// Costs per piece of work. A run whose reference spreads by more than 30 % is discarded and made again, a few times;
/// after that the answer says that it is not steady.
Ratio cost_ratio(const Work& measured, const Work& reference, unsigned slices = 9, unsigned attempts = 4);

/// Resident memory of this process, in bytes.
u64 resident_bytes();

}  // namespace smmusim::bench
