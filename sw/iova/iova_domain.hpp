// Allocator of I/O virtual addresses: top-down, optionally aligned to the size, searching backwards from where the
// last search ended.
#pragma once

#include <map>
#include <optional>

#include "sim/types.hpp"

namespace smmusim::sw::iova {

/// Works in page frame numbers of one granule. Frames below `start` are never handed out.
class IovaDomain {
public:
    /// `limit_32bit` is the first frame that a 32-bit request must not reach; by default that of 4 GiB.
    IovaDomain(unsigned order, u64 start, std::optional<u64> limit_32bit = std::nullopt);
    IovaDomain(const IovaDomain&) = delete;
    IovaDomain& operator=(const IovaDomain&) = delete;

    /// The first of `frames` frames that all lie at or below `limit`; the highest place that the search meets.
    std::optional<u64> allocate(u64 frames, u64 limit, bool size_aligned);
    /// Frees what was allocated at `first`; anything else is ignored.
    void free(u64 first);
    /// Takes [low, high] out of the pool, merging with what it overlaps; repeating it changes nothing.
    void reserve(u64 low, u64 high);

    unsigned order() const { return order_; }
    u64 granule() const { return u64{1} << order_; }
    /// Frames handed out now, reserved ones not included.
    u64 allocated() const { return allocated_; }
    bool contains(u64 frame) const;

private:
    struct Range {
        u64 high;
        bool reserved;
    };
    using Ranges = std::map<u64, Range>;

    Ranges::iterator& cursor(u64 limit) { return limit < limit_32bit_ ? cursor_32bit_ : cursor_; }
    std::optional<u64> search(Ranges::iterator from, u64 frames, u64 mask, u64 high, u64 low) const;

    unsigned order_;
    u64 start_;
    u64 limit_32bit_;
    Ranges ranges_;  ///< by lowest frame; the last one is an anchor above every address
    Ranges::iterator anchor_;
    Ranges::iterator cursor_;        ///< searches begin below it
    Ranges::iterator cursor_32bit_;  ///< the same for requests below 4 GiB
    u64 smallest_failed_;            ///< 32-bit requests of this size or more cannot succeed now
    u64 allocated_ = 0;
};

}  // namespace smmusim::sw::iova
