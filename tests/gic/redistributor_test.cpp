// Promises of a redistributor: LPI properties, private interrupts.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

using Code = ItsCommand::Code;

TEST(Redistributor, IdentifiesItself) {
    Machine m;
    EXPECT_EQ(m.r(0, 0x0008, 8), 1u);
    EXPECT_EQ(m.r(3, 0x0008, 8), u64{3} << 32 | 3u << 8 | 1u << 4 | 1u) << "processor 3, affinity 3, the last";
    EXPECT_EQ(m.r(0, 0xFFE8) & 0xF0, 0x30u);
    EXPECT_EQ(m.r(0, 0x0000), 0x6u) << "CES and IR";
}

TEST(Redistributor, WakesWhenAsked) {
    Machine m;
    EXPECT_EQ(m.r(0, 0x0014), 6u);
    m.set_r(0, 0x0014, 0);
    EXPECT_EQ(m.r(0, 0x0014), 0u);
}

TEST(Redistributor, AsleepForwardsNothingAndForgetsNothing) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.set_r(0, 0x0014, 2);
    m.doorbell(1, 0);
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    m.set_r(0, 0x0014, 0);
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
}

TEST(Redistributor, TableRegistersAreFixedWhileLpisAreEnabled) {
    Machine m;
    m.start();
    const u64 properties = m.r(0, 0x0070, 8);
    const u64 pending_table = m.r(0, 0x0078, 8);
    m.set_r(0, 0x0070, 0, 8);
    m.set_r(0, 0x0078, 0, 8);
    EXPECT_EQ(m.r(0, 0x0070, 8), properties);
    EXPECT_EQ(m.r(0, 0x0078, 8), pending_table);
    EXPECT_EQ(pending_table >> 62 & 1, 0u) << "PTZ reads as zero";
}

TEST(Lpi, DroppedWhileLpisAreDisabled) {
    Machine m;
    m.start_cpus();
    m.start_its();
    m.map(1, 1);
    const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.doorbell(1, 0, journey);
    m.run();
    EXPECT_EQ(Counters(m.gic)["gicr.dropped_disabled"], 1u);
    EXPECT_EQ(journey->outcome(), sim::Journey::Outcome::Blocked);
    m.enable_lpis();
    EXPECT_TRUE(m.cpu().pending().empty()) << "not remembered";
}

TEST(Lpi, DroppedBeyondTheTables) {
    Machine m;
    m.start_cpus();
    m.set_r(0, 0x0070, Machine::properties | 13, 8);  // 14 bits: LPIs 8192 to 16383
    m.set_r(0, 0x0078, Machine::pending_tables | Machine::skip_scan, 8);
    m.set_r(0, 0x0000, 1);
    m.start_its();
    m.execute({mapc(0, 0), mapd(1, m.itt(1), 4), mapti(1, 0, 16383, 0), mapti(1, 1, 16384, 0), sync(0)});
    EXPECT_EQ(m.error(), 0u);
    m.configure_lpi(16383, 0xA1);
    m.configure_lpi(16384, 0xA1);
    m.doorbell(1, 0);
    m.doorbell(1, 1);
    m.run();
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{16383});
    EXPECT_EQ(Counters(m.gic)["gicr.dropped_out_of_range"], 1u);
}

TEST(Lpi, FewerThanFourteenBitsLeaveNone) {
    Machine m;
    m.start_cpus();
    m.set_r(0, 0x0070, Machine::properties | 12, 8);
    m.set_r(0, 0x0000, 1);
    m.start_its();
    m.map(1, 1);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(Counters(m.gic)["gicr.dropped_out_of_range"], 1u);
}

TEST(Lpi, SecondMessageCoalesces) {
    Machine m;
    m.start();
    m.map(1, 1);
    const auto first = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    const auto second = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.doorbell(1, 0, first);
    m.doorbell(1, 0, second);
    m.run();
    EXPECT_EQ(first->outcome(), sim::Journey::Outcome::Delivered);
    EXPECT_EQ(second->outcome(), sim::Journey::Outcome::Coalesced);
    EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 0));
    m.cpu().end(Machine::lpi(1, 0));
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), 1023u);
}

TEST(Lpi, MessageAfterTheAcknowledgeIsANewInterrupt) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 0));
    m.doorbell(1, 0);
    m.run();
    EXPECT_FALSE(m.cores[0]->line) << "its priority is still active";
    m.cpu().end(Machine::lpi(1, 0));
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
    EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 0));
}

TEST(Lpi, DisabledStaysPendingAndFiresWhenEnabledAndInvalidated) {
    Machine m;
    m.start();
    m.map(1, 1, 0, 0xA0);
    m.doorbell(1, 0);
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    m.configure_lpi(Machine::lpi(1, 0), 0xA1);
    m.run();
    EXPECT_FALSE(m.cores[0]->line) << "memory alone changes nothing";
    m.execute({about(Code::INV, 1, 0), sync(0)});
    EXPECT_TRUE(m.cores[0]->line);
}

TEST(Lpi, DisabledBySyncIsRetracted) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.doorbell(1, 0);
    m.run();
    ASSERT_TRUE(m.cores[0]->line);
    m.configure_lpi(Machine::lpi(1, 0), 0xA0);
    m.submit({about(Code::INV, 1, 0), sync(0)});
    while (m.creadr() != m.write_offset) m.run_until(m.simulation.scheduler().next_time());
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_EQ(m.cpu().acknowledge(), 1023u);
    m.run();
    EXPECT_TRUE(m.gic.redistributor(0).lpis().contains(Machine::lpi(1, 0)));
}

TEST(Lpi, PropertyReadDuringAnInvalidationIsReadAgain) {
    Machine m;
    m.start();
    m.map(1, 1, 0, 0xA0);
    m.doorbell(1, 0);
    // The read of the property is on its way back, with the old byte, when INV arrives.
    m.run_until(m.now() + (4 + 9 + 300 + 15 + 3 + 50) * nanosecond);
    ASSERT_EQ(Counters(m.gic)["gicr.property_reads"], 1u);
    m.configure_lpi(Machine::lpi(1, 0), 0xA1);
    m.memory.latency = nanosecond;
    m.execute({about(Code::INV, 1, 0), sync(0)});
    EXPECT_EQ(Counters(m.gic)["gicr.property_reads"], 2u);
    EXPECT_TRUE(m.cores[0]->line);
}

TEST(Lpi, InvallRereadsEveryPendingOne) {
    Machine m;
    m.start();
    m.map(1, 3, 0, 0xA0);
    for (u32 event = 0; event < 3; ++event) m.doorbell(1, event);
    m.run();
    for (u32 event = 0; event < 3; ++event) m.configure_lpi(Machine::lpi(1, event), static_cast<u8>(0x91 + 8 * event));
    m.execute({invall(0), sync(0)});
    EXPECT_EQ(m.cpu().pending(), (std::vector<u32>{Machine::lpi(1, 0), Machine::lpi(1, 1), Machine::lpi(1, 2)}));
}

TEST(Lpi, InvalidatedThroughTheRedistributor) {
    Machine m;
    m.start();
    m.map(1, 2, 0, 0xA0);
    m.doorbell(1, 0);
    m.doorbell(1, 1);
    m.run();
    m.configure_lpi(Machine::lpi(1, 0), 0xA1);
    m.configure_lpi(Machine::lpi(1, 1), 0xA1);
    m.set_r(0, 0x00A0, Machine::lpi(1, 0));
    m.run();
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
    m.set_r(0, 0x00B0, 0, 8);
    m.run();
    EXPECT_EQ(m.cpu().pending().size(), 2u);
    EXPECT_EQ(m.r(0, 0x00C0), 0u) << "never busy";
}

TEST(Lpi, RefusedPropertyReadLeavesItPendingAndDisabled) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.memory.fail(Machine::properties, 0x10000);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(Counters(m.gic)["gicr.property_failures"], 1u);
    EXPECT_TRUE(m.cpu().pending().empty());
    m.memory.repair();
    m.execute({about(Code::INV, 1, 0), sync(0)});
    EXPECT_EQ(m.cpu().pending().size(), 1u);
}

TEST(Lpi, MostUrgentFirstThenLowestIntid) {
    Machine m;
    m.start();
    m.map(1, 4);
    m.configure_lpi(Machine::lpi(1, 3), 0x81);
    for (const u32 event : {2u, 1u, 3u, 0u}) m.doorbell(1, event);
    m.run();
    std::vector<u32> order;
    for (int i = 0; i < 4; ++i) {
        order.push_back(m.cpu().acknowledge());
        m.cpu().end(order.back());
    }
    EXPECT_EQ(order,
              (std::vector<u32>{Machine::lpi(1, 3), Machine::lpi(1, 0), Machine::lpi(1, 1), Machine::lpi(1, 2)}));
    EXPECT_EQ(m.cpu().acknowledge(), 1023u);
}

TEST(Lpi, PriorityHasTheImplementedBits) {
    Machine m;
    m.start();
    m.map(1, 2);
    m.configure_lpi(Machine::lpi(1, 0), 0xA5);  // 0xA4: with five bits the same as 0xA0
    m.doorbell(1, 0);
    m.doorbell(1, 1);
    m.run();
    EXPECT_EQ(m.cpu().pending(), (std::vector<u32>{Machine::lpi(1, 0), Machine::lpi(1, 1)}));
}

TEST(Lpi, PropertyReadBeforeADisableIsNotUsedAfterTheNextEnable) {
    Machine m;
    m.start();
    m.map(1, 1, 0, 0xA0);
    m.doorbell(1, 0);
    m.run_until(m.now() + (4 + 9 + 300 + 15) * nanosecond);
    m.memory.latency = 100 * microsecond;  // of the property read that comes now
    m.run_until(m.now() + 10 * nanosecond);
    ASSERT_EQ(Counters(m.gic)["gicr.property_reads"], 1u);
    m.memory.latency = 10 * nanosecond;
    m.set_r(0, 0x0000, 0);
    m.run_until(m.now() + microsecond);
    ASSERT_EQ(m.r(0, 0x0000), 0x6u);
    m.configure_lpi(Machine::lpi(1, 0), 0xA1);
    m.set_lpi_tables(0);
    m.set_r(0, 0x0000, 1);
    m.run_until(m.now() + microsecond);
    EXPECT_TRUE(m.cores[0]->line) << "read anew, without waiting for the old read";
    m.run();
    EXPECT_TRUE(m.cores[0]->line) << "the old byte came and was ignored";
}

TEST(Lpi, NeedsGroupOneOfTheDistributor) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.set_d(0x0000, 1);
    m.doorbell(1, 0);
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    m.set_d(0x0000, 3);
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
}

// Private interrupts

TEST(PrivateInterrupt, LevelOfAPpiIsFollowed) {
    Machine m;
    m.start_cpus();
    m.set_r(1, 0x10100, 1u << 27);
    m.gic.private_input(1, 27).drive(true);
    m.run();
    EXPECT_EQ(m.cpu(1).acknowledge(), 27u);
    m.cpu(1).end(27);
    m.run();
    EXPECT_TRUE(m.cores[1]->line) << "the line is still asserted";
    m.gic.private_input(1, 27).drive(false);
    m.run();
    EXPECT_FALSE(m.cores[1]->line);
    EXPECT_FALSE(m.cores[0]->line);
}

TEST(PrivateInterrupt, SgiReachesTheListedCpus) {
    Machine m;
    m.start_cpus();
    for (u32 cpu = 0; cpu < 4; ++cpu) m.set_r(cpu, 0x10100, 0xFFFF);
    m.icc("ICC_SGI1R_EL1", u64{5} << 24 | 0b0110, 0);
    m.run();
    EXPECT_TRUE(m.cpu(0).pending().empty());
    EXPECT_EQ(m.cpu(1).pending(), std::vector<u32>{5});
    EXPECT_EQ(m.cpu(2).pending(), std::vector<u32>{5});
    EXPECT_TRUE(m.cpu(3).pending().empty());
}

TEST(PrivateInterrupt, SgiToAllOthers) {
    Machine m;
    m.start_cpus();
    for (u32 cpu = 0; cpu < 4; ++cpu) m.set_r(cpu, 0x10100, 0xFFFF);
    m.icc("ICC_SGI1R_EL1", u64{1} << 40 | u64{3} << 24, 2);
    m.run();
    for (u32 cpu = 0; cpu < 4; ++cpu) EXPECT_EQ(m.cpu(cpu).pending().size(), cpu == 2 ? 0u : 1u) << cpu;
}

TEST(PrivateInterrupt, SgiOfTheOtherGroupIsNotSent) {
    Machine m;
    m.start_cpus();
    m.set_r(1, 0x10100, 0xFFFF);
    m.icc("ICC_SGI0R_EL1", u64{5} << 24 | 0b0010, 0);
    m.run();
    EXPECT_TRUE(m.cpu(1).pending().empty());
}

}  // namespace
}  // namespace smmusim::gic::test
