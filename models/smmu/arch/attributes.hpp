// Memory attributes that leave the SMMU: overrides, MAIR, stage 2 and their combination (IHI 0070, 13; DDI 0487, D8.6).
#pragma once

#include "smmu/arch/request.hpp"
#include "smmu/spec/registers.hpp"

namespace smmusim::smmu::arch {

/// MemAttr of STE, GBPA and interrupt configuration (5.2, MemAttr).
sim::MemoryAttributes memory_attribute(u64 memattr);

/// One byte of MAIR (DDI 0487, D24.2.113).
sim::MemoryAttributes mair_attribute(u8 mair);

/// Type, shareability and hints of a bypassing transaction: MTCFG/MemAttr, SHCFG, ALLOCCFG.
sim::MemoryAttributes override_attributes(sim::MemoryAttributes incoming, bool mtcfg, u64 memattr, u64 shcfg,
                                          u64 alloccfg);
sim::MemoryAttributes bypass_attributes(const sim::MemoryAttributes& incoming, const spec::Ste& ste);
sim::MemoryAttributes bypass_attributes(const sim::MemoryAttributes& incoming, const spec::Gbpa& gbpa);

/// Attributes of a translated transaction.
sim::MemoryAttributes translated_attributes(const sim::MemoryAttributes& incoming, const StreamContext& context,
                                            const Translation& translation);

/// True if stage 2 alone makes a stage 1 walk or CD fetch an access to Device memory (5.2, S2PTW).
bool stage2_is_device(const spec::Ste& ste, u8 memattr);

/// `request` with INSTCFG and PRIVCFG applied; INSTCFG changes reads only (5.2).
Request override_request(Request request, u64 instcfg, u64 privcfg);

}  // namespace smmusim::smmu::arch
