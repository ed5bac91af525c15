// Pseudo-random numbers that are the same on every machine.
#pragma once

#include "sim/types.hpp"

namespace smmusim::sim {

/// A bijection of 64-bit words that leaves no visible structure (the finaliser of MurmurHash3).
constexpr u64 mixed(u64 value) {
    value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
    value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53;
    return value ^ (value >> 33);
}

/// A sequence of pseudo-random numbers (SplitMix64), the same on every machine.
class Sequence {
public:
    explicit Sequence(u64 seed) : state_(seed) {}
    u64 next() { return mixed(state_ += 0x9e3779b97f4a7c15); }
    /// Uniform in [0, bound) up to an error of bound / 2^64.
    u64 below(u64 bound) { return static_cast<u64>(static_cast<u128>(next()) * bound >> 64); }

private:
    u64 state_;
};

}  // namespace smmusim::sim
