// Resident memory per thing that exists but does nothing.
#pragma once

#include "sim/types.hpp"

namespace smmusim::bench {

/// After each of `streams` streams has made one access: what the simulator holds for one of them, the guest's tables
/// not counted.
double bytes_per_idle_stream(u64 streams);

/// What the simulator and the software stack hold for one of `pages` mapped 4 KiB pages, tables not counted.
double bytes_per_mapped_page(u64 pages);

}  // namespace smmusim::bench
