// Promises of the ITS's commands: what each does, and which error each mistake is.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

using Code = ItsCommand::Code;

TEST(ItsCommand, MappedEventReachesItsCpu) {
    Machine m;
    m.start();
    m.map(8, 3, 2);
    m.doorbell(8, 1);
    m.run();
    EXPECT_EQ(m.cpu(2).pending(), std::vector<u32>{Machine::lpi(8, 1)});
    EXPECT_TRUE(m.cores[2]->line);
    EXPECT_FALSE(m.cores[0]->line);
}

TEST(ItsCommand, MapiUsesTheEventIdAsIntid) {
    Machine m;
    m.start();
    m.configure_lpi(8200, 0xA1);
    m.execute({mapc(0, 0), mapd(1, m.itts, 13), about(Code::MAPI, 1, 8200, 0), sync(0)});
    EXPECT_EQ(m.error(), 0u);
    m.doorbell(1, 8200);
    m.run();
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{8200});
}

TEST(ItsCommand, IntDoesWhatAMessageDoes) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.execute({about(Code::INT, 1, 0), sync(0)});
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
}

TEST(ItsCommand, ClearTakesThePendingStateAway) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.execute({about(Code::INT, 1, 0), sync(0)});
    ASSERT_TRUE(m.cores[0]->line);
    m.execute({about(Code::CLEAR, 1, 0), sync(0)});
    EXPECT_TRUE(m.cpu().pending().empty());
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_EQ(m.cpu().acknowledge(), 1023u);
}

TEST(ItsCommand, DiscardUnmapsTheEventAndClearsIt) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.execute({about(Code::INT, 1, 0), sync(0)});
    m.execute({about(Code::DISCARD, 1, 0), sync(0)});
    EXPECT_TRUE(m.cpu().pending().empty());
    m.doorbell(1, 0);
    m.run();
    EXPECT_TRUE(m.cpu().pending().empty());
    EXPECT_EQ(m.gic.its(0).drops().unmapped_event, 1u);
}

TEST(ItsCommand, UnmappingADeviceKeepsWhatIsPendingAndDropsWhatComes) {
    Machine m;
    m.start();
    m.map(1, 2);
    m.doorbell(1, 0);
    m.run();
    m.execute({mapd(1, 0, 0, false)});
    m.doorbell(1, 1);
    m.run();
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
    EXPECT_EQ(m.gic.its(0).drops().unmapped_device, 1u);
}

TEST(ItsCommand, MoviCarriesThePendingStateByTheEndOfTheSyncOfTheSource) {
    Machine m;
    m.start();
    m.map(1, 1, 0);
    m.execute({mapc(3, 3), sync(3)});
    m.doorbell(1, 0);
    m.run();
    ASSERT_TRUE(m.cores[0]->line);
    m.submit({about(Code::MOVI, 1, 0, 3), sync(0)});
    while (m.creadr() != m.write_offset) {
        ASSERT_FALSE(m.simulation.scheduler().idle());
        m.run_until(m.simulation.scheduler().next_time());
    }
    // The SYNC is complete: the pending state has left one redistributor and reached the other.
    EXPECT_FALSE(m.gic.redistributor(0).lpis().contains(Machine::lpi(1, 0)));
    EXPECT_TRUE(m.gic.redistributor(3).lpis().contains(Machine::lpi(1, 0)));
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_TRUE(m.cores[3]->line);
    EXPECT_EQ(m.cpu(3).acknowledge(), Machine::lpi(1, 0));
    m.doorbell(1, 0);
    m.run();
    EXPECT_TRUE(m.gic.redistributor(3).lpis().contains(Machine::lpi(1, 0)));
}

TEST(ItsCommand, MoviWithinARedistributorLeavesThePendingState) {
    Machine m;
    m.start();
    m.map(1, 1, 0);
    m.execute({mapc(5, 0), sync(0)});
    m.doorbell(1, 0);
    m.run();
    m.execute({about(Code::MOVI, 1, 0, 5), sync(0)});
    EXPECT_EQ(m.error(), 0u);
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
}

TEST(ItsCommand, MovallTransfersEveryPendingLpiAndNoMapping) {
    Machine m;
    m.start();
    m.map(1, 3, 0);
    for (u32 event = 0; event < 3; ++event) m.doorbell(1, event);
    m.run();
    m.execute({movall(0, 2), sync(0)});
    EXPECT_TRUE(m.cpu(0).pending().empty());
    EXPECT_EQ(m.cpu(2).pending().size(), 3u);
    EXPECT_EQ(m.cpu(2).acknowledge(), Machine::lpi(1, 0));
    m.doorbell(1, 0);
    m.run();
    EXPECT_TRUE(m.gic.redistributor(0).lpis().contains(Machine::lpi(1, 0)));
}

TEST(ItsCommand, MovallToItselfDoesNothing) {
    Machine m;
    m.start();
    m.map(1, 1, 0);
    m.doorbell(1, 0);
    m.run();
    m.execute({movall(0, 0), sync(0)});
    EXPECT_EQ(m.error(), 0u);
    EXPECT_EQ(m.cpu(0).pending().size(), 1u);
}

TEST(ItsCommand, UnmappedCollectionDropsMessages) {
    Machine m;
    m.start();
    m.map(1, 1, 0);
    m.execute({mapc(0, 0, false)});
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().unmapped_collection, 1u);
}

TEST(ItsCommand, RemappingACollectionTakesItsEventsAlong) {
    Machine m;
    m.start();
    m.map(1, 1, 0);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu(0).acknowledge(), Machine::lpi(1, 0));
    m.execute({mapc(0, 1), sync(0)});
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu(1).acknowledge(), Machine::lpi(1, 0));
}

TEST(ItsCommand, QueueWrapsAround) {
    Machine m;
    m.start();
    m.map(1, 1);
    const u64 commands = Counters(m.gic)["its0.commands"];
    for (u32 round = 0; round < 40; ++round) m.execute(std::vector<ItsCommand>(100, sync(0)));
    EXPECT_EQ(Counters(m.gic)["its0.commands"], commands + 4000);
    EXPECT_EQ(m.creadr(), m.write_offset);
    EXPECT_EQ(m.error(), 0u);
}

struct Mistake {
    const char* name;
    ItsCommand command;
    u32 code;
};

class ItsCommandError : public testing::TestWithParam<Mistake> {};

// Device 1: mapped, 32 events, event 0 mapped to collection 0, event 1 to collection 9, which is not mapped.
// Device 0x1FFFF is beyond 16 bits, 2 is not mapped. Collection 0x2000 is beyond the table (8 pages of 512 entries).
void prepare(Machine& m) {
    m.start();
    m.map(1, 1, 0);
    m.execute({mapti(1, 1, 8300, 9)});
    ASSERT_EQ(m.error(), 0u);
}

TEST_P(ItsCommandError, IsRecordedAndSkippedByDefault) {
    Machine m;
    prepare(m);
    const u64 offset = m.write_offset;
    m.execute({GetParam().command, about(Code::INT, 1, 0), sync(0)});
    EXPECT_EQ(m.error(), GetParam().code) << std::hex << m.error();
    EXPECT_EQ(m.gic.its(0).last_failure().offset, offset);
    EXPECT_EQ(m.gic.its(0).last_failure().command, GetParam().command);
    EXPECT_EQ(m.creadr(), m.write_offset);
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
}

TEST_P(ItsCommandError, StallsTheQueueIfConfigured) {
    ItsConfig config;
    config.command_errors = uarch::CommandErrorPolicy::Stall;
    Machine m({}, config);
    prepare(m);
    const u64 offset = m.write_offset;
    m.execute({GetParam().command, about(Code::INT, 1, 0), sync(0)});
    EXPECT_EQ(m.error(), GetParam().code);
    EXPECT_EQ(m.creadr(), offset | 1);
    EXPECT_TRUE(m.cpu().pending().empty());
    // Software puts something harmless in its place and retries.
    const ItsCommand harmless = sync(0);
    m.memory.write(Machine::queue + offset, harmless.words.data(), 32);
    m.set_s(0x0088, m.write_offset | 1);
    m.run();
    EXPECT_EQ(m.creadr(), m.write_offset);
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
}

TEST_P(ItsCommandError, InterruptsByAnSErrorIfConfigured) {
    ItsConfig config;
    config.command_errors = uarch::CommandErrorPolicy::SError;
    Machine m({}, config);
    EXPECT_NE(m.s(0x0008) & u64{1} << 18, 0u) << "GITS_TYPER.SEIS";
    prepare(m);
    m.execute({GetParam().command, about(Code::INT, 1, 0), sync(0)});
    EXPECT_EQ(m.cores[0]->errors, std::vector<u32>{GetParam().code});
    EXPECT_EQ(m.creadr(), m.write_offset) << "the queue goes on";
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
}

ItsCommand unknown_command() {
    ItsCommand result;
    result.words[0] = 0x29;  // a command of GICv4
    return result;
}

INSTANTIATE_TEST_SUITE_P(Codes, ItsCommandError,
                         testing::Values(Mistake{"MapdDevice", mapd(0x1FFFF, Machine::itts, 4), 0x010801},
                                         Mistake{"MapdSize", mapd(3, Machine::itts, 16), 0x010802},
                                         Mistake{"MapdUnmapDevice", mapd(0x1FFFF, 0, 0, false), 0x010801},
                                         Mistake{"MapcProcessor", mapc(1, 4), 0x010902},
                                         Mistake{"MapcCollection", mapc(0x2000, 0), 0x010903},
                                         Mistake{"MapcUnmapCollection", mapc(0x2000, 0, false), 0x010903},
                                         Mistake{"MaptiDevice", mapti(0x1FFFF, 0, 8192, 0), 0x010A01},
                                         Mistake{"MaptiCollection", mapti(1, 0, 8192, 0x2000), 0x010A03},
                                         Mistake{"MaptiUnmapped", mapti(2, 0, 8192, 0), 0x010A04},
                                         Mistake{"MaptiEvent", mapti(1, 32, 8192, 0), 0x010A05},
                                         Mistake{"MaptiIntidLow", mapti(1, 3, 8191, 0), 0x010A06},
                                         Mistake{"MaptiIntidHigh", mapti(1, 3, 0x10000, 0), 0x010A06},
                                         Mistake{"MapiDevice", about(Code::MAPI, 0x1FFFF, 0), 0x010B01},
                                         Mistake{"MapiCollection", about(Code::MAPI, 1, 0, 0x2000), 0x010B03},
                                         Mistake{"MapiUnmapped", about(Code::MAPI, 2, 0), 0x010B04},
                                         Mistake{"MapiEventIsNoLpi", about(Code::MAPI, 1, 5), 0x010B05},
                                         Mistake{"MapiEvent", about(Code::MAPI, 1, 32), 0x010B05},
                                         Mistake{"MoviDevice", about(Code::MOVI, 0x1FFFF, 0), 0x010101},
                                         Mistake{"MoviCollection", about(Code::MOVI, 1, 0, 0x2000), 0x010103},
                                         Mistake{"MoviUnmappedDevice", about(Code::MOVI, 2, 0), 0x010104},
                                         Mistake{"MoviEvent", about(Code::MOVI, 1, 32), 0x010105},
                                         Mistake{"MoviUnmappedInterrupt", about(Code::MOVI, 1, 7), 0x010107},
                                         Mistake{"MoviUnmappedCollection", about(Code::MOVI, 1, 0, 9), 0x010109},
                                         Mistake{"MoviFromUnmappedCollection", about(Code::MOVI, 1, 1, 0), 0x010109},
                                         Mistake{"MovallFrom", movall(4, 0), 0x010E01},
                                         Mistake{"MovallTo", movall(0, 4), 0x010E01},
                                         Mistake{"DiscardDevice", about(Code::DISCARD, 0x1FFFF, 0), 0x010F01},
                                         Mistake{"DiscardUnmappedDevice", about(Code::DISCARD, 2, 0), 0x010F04},
                                         Mistake{"DiscardEvent", about(Code::DISCARD, 1, 32), 0x010F05},
                                         Mistake{"DiscardUnmappedInterrupt", about(Code::DISCARD, 1, 7), 0x010F07},
                                         Mistake{"DiscardInvalid", about(Code::DISCARD, 1, 1), 0x010F10},
                                         Mistake{"IntDevice", about(Code::INT, 0x1FFFF, 0), 0x010301},
                                         Mistake{"IntUnmappedDevice", about(Code::INT, 2, 0), 0x010304},
                                         Mistake{"IntEvent", about(Code::INT, 1, 32), 0x010305},
                                         Mistake{"IntUnmappedInterrupt", about(Code::INT, 1, 7), 0x010307},
                                         Mistake{"IntInvalid", about(Code::INT, 1, 1), 0x010310},
                                         Mistake{"ClearDevice", about(Code::CLEAR, 0x1FFFF, 0), 0x010501},
                                         Mistake{"ClearUnmappedDevice", about(Code::CLEAR, 2, 0), 0x010504},
                                         Mistake{"ClearEvent", about(Code::CLEAR, 1, 32), 0x010505},
                                         Mistake{"ClearUnmappedInterrupt", about(Code::CLEAR, 1, 7), 0x010507},
                                         Mistake{"ClearInvalid", about(Code::CLEAR, 1, 1), 0x010510},
                                         Mistake{"InvDevice", about(Code::INV, 0x1FFFF, 0), 0x010C01},
                                         Mistake{"InvUnmappedDevice", about(Code::INV, 2, 0), 0x010C04},
                                         Mistake{"InvEvent", about(Code::INV, 1, 32), 0x010C05},
                                         Mistake{"InvUnmappedInterrupt", about(Code::INV, 1, 7), 0x010C07},
                                         Mistake{"InvInvalid", about(Code::INV, 1, 1), 0x010C10},
                                         Mistake{"InvallCollection", invall(0x2000), 0x010D03},
                                         Mistake{"InvallUnmappedCollection", invall(9), 0x010D09},
                                         Mistake{"SyncProcessor", sync(4), 0x010502},
                                         Mistake{"Unknown", unknown_command(), 0x01292E}),
                         [](const auto& entry) { return std::string(entry.param.name); });

TEST(ItsCommandQueue, RefusedTableAccessStallsUnderEitherPolicy) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.execute({mapd(1, m.itt(1), 4)});  // drops the cached entries
    m.memory.fail(Machine::device_table + 8, 8);
    const u64 offset = m.write_offset;
    m.execute({about(Code::INT, 1, 0)});
    EXPECT_EQ(m.error(), 0x01032Fu);
    EXPECT_EQ(m.creadr(), offset | 1);
    m.memory.repair();
    m.set_s(0x0088, m.write_offset | 1);
    m.run();
    EXPECT_EQ(m.creadr(), m.write_offset);
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 0)});
}

TEST(ItsCommandQueue, RefusedFetchStalls) {
    Machine m;
    m.start();
    m.memory.fail(Machine::queue, 32);
    m.execute({sync(0)});
    EXPECT_EQ(m.creadr(), 1u);
    EXPECT_EQ(Counters(m.gic)["its0.commands"], 0u);
}

TEST(ItsCommandQueue, RetryWithoutAStallHasNoEffect) {
    Machine m;
    m.start();
    m.map(1, 1);
    const u64 commands = Counters(m.gic)["its0.commands"];
    m.set_s(0x0088, m.write_offset | 1);
    m.run();
    EXPECT_EQ(Counters(m.gic)["its0.commands"], commands);
    EXPECT_EQ(m.s(0x0088), m.write_offset) << "Retry reads as zero";
}

TEST(ItsCommandQueue, IllegalWriteOffsetStopsTheQueueUntilALegalOne) {
    Machine m;
    m.start();
    m.set_s(0x0088, 0x20000);
    m.run();
    EXPECT_EQ(m.creadr(), 0u);
    EXPECT_TRUE(m.simulation.scheduler().idle());
    m.execute({mapc(0, 0)});
    EXPECT_EQ(m.creadr(), 32u);
}

TEST(ItsCommandQueue, CommandTakesItsLatencyAfterItsFetch) {
    Machine m;
    m.start();
    const Time begin = m.now();
    m.submit({sync(4)});  // fails at once: fetch 100 ns, execution 10 cycles of 1 ns
    m.run_until(begin + 110 * nanosecond - 1);
    EXPECT_EQ(m.creadr(), 0u);
    m.run_until(begin + 110 * nanosecond);
    EXPECT_EQ(m.creadr(), 32u);
}

}  // namespace
}  // namespace smmusim::gic::test
