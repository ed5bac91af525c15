// What the work costs if nothing is simulated but the translation, the copy and the histogram.
#pragma once

#include "bench/trace.hpp"
#include "sim/assoc_cache.hpp"
#include "sim/histogram.hpp"

namespace smmusim::bench {

/// Reads of a trace through four levels of 4 KiB tables and a TLB, in one loop without time, events or devices.
class PlainLoop {
public:
    PlainLoop(memory::Storage& memory, u64 root, u32 pages, u32 tlb_entries);
    /// Makes `count` reads; returns `count`.
    u64 run(u64 count);
    double hit_share() const { return 1 - static_cast<double>(misses_) / static_cast<double>(latency_.count()); }

private:
    struct Page {
        u64 number = 0;
        bool operator==(const Page&) const = default;
        u64 hash() const { return number; }
    };
    u64 walk(u64 address) const;

    memory::Storage& memory_;
    u64 root_;
    Trace trace_;
    sim::AssocCache<Page, u64> tlb_;
    sim::Histogram latency_;
    u64 misses_ = 0;
    u64 checksum_ = 0;
};

}  // namespace smmusim::bench
