// Tags of outstanding non-posted requests: unique until the last completion of the request.
#pragma once

#include <algorithm>
#include <cassert>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::pcie::arch {

/// How many tags the enable bits of a function let it use: 5 bits, 8 bits, or 8 and 10 bits.
constexpr u32 usable_tags(bool extended, bool ten_bits) { return ten_bits ? 1024 : extended ? 256 : 32; }

class TagPool {
public:
    explicit TagPool(u32 capacity) : capacity_(capacity) { reset(); }

    /// True if a tag below `limit` outstanding ones may be taken.
    bool available(u32 limit) const { return in_use_ < std::min(limit, capacity_); }
    u32 take() {
        assert(in_use_ < capacity_);
        ++in_use_;
        return free_[capacity_ - in_use_];
    }
    void give_back(u32 tag) {
        assert(in_use() != 0);
        free_[capacity_ - in_use_] = tag;
        --in_use_;
    }
    u32 capacity() const { return capacity_; }
    u32 in_use() const { return in_use_; }
    void reset() {
        free_.clear();
        in_use_ = 0;
        for (u32 tag = capacity_; tag != 0; --tag) free_.push_back(tag - 1);
    }

private:
    u32 capacity_;
    u32 in_use_ = 0;
    std::vector<u32> free_;
};

}  // namespace smmusim::pcie::arch
