// Promises of the caches of the ITS: what is read, what is found, what a command drops.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

using Code = ItsCommand::Code;

struct Reads {
    u64 its;
    u64 property;
    bool operator==(const Reads&) const = default;
};

Reads reads_of(Machine& m, u32 device, u32 event) {
    const Counters before(m.gic);
    const std::size_t logged = m.memory.log.size();
    m.doorbell(device, event);
    m.run();
    const Counters after(m.gic);
    const Reads reads{after["its0.table_reads"] - before["its0.table_reads"],
                      after["gicr.property_reads"] - before["gicr.property_reads"]};
    EXPECT_EQ(m.memory.log.size() - logged, reads.its + reads.property) << "each read is memory traffic";
    return reads;
}

TEST(ItsTableReads, FourWhenColdNoneWhenWarm) {
    Machine m;
    m.start();
    m.map(1, 1);
    EXPECT_EQ(reads_of(m, 1, 0), (Reads{3, 1}));
    EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 0));
    EXPECT_EQ(reads_of(m, 1, 0), (Reads{0, 0}));
}

TEST(ItsTableReads, SecondEventOfADeviceReadsItsOwnEntryAndProperty) {
    Machine m;
    m.start();
    m.map(1, 2);
    reads_of(m, 1, 0);
    EXPECT_EQ(reads_of(m, 1, 1), (Reads{1, 1}));
}

TEST(ItsTableReads, OneAfterInvAndSync) {
    Machine m;
    m.start();
    m.map(1, 1);
    reads_of(m, 1, 0);
    m.cpu().acknowledge();
    m.execute({about(Code::INV, 1, 0), sync(0)});
    EXPECT_EQ(reads_of(m, 1, 0), (Reads{0, 1}));
}

TEST(ItsTableReads, AColdMachineReadsFourAfterInvallAndDisable) {
    Machine m;
    m.start();
    m.map(1, 1);
    reads_of(m, 1, 0);
    m.cpu().acknowledge();
    m.execute({invall(0), sync(0)});
    m.set_s(0x0000, 0, 4);
    m.run();
    m.set_s(0x0000, 1, 4);
    EXPECT_EQ(reads_of(m, 1, 0), (Reads{3, 1}));
}

TEST(ItsTableReads, WithoutCachesEveryMessageReads) {
    ItsConfig its;
    its.device_cache.entries = its.event_cache.entries = its.collection_cache.entries = 0;
    GicConfig gic;
    gic.redistributor.property_cache.entries = 0;
    Machine m(gic, its);
    m.start();
    m.map(1, 1);
    reads_of(m, 1, 0);
    m.cpu().acknowledge();
    EXPECT_EQ(reads_of(m, 1, 0), (Reads{3, 1}));
}

TEST(ItsTableReads, CarryTheAttributesOfTheirTables) {
    Machine m;
    m.start_cpus();
    m.enable_lpis();
    m.set_s(0x0100, Machine::device_table | u64{1} << 63 | 127 | u64{7} << 59 | u64{1} << 10);
    m.set_s(0x0108, Machine::collection_table | u64{1} << 63 | 7 | u64{1} << 59);
    m.set_s(0x0080, Machine::queue | u64{1} << 63 | 15);
    m.set_s(0x0000, 1, 4);
    m.map(1, 1);
    m.memory.log.clear();
    m.doorbell(1, 0);
    m.run();
    ASSERT_EQ(m.memory.log.size(), 4u);
    EXPECT_EQ(m.memory.log[0].attributes.memory.inner, sim::Cacheability::WriteBack);
    EXPECT_EQ(m.memory.log[0].attributes.memory.shareability, sim::Shareability::InnerShareable);
    EXPECT_EQ(m.memory.log[2].attributes.memory.inner, sim::Cacheability::NonCacheable);
    EXPECT_TRUE(m.memory.log[3].attributes.memory.is_device());
    EXPECT_EQ(m.memory.log[0].attributes.transaction_class, sim::TransactionClass::TableWalk);
}

TEST(ItsInvalidation, ATranslationThatReadTheOldEntryDoesNotFill) {
    Machine m;
    m.start();
    m.map(1, 1, 0);
    m.execute({mapc(3, 3), sync(3)});
    m.doorbell(1, 0);  // fills the caches
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 0));
    m.execute({mapd(1, m.itt(1), 4)});  // drops device and event entries
    // The message reads the old entry; its answer is on the way while MOVI writes the new one.
    m.memory.latency = 500 * nanosecond;
    m.doorbell(1, 0);
    m.run_until(m.now() + 520 * nanosecond);
    m.memory.latency = 10 * nanosecond;
    m.submit({about(Code::MOVI, 1, 0, 3), sync(0)});
    m.run();
    EXPECT_EQ(m.error(), 0u);
    EXPECT_TRUE(m.gic.redistributor(3).lpis().contains(Machine::lpi(1, 0))) << "moved along";
    EXPECT_EQ(m.cpu(3).acknowledge(), Machine::lpi(1, 0));
    m.doorbell(1, 0);
    m.run();
    EXPECT_FALSE(m.gic.redistributor(0).lpis().contains(Machine::lpi(1, 0))) << "the old entry was cached";
    EXPECT_TRUE(m.gic.redistributor(3).lpis().contains(Machine::lpi(1, 0)));
}

TEST(ItsInvalidation, DiscardLeavesNothingPendingFromAnEarlierMessage) {
    Machine m;
    m.start();
    m.map(1, 1, 0);
    m.memory.latency = 500 * nanosecond;
    m.doorbell(1, 0);
    m.run_until(m.now() + 1020 * nanosecond);  // the event's entry has been read, the collection's is on its way
    m.memory.latency = 10 * nanosecond;
    m.submit({about(Code::DISCARD, 1, 0), sync(0)});
    m.run();
    EXPECT_EQ(m.error(), 0u);
    EXPECT_EQ(m.creadr(), m.write_offset);
    EXPECT_EQ(Counters(m.gic)["its0.translations"], 1u) << "the message did arrive";
    EXPECT_FALSE(m.gic.redistributor(0).lpis().contains(Machine::lpi(1, 0)));
}

TEST(ItsInvalidation, MapdDropsTheEventsOfItsDeviceAndOfNoOther) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.map(2, 1);
    m.doorbell(1, 0);
    m.doorbell(2, 0);
    m.run();
    m.execute({mapd(1, 0, 0, false), mapd(1, Machine::itts + 0x8000, 4)});  // an empty table elsewhere
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().unmapped_event, 1u);
    EXPECT_EQ(reads_of(m, 2, 0), (Reads{0, 0}));
}

TEST(ItsInvalidation, MapdIsConsumedOnlyWhenNothingReadsTheOldTable) {
    Machine m;
    m.start();
    m.map(1, 1, 0);
    m.memory.hold(m.itt(1), 256);
    m.doorbell(1, 0);
    m.run();
    m.submit({mapd(1, 0, 0, false)});
    m.run();
    EXPECT_NE(m.creadr(), m.write_offset);
    m.memory.release();
    m.run();
    EXPECT_EQ(m.creadr(), m.write_offset);
}

}  // namespace
}  // namespace smmusim::gic::test
