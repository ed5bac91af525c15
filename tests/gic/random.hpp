// Random numbers that are the same on every machine.
#pragma once

#include "sim/types.hpp"

namespace smmusim::gic::test {

class Random {
public:
    explicit Random(u64 seed) : state_(seed * 0x9E37'79B9'7F4A'7C15 + 1) {}
    u64 next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    u32 below(u32 limit) { return static_cast<u32>((next() >> 20) % limit); }

private:
    u64 state_;
};

}  // namespace smmusim::gic::test
