// Registers of an Interrupt Translation Service: control frame and translation frame (IHI 0069, 12.18 and 12.19).
#pragma once

#include "gic/spec/distributor.hpp"

namespace smmusim::gic::spec {

/// GICv4.1 adds the frame of GITS_SGIR.
inline constexpr u64 its_size(Version version) { return version == Version::V4_1 ? 192 * KiB : 128 * KiB; }
inline constexpr u64 translation_frame = 0x10000;
inline constexpr u64 translater = translation_frame + 0x40;  ///< GITS_TRANSLATER

struct GitsCtlr : sim::Record<1> {
    static constexpr sim::Bit Enabled{0};
    static constexpr sim::Bits<7, 4> ITS_Number{};  ///< GICv4, read-only here
    static constexpr sim::Bit Quiescent{31};
};

struct GitsTyper : sim::Record<1> {
    static constexpr sim::Bit Physical{0};
    static constexpr sim::Bit Virtual{1};               ///< virtual LPIs
    static constexpr sim::Bit CCT{2};                   ///< collections in memory come on top of those of HCC
    static constexpr sim::Bits<7, 4> ITT_entry_size{};  ///< minus 1
    static constexpr sim::Bits<12, 8> ID_bits{};        ///< minus 1
    static constexpr sim::Bits<17, 13> Devbits{};       ///< minus 1
    static constexpr sim::Bit SEIS{18};                 ///< command errors are reported as SErrors
    static constexpr sim::Bit PTA{19};                  ///< RDbase is an address; 0: a Processor_Number
    static constexpr sim::Bits<31, 24> HCC{};           ///< collections held in the ITS
    static constexpr sim::Bits<35, 32> CIDbits{};       ///< minus 1, if CIL is set
    static constexpr sim::Bit CIL{36};                  ///< 0: 16 bits of an ICID
    static constexpr sim::Bit VMOVP{37};                ///< one VMOVP serves all ITSs; 0: each gets its own
    static constexpr sim::Bit VSGI{39};
    static constexpr sim::Bit VMAPP{40};         ///< VMAPP as in GICv4.1
    static constexpr sim::Bits<42, 41> SVPET{};  ///< the vPE table is shared with redistributors
    static constexpr sim::Bit nID{43};           ///< no doorbells of single events
    static constexpr sim::Bit INV{46};           ///< a disabled ITS has nothing of a table cached
};

struct Cbaser : sim::Record<1> {
    static constexpr sim::Bits<7, 0> Size{};  ///< pages of 4 KiB, minus 1
    static constexpr sim::Bits<11, 10> Shareability{};
    static constexpr sim::Addr<51, 12> Physical_Address{};
    static constexpr sim::Bits<55, 53> OuterCache{};
    static constexpr sim::Bits<61, 59> InnerCache{};
    static constexpr sim::Bit Valid{63};
    /// The queue is aligned to 64 KiB: bits [15:12] are RES0.
    static constexpr u64 writable = 0xB8EF'FFFF'FFFF'0CFF;

    u64 bytes() const { return (operator[](Size) + 1) * 4 * KiB; }
};

struct Cwriter : sim::Record<1> {
    static constexpr sim::Bit Retry{0};
    static constexpr sim::Addr<19, 5> Offset{};
};

struct Creadr : sim::Record<1> {
    static constexpr sim::Bit Stalled{0};
    static constexpr sim::Addr<19, 5> Offset{};
};

struct Baser : sim::Record<1> {
    enum class TableType : u8 { None = 0, Device = 1, Vpe = 2, Collection = 4 };
    static constexpr sim::Bits<7, 0> Size{};       ///< pages, minus 1
    static constexpr sim::Bits<9, 8> Page_Size{};  ///< 4, 16, 64 KiB; 3 means 64 KiB
    static constexpr sim::Bits<11, 10> Shareability{};
    static constexpr sim::Bits<52, 48> Entry_Size{};  ///< read-only, minus 1
    static constexpr sim::Bits<55, 53> OuterCache{};
    static constexpr sim::Bits<58, 56, TableType> Type{};  ///< read-only
    static constexpr sim::Bits<61, 59> InnerCache{};
    static constexpr sim::Bit Indirect{62};
    static constexpr sim::Bit Valid{63};
    static constexpr u64 writable = 0xF8E0'FFFF'FFFF'FFFF;

    u64 page_bytes() const {
        const u64 size = operator[](Page_Size);
        return size == 0 ? 4 * KiB : size == 1 ? 16 * KiB : 64 * KiB;
    }
    u64 bytes() const { return (operator[](Size) + 1) * page_bytes(); }
    u64 entry_bytes() const { return operator[](Entry_Size) + 1; }
    /// With 64 KiB pages register bits [15:12] are address bits [51:48].
    u64 base() const {
        if (page_bytes() != 64 * KiB) return sim::align_down(words[0] & 0xFFFF'FFFF'F000, page_bytes());
        return (words[0] & 0xFFFF'FFFF'0000) | sim::bits_of(words[0], 15, 12) << 48;
    }
    static constexpr u64 fixed(TableType type, u64 entry_bytes) {
        return static_cast<u64>(type) << 56 | (entry_bytes - 1) << 48;
    }
};

template <class Device>
inline constexpr std::array its_registers{
    sim::Register<Device>{.name = "GITS_CTLR",
                          .offset = 0x0000,
                          .writable = 0x1,
                          .on_write = &Device::write_ctlr,
                          .on_read = &Device::read_ctlr},
    sim::Register<Device>{.name = "GITS_IIDR", .offset = 0x0004, .reset = implementer_iidr},
    sim::Register<Device>{.name = "GITS_TYPER", .offset = 0x0008, .width = 64, .on_read = &Device::read_typer},
    sim::Register<Device>{.name = "GITS_CBASER",
                          .offset = 0x0080,
                          .width = 64,
                          .writable = Cbaser::writable,
                          .on_write = &Device::write_cbaser,
                          .on_read = &Device::read_cbaser},
    sim::Register<Device>{.name = "GITS_CWRITER",
                          .offset = 0x0088,
                          .width = 64,
                          .writable = 0xF'FFE1,
                          .on_write = &Device::write_cwriter,
                          .on_read = &Device::read_cwriter},
    sim::Register<Device>{.name = "GITS_CREADR", .offset = 0x0090, .width = 64, .on_read = &Device::read_creadr},
    sim::Register<Device>{.name = "GITS_BASER",
                          .offset = 0x0100,
                          .width = 64,
                          .writable = Baser::writable,
                          .count = 8,
                          .on_write = &Device::write_baser,
                          .on_read = &Device::read_baser},
    id_register<Device>("GITS_PIDR4", 0xFFD0, 0x44),
    id_register<Device>("GITS_PIDR0", 0xFFE0, 0x94),
    id_register<Device>("GITS_PIDR1", 0xFFE4, 0xB4),
    sim::Register<Device>{.name = "GITS_PIDR2", .offset = 0xFFE8, .on_read = &Device::read_pidr2},
    id_register<Device>("GITS_CIDR0", 0xFFF0, 0x0D),
    id_register<Device>("GITS_CIDR1", 0xFFF4, 0xF0),
    id_register<Device>("GITS_CIDR2", 0xFFF8, 0x05),
    id_register<Device>("GITS_CIDR3", 0xFFFC, 0xB1),
};

}  // namespace smmusim::gic::spec
