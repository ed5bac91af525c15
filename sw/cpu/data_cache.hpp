// Which lines of memory a CPU has at hand: what a load of them costs, never what it returns.
#pragma once

#include <array>

#include "sim/assoc_cache.hpp"
#include "sim/statistics.hpp"

namespace smmusim::sw::cpu {

/// Lines as they were when the CPU last had them. The interconnect is coherent: a line that holds something else by now
/// is not at hand any more, because somebody else has changed it.
class DataCache {
public:
    static constexpr u32 line_bytes = 64;
    using Line = std::array<u8, line_bytes>;

    explicit DataCache(const sim::CacheConfig& config) : lines_(config) {}

    bool present() const { return lines_.capacity() != 0; }
    static u64 base(u64 address) { return address & ~u64{line_bytes - 1}; }

    /// Whether a load from `address` finds its line, which memory holds as `now`.
    bool find(u64 address, const Line& now) {
        const Line* const line = lines_.find(key(address));
        const bool found = line != nullptr && *line == now;
        ++(found ? hits_ : misses_);
        return found;
    }
    /// A load or a store of this CPU has brought the line.
    void keep(u64 address, const Line& now) { lines_.insert(key(address), now); }
    void clear() { lines_.clear(); }

    void statistics(sim::StatisticsVisitor& visit) {
        visit.counter("cache_hits", hits_, "accesses", "loads that the data cache answered");
        visit.counter("cache_misses", misses_, "accesses", "loads that it did not, where there is one");
    }

private:
    struct Key {
        u64 line = 0;
        bool operator==(const Key&) const = default;
        u64 hash() const { return line; }
    };
    static Key key(u64 address) { return {address / line_bytes}; }

    sim::AssocCache<Key, Line> lines_;
    u64 hits_ = 0;
    u64 misses_ = 0;
};

}  // namespace smmusim::sw::cpu
