// Physical memory that software may use for tables and queues: first fit, lowest address first.
#pragma once

#include <map>
#include <optional>

#include "sim/types.hpp"

namespace smmusim::sw::cpu {

class PagePool {
public:
    PagePool(u64 base, u64 size);

    /// `alignment` is a power of two. The content is unspecified.
    std::optional<u64> allocate(u64 size, u64 alignment = 4096);
    /// `address` as it was allocated.
    void release(u64 address);

    u64 base() const { return base_; }
    u64 size() const { return size_; }
    u64 used() const { return used_; }

private:
    u64 base_;
    u64 size_;
    u64 used_ = 0;
    std::map<u64, u64> free_;  ///< address -> size; neighbours are always merged
    std::map<u64, u64> used_blocks_;
};

}  // namespace smmusim::sw::cpu
