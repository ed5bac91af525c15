// The ITS's tables in memory: level 1 as the architecture has it, and this implementation's formats of entries, which
// the architecture leaves open (IHI 0069, 5.2).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::gic::spec {

inline constexpr u32 device_entry_bytes = 8;
inline constexpr u32 collection_entry_bytes = 8;
inline constexpr u32 level1_entry_bytes = 8;

/// Level 1 of a table with GITS_BASER.Indirect: where a page of level 2 is.
struct Level1Entry : sim::Record<1> {
    static constexpr sim::Addr<51, 12> Address{};  ///< of a page: lower bits are zero with larger pages
    static constexpr sim::Bit Valid{63};
};

/// Device table entry: where the device's interrupt translation table is, and how many events it has.
struct DeviceEntry : sim::Record<1> {
    static constexpr sim::Bits<4, 0> Size{};  ///< EventID bits, minus 1
    static constexpr sim::Addr<51, 8> ITT_Address{};
    static constexpr sim::Bit Valid{63};

    u64 events() const { return u64{2} << operator[](Size); }
    u64 entry_address(u32 event, u32 entry_bytes) const { return operator[](ITT_Address) + u64{event} * entry_bytes; }
};

/// Interrupt translation entry: the LPI of an event and the collection it belongs to, or a vLPI, its vPE and doorbell.
/// The second word exists in an ITS with virtual LPIs only.
struct TranslationEntry : sim::Record<2> {
    static constexpr sim::Bits<31, 0> INTID{};
    static constexpr sim::Bits<47, 32> ICID{};  ///< or the vPEID
    static constexpr sim::Bit Virtual{62};
    static constexpr sim::Bit Valid{63};
    static constexpr sim::Bits<95, 64> Doorbell{};

    static constexpr u32 entry_bytes(bool with_virtual) { return with_virtual ? 16 : 8; }
};

/// Collection table entry: the redistributor that a collection's LPIs go to, as MAPC named it.
struct CollectionEntry : sim::Record<1> {
    static constexpr sim::Bits<35, 0> RDbase{};
    static constexpr sim::Bit Valid{63};
};

}  // namespace smmusim::gic::spec
