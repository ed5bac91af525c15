// Promises of the ITS's registers and of its quiescence.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

TEST(ItsRegisters, IdentifyTheModel) {
    Machine m;
    EXPECT_EQ(m.s(0x0008), u64{1} | 7u << 4 | 15u << 8 | 15u << 13 | u64{1} << 46)
        << "TYPER: physical, 8-byte ITEs, 16 and 16 bits";
    EXPECT_EQ(m.s(0xFFE8, 4) & 0xF0, 0x30u);
    EXPECT_EQ(m.s(0x0000, 4), 0x8000'0000u) << "disabled and quiescent";
    EXPECT_EQ(m.s(0x0100) >> 56 & 7, 1u);
    EXPECT_EQ(m.s(0x0108) >> 56 & 7, 4u);
    EXPECT_EQ(m.s(0x0110), 0u);
}

TEST(ItsRegisters, HalvesOf64BitRegistersAreAccessible) {
    Machine m;
    m.set_s(0x0080, 0x5000'0000, 4);
    m.set_s(0x0084, 0x8000'0000, 4);
    EXPECT_EQ(m.s(0x0080), 0x8000'0000'5000'0000u);
}

TEST(ItsRegisters, CbaserWriteRestartsReadingAndKeepsTheWriteOffset) {
    Machine m;
    m.start();
    m.execute({mapc(0, 0), mapc(1, 1)});
    ASSERT_EQ(m.creadr(), 64u);
    m.set_s(0x0000, 0, 4);
    m.run();
    m.set_s(0x0080, m.s(0x0080));
    EXPECT_EQ(m.creadr(), 0u);
    EXPECT_EQ(m.s(0x0088), 64u);
}

TEST(ItsRegisters, TablesAndQueueCannotBeChangedWhileEnabled) {
    Machine m;
    m.start();
    const u64 cbaser = m.s(0x0080);
    const u64 device = m.s(0x0100);
    m.set_s(0x0080, 0);
    m.set_s(0x0100, 0);
    EXPECT_EQ(m.s(0x0080), cbaser);
    EXPECT_EQ(m.s(0x0100), device);
}

TEST(ItsRegisters, BaserKeepsTypeAndEntrySize) {
    Machine m;
    m.set_s(0x0100, ~u64{0});
    EXPECT_EQ(m.s(0x0100) >> 56 & 7, 1u);
    EXPECT_EQ(m.s(0x0100) >> 48 & 31, 7u);
    EXPECT_EQ(m.s(0x0100) >> 8 & 3, 2u) << "the reserved page size is 64 KiB";
}

TEST(ItsRegisters, AddressBits51To48LieAtBit12With64KibPages) {
    spec::Baser baser;
    baser.words[0] = 0x2'0000 | 0xA << 12 | 2 << 8;
    EXPECT_EQ(baser.base(), 0xA'0000'0002'0000u);
    baser.words[0] = 0x2'3000;
    EXPECT_EQ(baser.base(), 0x2'3000u);
}

TEST(ItsRegisters, ReservedAndWrongSizesAreRazWi) {
    Machine m;
    EXPECT_EQ(m.s(0x0200), 0u);
    EXPECT_EQ(m.last_status, sim::Status::Discarded);
    EXPECT_EQ(m.s(0x0000, 2), 0u);
    EXPECT_EQ(m.last_status, sim::Status::Discarded);
    EXPECT_EQ(m.s(0x10040, 4), 0u) << "reads of the translation frame";
    EXPECT_EQ(m.last_status, sim::Status::Discarded);
}

TEST(ItsRegisters, AnswersAfterItsLatency) {
    Machine m;
    m.writer.write(m.gic.its(0), Machine::gits, 4, 0);
    m.run();
    EXPECT_EQ(m.writer.completed, std::vector<Time>{4 * nanosecond});
}

TEST(ItsQuiescence, DisableWaitsForWhatIsUnderWayAndNothingElse) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.memory.hold(Machine::collection_table, 8);
    m.doorbell(1, 0);
    m.run();
    m.set_s(0x0000, 0, 4);
    EXPECT_EQ(m.s(0x0000, 4), 0u) << "neither enabled nor quiescent";
    m.set_s(0x0000, 1, 4);
    EXPECT_EQ(m.s(0x0000, 4), 0u) << "enabling again is ignored until then";
    m.memory.release();
    // 100 ns of memory, 15 cycles to the redistributor.
    const Time done = m.now() + 115 * nanosecond;
    m.run_until(done - 1);
    EXPECT_EQ(m.s(0x0000, 4), 0u);
    m.run_until(done);
    EXPECT_EQ(m.s(0x0000, 4), 0x8000'0000u);
    m.run();
    EXPECT_EQ(m.cpu().pending().size(), 1u) << "the message under way was delivered";
}

TEST(ItsQuiescence, DisablingDropsTheCaches) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.doorbell(1, 0);
    m.run();
    m.set_s(0x0000, 0, 4);
    m.run();
    m.set_s(0x0000, 1, 4);
    const u64 reads = Counters(m.gic)["its0.table_reads"];
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(Counters(m.gic)["its0.table_reads"], reads + 3);
}

TEST(ItsQuiescence, CommandsWaitForTheEnable) {
    Machine m;
    m.start();
    m.set_s(0x0000, 0, 4);
    m.execute({mapc(0, 0)});
    EXPECT_EQ(m.creadr(), 0u);
    m.set_s(0x0000, 1, 4);
    m.run();
    EXPECT_EQ(m.creadr(), 32u);
}

TEST(ItsReset, DropsWhatIsUnderWayAndForgetsEverything) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.memory.hold(Machine::all_memory, GiB);
    m.doorbell(1, 0);
    m.submit({about(ItsCommand::Code::INV, 1, 0), sync(0)});
    m.run();
    m.gic.reset();
    m.memory.release();
    m.run();
    EXPECT_TRUE(m.simulation.scheduler().idle());
    EXPECT_EQ(m.simulation.waiting(), "");
    EXPECT_EQ(m.s(0x0000, 4), 0x8000'0000u);
    EXPECT_EQ(m.s(0x0080), 0u);
    EXPECT_EQ(m.creadr(), 0u);
    m.write_offset = 0;
    m.start();
    m.map(1, 1);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 0));
}

}  // namespace
}  // namespace smmusim::gic::test
