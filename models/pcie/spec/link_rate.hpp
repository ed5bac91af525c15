// Line rates, framing and the share of a link that acknowledgements, credit updates and skips take.
#pragma once

#include "sim/types.hpp"

namespace smmusim::pcie::spec {

/// One generation: transfers per second and lane, and how many of the transferred bits carry packets.
struct Generation {
    u64 mega_transfers;
    u32 encoding_payload;
    u32 encoding_total;
    u32 update_delay;  ///< internal delay of the FC update guide, in symbol times
    bool flit;         ///< no framing, ACK or FC packets of their own: they ride in the flit

    /// Start, sequence and LCRC of Gen 1 and 2 are as long as the token and LCRC of Gen 3 to 5.
    constexpr u32 framing_bytes() const { return flit ? 0 : 8; }
};

inline constexpr u32 newest_generation = 6;
inline constexpr Generation generations[newest_generation] = {
    {2'500, 8, 10, 19, false},      {5'000, 8, 10, 70, false},      {8'000, 128, 130, 115, false},
    {16'000, 128, 130, 115, false}, {32'000, 128, 130, 115, false}, {64'000, 236, 256, 0, true},
};
constexpr const Generation& generation(u32 number) { return generations[number - 1]; }

/// Bytes between two acknowledgements, and between two credit updates: (MPS + 28) * factor / width + delay, with the
/// specification's factor in tenths. Reproduces its table of limits.
constexpr u32 update_interval(const Generation& speed, u32 width, u32 payload_limit) {
    u32 tenths = 0;
    if (payload_limit <= 256) tenths = width >= 12 ? 30 : width >= 8 ? 25 : 14;
    else tenths = width >= 12 ? 20 : 10;
    return (payload_limit + 28) * tenths / (10 * width) + speed.update_delay;
}

/// Time of one byte as an exact fraction of picoseconds.
struct ByteTime {
    u64 numerator;
    u64 denominator;

    constexpr Time bytes(u64 count) const {
        return static_cast<Time>(static_cast<u128>(count) * numerator / denominator);
    }
};

constexpr ByteTime reduced(u128 numerator, u128 denominator) {
    u128 a = numerator, b = denominator;
    while (b != 0) {
        const u128 rest = a % b;
        a = b;
        b = rest;
    }
    return {static_cast<u64>(numerator / a), static_cast<u64>(denominator / a)};
}

/// Without any overhead but the encoding.
constexpr ByteTime raw_byte_time(u32 number, u32 width) {
    const Generation& speed = generation(number);
    // 8 bits take 8 * 10^6 / (MT/s) ps on one lane.
    return reduced(static_cast<u128>(8'000'000) * speed.encoding_total,
                   static_cast<u128>(speed.mega_transfers) * speed.encoding_payload * width);
}

/// As packets see it: of each interval an 8-byte ACK and an 8-byte FC update are taken, and 4 of 1538 symbols are
/// skips; nothing of this in flit mode.
constexpr ByteTime byte_time(u32 number, u32 width, u32 payload_limit) {
    const ByteTime raw = raw_byte_time(number, width);
    const Generation& speed = generation(number);
    if (speed.flit) return raw;
    const u64 interval = update_interval(speed, width, payload_limit);
    const u64 all = interval * 1538;
    const u64 left = all - 2 * 8 * 1538 - 4 * interval;
    return reduced(static_cast<u128>(raw.numerator) * all, static_cast<u128>(raw.denominator) * left);
}

}  // namespace smmusim::pcie::spec
