// Which stream table entries and context descriptors are ILLEGAL (IHI 0070, 5.2.2 and 5.4.1).
#pragma once

#include "smmu/arch/request.hpp"

namespace smmusim::smmu::arch {

/// Null if the entry is legal, else the rule that it breaks. Config = 0xx is legal once V = 1.
const char* illegal_ste(const spec::Ste& ste, const spec::Identification& id);

/// Null if the descriptor is legal for the stream, else the rule that it breaks.
const char* illegal_cd(const spec::Cd& cd, const spec::Ste& ste, StreamWorld world, const spec::Identification& id);

/// StreamWorld of a legal entry (IHI 0070, 5.2, STRW).
StreamWorld stream_world(const spec::Ste& ste, bool cr2_e2h, const spec::Identification& id);

/// Whether a stage uses the 52-bit descriptors of the 4 KiB and 16 KiB granules (LPA2).
bool wide_stage1(const spec::Cd& cd, const spec::Identification& id);
bool wide_stage2(const spec::Ste& ste, const spec::Identification& id);

/// Output address bits of a stage: IPS or S2PS capped by OAS, and by 48 where the descriptors hold no more.
unsigned effective_output_bits(u64 encoding, spec::Granule granule, bool wide, const spec::Identification& id);

/// Levels of a stage 2 walk; `legal` is false if S2T0SZ, S2SL0 and S2TG do not fit together.
struct Stage2Start {
    bool legal = false;
    int level = 0;
};
Stage2Start stage2_start(const spec::Ste& ste, const spec::Identification& id);

}  // namespace smmusim::smmu::arch
