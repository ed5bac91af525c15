// Hashes of table indexes that fill the sets of a cache evenly.
#pragma once

#include "sim/types.hpp"

namespace smmusim::sim {

/// Bit i of the result is the parity of those bits of `value` whose number contains i as a set of binary digits: the
/// triangle of Pascal modulo 2, of which every square of neighbouring columns is invertible. Hence 2^n keys that
/// differ in n neighbouring bits only, wherever these are, take 2^n different values in the lowest n bits.
constexpr u64 spread(u64 value) {
    value ^= (value >> 1) & 0x5555'5555'5555'5555;
    value ^= (value >> 2) & 0x3333'3333'3333'3333;
    value ^= (value >> 4) & 0x0F0F'0F0F'0F0F'0F0F;
    value ^= (value >> 8) & 0x00FF'00FF'00FF'00FF;
    value ^= (value >> 16) & 0x0000'FFFF'0000'FFFF;
    value ^= value >> 32;
    return value;
}

constexpr u32 reversed(u32 value) {
    value = (value >> 1 & 0x5555'5555) | (value & 0x5555'5555) << 1;
    value = (value >> 2 & 0x3333'3333) | (value & 0x3333'3333) << 2;
    value = (value >> 4 & 0x0F0F'0F0F) | (value & 0x0F0F'0F0F) << 4;
    value = (value >> 8 & 0x00FF'00FF) | (value & 0x00FF'00FF) << 8;
    return value >> 16 | value << 16;
}

/// The same for pairs: the columns repeat, so that the bits of `high`, counted down from the top, are neighbours of
/// those of `low`. 2^a low numbers of each of 2^b high ones take 2^(a+b) different values.
constexpr u64 spread(u32 low, u32 high) { return spread(low | u64{reversed(high)} << 32); }

}  // namespace smmusim::sim
