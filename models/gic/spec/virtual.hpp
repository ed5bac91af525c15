// Virtual LPIs: registers of a redistributor's VLPI frame, the vPE table, virtual SGIs (IHI 0069, 5.4, 12.11, 12.19).
#pragma once

#include "gic/spec/interrupts.hpp"

namespace smmusim::gic::spec {

/// Which revision of the architecture: without virtual LPIs, with them, with a vPE table that redistributors read.
enum class Version : u8 { V3, V4_0, V4_1 };

inline constexpr u32 vlpi_base = 0x20000;          ///< in the frames of a redistributor
inline constexpr u64 virtual_sgi_frame = 0x20000;  ///< in the frames of an ITS
inline constexpr u64 gits_sgir = virtual_sgi_frame + 0x20;
inline constexpr u32 vpe_bits = 16;
inline constexpr u32 virtual_sgis = 16;

/// GICR_VPROPBASER. GICv4.0: the vLPI configuration table of the resident vPE, as PropBaser. GICv4.1: the vPE table.
struct VPropBaser : sim::Record<1> {
    static constexpr sim::Bits<6, 0> Size{};  ///< pages, minus 1
    static constexpr sim::Bits<9, 7> InnerCache{};
    static constexpr sim::Bits<11, 10> Shareability{};
    static constexpr sim::Addr<51, 12> Physical_Address{};
    static constexpr sim::Bit Z{52};                 ///< software says that the table is zero
    static constexpr sim::Bits<54, 53> Page_Size{};  ///< 4, 16, 64 KiB
    static constexpr sim::Bit Indirect{55};
    static constexpr sim::Bits<58, 56> OuterCache{};
    static constexpr sim::Bits<61, 59> Entry_Size{};  ///< read-only: words of 64 bits, minus 1
    static constexpr sim::Bit Valid{63};
};

/// GICR_VPENDBASER: which vPE is resident.
struct VPendBaser : sim::Record<1> {
    static constexpr sim::Bits<15, 0> vPEID{};  ///< GICv4.1
    static constexpr sim::Bits<9, 7> InnerCache{};
    static constexpr sim::Bits<11, 10> Shareability{};
    static constexpr sim::Addr<51, 16> Physical_Address{};  ///< GICv4.0: of its pending table
    static constexpr sim::Bits<58, 56> OuterCache{};
    static constexpr sim::Bit VGrp1En{58};      ///< GICv4.1
    static constexpr sim::Bit VGrp0En{59};      ///< GICv4.1
    static constexpr sim::Bit Dirty{60};        ///< read-only: the state is still being loaded or written back
    static constexpr sim::Bit PendingLast{61};  ///< an interrupt was pending when the vPE left
    static constexpr sim::Bit Doorbell{62};     ///< GICv4.1, with Valid = 0: the next interrupt is to ring
    static constexpr sim::Bit Valid{63};
};

/// vPE table entry, this implementation's format (5.4.1 leaves it open).
struct VpeEntry : sim::Record<4> {
    static constexpr u32 entry_bytes = 32;
    static constexpr sim::Bits<4, 0> VPT_size{};  ///< bits of a vINTID, minus 1
    static constexpr sim::Addr<51, 16> VPT_addr{};
    static constexpr sim::Bit Valid{63};
    static constexpr sim::Bits<99, 64> RDbase{};
    static constexpr sim::Addr<179, 144> VConf_addr{};  ///< GICv4.1
    static constexpr sim::Bits<223, 192> Doorbell{};    ///< GICv4.1: the default doorbell

    u32 lpi_end() const {
        const u32 bits = static_cast<u32>(operator[](VPT_size)) + 1;
        return bits < 14 ? first_lpi : u32{1} << (bits < 24 ? bits : 24);
    }
};

/// State of a vPE that has no bits in the pending table, at its beginning, which belongs to no vLPI (GICv4.1).
struct VpeScratch : sim::Record<3> {
    static constexpr sim::Bits<15, 0> Enabled{};  ///< of virtual SGIs
    static constexpr sim::Bits<31, 16> Pending{};
    static constexpr sim::Bits<47, 32> Group1{};
    static constexpr sim::Bit DoorbellArmed{48};
    /// words[1]: priorities, four bits each

    u8 priority(u32 sgi) const { return static_cast<u8>((words[1] >> (4 * sgi) & 0xF) << 4); }
    void set_priority(u32 sgi, u64 nibble) { words[1] = sim::with_bits(words[1], 4 * sgi + 3, 4 * sgi, nibble); }
};

/// GITS_SGIR
struct GitsSgir : sim::Record<1> {
    static constexpr sim::Bits<3, 0> vINTID{};
    static constexpr sim::Bits<47, 32> vPEID{};
};

/// GICR_VSGIPENDR
struct VSgiPendr : sim::Record<1> {
    static constexpr sim::Bits<15, 0> Pending{};
    static constexpr sim::Bit Busy{31};
};

}  // namespace smmusim::gic::spec
