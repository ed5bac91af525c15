#include "bench/measure.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>

namespace smmusim::bench {

namespace {

double nanoseconds_each(const Work& work) {
    const auto begin = std::chrono::steady_clock::now();
    const u64 pieces = work();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return took.count() / static_cast<double>(std::max<u64>(pieces, 1));
}

}  // namespace

Ratio cost_ratio(const Work& measured, const Work& reference, unsigned slices, unsigned attempts) {
    constexpr double spread_limit = 1.3;
    Ratio ratio;
    nanoseconds_each(measured);  // warms caches and pools, of the host and of the simulation
    nanoseconds_each(reference);
    for (unsigned attempt = 0; attempt < attempts && !ratio.steady; ++attempt) {
        double worst = 0;
        ratio.measured = ratio.reference = 1e300;
        for (unsigned slice = 0; slice < slices; ++slice) {
            ratio.measured = std::min(ratio.measured, nanoseconds_each(measured));
            const double once = nanoseconds_each(reference);
            ratio.reference = std::min(ratio.reference, once);
            worst = std::max(worst, once);
        }
        ratio.steady = worst <= ratio.reference * spread_limit;
    }
    ratio.value = ratio.measured / ratio.reference;
    return ratio;
}

u64 resident_bytes() {
    std::ifstream status("/proc/self/statm");
    u64 total = 0;
    u64 resident = 0;
    status >> total >> resident;
    return resident * static_cast<u64>(::sysconf(_SC_PAGESIZE));
}

}  // namespace smmusim::bench
