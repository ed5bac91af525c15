// What stream table entries and context descriptors say about walks (IHI 0070, 5.2 and 5.4; DDI 0487, D8.2).
#pragma once

#include "smmu/arch/attributes.hpp"
#include "smmu/arch/checks.hpp"
#include "smmu/arch/permissions.hpp"

namespace smmusim::smmu::arch {

/// Whether stage 1 walks the tables of a half: any-EL2 has TTB0 only, and EPDx does not apply to it.
inline bool walks(const spec::Cd& cd, StreamWorld world, bool upper) {
    if (world == StreamWorld::El2) return !upper;
    return !cd.walks_disabled(upper);
}

/// Of TTB0, or of TTB1 if `upper`, of a legal descriptor whose walks are enabled.
inline Regime stage1_regime(const spec::Cd& cd, StreamWorld world, bool upper, const spec::Identification& id) {
    using spec::Cd;
    Regime regime;
    regime.geometry = Geometry::stage1(cd.granule(upper), cd.input_size_field(upper));
    regime.wide = wide_stage1(cd, id);
    regime.output_bits = effective_output_bits(cd[Cd::IPS], cd.granule(upper), regime.wide, id);
    regime.first_table = regime.geometry.start_base(cd.table_base(upper), regime.output_bits);
    regime.format = format_of(cd.granule(upper), regime.wide, id.output_bits());
    regime.shareability = static_cast<u8>(cd.shareability(upper));
    regime.big_endian = cd[Cd::ENDI];
    regime.update = hardware_update(cd[Cd::HA], cd[Cd::HD], id);
    regime.access_flag_faults = !regime.update.access_flag && !cd[Cd::AFFD];
    regime.privileged_only = world != StreamWorld::El2 && id.idr3.E0PD != 0 && cd.denies_unprivileged(upper);
    regime.table_attributes = id.idr3.HAD == 0 || !cd.ignores_table_attributes(upper);
    regime.memory = stage1_walk_attributes(cd, upper);
    return regime;
}

/// Of stage 2 of a legal entry.
inline Regime stage2_regime(const spec::Ste& ste, const spec::Identification& id) {
    using spec::Ste;
    Regime regime;
    regime.geometry = {offset_bits(ste.stage2_granule()), 64 - static_cast<unsigned>(ste[Ste::S2T0SZ]),
                       stage2_start(ste, id).level};
    regime.wide = wide_stage2(ste, id);
    regime.output_bits = effective_output_bits(ste[Ste::S2PS], ste.stage2_granule(), regime.wide, id);
    regime.first_table = regime.geometry.start_base(ste[Ste::S2TTB], regime.output_bits);
    regime.format = format_of(ste.stage2_granule(), regime.wide, id.output_bits());
    regime.shareability = static_cast<u8>(ste[Ste::S2SH0]);
    regime.big_endian = ste[Ste::S2ENDI];
    regime.update = hardware_update(ste[Ste::S2HA], ste[Ste::S2HD], id);
    regime.access_flag_faults = !regime.update.access_flag && !ste[Ste::S2AFFD];
    regime.memory = stage2_walk_attributes(ste);
    return regime;
}

}  // namespace smmusim::smmu::arch
