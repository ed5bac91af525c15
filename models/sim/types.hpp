// Integer names and the unit of simulated time, shared by every layer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace smmusim {

using u8 = std::uint8_t;
using i8 = std::int8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i64 = std::int64_t;
/// For intermediate results of exact arithmetic; an extension of both compilers.
__extension__ typedef unsigned __int128 u128;

/// Simulated time in picoseconds since the start of the simulation.
using Time = u64;

inline constexpr Time picosecond = 1;
inline constexpr Time nanosecond = 1'000;
inline constexpr Time microsecond = 1'000'000;
inline constexpr Time millisecond = 1'000'000'000;
inline constexpr Time second = 1'000'000'000'000;
inline constexpr Time end_of_time = ~Time{0};

inline constexpr u64 KiB = u64{1} << 10;
inline constexpr u64 MiB = u64{1} << 20;
inline constexpr u64 GiB = u64{1} << 30;

}  // namespace smmusim
