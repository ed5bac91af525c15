// Promises of function addresses and of the maps to StreamID and DeviceID.
#include <gtest/gtest.h>

#include "pcie/arch/id_map.hpp"
#include "pcie/arch/requester_id.hpp"

namespace smmusim::pcie::arch {
namespace {

TEST(FunctionAddress, TextWithAndWithoutSegment) {
    const auto plain = FunctionAddress::parse("00:01.0");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->requester_id(), 0x0008);
    EXPECT_EQ(plain->text(), "00:01.0");
    EXPECT_EQ(plain->name(), "00_01_0");
    const auto full = FunctionAddress::parse("0001:a0:1f.7");
    ASSERT_TRUE(full);
    EXPECT_EQ(full->requester_id(), 0xA0FF);
    EXPECT_EQ(full->global_id(), 0x1A0FFu);
    EXPECT_EQ(full->text(), "0001:a0:1f.7");
    EXPECT_EQ(full->name(), "0001_a0_1f_7");
}

TEST(FunctionAddress, AnythingElseIsRefused) {
    for (const char* text : {"", "00", "00:01", "00:20.0", "00:01.8", "00:01.0 ", "x0:01.0", "00:01.0.0", "1:2:3:4.0",
                             "00-01.0", "100:01.0", "00:001.0", " 00:01.0", "00:01.", ":01.0"})
        EXPECT_FALSE(FunctionAddress::parse(text)) << '"' << text << '"';
}

TEST(IdMap, WithoutRulesTheIdentifierIsTheRequesterId) { EXPECT_EQ(map_requester({}, 0x1234), 0x1234u); }

TEST(IdMap, FirstMatchingRuleDecidesAndItsEndsAreExact) {
    const std::vector<IdMapRule> rules{{0x0008, 0x1000, 0x10, 0xFFFF}, {0x0000, 0x5000, 0x100, 0xFFFF}};
    EXPECT_EQ(map_requester(rules, 0x0008), 0x1000u);
    EXPECT_EQ(map_requester(rules, 0x0017), 0x100Fu);
    EXPECT_EQ(map_requester(rules, 0x0018), 0x5018u);
    EXPECT_EQ(map_requester(rules, 0x0007), 0x5007u);
    EXPECT_EQ(map_requester(rules, 0x0100), sim::no_id);
}

TEST(IdMap, MaskMergesFunctionsBeforeTheRuleIsApplied) {
    const std::vector<IdMapRule> rules{{0x0100, 0x20, 0x100, 0xFF00}};
    EXPECT_EQ(map_requester(rules, 0x0100), 0x20u);
    EXPECT_EQ(map_requester(rules, 0x01FF), 0x20u);
    EXPECT_EQ(map_requester(rules, 0x0200), sim::no_id);
}

}  // namespace
}  // namespace smmusim::pcie::arch
