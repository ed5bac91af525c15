#include "smmu/arch/checks.hpp"

namespace smmusim::smmu::arch {

using spec::Cd;
using spec::Granule;
using spec::Identification;
using spec::Ste;

namespace {

bool implemented(Granule granule, const Identification& id) {
    switch (granule) {
        case Granule::K4: return id.idr5.GRAN4K != 0;
        case Granule::K16: return id.idr5.GRAN16K != 0;
        case Granule::K64: return id.idr5.GRAN64K != 0;
        case Granule::Reserved: break;
    }
    return false;
}

/// Largest TxSZ (DDI 0487, D8.2): 39, or with small tables 48, 47 for 64 KiB.
u64 largest_size_field(Granule granule, const Identification& id) {
    if (id.idr3.STT == 0) return 39;
    return granule == Granule::K64 ? 47 : 48;
}

bool wrong_endianness(bool big, const Identification& id) {
    // TTENDIAN: 0b10 little only, 0b11 big only (6.3.1).
    return (id.idr0.TTENDIAN == 2 && big) || (id.idr0.TTENDIAN == 3 && !big);
}

}  // namespace

unsigned effective_output_bits(u64 encoding, Granule granule, bool wide, const Identification& id) {
    const unsigned bits = std::min(spec::address_bits(encoding), id.output_bits());
    return wide || granule == Granule::K64 ? bits : std::min(bits, 48u);
}

bool wide_stage1(const Cd& cd, const Identification& id) { return id.idr5.DS != 0 && cd[Cd::DS]; }
bool wide_stage2(const Ste& ste, const Identification& id) { return id.idr5.DS != 0 && ste[Ste::S2DS]; }

Stage2Start stage2_start(const Ste& ste, const Identification& id) {
    const Granule granule = ste.stage2_granule();
    if (granule == Granule::Reserved) return {};
    const unsigned g = offset_bits(granule);
    const unsigned s = g - 3;
    const u64 sl0 = ste[Ste::S2SL0];
    // Start level by S2SL0 (5.2, S2SL0): 4 KiB counts down from level 2, the others from level 3; 0b11 is level 3
    // of 4 KiB with small tables, otherwise reserved.
    // 52-bit addresses add level -1 of 4 KiB (S2SL0_2) and level 0 of 16 KiB.
    const bool wide = id.idr5.DS != 0 && ste[Ste::S2DS];
    const bool bit2 = wide && granule == Granule::K4 && ste[Ste::S2SL0_2];
    int level = 0;
    if (granule == Granule::K4) {
        if (bit2 && sl0 != 0) return {};
        if (!bit2 && sl0 == 3 && id.idr3.STT == 0) return {};
        level = bit2 ? -1 : sl0 == 3 ? 3 : 2 - static_cast<int>(sl0);
    } else {
        if (sl0 == 3 && !(granule == Granule::K16 && wide)) return {};
        level = 3 - static_cast<int>(sl0);
    }
    // The largest start levels need a large enough output address (DDI 0487, D8.2.2).
    if (granule == Granule::K4 && level == -1 && id.output_bits() < 52) return {};
    if (granule == Granule::K4 && level == 0 && id.output_bits() < 44) return {};
    if (granule == Granule::K16 && level == 0 && id.output_bits() < 52) return {};
    if (granule == Granule::K16 && level == 1 && id.output_bits() < 42) return {};
    if (granule == Granule::K64 && level == 1 && id.output_bits() < 44) return {};
    // Up to 16 concatenated tables at the start level; a level below the largest needs at least one whole bit.
    const unsigned input = 64 - static_cast<unsigned>(ste[Ste::S2T0SZ]);
    const unsigned low = static_cast<unsigned>(3 - level) * s + g + 1;
    const unsigned high = low + (s - 1) + 4;
    return {input >= low && input <= high, level};
}

StreamWorld stream_world(const Ste& ste, bool cr2_e2h, const Identification& id) {
    // 5.2 STRW: used if only stage 1 is enabled; without Hyp every stream is of EL1.
    const bool used = ste[Ste::Cfg] == Ste::Config::Stage1 && id.idr0.Hyp != 0;
    if (!used || ste[Ste::STRW] != 0b10) return StreamWorld::El1;
    return cr2_e2h ? StreamWorld::El2E2h : StreamWorld::El2;
}

const char* illegal_ste(const Ste& ste, const Identification& id) {
    if (!ste[Ste::V]) return "STE.V = 0";
    if (ste.aborts()) return nullptr;
    const bool s1 = ste.stage1();
    const bool s2 = ste.stage2();
    if (s1 && id.idr0.S1P == 0) return "STE.Config enables stage 1, which is not implemented";
    if (s2 && id.idr0.S2P == 0) return "STE.Config enables stage 2, which is not implemented";
    // Without ATS, EATS is ignored, and so it is by bypassing streams. 0b11 needs DPT and counts as 0b00.
    if (id.idr0.ATS != 0 && (s1 || s2)) {
        const u64 eats = ste[Ste::EATS];
        if (eats == 0b10 && (!(s1 && s2) || ste[Ste::S2S] || id.idr0.NS1ATS != 0))
            return "STE.EATS = 0b10 needs both stages, S2S = 0 and split-stage ATS";
        if (eats == 0b01 && s2 && ste[Ste::S2S]) return "STE.EATS = 0b01 with S2S = 1";
    }
    // STRW x1 is reserved for Non-secure streams.
    if (s1 && !s2 && id.idr0.Hyp != 0 && (ste[Ste::STRW] & 1) != 0) return "STE.STRW is reserved";
    if (s1) {
        if (ste[Ste::S1STALLD] && id.idr0.STALL_MODEL != 0) return "STE.S1STALLD = 1 without the stall model";
        if (id.idr1.SSIDSIZE != 0) {
            if (ste[Ste::S1CDMax] > id.idr1.SSIDSIZE) return "STE.S1CDMax exceeds SSIDSIZE";
            const bool two_level =
                ste[Ste::S1Fmt] == Ste::S1Format::TwoLevel4K || ste[Ste::S1Fmt] == Ste::S1Format::TwoLevel64K;
            if (two_level && ste[Ste::S1CDMax] != 0 && id.idr0.CD2L == 0) return "STE.S1Fmt needs two-level CD tables";
        }
        // In nested configurations an address beyond the IAS is left to the stage 2 walk, which refuses it.
        if (!s2 && ste[Ste::S1ContextPtr] >> id.output_bits() != 0) return "STE.S1ContextPtr exceeds the output size";
    }
    if (s2) {
        if (ste[Ste::S2S] && id.idr0.STALL_MODEL == 1) return "STE.S2S = 1, but faults never stall";
        if (!ste[Ste::S2S] && id.idr0.STALL_MODEL == 2) return "STE.S2S = 0, but faults always stall";
        if (!ste[Ste::S2AA64]) return "STE.S2AA64 = 0, but VMSAv8-32 is not implemented";
        if (id.idr0.HTTU == 0 && (ste[Ste::S2HA] || ste[Ste::S2HD])) return "STE.S2HA or S2HD without HTTU";
        if (id.idr0.HTTU == 1 && ste[Ste::S2HD]) return "STE.S2HD without dirty state update";
        const Granule granule = ste.stage2_granule();
        if (!implemented(granule, id)) return "STE.S2TG is reserved or not implemented";
        const bool wide = wide_stage2(ste, id);
        if (ste[Ste::S2TTB] >> effective_output_bits(ste[Ste::S2PS], granule, wide, id) != 0)
            return "STE.S2TTB exceeds S2PS";
        const u64 t0sz = ste[Ste::S2T0SZ];
        const u64 floor = wide || granule == Granule::K64 ? 12 : 16;
        const u64 smallest = std::max<u64>(floor, 64 - id.intermediate_bits());
        if (t0sz > largest_size_field(granule, id) || t0sz < smallest) return "STE.S2T0SZ is out of range";
        if (!stage2_start(ste, id).legal) return "STE.S2T0SZ, S2SL0 and S2TG do not fit together";
        if (wrong_endianness(ste[Ste::S2ENDI], id)) return "STE.S2ENDI contradicts TTENDIAN";
    }
    // S2VMID is used by stage 2 and tags EL1 streams of stage 1.
    const bool vmid_used = id.idr0.S2P != 0 && (s2 || (s1 && stream_world(ste, false, id) == StreamWorld::El1));
    if (vmid_used && id.idr0.VMID16 == 0 && ste[Ste::S2VMID] > 0xFF) return "STE.S2VMID exceeds 8 bits";
    return nullptr;
}

const char* illegal_cd(const Cd& cd, const Ste& ste, StreamWorld world, const Identification& id) {
    if (!cd[Cd::V]) return "CD.V = 0";
    if (ste[Ste::S1STALLD] && cd[Cd::S]) return "CD.S = 1 with STE.S1STALLD = 1";
    if (id.idr0.TERM_MODEL == 1 && !cd[Cd::A]) return "CD.A = 0, but faults end in aborts only";
    if (id.idr0.STALL_MODEL == 1 && cd[Cd::S]) return "CD.S = 1, but faults never stall";
    if (id.idr0.STALL_MODEL == 2 && !cd[Cd::S]) return "CD.S = 0, but faults always stall";
    if (!cd[Cd::AA64]) return "CD.AA64 = 0, but VMSAv8-32 is not implemented";
    const bool one_range = world == StreamWorld::El2;  // EPDx ignored, no TTB1
    const bool enabled0 = one_range || !cd[Cd::EPD0];
    const bool enabled1 = !one_range && !cd[Cd::EPD1];
    if ((enabled0 || enabled1) && wrong_endianness(cd[Cd::ENDI], id)) return "CD.ENDI contradicts TTENDIAN";
    if (id.idr0.HTTU == 0 && (cd[Cd::HA] || cd[Cd::HD])) return "CD.HA or HD without HTTU";
    if (id.idr0.HTTU == 1 && cd[Cd::HD]) return "CD.HD without dirty state update";
    if (world != StreamWorld::El2 && id.idr0.ASID16 == 0 && cd[Cd::ASID] > 0xFF) return "CD.ASID exceeds 8 bits";
    for (const bool upper : {false, true}) {
        if (!(upper ? enabled1 : enabled0)) continue;
        const Granule granule = cd.granule(upper);
        if (!implemented(granule, id))
            return upper ? "CD.TG1 is reserved or not implemented" : "CD.TG0 is reserved or not implemented";
        const u64 size = cd.input_size_field(upper);
        const bool wide = wide_stage1(cd, id);
        const u64 smallest = id.idr5.VAX != 0 && (wide || granule == Granule::K64) ? 12 : 16;
        if (size < smallest || size > largest_size_field(granule, id))
            return upper ? "CD.T1SZ is out of range" : "CD.T0SZ is out of range";
        if (cd.table_base(upper) >> effective_output_bits(cd[Cd::IPS], granule, wide, id) != 0)
            return upper ? "CD.TTB1 exceeds IPS" : "CD.TTB0 exceeds IPS";
    }
    return nullptr;
}

}  // namespace smmusim::smmu::arch
