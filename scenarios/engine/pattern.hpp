// Data that is unique per address and pass, so that a byte in the wrong place or from the wrong time shows.
#pragma once

#include <span>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::scenarios {

/// A bijection of 64-bit words that leaves no visible structure (the finaliser of MurmurHash3).
constexpr u64 mixed(u64 value) {
    value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
    value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53;
    return value ^ (value >> 33);
}

/// Every aligned doubleword of every pass is different: a bijection of (pass, address).
class Pattern {
public:
    explicit Pattern(u64 pass) : pass_(pass) {}

    u8 byte(u64 address) const { return static_cast<u8>(mixed(pass_ << 49 ^ address >> 3) >> (address % 8 * 8)); }
    std::vector<u8> bytes(u64 address, u64 size) const {
        std::vector<u8> result(size);
        for (u64 index = 0; index < size; ++index) result[index] = byte(address + index);
        return result;
    }
    /// How many of the bytes are not those of the pattern.
    u64 differences(u64 address, std::span<const u8> found) const {
        u64 count = 0;
        for (u64 index = 0; index < found.size(); ++index) count += found[index] != byte(address + index);
        return count;
    }

private:
    u64 pass_;
};

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

}  // namespace smmusim::scenarios
