// This implementation's formats of the ITS's tables, 8 bytes per entry (the architecture leaves them open: IHI
// 0069, 5.2).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::gic::spec {

inline constexpr u32 table_entry_bytes = 8;

/// Device table entry: where the device's interrupt translation table is, and how many events it has.
struct DeviceEntry : sim::Record<1> {
    static constexpr sim::Bits<4, 0> Size{};  ///< EventID bits, minus 1
    static constexpr sim::Addr<51, 8> ITT_Address{};
    static constexpr sim::Bit Valid{63};

    u64 events() const { return u64{2} << operator[](Size); }
    u64 entry_address(u32 event) const { return operator[](ITT_Address) + u64{event} * table_entry_bytes; }
};

/// Interrupt translation entry: the LPI of an event and the collection it belongs to.
struct TranslationEntry : sim::Record<1> {
    static constexpr sim::Bits<31, 0> INTID{};
    static constexpr sim::Bits<47, 32> ICID{};
    static constexpr sim::Bit Valid{63};
};

/// Collection table entry: the redistributor that a collection's LPIs go to.
struct CollectionEntry : sim::Record<1> {
    static constexpr sim::Bits<35, 0> RDbase{};
    static constexpr sim::Bit Valid{63};
};

}  // namespace smmusim::gic::spec
