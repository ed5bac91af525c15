// The addresses that the benchmarks read: pages of a window at random, lines in them at random.
#pragma once

#include "bench/tables.hpp"

namespace smmusim::bench {

class Trace {
public:
    explicit Trace(u32 pages) : pages_(pages) {}
    u64 next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return input_base + ((state_ >> 32) % pages_) * 4096 + (state_ & 63) * 64;
    }

private:
    u32 pages_;
    u64 state_ = 0x9E37'79B9'7F4A'7C15;
};

}  // namespace smmusim::bench
