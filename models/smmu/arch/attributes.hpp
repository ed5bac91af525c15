// Memory attributes that leave the SMMU: overrides, MAIR, stage 2 and their combination (IHI 0070, 13; DDI 0487, D8.6).
#pragma once

#include "smmu/arch/environment.hpp"
#include "smmu/spec/registers.hpp"

namespace smmusim::smmu::arch {

/// MemAttr of STE, GBPA and interrupt configuration (5.2, MemAttr).
sim::MemoryAttributes memory_attribute(u64 memattr);

/// One byte of MAIR (DDI 0487, D24.2.113).
sim::MemoryAttributes mair_attribute(u8 mair);

/// Type, shareability and hints of a bypassing transaction: MTCFG/MemAttr, SHCFG, ALLOCCFG.
sim::MemoryAttributes bypass_attributes(const sim::MemoryAttributes& incoming, const spec::Ste& ste,
                                        const spec::Identification& id);
sim::MemoryAttributes bypass_attributes(const sim::MemoryAttributes& incoming, const spec::Gbpa& gbpa,
                                        const spec::Identification& id);

/// Attributes of a translated transaction.
sim::MemoryAttributes combined_attributes(sim::MemoryAttributes incoming, const StreamContext& context,
                                          const Translation& translation, const spec::Identification& id);
/// The same; most transactions of a stream are like the one before.
[[gnu::always_inline]] inline sim::MemoryAttributes translated_attributes(sim::MemoryAttributes incoming,
                                                                          const StreamContext& context,
                                                                          const Translation& translation,
                                                                          const spec::Identification& id) {
    LatestAttributes& latest = context.latest;
    const u32 stages =
        u32{translation.mair} | u32{translation.stage1_shareability} << 8 | u32{translation.stage2_attributes} << 16;
    if (!latest.known || latest.stages != stages || latest.incoming != incoming) [[unlikely]]
        latest = {true, incoming, combined_attributes(incoming, context, translation, id), stages};
    return latest.outgoing;
}

/// `passage` of a cache maintenance operation, which has no memory type of its own; an invalidation that could destroy
/// data needs write permission and STE.DRE, else it cleans first (3.22).
Passage maintain(Passage passage, Request effective, const spec::Ste& ste, bool writable);

/// True if stage 2 alone makes a stage 1 walk or CD fetch an access to Device memory (5.2, S2PTW).
bool stage2_is_device(const spec::Ste& ste, u8 memattr);

/// `request` with INSTCFG and PRIVCFG applied; INSTCFG changes reads only (5.2). Writes are always Data.
inline bool overrides(const Request& request, const spec::Ste& ste, const spec::Identification& id) {
    if (request.write && request.instruction) return true;
    return id.idr1.ATTR_PERMS_OVR != 0 && (ste[spec::Ste::PRIVCFG] | ste[spec::Ste::INSTCFG]) >= 0b10;
}
inline Request override_request(const Request& request, u64 instcfg, u64 privcfg, const spec::Identification& id) {
    Request effective = request;
    if (request.write) effective.instruction = false;
    if (id.idr1.ATTR_PERMS_OVR == 0) return effective;
    if (privcfg >= 0b10) effective.privileged = privcfg == 0b11;
    if (!request.write && instcfg >= 0b10) effective.instruction = instcfg == 0b11;
    return effective;
}
inline Request override_request(const Request& request, const spec::Ste& ste, const spec::Identification& id) {
    return override_request(request, ste[spec::Ste::INSTCFG], ste[spec::Ste::PRIVCFG], id);
}
inline Request override_request(const Request& request, const spec::Gbpa& gbpa, const spec::Identification& id) {
    return override_request(request, gbpa[spec::Gbpa::INSTCFG], gbpa[spec::Gbpa::PRIVCFG], id);
}

// Attributes of the SMMU's own accesses (13.1.5 and the fields named).

/// Stream table: CR1.TABLE_*.
sim::MemoryAttributes table_attributes(const spec::Cr1& cr1);
/// Queues: CR1.QUEUE_*.
sim::MemoryAttributes queue_attributes(const spec::Cr1& cr1);
/// Context descriptors: STE.S1CIR, S1COR, S1CSH.
sim::MemoryAttributes cd_attributes(const spec::Ste& ste);
/// Stage 1 tables: CD.IRx, ORx, SHx.
sim::MemoryAttributes stage1_walk_attributes(const spec::Cd& cd, bool upper);
/// Stage 2 tables: STE.S2IR0, S2OR0, S2SH0.
sim::MemoryAttributes stage2_walk_attributes(const spec::Ste& ste);
/// An own access whose address stage 2 has translated: both combined; with PTWNNC no walk is an access to Device
/// memory.
sim::MemoryAttributes own_attributes_through_stage2(const sim::MemoryAttributes& own, const spec::Ste& ste,
                                                    const Stage2Leaf& leaf, const spec::Identification& id);
/// Interrupts by message: MemAttr and SH of IRQ_CFG2 and CMD_SYNC.
sim::MemoryAttributes message_attributes(u64 memattr, u64 sh);

/// A memory attribute as a byte of MAIR, and as an SH field.
u8 mair_byte(const sim::MemoryAttributes& memory);
u64 shareability_field(const sim::MemoryAttributes& memory);

}  // namespace smmusim::smmu::arch
