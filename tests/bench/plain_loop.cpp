#include "bench/plain_loop.hpp"

#include <array>
#include <cstring>

namespace smmusim::bench {

PlainLoop::PlainLoop(memory::Storage& memory, u64 root, u32 pages, u32 tlb_entries)
    : memory_(memory), root_(root), trace_(pages), tlb_({.entries = tlb_entries, .ways = 0}) {}

u64 PlainLoop::walk(u64 address) const {
    u64 table = root_;
    for (unsigned level = 0; level < 4; ++level) {
        u64 descriptor = 0;
        std::memcpy(&descriptor, memory_.at(table + (address >> (39 - 9 * level) & 511) * 8), sizeof descriptor);
        table = descriptor & 0x0000'FFFF'FFFF'F000;
    }
    return table;
}

u64 PlainLoop::run(u64 count) {
    for (u64 index = 0; index < count; ++index) {
        const u64 address = trace_.next();
        const Page page{address >> 12};
        u64 latency = 100'000;
        u64 frame = 0;
        if (const u64* const known = tlb_.find(page)) {
            frame = *known;
        } else {
            ++misses_;
            frame = walk(address);
            latency += 400'000;
            tlb_.insert(page, frame);
        }
        std::array<u64, 8> data;
        std::memcpy(data.data(), memory_.at(frame | (address & 4095)), sizeof data);
        for (const u64 word : data) checksum_ += word;
        latency_.add(latency + (address & 0x3FF));
    }
    return count;
}

}  // namespace smmusim::bench
