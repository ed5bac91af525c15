// VMSAv8-64 translation table descriptors (DDI 0487, D8.3).
#pragma once

#include "smmu/spec/ste.hpp"

namespace smmusim::smmu::spec {

struct Descriptor : sim::Record<1> {
    static constexpr Bit Valid{0};
    static constexpr Bit TableOrPage{1};
    static constexpr Bits<4, 2> AttrIndx{};  // stage 1
    static constexpr Bits<5, 2> MemAttr{};   // stage 2
    static constexpr Bits<7, 6> AP{};        // stage 1: AP[2:1]
    static constexpr Bits<7, 6> S2AP{};      // stage 2
    static constexpr Bits<9, 8> SH{};
    static constexpr Bit AF{10};
    static constexpr Bit nG{11};
    static constexpr Bit DBM{51};
    static constexpr Bit Contiguous{52};
    static constexpr Bit PXN{53};
    static constexpr Bit UXN{54};
    static constexpr Bits<54, 53> S2XN{};  // bit 54 is XN[1], bit 53 is XN[0]
    static constexpr Bit PXNTable{59};
    static constexpr Bit UXNTable{60};
    static constexpr Bits<62, 61> APTable{};
    static constexpr Bit NSTable{63};
    static constexpr Bits<62, 59> Restrictions{};  // PXNTable, UXNTable and APTable together

    // What the fields are called where they count: table descriptors of stage 1, leaves by stage.
    static constexpr std::array table_fields{NamedField("PXNTable", PXNTable), NamedField("UXNTable", UXNTable),
                                             NamedField("APTable", APTable), NamedField("NSTable", NSTable)};
    static constexpr std::array stage1_fields{NamedField("AttrIndx", AttrIndx),
                                              NamedField("AP[2:1]", AP),
                                              NamedField("SH", SH),
                                              NamedField("AF", AF),
                                              NamedField("nG", nG),
                                              NamedField("DBM", DBM),
                                              NamedField("Contiguous", Contiguous),
                                              NamedField("PXN", PXN),
                                              NamedField("UXN", UXN)};
    static constexpr std::array stage2_fields{NamedField("MemAttr", MemAttr), NamedField("S2AP", S2AP),
                                              NamedField("SH", SH),           NamedField("AF", AF),
                                              NamedField("DBM", DBM),         NamedField("Contiguous", Contiguous),
                                              NamedField("XN", S2XN)};

    explicit Descriptor(u64 value = 0) { words[0] = value; }
    u64 raw() const { return words[0]; }

    /// How the bits of an output address above bit 47 are stored (DDI 0487, D8.3.1).
    enum class Format : u8 {
        Plain,    ///< not at all
        Wide64K,  ///< [51:48] in bits 15:12, 64 KiB granule
        Wide,     ///< [49:48] in place, [51:50] in bits 9:8 (LPA2)
    };

    /// Address field from `low_bit` upwards.
    u64 output(unsigned low_bit, Format format) const {
        u64 address = raw() & sim::low_mask(format == Format::Wide ? 50 : 48) & ~sim::low_mask(low_bit);
        if (format == Format::Wide64K) address |= sim::bits_of(raw(), 15, 12) << 48;
        if (format == Format::Wide) address |= sim::bits_of(raw(), 9, 8) << 50;
        return address;
    }
};

}  // namespace smmusim::smmu::spec
