// Stream table: level 1 descriptor and stream table entry (IHI 0070, 5.1 and 5.2).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::smmu::spec {

using sim::Addr;
using sim::Bit;
using sim::Bits;
using sim::NamedField;

/// Level 1 stream table descriptor (IHI 0070, 5.1).
struct L1Std : sim::Record<1> {
    static constexpr Bits<4, 0> Span{};
    static constexpr Addr<55, 6> L2Ptr{};

    static constexpr std::array fields{NamedField("Span", Span), NamedField("L2Ptr", L2Ptr)};
};

/// Granules by the encodings of TG0 and S2TG; TG1 differs, see Cd.
enum class Granule : u8 { K4 = 12, K16 = 14, K64 = 16, Reserved = 0 };
inline constexpr unsigned offset_bits(Granule granule) { return static_cast<unsigned>(granule); }

/// Stream table entry (IHI 0070, 5.2).
struct Ste : sim::Record<8> {
    enum class Config : u8 { Abort = 0b000, Bypass = 0b100, Stage1 = 0b101, Stage2 = 0b110, Nested = 0b111 };
    enum class S1Format : u8 { Linear = 0b00, TwoLevel4K = 0b01, TwoLevel64K = 0b10 };
    enum class NoSubstream : u8 { Terminate = 0b00, Bypass = 0b01, UseZero = 0b10 };

    static constexpr Bit V{0};
    static constexpr Bits<3, 1, Config> Cfg{};
    static constexpr Bits<5, 4, S1Format> S1Fmt{};
    static constexpr Addr<55, 6> S1ContextPtr{};
    static constexpr Bits<63, 59> S1CDMax{};
    static constexpr Bits<65, 64, NoSubstream> S1DSS{};
    static constexpr Bits<67, 66> S1CIR{};
    static constexpr Bits<69, 68> S1COR{};
    static constexpr Bits<71, 70> S1CSH{};
    static constexpr Bit DRE{76};
    static constexpr Bits<80, 77> CONT{};
    static constexpr Bit DCP{81};
    static constexpr Bit PPAR{82};
    static constexpr Bit MEV{83};
    static constexpr Bit S2FWB{89};
    static constexpr Bit S1STALLD{91};
    static constexpr Bits<93, 92> EATS{};
    static constexpr Bits<95, 94> STRW{};
    static constexpr Bits<99, 96> MemAttr{};
    static constexpr Bit MTCFG{100};
    static constexpr Bits<104, 101> ALLOCCFG{};
    static constexpr Bits<109, 108> SHCFG{};
    static constexpr Bits<111, 110> NSCFG{};
    static constexpr Bits<113, 112> PRIVCFG{};
    static constexpr Bits<115, 114> INSTCFG{};
    static constexpr Bits<143, 128> S2VMID{};
    static constexpr Bits<165, 160> S2T0SZ{};
    static constexpr Bits<167, 166> S2SL0{};
    static constexpr Bits<169, 168> S2IR0{};
    static constexpr Bits<171, 170> S2OR0{};
    static constexpr Bits<173, 172> S2SH0{};
    static constexpr Bits<175, 174> S2TG{};
    static constexpr Bits<178, 176> S2PS{};
    static constexpr Bit S2AA64{179};
    static constexpr Bit S2ENDI{180};
    static constexpr Bit S2AFFD{181};
    static constexpr Bit S2PTW{182};
    static constexpr Bit S2HD{183};
    static constexpr Bit S2HA{184};
    static constexpr Bit S2S{185};
    static constexpr Bit S2R{186};
    static constexpr Bit S2SL0_2{194};
    static constexpr Bit S2DS{195};
    static constexpr Addr<243, 196, 4> S2TTB{};

    static constexpr std::array fields{NamedField("V", V),
                                       NamedField("Config", Cfg),
                                       NamedField("S1Fmt", S1Fmt),
                                       NamedField("S1ContextPtr", S1ContextPtr),
                                       NamedField("S1CDMax", S1CDMax),
                                       NamedField("S1DSS", S1DSS),
                                       NamedField("S1CIR", S1CIR),
                                       NamedField("S1COR", S1COR),
                                       NamedField("S1CSH", S1CSH),
                                       NamedField("DRE", DRE),
                                       NamedField("CONT", CONT),
                                       NamedField("DCP", DCP),
                                       NamedField("PPAR", PPAR),
                                       NamedField("MEV", MEV),
                                       NamedField("S2FWB", S2FWB),
                                       NamedField("S1STALLD", S1STALLD),
                                       NamedField("EATS", EATS),
                                       NamedField("STRW", STRW),
                                       NamedField("MemAttr", MemAttr),
                                       NamedField("MTCFG", MTCFG),
                                       NamedField("ALLOCCFG", ALLOCCFG),
                                       NamedField("SHCFG", SHCFG),
                                       NamedField("NSCFG", NSCFG),
                                       NamedField("PRIVCFG", PRIVCFG),
                                       NamedField("INSTCFG", INSTCFG),
                                       NamedField("S2VMID", S2VMID),
                                       NamedField("S2T0SZ", S2T0SZ),
                                       NamedField("S2SL0", S2SL0),
                                       NamedField("S2IR0", S2IR0),
                                       NamedField("S2OR0", S2OR0),
                                       NamedField("S2SH0", S2SH0),
                                       NamedField("S2TG", S2TG),
                                       NamedField("S2PS", S2PS),
                                       NamedField("S2AA64", S2AA64),
                                       NamedField("S2ENDI", S2ENDI),
                                       NamedField("S2AFFD", S2AFFD),
                                       NamedField("S2PTW", S2PTW),
                                       NamedField("S2HD", S2HD),
                                       NamedField("S2HA", S2HA),
                                       NamedField("S2S", S2S),
                                       NamedField("S2R", S2R),
                                       NamedField("S2SL0_2", S2SL0_2),
                                       NamedField("S2DS", S2DS),
                                       NamedField("S2TTB", S2TTB)};

    /// Config = 0xx aborts silently, whatever the low bits say.
    bool aborts() const { return (static_cast<u8>((*this)[Cfg]) & 0b100) == 0; }
    bool stage1() const { return !aborts() && (static_cast<u8>((*this)[Cfg]) & 0b001) != 0; }
    bool stage2() const { return !aborts() && (static_cast<u8>((*this)[Cfg]) & 0b010) != 0; }
    Granule stage2_granule() const {
        constexpr std::array granules{Granule::K4, Granule::K64, Granule::K16, Granule::Reserved};
        return granules[(*this)[S2TG]];
    }
};

}  // namespace smmusim::smmu::spec
