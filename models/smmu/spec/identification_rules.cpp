#include "smmu/spec/identification_rules.hpp"

#include <fmt/format.h>

namespace smmusim::smmu::spec {

namespace {

using Given = std::function<bool(const std::string&)>;
using Problem = std::optional<IdentificationProblem>;

/// A field by its name, so that rules can speak of both.
struct Field {
    const char* name;
    u8& value;
};

/// `dependent` may be other than 0 only where `needed` is not 0.
Problem needs(const Given& given, Field dependent, Field needed) {
    if (dependent.value == 0 || needed.value != 0) return {};
    if (!given(dependent.name)) {
        dependent.value = 0;
        return {};
    }
    if (!given(needed.name)) {
        needed.value = 1;
        return {};
    }
    return IdentificationProblem{dependent.name,
                                 fmt::format("{} = {} needs {}", dependent.name, dependent.value, needed.name),
                                 fmt::format("write {} = 1, or {} = 0", needed.name, dependent.name)};
}

/// From SMMUv3.`version` on, `feature` is at least `least` where `applies`.
Problem mandatory(const Given& given, Field version_field, u8 version, Field feature, u8 least, bool applies) {
    if (!applies || version_field.value < version || feature.value >= least) return {};
    if (!given(feature.name)) {
        feature.value = least;
        return {};
    }
    if (!given(version_field.name)) {
        version_field.value = static_cast<u8>(version - 1);
        return {};
    }
    return IdentificationProblem{
        feature.name, fmt::format("SMMUv3.{} has {} of at least {}", version_field.value, feature.name, least),
        fmt::format("write {} = {}, or {} = {} or less", feature.name, least, version_field.name, version - 1)};
}

}  // namespace

Problem settle(Identification& id, const Given& given) {
    const Field s1p{"IDR0.S1P", id.idr0.S1P};
    const Field s2p{"IDR0.S2P", id.idr0.S2P};
    const Field ats{"IDR0.ATS", id.idr0.ATS};
    const Field version{"AIDR.ArchMinorRev", id.aidr.ArchMinorRev};

    if (id.idr0.S1P == 0 && id.idr0.S2P == 0)
        return IdentificationProblem{"IDR0.S1P", "an SMMU implements stage 1 or stage 2",
                                     "write one of S1P and S2P = 1"};
    if (id.idr0.TTENDIAN == 1)
        return IdentificationProblem{"IDR0.TTENDIAN", "the encoding 1 is reserved",
                                     "write 0 (mixed), 2 (little) or 3 (big)"};
    if (id.idr5.GRAN4K == 0 && id.idr5.GRAN16K == 0 && id.idr5.GRAN64K == 0)
        return IdentificationProblem{"IDR5.GRAN4K", "an SMMU implements a granule", "write one of the GRAN fields = 1"};

    // What a feature is part of.
    for (const Field dependent : {Field{"IDR0.ASID16", id.idr0.ASID16},
                                  {"IDR0.CD2L", id.idr0.CD2L},
                                  {"IDR0.Hyp", id.idr0.Hyp},
                                  {"IDR3.E0PD", id.idr3.E0PD},
                                  {"IDR3.EPAN", id.idr3.EPAN},
                                  {"IDR3.HAD", id.idr3.HAD}})
        if (Problem problem = needs(given, dependent, s1p)) return problem;
    for (const Field dependent : {Field{"IDR0.VMID16", id.idr0.VMID16},
                                  {"IDR0.VMW", id.idr0.VMW},
                                  {"IDR3.XNX", id.idr3.XNX},
                                  {"IDR3.FWB", id.idr3.FWB},
                                  {"IDR3.PTWNNC", id.idr3.PTWNNC}})
        if (Problem problem = needs(given, dependent, s2p)) return problem;
    for (const Field dependent :
         {Field{"IDR0.PRI", id.idr0.PRI}, {"IDR0.NS1ATS", id.idr0.NS1ATS}, {"IDR0.ATSRECERR", id.idr0.ATSRECERR}})
        if (Problem problem = needs(given, dependent, ats)) return problem;

    // 6.3.2: more than 64 streams need two-level tables.
    if (id.idr1.SIDSIZE >= 7 && id.idr0.ST_LEVEL == 0) {
        if (!given("IDR1.SIDSIZE")) id.idr1.SIDSIZE = 6;
        else if (!given("IDR0.ST_LEVEL")) id.idr0.ST_LEVEL = 1;
        else
            return IdentificationProblem{"IDR0.ST_LEVEL", "more than 6 bits of StreamID need two-level stream tables",
                                         "write IDR0.ST_LEVEL = 1, or IDR1.SIDSIZE = 6 or less"};
    }

    const bool s1 = id.idr0.S1P != 0;
    const bool s2 = id.idr0.S2P != 0;
    struct Mandatory {
        u8 version;
        Field feature;
        bool applies;
    };
    for (const Mandatory& rule :
         {Mandatory{3, {"IDR3.E0PD", id.idr3.E0PD}, s1}, Mandatory{2, {"IDR0.Hyp", id.idr0.Hyp}, s1 && s2},
          Mandatory{2, {"IDR3.FWB", id.idr3.FWB}, s2}, Mandatory{2, {"IDR3.RIL", id.idr3.RIL}, true},
          Mandatory{2, {"IDR3.BBML", id.idr3.BBML}, true}, Mandatory{1, {"IDR3.HAD", id.idr3.HAD}, s1},
          Mandatory{1, {"IDR3.XNX", id.idr3.XNX}, s2}})
        if (Problem problem = mandatory(given, version, rule.version, rule.feature, 1, rule.applies)) return problem;
    return {};
}

}  // namespace smmusim::smmu::spec
