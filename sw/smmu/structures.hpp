// Stream table entries, context descriptors, commands and events as the driver writes and reads them (IHI 0070).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::sw::smmu {

using sim::Addr;
using sim::Bit;
using sim::Bits;

/// 5.2
struct Ste : sim::Record<8> {
    enum class Configuration : u64 { Abort = 0b000, Bypass = 0b100, Stage1 = 0b101, Stage2 = 0b110, Nested = 0b111 };
    static constexpr Bit V{0};
    static constexpr Bits<3, 1, Configuration> Config{};
    static constexpr Bits<5, 4> S1Fmt{};
    static constexpr Addr<55, 6> S1ContextPtr{};
    static constexpr Bits<63, 59> S1CDMax{};
    static constexpr Bits<65, 64> S1DSS{};
    static constexpr Bits<67, 66> S1CIR{};
    static constexpr Bits<69, 68> S1COR{};
    static constexpr Bits<71, 70> S1CSH{};
    static constexpr Bit S1STALLD{91};
    static constexpr Bits<109, 108> SHCFG{};
    static constexpr Bits<143, 128> S2VMID{};
    static constexpr Bits<165, 160> S2T0SZ{};
    static constexpr Bits<167, 166> S2SL0{};
    static constexpr Bits<169, 168> S2IR0{};
    static constexpr Bits<171, 170> S2OR0{};
    static constexpr Bits<173, 172> S2SH0{};
    static constexpr Bits<175, 174> S2TG{};
    static constexpr Bits<178, 176> S2PS{};
    static constexpr Bit S2AA64{179};
    static constexpr Bit S2PTW{182};
    static constexpr Bit S2S{185};
    static constexpr Bit S2R{186};
    static constexpr Addr<243, 196, 4> S2TTB{};

    /// The bits that the SMMU looks at, given what the entry says; the others may change at any time (3.21.3).
    static std::array<u64, 8> used(const std::array<u64, 8>& words);
};

/// 5.4
struct ContextDescriptor : sim::Record<8> {
    static constexpr Bits<5, 0> T0SZ{};
    static constexpr Bits<7, 6> TG0{};
    static constexpr Bits<9, 8> IR0{};
    static constexpr Bits<11, 10> OR0{};
    static constexpr Bits<13, 12> SH0{};
    static constexpr Bit EPD0{14};
    static constexpr Bit EPD1{30};
    static constexpr Bit V{31};
    static constexpr Bits<34, 32> IPS{};
    static constexpr Bit AA64{41};
    static constexpr Bit S{44};
    static constexpr Bit R{45};
    static constexpr Bit A{46};
    static constexpr Bit ASET{47};
    static constexpr Bits<63, 48> ASID{};
    static constexpr Addr<115, 68, 4> TTB0{};
    static constexpr Bits<223, 192> MAIR0{};

    static std::array<u64, 8> used(const std::array<u64, 8>& words);
};

/// Encoding of a granule in S2TG and TG0.
inline u64 granule_code(unsigned granule_bits) { return granule_bits == 12 ? 0 : granule_bits == 16 ? 1 : 2; }

/// Chapter 4
struct Command : sim::Record<2> {
    enum class Operation : u64 {
        CFGI_STE = 0x03,
        CFGI_STE_RANGE = 0x04,
        CFGI_CD = 0x05,
        TLBI_NH_ALL = 0x10,
        TLBI_NH_ASID = 0x11,
        TLBI_NH_VA = 0x12,
        TLBI_EL2_ALL = 0x20,
        TLBI_S12_VMALL = 0x28,
        TLBI_S2_IPA = 0x2A,
        TLBI_NSNH_ALL = 0x30,
        SYNC = 0x46,
    };
    static constexpr Bits<7, 0, Operation> Opcode{};
    static constexpr Bits<63, 32> StreamID{};
    static constexpr Bits<47, 32> VMID{};
    static constexpr Bits<63, 48> ASID{};
    static constexpr Bit Leaf{64};
    static constexpr Bits<68, 64> Range{};
    static constexpr Bits<16, 12> NUM{};
    static constexpr Bits<24, 20> SCALE{};
    static constexpr Bits<73, 72> TTL{};
    static constexpr Bits<75, 74> TG{};
    static constexpr Addr<127, 76> Address{};
    static constexpr Bits<13, 12> CS{};

    Command() = default;
    explicit Command(Operation operation) { set(Opcode, operation); }
    bool invalidates_tlb() const {
        const u64 code = static_cast<u64>((*this)[Opcode]);
        return code >= 0x10 && code <= 0x30;
    }
};

/// Chapter 7
struct Event : sim::Record<4> {
    static constexpr Bits<7, 0> Number{};
    static constexpr Bit SSV{11};
    static constexpr Bits<31, 12> SubstreamID{};
    static constexpr Bits<63, 32> StreamID{};
    static constexpr Bit Stall{95};
    static constexpr Bit PnU{97};
    static constexpr Bit InD{98};
    static constexpr Bit RnW{99};
    static constexpr Bit S2{103};
    static constexpr Bits<105, 104> CLASS{};
    static constexpr Bits<191, 128> InputAddr{};
    static constexpr Addr<247, 204> IPA{};

    static constexpr u64 F_TRANSLATION = 0x10;
};

}  // namespace smmusim::sw::smmu
