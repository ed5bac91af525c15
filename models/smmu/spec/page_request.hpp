// Entries of the PRI queue (IHI 0070, chapter 8).
#pragma once

#include "smmu/spec/ste.hpp"

namespace smmusim::smmu::spec {

struct PriEntry : sim::Record<2> {
    static constexpr Bits<31, 0> StreamID{};
    static constexpr Bits<51, 32> SubstreamID{};
    static constexpr Bit Priv{58};
    static constexpr Bit X{59};
    static constexpr Bit R{60};
    static constexpr Bit W{61};
    static constexpr Bit Last{62};
    static constexpr Bit SSV{63};
    static constexpr Bits<72, 64> PRGIndex{};
    static constexpr Addr<127, 76> Address{};
};

}  // namespace smmusim::smmu::spec
