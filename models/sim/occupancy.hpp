// How many places of a resource were in use over time, in a bounded number of windows.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::sim {

/// Windows follow each other without gaps from time 0. When the last one is full, each two become one of twice the
/// length: a long run keeps its whole history, coarser.
class Occupancy {
public:
    struct Window {
        Time start = 0;
        Time end = 0;  ///< of the last window: now
        u64 busy = 0;  ///< places in use, summed over time, in ps
        u64 peak = 0;  ///< most places in use at one time
        double mean() const {
            return end == start ? 0.0 : static_cast<double>(busy) / static_cast<double>(end - start);
        }
    };

    /// `windows`: how many are kept at most; at least 2.
    explicit Occupancy(u32 windows) : limit_(std::max(windows, 2u)) {}

    /// From `now` on, `in_use` places are.
    void change(Time now, u64 in_use) {
        account(now);
        in_use_ = in_use;
        current().peak = std::max(current().peak, in_use);
    }

    /// The history up to `now`, which is not before the last change.
    std::vector<Window> windows(Time now) {
        account(now);
        std::vector<Window> result;
        for (std::size_t index = 0; index < parts_.size(); ++index) {
            const Time start = index * length_;
            const Time end = std::min(start + length_, now);
            if (end > start) result.push_back({start, end, parts_[index].busy, parts_[index].peak});
        }
        return result;
    }

private:
    struct Part {
        u64 busy = 0;
        u64 peak = 0;
    };
    static constexpr Time shortest = nanosecond;

    Part& current() { return parts_.back(); }

    /// What has been in use until `now` goes to the windows in which it was.
    void account(Time now) {
        while (now / length_ >= limit_) halve();
        while (parts_.size() * length_ <= now) {
            pass(parts_.size() * length_);
            parts_.emplace_back();
        }
        pass(now);
    }
    /// Within the last window.
    void pass(Time until) {
        if (until == accounted_) return;
        current().busy += in_use_ * (until - accounted_);
        current().peak = std::max(current().peak, in_use_);
        accounted_ = until;
    }
    void halve() {
        const std::size_t count = (parts_.size() + 1) / 2;
        for (std::size_t index = 0; index < count; ++index) {
            Part joined = parts_[2 * index];
            if (2 * index + 1 < parts_.size()) {
                joined.busy += parts_[2 * index + 1].busy;
                joined.peak = std::max(joined.peak, parts_[2 * index + 1].peak);
            }
            parts_[index] = joined;
        }
        parts_.resize(count);
        length_ *= 2;
    }

    u32 limit_;
    Time length_ = shortest;
    std::vector<Part> parts_{Part{}};
    u64 in_use_ = 0;
    Time accounted_ = 0;
};

/// The use of one kind of slots over time.
struct SlotHistory {
    std::string name;  ///< "tcu.walk_slots"; "smmu0.tcu.walk_slots" among those of a machine
    std::vector<Occupancy::Window> windows;
};

}  // namespace smmusim::sim
