// Promises of the registers by which LPIs are handled without an ITS.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

GicConfig with_direct_lpis() {
    GicConfig config;
    config.redistributor.direct_lpi = true;
    return config;
}

class DirectLpi : public testing::Test {
protected:
    DirectLpi() {
        m.start_cpus();
        m.enable_lpis();
        m.configure_lpi(8200, 0xA1);
    }
    Machine m{with_direct_lpis()};
};

TEST_F(DirectLpi, TyperSaysSo) {
    EXPECT_EQ(m.r(0, 0x0008, 8) >> 3 & 1, 1u);
    EXPECT_EQ(Machine().r(0, 0x0008, 8) >> 3 & 1, 0u);
}

TEST_F(DirectLpi, SetlpirMakesItPendingAtThisRedistributor) {
    m.set_r(2, 0x0040, 8200, 8);
    m.run();
    EXPECT_EQ(m.cpu(2).pending(), std::vector<u32>{8200});
    EXPECT_TRUE(m.cpu(0).pending().empty());
    EXPECT_EQ(m.r(2, 0x0040, 8), 0u) << "write-only";
}

TEST_F(DirectLpi, SetlpirOfThirtyTwoBitsIsExtendedByZeros) {
    m.set_r(2, 0x0040, 8200, 4);
    m.run();
    EXPECT_EQ(m.cpu(2).pending(), std::vector<u32>{8200});
}

TEST_F(DirectLpi, SetlpirOfAPendingOneOrOfNoLpiHasNoEffect) {
    for (const u32 intid : {8200u, 8200u, 8191u, 40u, 0x1'0000u}) m.set_r(0, 0x0040, intid, 8);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), 8200u);
    m.cpu().end(8200);
    EXPECT_TRUE(m.cpu().pending().empty());
}

TEST_F(DirectLpi, SetlpirIsIgnoredWhileLpisAreDisabled) {
    m.set_r(0, 0x0000, 0);
    m.run();
    m.set_r(0, 0x0040, 8200, 8);
    m.run();
    m.set_lpi_tables(0, Machine::skip_scan);
    m.set_r(0, 0x0000, 1);
    m.run();
    EXPECT_TRUE(m.cpu().pending().empty());
}

TEST_F(DirectLpi, ClrlpirTakesThePendingStateAway) {
    m.set_r(0, 0x0040, 8200, 8);
    m.run();
    ASSERT_TRUE(m.cores[0]->line);
    m.set_r(0, 0x0048, 8201, 8);
    EXPECT_TRUE(m.cores[0]->line);
    m.set_r(0, 0x0048, 8200, 4);
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_TRUE(m.cpu().pending().empty());
}

TEST_F(DirectLpi, DeviceReachesItAsADoorbell) {
    auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.writer.write(m.gic.redistributors(), Machine::gicr + 0x2'0000 + 0x40, 4, 8200, 1, journey);
    m.run();
    EXPECT_EQ(m.cpu(1).pending(), std::vector<u32>{8200});
    EXPECT_EQ(m.observer.outcomes, std::vector<sim::Journey::Outcome>{sim::Journey::Outcome::Delivered});
}

TEST_F(DirectLpi, SyncrIsNeverBusyBecauseInvalidationsTakeEffectAtOnce) {
    m.set_r(0, 0x00A0, 8200, 8);
    EXPECT_EQ(m.r(0, 0x00C0), 0u);
    m.set_r(0, 0x00B0, 0, 8);
    EXPECT_EQ(m.r(0, 0x00C0), 0u);
}

TEST(WithoutDirectLpi, SetlpirAndClrlpirHaveNoEffect) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.set_r(0, 0x0040, Machine::lpi(1, 0), 8);
    m.run();
    EXPECT_TRUE(m.cpu().pending().empty());
    m.doorbell(1, 0);
    m.run();
    m.set_r(0, 0x0048, Machine::lpi(1, 0), 8);
    m.run();
    EXPECT_EQ(m.cpu().pending().size(), 1u);
}

}  // namespace
}  // namespace smmusim::gic::test
