// Interrupt numbers, priorities, affinities and the tables of LPIs (IHI 0069, 2.2 and 5.1).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::gic::spec {

inline constexpr u32 first_ppi = 16;
inline constexpr u32 first_spi = 32;
inline constexpr u32 private_interrupts = 32;  ///< SGIs and PPIs of one PE
inline constexpr u32 last_spi = 1019;
inline constexpr u32 first_special = 1020;
inline constexpr u32 spurious = 1023;
inline constexpr u32 first_lpi = 8192;

inline constexpr bool is_special(u32 intid) { return intid >= first_special && intid <= spurious; }
inline constexpr bool is_private(u32 intid) { return intid < private_interrupts; }
inline constexpr bool is_lpi(u32 intid) { return intid >= first_lpi; }

/// The priority that nothing has: idle running priority, lowest possible.
inline constexpr u8 idle_priority = 0xFF;

/// Affinity of a PE as Aff3.Aff2.Aff1.Aff0; 16 PEs share an Aff1, because an SGI's target list has 16 bits.
inline constexpr u32 affinity_of(u32 cpu) { return (cpu / 16) << 8 | cpu % 16; }

/// One byte per LPI, from INTID 8192 on.
struct LpiProperty {
    u8 priority = idle_priority;
    bool enable = false;
    bool operator==(const LpiProperty&) const = default;

    static LpiProperty decode(u8 byte) { return {static_cast<u8>(byte & 0xFC), (byte & 1) != 0}; }
};

/// Address of the property byte of an LPI.
inline constexpr u64 property_address(u64 table, u32 intid) { return table + intid - first_lpi; }

/// The pending table counts from INTID 0; its first 1 KiB belongs to no LPI.
inline constexpr u64 pending_byte(u32 intid) { return intid / 8; }
inline constexpr u64 first_pending_byte = pending_byte(first_lpi);

/// GICR_PROPBASER
struct PropBaser : sim::Record<1> {
    static constexpr sim::Bits<4, 0> IDbits{};
    static constexpr sim::Bits<9, 7> InnerCache{};
    static constexpr sim::Bits<11, 10> Shareability{};
    static constexpr sim::Addr<51, 12> Physical_Address{};
    static constexpr sim::Bits<58, 56> OuterCache{};
    static constexpr u64 writable = 0x070F'FFFF'FFFF'FF9F;
};

/// GICR_PENDBASER
struct PendBaser : sim::Record<1> {
    static constexpr sim::Bits<9, 7> InnerCache{};
    static constexpr sim::Bits<11, 10> Shareability{};
    static constexpr sim::Addr<51, 16> Physical_Address{};
    static constexpr sim::Bits<58, 56> OuterCache{};
    static constexpr sim::Bit PTZ{62};  ///< write-only: the table is all zero
    static constexpr u64 writable = 0x470F'FFFF'FFFF'0F80;
    static constexpr u64 readable = 0x070F'FFFF'FFFF'0F80;
};

}  // namespace smmusim::gic::spec
