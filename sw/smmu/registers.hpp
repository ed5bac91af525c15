// Registers of the SMMUv3 that the driver uses (IHI 0070, chapter 6).
#pragma once

#include "sim/types.hpp"

namespace smmusim::sw::smmu {

namespace offset {
inline constexpr u64 IDR0 = 0x00, IDR1 = 0x04, IDR3 = 0x0C, IDR5 = 0x14;
inline constexpr u64 CR0 = 0x20, CR0ACK = 0x24, CR1 = 0x28, CR2 = 0x2C, GBPA = 0x44;
inline constexpr u64 IRQ_CTRL = 0x50, IRQ_CTRLACK = 0x54, GERROR = 0x60, GERRORN = 0x64;
inline constexpr u64 GERROR_IRQ_CFG0 = 0x68, EVENTQ_IRQ_CFG0 = 0xB0;
inline constexpr u64 STRTAB_BASE = 0x80, STRTAB_BASE_CFG = 0x88;
inline constexpr u64 CMDQ_BASE = 0x90, CMDQ_PROD = 0x98, CMDQ_CONS = 0x9C;
inline constexpr u64 EVENTQ_BASE = 0xA0, EVENTQ_PROD = 0x100A8, EVENTQ_CONS = 0x100AC;  // indexes in page 1
}  // namespace offset

// CR0 and CR0ACK, 6.3.9
inline constexpr u32 CR0_SMMUEN = 1u << 0, CR0_EVENTQEN = 1u << 2, CR0_CMDQEN = 1u << 3;
// CR1, 6.3.11: tables and queues inner shareable, write-back
inline constexpr u32 CR1_coherent = 3u << 10 | 1u << 8 | 1u << 6 | 3u << 4 | 1u << 2 | 1u << 0;
// CR2, 6.3.12
inline constexpr u32 CR2_RECINVSID = 1u << 1, CR2_PTM = 1u << 2;
// GBPA, 6.3.14
inline constexpr u32 GBPA_UPDATE = 1u << 31, GBPA_ABORT = 1u << 20;
// IRQ_CTRL, 6.3.16
inline constexpr u32 IRQ_CTRL_GERROR = 1u << 0, IRQ_CTRL_EVENTQ = 1u << 2;
// GERROR, 6.3.18
inline constexpr u32 GERROR_CMDQ_ERR = 1u << 0, GERROR_EVENTQ_ABT_ERR = 1u << 2;
// Bases of queues and tables: read-allocate (write-allocate) hint
inline constexpr u64 base_allocate = u64{1} << 62;
// EVENTQ_PROD.OVFLG, EVENTQ_CONS.OVACKFLG
inline constexpr u32 queue_overflow = 1u << 31;

/// The ID registers, decoded as far as the driver cares (6.3.1 to 6.3.6).
struct Features {
    bool stage1, stage2, coherent, hyp, asid16, vmid16, msi, sev, broadcast, two_level_streams, range_invalidation;
    bool stall_forced, stalls;
    u32 command_queue_log2, event_queue_log2, stream_bits;
    u32 output_code;
    unsigned output_bits;
    unsigned granule_bits;  ///< the smallest that is implemented, 4 KiB first

    Features(u32 idr0, u32 idr1, u32 idr3, u32 idr5)
        : stage1((idr0 >> 1 & 1) != 0),
          stage2((idr0 & 1) != 0),
          coherent((idr0 >> 4 & 1) != 0),
          hyp((idr0 >> 9 & 1) != 0),
          asid16((idr0 >> 12 & 1) != 0),
          vmid16((idr0 >> 18 & 1) != 0),
          msi((idr0 >> 13 & 1) != 0),
          sev((idr0 >> 14 & 1) != 0),
          broadcast((idr0 >> 5 & 1) != 0),
          two_level_streams((idr0 >> 27 & 3) == 1),
          range_invalidation((idr3 >> 10 & 1) != 0),
          stall_forced((idr0 >> 24 & 3) == 2),
          stalls((idr0 >> 24 & 3) == 0),
          command_queue_log2(idr1 >> 21 & 31),
          event_queue_log2(idr1 >> 16 & 31),
          stream_bits(idr1 & 63),
          output_code(idr5 & 7),
          output_bits(output_size(idr5 & 7)),
          granule_bits((idr5 & 1u << 4) != 0   ? 12
                       : (idr5 & 1u << 5) != 0 ? 14
                       : (idr5 & 1u << 6) != 0 ? 16
                                               : 0) {
        // 52 and 56 bits need larger granules or other descriptors than this driver writes.
        if (output_bits > 48) output_bits = 48, output_code = 5;
    }

    static unsigned output_size(u32 code) {
        constexpr unsigned bits[] = {32, 36, 40, 42, 44, 48, 52, 56};
        return bits[code];
    }
};

}  // namespace smmusim::sw::smmu
