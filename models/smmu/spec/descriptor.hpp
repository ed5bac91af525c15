// VMSAv8-64 translation table descriptors (DDI 0487, D8.3), 48-bit output addresses.
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

    explicit Descriptor(u64 value = 0) { words[0] = value; }
    u64 raw() const { return words[0]; }

    /// Address field above the granule's offset, 48-bit format.
    u64 output(unsigned low_bit) const { return raw() & sim::low_mask(48) & ~sim::low_mask(low_bit); }
};

}  // namespace smmusim::smmu::spec
