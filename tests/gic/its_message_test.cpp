// Promises of the doorbell, and of its order with commands.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

TEST(ItsMessage, TakesTheTimeOfItsParts) {
    Machine m;
    m.start();
    m.map(1, 1);
    const auto latency = [&] {
        const Time begin = m.now();
        m.doorbell(1, 0);
        m.run();
        const Time end = m.cores[0]->rises.back();
        EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 0));
        m.cpu().end(Machine::lpi(1, 0));
        return end - begin;
    };
    // accept 4, three look-ups of 3, message 15, property 3, forward 5, signal 3; four reads of 100 ns when cold.
    EXPECT_EQ(latency(), (4 + 9 + 15 + 3 + 5 + 3 + 4 * 100) * nanosecond);
    EXPECT_EQ(latency(), (4 + 9 + 15 + 3 + 5 + 3) * nanosecond);
}

TEST(ItsMessage, DropsInSilence) {
    struct Case {
        const char* name;
        u32 device;
        u32 event;
        u64 uarch::ItsDrops::*reason;
    };
    const std::vector<Case> cases{{"no DeviceID", sim::no_id, 0, &uarch::ItsDrops::device_out_of_range},
                                  {"device beyond Devbits", 0x1'0000, 0, &uarch::ItsDrops::device_out_of_range},
                                  {"device not mapped", 2, 0, &uarch::ItsDrops::unmapped_device},
                                  {"event beyond the table", 1, 32, &uarch::ItsDrops::event_out_of_range},
                                  {"event with high bits", 1, 0x10000, &uarch::ItsDrops::event_out_of_range},
                                  {"event not mapped", 1, 5, &uarch::ItsDrops::unmapped_event},
                                  {"collection not mapped", 1, 1, &uarch::ItsDrops::unmapped_collection}};
    for (const Case& entry : cases) {
        Machine m;
        m.start();
        m.map(1, 1);
        m.execute({mapti(1, 1, 8300, 9)});
        const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
        m.doorbell(entry.device, entry.event, journey);
        m.run();
        EXPECT_EQ(m.gic.its(0).drops().*entry.reason, 1u) << entry.name;
        EXPECT_EQ(m.writer.status, sim::Status::Ok) << entry.name;
        EXPECT_EQ(journey->outcome(), sim::Journey::Outcome::Blocked) << entry.name;
        EXPECT_EQ(Counters(m.gic)["its0.translations"], 0u) << entry.name;
        EXPECT_TRUE(m.cpu().pending().empty()) << entry.name;
    }
}

TEST(ItsMessage, DroppedWhileDisabled) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.set_s(0x0000, 0, 4);
    m.run();
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().disabled, 1u);
}

TEST(ItsMessage, DroppedWithoutADeviceTable) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.set_s(0x0000, 0, 4);
    m.run();
    m.set_s(0x0100, 0);
    m.set_s(0x0000, 1, 4);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().device_out_of_range, 1u);
}

TEST(ItsMessage, DroppedWhenATablePointsIntoAHole) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.memory.fail(m.itt(1), 256);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().table_access, 1u);
    m.memory.repair();
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu().pending().size(), 1u) << "a refused read is not remembered";
}

TEST(ItsMessage, DroppedWhenATableHoldsRubbish) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.memory.put<u64>(m.itt(1), u64{1} << 63 | 42);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().invalid_entry, 1u);
}

TEST(ItsMessage, SixteenBitWriteIsTheLowHalfOfTheEventId) {
    Machine m;
    m.start();
    m.map(1, 4);
    m.doorbell(1, 3, nullptr, 2);
    m.run();
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(1, 3)});
}

TEST(ItsMessage, DataNeverNamesTheDevice) {
    Machine m;
    m.start();
    m.map(1, 1);
    // 64 bits as an encapsulated message would have: no register of that size is there.
    m.writer.write(m.gic.its(0), Machine::gits + spec::translater, 8, u64{1} << 32, 2);
    m.run();
    EXPECT_EQ(m.writer.status, sim::Status::Discarded);
    EXPECT_TRUE(m.cpu().pending().empty());
}

TEST(ItsMessage, FunctionalWriteStartsATimedMessage) {
    Machine m;
    m.start();
    m.map(1, 1);
    const sim::AccessPtr access =
        m.simulation.accesses().make(sim::Command::Write, Machine::gits + spec::translater, 4);
    access->set_value(0);
    access->attributes.device_id = 1;
    m.gic.its(0).perform(*access);
    EXPECT_EQ(access->status, sim::Status::Ok);
    EXPECT_TRUE(m.cpu().pending().empty());
    m.run();
    EXPECT_EQ(m.cpu().pending().size(), 1u);
}

TEST(ItsMessage, OneDeviceKeepsItsOrderAnotherOvertakes) {
    Machine m;
    m.start();
    m.map(1, 2);
    m.map(2, 1);
    m.doorbell(2, 0);
    m.run();
    m.cpu().acknowledge();
    m.doorbell(1, 1);  // warms event 1 of device 1
    m.run();
    m.cpu().end(Machine::lpi(2, 0));
    EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 1));
    m.memory.hold(m.itt(1), 8);  // event 0 is cold and waits
    m.doorbell(1, 0);
    m.doorbell(1, 1);
    m.doorbell(2, 0);
    m.run();
    const auto& lpis = m.gic.redistributor(0).lpis();
    EXPECT_FALSE(lpis.contains(Machine::lpi(1, 0)));
    EXPECT_FALSE(lpis.contains(Machine::lpi(1, 1))) << "behind an earlier message of its device";
    EXPECT_TRUE(lpis.contains(Machine::lpi(2, 0)));
    m.memory.release();
    m.run();
    EXPECT_TRUE(lpis.contains(Machine::lpi(1, 0)));
    EXPECT_TRUE(lpis.contains(Machine::lpi(1, 1)));
}

TEST(ItsMessage, NoMoreAreTranslatedThanThereAreSlots) {
    ItsConfig config;
    config.translation_slots = 2;
    Machine m({}, config);
    m.start();
    for (u32 device = 1; device <= 3; ++device) m.map(device, 1);
    m.memory.hold(Machine::device_table, 4096);
    for (u32 device = 1; device <= 3; ++device) m.doorbell(device, 0);
    m.run();
    EXPECT_EQ(m.memory.held(), 2u);
    EXPECT_EQ(m.writer.completed.size(), 2u) << "the third write is not accepted yet";
    m.memory.release();
    m.run();
    EXPECT_EQ(m.writer.completed.size(), 3u);
    EXPECT_EQ(m.gic.redistributor(0).lpis().size(), 3u);
}

TEST(ItsMessage, GivesItsSlotBackWhenItLeavesForTheRedistributor) {
    ItsConfig config;
    config.translation_slots = 1;
    Machine m({}, config);
    m.start();
    m.map(1, 1);
    m.doorbell(1, 0);
    m.run();
    m.writer.completed.clear();
    const Time begin = m.now();
    m.doorbell(1, 0);
    m.doorbell(1, 0);
    m.run();
    // Accepted after 4, translated after 13, of which the second one's acceptance takes 4 more.
    EXPECT_EQ(m.writer.completed, (std::vector<Time>{begin + 4 * nanosecond, begin + 17 * nanosecond}));
}

TEST(ItsMessage, AcceptsOnePerInterval) {
    Machine m;
    m.start();
    m.map(1, 2);
    const Time begin = m.now();
    m.doorbell(1, 0);
    m.doorbell(1, 1);
    m.run();
    EXPECT_EQ(m.writer.completed, (std::vector<Time>{begin + 4 * nanosecond, begin + 8 * nanosecond}));
}

// Order with commands

TEST(ItsSync, WaitsForAnEarlierTranslationToReachTheRedistributor) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.memory.hold(Machine::collection_table, 8);
    m.doorbell(1, 0);
    m.run();
    m.submit({sync(0)});
    m.run();
    ASSERT_NE(m.creadr(), m.write_offset);
    EXPECT_NE(m.simulation.waiting().find("its0.earlier_translations"), std::string::npos) << m.simulation.waiting();
    m.memory.release();
    // Memory 100 ns; then to the redistributor and back, 15 cycles each way.
    const Time done = m.now() + 130 * nanosecond;
    m.run_until(done - 1);
    EXPECT_NE(m.creadr(), m.write_offset);
    m.run_until(done);
    EXPECT_EQ(m.creadr(), m.write_offset);
    EXPECT_TRUE(m.gic.redistributor(0).lpis().contains(Machine::lpi(1, 0)));
}

TEST(ItsSync, DoesNotWaitForALaterTranslation) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.submit({sync(0)});
    m.run_until(m.now() + 111 * nanosecond);  // the SYNC has been fetched and has begun
    m.memory.hold(Machine::device_table, 4096);
    m.doorbell(1, 0);
    m.run();
    ASSERT_EQ(m.memory.held(), 1u);
    EXPECT_EQ(m.creadr(), m.write_offset);
    m.memory.release();
    m.run();
}

TEST(ItsSync, TakesARoundTripWhenNothingIsUnderWay) {
    Machine m;
    m.start();
    const Time begin = m.now();
    m.submit({sync(0)});
    const Time done = begin + (100 + 10 + 30) * nanosecond;
    m.run_until(done - 1);
    EXPECT_EQ(m.creadr(), 0u);
    m.run_until(done);
    EXPECT_EQ(m.creadr(), 32u);
}

}  // namespace
}  // namespace smmusim::gic::test
