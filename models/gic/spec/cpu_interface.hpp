// System registers of the CPU interface (IHI 0069, 12.2; one security state).
#pragma once

#include <array>
#include <string_view>

#include "sim/bits.hpp"

namespace smmusim::gic::spec {

enum class Icc : u8 {
    PMR,
    IAR0,
    EOIR0,
    HPPIR0,
    BPR0,
    AP0R0,
    AP0R1,
    AP0R2,
    AP0R3,
    AP1R0,
    AP1R1,
    AP1R2,
    AP1R3,
    DIR,
    RPR,
    SGI1R,
    SGI0R,
    IAR1,
    EOIR1,
    HPPIR1,
    BPR1,
    CTLR,
    SRE,
    IGRPEN0,
    IGRPEN1,
};

/// In the order of Icc.
inline constexpr std::array<std::string_view, 25> icc_names{
    "ICC_PMR_EL1",   "ICC_IAR0_EL1",  "ICC_EOIR0_EL1", "ICC_HPPIR0_EL1",  "ICC_BPR0_EL1",
    "ICC_AP0R0_EL1", "ICC_AP0R1_EL1", "ICC_AP0R2_EL1", "ICC_AP0R3_EL1",   "ICC_AP1R0_EL1",
    "ICC_AP1R1_EL1", "ICC_AP1R2_EL1", "ICC_AP1R3_EL1", "ICC_DIR_EL1",     "ICC_RPR_EL1",
    "ICC_SGI1R_EL1", "ICC_SGI0R_EL1", "ICC_IAR1_EL1",  "ICC_EOIR1_EL1",   "ICC_HPPIR1_EL1",
    "ICC_BPR1_EL1",  "ICC_CTLR_EL1",  "ICC_SRE_EL1",   "ICC_IGRPEN0_EL1", "ICC_IGRPEN1_EL1"};

/// A write of these, and a read of those below, is UNDEFINED (12.2).
constexpr bool is_read_only(Icc name) {
    return name == Icc::IAR0 || name == Icc::IAR1 || name == Icc::HPPIR0 || name == Icc::HPPIR1 || name == Icc::RPR;
}
constexpr bool is_write_only(Icc name) {
    return name == Icc::EOIR0 || name == Icc::EOIR1 || name == Icc::DIR || name == Icc::SGI0R || name == Icc::SGI1R;
}

struct IccCtlr : sim::Record<1> {
    static constexpr sim::Bit CBPR{0};
    static constexpr sim::Bit EOImode{1};
    static constexpr sim::Bits<10, 8> PRIbits{};  ///< minus 1
    static constexpr sim::Bits<13, 11> IDbits{};  ///< 0: 16 bits, 1: 24 bits
};

struct SgiRequest : sim::Record<1> {
    static constexpr sim::Bits<15, 0> TargetList{};
    static constexpr sim::Bits<23, 16> Aff1{};
    static constexpr sim::Bits<27, 24> INTID{};
    static constexpr sim::Bits<39, 32> Aff2{};
    static constexpr sim::Bit IRM{40};  ///< all PEs but the sender
    static constexpr sim::Bits<55, 48> Aff3{};
};

/// SRE, DFB, DIB are RAO/WI: there is no memory-mapped interface to fall back to.
inline constexpr u64 icc_sre = 0x7;

}  // namespace smmusim::gic::spec
