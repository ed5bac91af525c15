// Context descriptors: level 1 descriptor and context descriptor (IHI 0070, 5.3 and 5.4).
#pragma once

#include "smmu/spec/ste.hpp"

namespace smmusim::smmu::spec {

/// Level 1 context descriptor (IHI 0070, 5.3).
struct L1Cd : sim::Record<1> {
    static constexpr Bit V{0};
    static constexpr Addr<55, 12> L2Ptr{};

    static constexpr std::array fields{NamedField("V", V), NamedField("L2Ptr", L2Ptr)};
};

/// Context descriptor (IHI 0070, 5.4).
struct Cd : sim::Record<8> {
    static constexpr Bits<5, 0> T0SZ{};
    static constexpr Bits<7, 6> TG0{};
    static constexpr Bits<9, 8> IR0{};
    static constexpr Bits<11, 10> OR0{};
    static constexpr Bits<13, 12> SH0{};
    static constexpr Bit EPD0{14};
    static constexpr Bit ENDI{15};
    static constexpr Bits<21, 16> T1SZ{};
    static constexpr Bits<23, 22> TG1{};
    static constexpr Bits<25, 24> IR1{};
    static constexpr Bits<27, 26> OR1{};
    static constexpr Bits<29, 28> SH1{};
    static constexpr Bit EPD1{30};
    static constexpr Bit V{31};
    static constexpr Bits<34, 32> IPS{};
    static constexpr Bit AFFD{35};
    static constexpr Bit WXN{36};
    static constexpr Bit UWXN{37};
    static constexpr Bit TBI0{38};
    static constexpr Bit TBI1{39};
    static constexpr Bit PAN{40};
    static constexpr Bit AA64{41};
    static constexpr Bit HD{42};
    static constexpr Bit HA{43};
    static constexpr Bit S{44};
    static constexpr Bit R{45};
    static constexpr Bit A{46};
    static constexpr Bit ASET{47};
    static constexpr Bits<63, 48> ASID{};
    static constexpr Bit HAD0{65};
    static constexpr Bit E0PD0{66};
    static constexpr Addr<115, 68, 4> TTB0{};
    static constexpr Bit EPAN{123};
    static constexpr Bit HAD1{129};
    static constexpr Bit E0PD1{130};
    static constexpr Addr<179, 132, 4> TTB1{};
    static constexpr Bit DS{186};
    static constexpr Bits<255, 192> MAIR{};

    static constexpr std::array fields{
        NamedField("T0SZ", T0SZ), NamedField("TG0", TG0),   NamedField("IR0", IR0),     NamedField("OR0", OR0),
        NamedField("SH0", SH0),   NamedField("EPD0", EPD0), NamedField("ENDI", ENDI),   NamedField("T1SZ", T1SZ),
        NamedField("TG1", TG1),   NamedField("IR1", IR1),   NamedField("OR1", OR1),     NamedField("SH1", SH1),
        NamedField("EPD1", EPD1), NamedField("V", V),       NamedField("IPS", IPS),     NamedField("AFFD", AFFD),
        NamedField("WXN", WXN),   NamedField("UWXN", UWXN), NamedField("TBI0", TBI0),   NamedField("TBI1", TBI1),
        NamedField("PAN", PAN),   NamedField("AA64", AA64), NamedField("HD", HD),       NamedField("HA", HA),
        NamedField("S", S),       NamedField("R", R),       NamedField("A", A),         NamedField("ASET", ASET),
        NamedField("ASID", ASID), NamedField("HAD0", HAD0), NamedField("E0PD0", E0PD0), NamedField("TTB0", TTB0),
        NamedField("EPAN", EPAN), NamedField("HAD1", HAD1), NamedField("E0PD1", E0PD1), NamedField("TTB1", TTB1),
        NamedField("DS", DS),     NamedField("MAIR", MAIR)};

    /// TG0 and TG1 have different encodings.
    Granule granule(bool upper) const {
        constexpr std::array granules0{Granule::K4, Granule::K64, Granule::K16, Granule::Reserved};
        constexpr std::array granules1{Granule::Reserved, Granule::K16, Granule::K4, Granule::K64};
        return upper ? granules1[(*this)[TG1]] : granules0[(*this)[TG0]];
    }
    u64 input_size_field(bool upper) const { return upper ? (*this)[T1SZ] : (*this)[T0SZ]; }
    u64 table_base(bool upper) const { return upper ? (*this)[TTB1] : (*this)[TTB0]; }
    bool walks_disabled(bool upper) const { return upper ? (*this)[EPD1] : (*this)[EPD0]; }
    u64 shareability(bool upper) const { return upper ? (*this)[SH1] : (*this)[SH0]; }
    bool ignores_top_byte(bool upper) const { return upper ? (*this)[TBI1] : (*this)[TBI0]; }
    bool ignores_table_attributes(bool upper) const { return upper ? (*this)[HAD1] : (*this)[HAD0]; }
    bool denies_unprivileged(bool upper) const { return upper ? (*this)[E0PD1] : (*this)[E0PD0]; }
};

}  // namespace smmusim::smmu::spec
