#include "sw/cpu/page_pool.hpp"

#include <cassert>

#include "sim/bits.hpp"

namespace smmusim::sw::cpu {

PagePool::PagePool(u64 base, u64 size) : base_(base), size_(size) {
    if (size != 0) free_.emplace(base, size);
}

std::optional<u64> PagePool::allocate(u64 size, u64 alignment) {
    assert(size != 0 && alignment != 0 && (alignment & (alignment - 1)) == 0);
    for (auto block = free_.begin(); block != free_.end(); ++block) {
        const auto [begin, length] = *block;
        const u64 address = sim::align_up(begin, alignment);
        const u64 skipped = address - begin;
        if (address < begin || skipped > length || length - skipped < size) continue;
        free_.erase(block);
        if (skipped != 0) free_.emplace(begin, skipped);
        if (length - skipped != size) free_.emplace(address + size, length - skipped - size);
        used_blocks_.emplace(address, size);
        used_ += size;
        return address;
    }
    return std::nullopt;
}

void PagePool::release(u64 address) {
    const auto block = used_blocks_.find(address);
    assert(block != used_blocks_.end() && "released twice, or never allocated");
    u64 size = block->second;
    used_ -= size;
    used_blocks_.erase(block);
    auto next = free_.lower_bound(address);
    if (next != free_.end() && address + size == next->first) {
        size += next->second;
        next = free_.erase(next);
    }
    if (next != free_.begin()) {
        const auto before = std::prev(next);
        if (before->first + before->second == address) {
            before->second += size;
            return;
        }
    }
    free_.emplace(address, size);
}

}  // namespace smmusim::sw::cpu
