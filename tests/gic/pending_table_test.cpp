// Promises of a redistributor about its pending table: found at enable, written back at disable.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

TEST(PendingTable, ScanFindsWhatSoftwareOrAnEarlierLifeLeft) {
    Machine m;
    m.start_cpus();
    m.configure_lpi(8192, 0xA1);
    m.configure_lpi(9005, 0xA1);
    m.configure_lpi(65535, 0xA1);
    m.memory.put<u8>(Machine::pending_tables + 8192 / 8, 1);
    m.memory.put<u8>(Machine::pending_tables + 9005 / 8, 1 << 9005 % 8);
    m.memory.put<u8>(Machine::pending_tables + 65535 / 8, 0x80);
    m.memory.put<u8>(Machine::pending_tables + 100, 0xFF);  // belongs to no LPI
    m.set_lpi_tables(0);
    m.set_r(0, 0x0000, 1);
    m.run();
    EXPECT_EQ(m.cpu().pending(), (std::vector<u32>{8192, 9005, 65535}));
    EXPECT_EQ(m.memory.reads(Machine::pending_tables, 1024), 0u);
    EXPECT_EQ(m.memory.reads(Machine::pending_tables, 8192), (8192u - 1024) / 256);
}

TEST(PendingTable, PtzSkipsTheScan) {
    Machine m;
    m.start_cpus();
    m.configure_lpi(8192, 0xA1);
    m.memory.put<u8>(Machine::pending_tables + 8192 / 8, 1);
    m.set_lpi_tables(0, Machine::skip_scan);
    m.set_r(0, 0x0000, 1);
    m.run();
    EXPECT_TRUE(m.cpu().pending().empty());
    EXPECT_EQ(m.memory.reads(Machine::pending_tables, 8192), 0u);
}

TEST(PendingTable, DisableWritesThePendingStateBackBeforeRwpFalls) {
    Machine m;
    m.start();
    m.map(1, 2);
    m.doorbell(1, 0);
    m.doorbell(1, 1);
    m.run();
    const u32 intid = Machine::lpi(1, 0);
    ASSERT_EQ(m.memory.u8_at(Machine::pending_tables + intid / 8), 0u);
    m.set_r(0, 0x0000, 0);
    EXPECT_EQ(m.r(0, 0x0000), 0xEu) << "RWP, and EnableLPIs reads 0";
    EXPECT_FALSE(m.cores[0]->line) << "nothing is forwarded any more";
    m.set_r(0, 0x0000, 1);
    EXPECT_EQ(m.r(0, 0x0000), 0xEu) << "enabling waits for RWP";
    const Time done = m.now() + 100 * nanosecond;
    m.run_until(done - 1);
    EXPECT_EQ(m.r(0, 0x0000), 0xEu);
    m.run_until(done);
    EXPECT_EQ(m.r(0, 0x0000), 0x6u);
    EXPECT_EQ(m.memory.u8_at(Machine::pending_tables + intid / 8), 3u);
    // And back again.
    m.set_lpi_tables(0);
    m.set_r(0, 0x0000, 1);
    m.run();
    EXPECT_EQ(m.cpu().pending(), (std::vector<u32>{intid, intid + 1}));
}

TEST(PendingTable, WriteBackClearsWhatWasHandledSinceTheScan) {
    Machine m;
    m.start_cpus();
    m.configure_lpi(8192, 0xA1);
    m.memory.put<u8>(Machine::pending_tables + 8192 / 8, 1);
    m.set_lpi_tables(0);
    m.set_r(0, 0x0000, 1);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), 8192u);
    m.set_r(0, 0x0000, 0);
    m.run();
    EXPECT_EQ(m.memory.u8_at(Machine::pending_tables + 8192 / 8), 0u);
}

TEST(PendingTable, DisableDuringTheScanLosesNothing) {
    Machine m;
    m.start_cpus();
    m.configure_lpi(65535, 0xA1);
    m.memory.put<u8>(Machine::pending_tables + 65535 / 8, 0x80);
    m.set_lpi_tables(0);
    m.set_r(0, 0x0000, 1);
    const Time begin = m.now();
    m.run_until(begin + 150 * nanosecond);
    m.set_r(0, 0x0000, 0);
    // 28 reads of the scan, then one word to write back.
    const Time done = begin + 29 * 100 * nanosecond;
    m.run_until(done - 1);
    EXPECT_EQ(m.r(0, 0x0000), 0xEu);
    m.run_until(done);
    EXPECT_EQ(m.r(0, 0x0000), 0x6u);
    EXPECT_EQ(m.memory.u8_at(Machine::pending_tables + 65535 / 8), 0x80u);
    EXPECT_EQ(m.gic.redistributor(0).lpis().size(), 0u);
}

TEST(PendingTable, MessageDuringTheScanIsKept) {
    Machine m;
    m.start_cpus();
    m.start_its();
    m.map(1, 1);
    m.set_lpi_tables(0);
    m.set_r(0, 0x0000, 1);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
}

}  // namespace
}  // namespace smmusim::gic::test
