// ID fields that the architecture ties together: what is given stays, the other default follows.
#include <gtest/gtest.h>

#include <set>

#include "smmu/spec/identification_rules.hpp"

namespace smmusim::smmu::spec {
namespace {

struct Settled {
    Identification id;
    std::optional<IdentificationProblem> problem;
};

Settled settled(const std::set<std::string>& names, const std::function<void(Identification&)>& give) {
    Settled result;
    give(result.id);
    result.problem = settle(result.id, [&](const std::string& name) { return names.contains(name); });
    return result;
}

TEST(Identification, DefaultsAreConsistent) {
    const Settled defaults = settled({}, [](Identification&) {});
    EXPECT_FALSE(defaults.problem);
    EXPECT_EQ(defaults.id.idr0.value(), Identification{}.idr0.value());
    EXPECT_EQ(defaults.id.idr3.value(), Identification{}.idr3.value());
    EXPECT_EQ(defaults.id.aidr.ArchMinorRev, 2u);
}

TEST(Identification, PriGoesWithAts) {
    const Settled off = settled({"IDR0.ATS"}, [](Identification& id) { id.idr0.ATS = 0; });
    EXPECT_FALSE(off.problem);
    EXPECT_EQ(off.id.idr0.PRI, 0u);
    const Settled both = settled({"IDR0.ATS", "IDR0.PRI"}, [](Identification& id) { id.idr0.ATS = 0; });
    ASSERT_TRUE(both.problem);
    EXPECT_EQ(both.problem->field, "IDR0.PRI");
}

TEST(Identification, FeaturesOfAnAbsentStageAreAbsent) {
    const Settled only2 = settled({"IDR0.S1P"}, [](Identification& id) { id.idr0.S1P = 0; });
    EXPECT_FALSE(only2.problem);
    EXPECT_EQ(only2.id.idr0.Hyp, 0u);
    EXPECT_EQ(only2.id.idr0.CD2L, 0u);
    EXPECT_EQ(only2.id.idr3.HAD, 0u);
    EXPECT_EQ(only2.id.idr0.VMID16, 1u);
    const Settled only1 = settled({"IDR0.S2P"}, [](Identification& id) { id.idr0.S2P = 0; });
    EXPECT_FALSE(only1.problem);
    EXPECT_EQ(only1.id.idr0.VMID16, 0u);
    EXPECT_EQ(only1.id.idr3.XNX, 0u);
    EXPECT_EQ(only1.id.aidr.ArchMinorRev, 2u);
    EXPECT_TRUE(settled({}, [](Identification& id) { id.idr0.S1P = id.idr0.S2P = 0; }).problem);
}

TEST(Identification, VersionFollowsAFeatureThatIsSwitchedOff) {
    const Settled old = settled({"IDR3.RIL"}, [](Identification& id) { id.idr3.RIL = 0; });
    EXPECT_FALSE(old.problem);
    EXPECT_EQ(old.id.idr3.RIL, 0u);
    EXPECT_EQ(old.id.aidr.ArchMinorRev, 1u) << "range invalidation is mandatory from SMMUv3.2";
    const Settled older = settled({"IDR3.HAD"}, [](Identification& id) { id.idr3.HAD = 0; });
    EXPECT_EQ(older.id.aidr.ArchMinorRev, 0u);
    EXPECT_TRUE(settled({"IDR3.RIL", "AIDR.ArchMinorRev"}, [](Identification& id) { id.idr3.RIL = 0; }).problem);
}

TEST(Identification, FeatureFollowsAVersion) {
    const Settled newer = settled({"AIDR.ArchMinorRev"}, [](Identification& id) {
        id.aidr.ArchMinorRev = 3;
        id.idr3.E0PD = 0;
    });
    EXPECT_FALSE(newer.problem);
    EXPECT_EQ(newer.id.idr3.E0PD, 1u);
}

TEST(Identification, ManyStreamsNeedTwoLevelTables) {
    const Settled linear = settled({"IDR0.ST_LEVEL"}, [](Identification& id) { id.idr0.ST_LEVEL = 0; });
    EXPECT_FALSE(linear.problem);
    EXPECT_EQ(linear.id.idr1.SIDSIZE, 6u);
    const Settled wide = settled({"IDR1.SIDSIZE"}, [](Identification& id) {
        id.idr0.ST_LEVEL = 0;
        id.idr1.SIDSIZE = 16;
    });
    EXPECT_EQ(wide.id.idr0.ST_LEVEL, 1u);
    EXPECT_TRUE(settled({"IDR0.ST_LEVEL", "IDR1.SIDSIZE"}, [](Identification& id) { id.idr0.ST_LEVEL = 0; }).problem);
}

TEST(Identification, ReservedEncodingsAndNoGranuleAreRefused) {
    EXPECT_TRUE(settled({"IDR0.TTENDIAN"}, [](Identification& id) { id.idr0.TTENDIAN = 1; }).problem);
    EXPECT_TRUE(
        settled({}, [](Identification& id) { id.idr5.GRAN4K = id.idr5.GRAN16K = id.idr5.GRAN64K = 0; }).problem);
}

}  // namespace
}  // namespace smmusim::smmu::spec
