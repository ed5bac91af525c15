// Performance monitor counter groups: events and register fields (IHI 0070, chapter 10).
#pragma once

#include "smmu/spec/registers.hpp"

namespace smmusim::smmu::spec {

/// The architected events (10.3); the names are those of Linux and of the statistics.
enum class MonitorEvent : u8 {
    Cycles = 0,
    Transaction = 1,
    TlbMiss = 2,
    ConfigCacheMiss = 3,
    TransTableWalkAccess = 4,
    ConfigStructAccess = 5,
    PcieAtsTransRq = 6,
    PcieAtsTransPassed = 7,
};
inline constexpr unsigned monitor_events = 8;

constexpr u64 bit_of(MonitorEvent event) { return u64{1} << static_cast<unsigned>(event); }

/// What a counter counts, of which streams, and what its overflow does.
struct PmcgEvtyper : Register32 {
    using Register32::Register32;
    static constexpr Bits<15, 0> EVENT{};
    static constexpr Bit FILTER_SID_SPAN{29};
    static constexpr Bit OVFCAP{31};
};

/// What the group is.
struct PmcgCfgr : Register32 {
    using Register32::Register32;
    static constexpr Bits<5, 0> NCTR{};
    static constexpr Bits<13, 8> SIZE{};
    static constexpr Bit RELOC_CTRS{20};
    static constexpr Bit MSI{21};
    static constexpr Bit CAPTURE{22};
    static constexpr Bit SID_FILTER_TYPE{23};
};

inline constexpr u64 pmcg_cr_E = 1;
inline constexpr u64 pmcg_capr_CAPTURE = 1;
inline constexpr u64 pmcg_irq_ctrl_IRQEN = 1;
inline constexpr u64 pmcg_irq_status_IRQ_ABT = 1;

/// Both pages of a group are 4 KiB at the start of 64 KiB of their own.
inline constexpr u64 pmcg_page = 4 * KiB;
inline constexpr u64 pmcg_page_stride = 64 * KiB;
inline constexpr u64 pmcg_span = 2 * pmcg_page_stride;

}  // namespace smmusim::smmu::spec
