// Registers of the GICv3 and its ITS that the driver uses (IHI 0069, chapter 12).
#pragma once

#include "sim/types.hpp"

namespace smmusim::sw::its {

namespace gicd {
inline constexpr u64 CTLR = 0x0000, TYPER = 0x0004, IGROUPR = 0x0080, ISENABLER = 0x0100, ICENABLER = 0x0180;
inline constexpr u64 ICPENDR = 0x0280;
inline constexpr u64 IPRIORITYR = 0x0400, ICFGR = 0x0C00, IROUTER = 0x6000, PIDR2 = 0xFFE8;
inline constexpr u32 CTLR_EnableGrp1 = 1u << 1, CTLR_ARE = 1u << 4, CTLR_RWP = 1u << 31;
}  // namespace gicd

namespace gicr {
inline constexpr u64 CTLR = 0x0000, TYPER = 0x0008, WAKER = 0x0014, PROPBASER = 0x0070, PENDBASER = 0x0078;
inline constexpr u64 IGROUPR0 = 0x10080, ICENABLER0 = 0x10180, IPRIORITYR = 0x10400;  // in SGI_base
inline constexpr u32 CTLR_EnableLPIs = 1u << 0, CTLR_RWP = 1u << 3;
inline constexpr u32 WAKER_ProcessorSleep = 1u << 1, WAKER_ChildrenAsleep = 1u << 2;
inline constexpr u64 TYPER_PLPIS = 1u << 0, TYPER_VLPIS = 1u << 1, TYPER_Last = 1u << 4, TYPER_RVPEID = 1u << 7;
inline constexpr u64 PENDBASER_PTZ = u64{1} << 62;
inline constexpr u64 frame_bytes = 0x20000;                       // twice that with GICv4
inline constexpr u64 VPROPBASER = 0x20070, VPENDBASER = 0x20078;  // in VLPI_base
inline constexpr u64 VPENDBASER_Dirty = u64{1} << 60, VPENDBASER_PendingLast = u64{1} << 61;
inline constexpr u64 VPENDBASER_Doorbell = u64{1} << 62;  // GICv4.1
inline constexpr u64 VPENDBASER_VGrp1En = u64{1} << 58;   // GICv4.1
inline constexpr unsigned VPROPBASER_Page_Size = 53;      // GICv4.1
}  // namespace gicr

namespace gits {
inline constexpr u64 CTLR = 0x0000, TYPER = 0x0008, CBASER = 0x0080, CWRITER = 0x0088, CREADR = 0x0090, BASER = 0x0100;
inline constexpr u64 TRANSLATER = 0x10040;
inline constexpr u32 CTLR_Enabled = 1u << 0, CTLR_Quiescent = 1u << 31;
inline constexpr u64 TYPER_Virtual = 1u << 1;
inline constexpr u64 valid = u64{1} << 63;
inline constexpr u64 BASER_Indirect = u64{1} << 62;
inline constexpr u64 level1_entry_bytes = 8;
inline constexpr u64 CREADR_Stalled = 1, CWRITER_Retry = 1;
inline constexpr u64 TYPE_device = 1, TYPE_vpe = 2, TYPE_collection = 4;
}  // namespace gits

// Attributes of the tables: inner shareable, read- and write-allocate write-back. The position of InnerCache differs.
inline constexpr u64 shareability_mask = u64{3} << 10, inner_shareable = u64{1} << 10;
inline constexpr u64 write_back = 7, noncacheable = 1;
inline constexpr unsigned its_cache_shift = 59, redistributor_cache_shift = 7;

inline constexpr u32 first_lpi = 8192;
inline constexpr u32 default_priority = 0xA0;

}  // namespace smmusim::sw::its
