// Promises of the ITS's tables: two levels, sizes, collections held in the ITS, and how redistributors are named.
#include "gic/machine.hpp"

namespace smmusim::gic::test::its_table {
namespace {

using Code = ItsCommand::Code;

constexpr u64 valid = u64{1} << 63;
constexpr u64 indirect = u64{1} << 62;
constexpr u64 pages = 0x4080'0000;  ///< of level 2

void start_with(Machine& m, u64 device_baser, u64 collection_baser) {
    m.start_cpus();
    m.enable_lpis();
    m.set_s(0x0100, device_baser);
    m.set_s(0x0108, collection_baser);
    m.set_s(0x0080, Machine::queue | valid | 15);
    m.set_s(0x0088, 0);
    m.set_s(0x0000, 1, 4);
}

/// DeviceIDs 0x200 to 0x3FF and ICIDs up to 0x1FF have a page of 4 KiB.
void start_indirect(Machine& m) {
    m.memory.put<u64>(Machine::device_table + 8, valid | pages);
    m.memory.put<u64>(Machine::collection_table, valid | (pages + 0x1000));
    start_with(m, Machine::device_table | valid | indirect, Machine::collection_table | valid | indirect);
}

TEST(ItsTables, DeviceInASecondLevelPageIsTranslated) {
    Machine m;
    start_indirect(m);
    m.map(0x203, 2);
    EXPECT_NE(m.memory.get<u64>(pages + 3 * 8), 0u) << "the entry lies in the page that level 1 names";
    EXPECT_NE(m.memory.get<u64>(pages + 0x1000), 0u);
    m.doorbell(0x203, 1);
    m.run();
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(0x203, 1)});
}

TEST(ItsTables, InvalidLevel1EntryIsBeyondTheTable) {
    Machine m;
    start_indirect(m);
    m.execute({mapd(5, m.itt(5), 4)});
    EXPECT_EQ(m.error(), 0x010801u);
    m.execute({mapc(0x200, 0)});
    EXPECT_EQ(m.error(), 0x010903u);
    m.execute({about(Code::INT, 5, 0)});
    EXPECT_EQ(m.error(), 0x010301u);
    m.doorbell(5, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().device_out_of_range, 1u);
}

TEST(ItsTables, PageAddedWhileEnabledNeedsNoCommand) {
    Machine m;
    start_indirect(m);
    m.doorbell(5, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().device_out_of_range, 1u);
    m.memory.put<u64>(Machine::device_table, valid | (pages + 0x2000));
    m.map(5, 1);
    m.doorbell(5, 0);
    m.run();
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{Machine::lpi(5, 0)});
}

TEST(ItsTables, Level1CoversAsManyIdsAsItHasEntries) {
    ItsConfig config;
    config.device_bits = 20;
    Machine m({}, config);
    // 512 entries of level 1, each a page of 512 devices: 2^18.
    m.memory.put<u64>(Machine::device_table + 511 * 8, valid | pages);
    start_with(m, Machine::device_table | valid | indirect, Machine::collection_table | valid);
    m.execute({mapd(0x3FFFF, m.itts, 4)});
    EXPECT_EQ(m.error(), 0u);
    m.execute({mapd(0x40000, m.itts, 4)});
    EXPECT_EQ(m.error(), 0x010801u);
}

TEST(ItsTables, PagesOfSixteenAndSixtyFourKibWork) {
    for (const u64 size : {1u, 2u}) {
        Machine m;
        const u64 page = size == 1 ? 16 * KiB : 64 * KiB;
        const u64 per_page = page / 8;
        m.memory.put<u64>(Machine::device_table + 8, valid | (pages + 0x10'0000));
        start_with(m, Machine::device_table | valid | indirect | size << 8, Machine::collection_table | valid);
        const u32 device = static_cast<u32>(per_page) + 7;
        m.execute({mapc(0, 0), mapd(device, m.itts, 4)});
        EXPECT_EQ(m.error(), 0u);
        EXPECT_NE(m.memory.get<u64>(pages + 0x10'0000 + 7 * 8), 0u) << size;
    }
}

TEST(ItsTables, RefusedLevel1ReadDropsTheMessageAndStallsTheQueue) {
    Machine m;
    start_indirect(m);
    m.memory.fail(Machine::device_table, 4096);
    m.doorbell(0x200, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().table_access, 1u);
    m.execute({mapd(0x200, m.itts, 4)});
    EXPECT_EQ(m.creadr(), 1u);
    EXPECT_EQ(m.error(), 0x01082Fu);
}

TEST(ItsTables, FlatOnlyTablesReadIndirectAsZero) {
    ItsConfig config;
    config.indirect_devices = config.indirect_collections = false;
    Machine m({}, config);
    m.set_s(0x0100, Machine::device_table | valid | indirect);
    m.set_s(0x0108, Machine::collection_table | valid | indirect);
    EXPECT_EQ(m.s(0x0100) & indirect, 0u);
    EXPECT_EQ(m.s(0x0108) & indirect, 0u);
}

TEST(ItsTables, EventIdsEndWhereMapdSaid) {
    Machine m;
    m.start();
    m.configure_lpi(8192, 0xA1);
    m.execute({mapc(0, 0), mapd(1, m.itts, 0), mapti(1, 1, 8192, 0)});
    EXPECT_EQ(m.error(), 0u) << "Size 0 means two events";
    m.execute({mapti(1, 2, 8193, 0)});
    EXPECT_EQ(m.error(), 0x010A05u);
    m.doorbell(1, 2);
    m.doorbell(1, 1);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().event_out_of_range, 1u);
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{8192});
}

TEST(ItsTables, IttMayHaveAllTheEventsThatTyperOffers) {
    GicConfig gic;
    gic.id_bits = 20;
    ItsConfig config;
    config.event_bits = 17;
    Machine m(gic, config);
    m.start();
    m.execute({mapc(0, 0), mapd(1, m.itts, 17)});
    EXPECT_EQ(m.error(), 0x010802u);
    m.execute({mapd(1, m.itts, 16), mapti(1, 0x1FFFF, 8192, 0)});
    EXPECT_EQ(m.error(), 0x010802u) << "no further error";
    EXPECT_NE(m.memory.get<u64>(m.itts + 0x1FFFF * 8), 0u);
}

// Collections held in the ITS

TEST(ItsCollections, HeldInTheItsNeedNoTable) {
    ItsConfig config;
    config.hardware_collections = 4;
    config.collection_table = false;
    Machine m({}, config);
    EXPECT_EQ(m.s(0x0008) >> 24 & 0xFF, 4u);
    EXPECT_EQ(m.s(0x0008) & 4, 0u) << "CCT is RES0 without collections in memory";
    EXPECT_EQ(m.s(0x0108), 0u) << "no register of type Collection";
    m.start();
    m.map(1, 1, 3);
    m.memory.log.clear();
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu(3).pending(), std::vector<u32>{Machine::lpi(1, 0)});
    EXPECT_EQ(m.memory.log.size(), 3u) << "device, translation, property";
    m.execute({mapc(4, 0)});
    EXPECT_EQ(m.error(), 0x010903u);
}

TEST(ItsCollections, HeldInTheItsAreUnmappedAtReset) {
    ItsConfig config;
    config.hardware_collections = 4;
    Machine m({}, config);
    m.start();
    m.map(1, 1, 2);
    m.gic.reset();
    m.write_offset = 0;
    m.start();
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.gic.its(0).drops().unmapped_collection, 1u) << "the tables in memory are still there";
}

TEST(ItsCollections, KeptOverADisable) {
    ItsConfig config;
    config.hardware_collections = 4;
    Machine m({}, config);
    m.start();
    m.map(1, 1, 2);
    m.set_s(0x0000, 0, 4);
    m.run();
    m.set_s(0x0000, 1, 4);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu(2).pending().size(), 1u);
}

TEST(ItsCollections, InMemoryComeAfterThoseOfTheItsWithCct) {
    ItsConfig config;
    config.hardware_collections = 4;
    Machine m({}, config);
    EXPECT_EQ(m.s(0x0008) & 4, 4u);
    m.start();
    m.execute({mapc(4, 1), mapc(3, 2)});
    EXPECT_EQ(m.error(), 0u);
    EXPECT_NE(m.memory.get<u64>(Machine::collection_table), 0u) << "ICID 4 is the first in memory";
    EXPECT_EQ(m.memory.get<u64>(Machine::collection_table + 8), 0u);
    // 8 pages of 512, and four more
    m.execute({mapc(4096 + 3, 0)});
    EXPECT_EQ(m.error(), 0u);
    m.execute({mapc(4096 + 4, 0)});
    EXPECT_EQ(m.error(), 0x010903u);
}

TEST(ItsCollections, TotalIsThatOfTheTableWithoutCct) {
    ItsConfig config;
    config.hardware_collections = 4;
    config.collections_add_up = false;
    Machine m({}, config);
    EXPECT_EQ(m.s(0x0008) & 4, 0u);
    m.start();
    m.execute({mapc(4095, 0), mapc(3, 1), mapc(4, 1)});
    EXPECT_EQ(m.error(), 0u);
    EXPECT_NE(m.memory.get<u64>(Machine::collection_table + 4 * 8), 0u);
    EXPECT_EQ(m.memory.get<u64>(Machine::collection_table + 3 * 8), 0u);
    m.execute({mapc(4096, 0)});
    EXPECT_EQ(m.error(), 0x010903u);
}

TEST(ItsCollections, IcidHasTheBitsOfCidbits) {
    ItsConfig config;
    config.collection_bits = 6;
    Machine m({}, config);
    EXPECT_EQ(m.s(0x0008) >> 32 & 0x1F, 0x10u | 5u) << "CIL and CIDbits";
    m.start();
    m.execute({mapc(63, 0)});
    EXPECT_EQ(m.error(), 0u);
    m.execute({mapc(64, 0)});
    EXPECT_EQ(m.error(), 0x010903u);
    EXPECT_EQ(Machine().s(0x0008) >> 32 & 0x1F, 0u) << "16 bits: both are zero";
}

// RDbase

class TargetAddress : public testing::Test {
protected:
    static ItsConfig config() {
        ItsConfig its;
        its.target_addresses = true;
        return its;
    }
    static u64 rd(u32 cpu) { return (Machine::gicr + cpu * 0x20000) >> 16; }
    Machine m{{}, config()};
};

TEST_F(TargetAddress, NamesTheRedistributor) {
    EXPECT_EQ(m.s(0x0008) >> 19 & 1, 1u);
    m.start();
    for (const u32 event : {0u, 1u, 2u}) m.configure_lpi(8192 + event, 0xA1);
    m.execute({mapc(0, rd(3)), mapd(1, m.itts, 4), mapti(1, 0, 8192, 0), mapti(1, 1, 8193, 0), sync(rd(3))});
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu(3).pending(), std::vector<u32>{8192});
    m.execute({movall(rd(3), rd(1)), sync(rd(3))});
    EXPECT_EQ(m.cpu(1).pending(), std::vector<u32>{8192});
    EXPECT_EQ(m.error(), 0u);
}

TEST_F(TargetAddress, IsThatOfAFirstFrame) {
    m.start();
    for (const u64 wrong : {u64{0}, rd(0) - 2, rd(0) + 1, rd(4)}) {
        m.execute({mapc(0, wrong)});
        EXPECT_EQ(m.error(), 0x010902u) << wrong;
        m.execute({sync(wrong)});
        EXPECT_EQ(m.error(), 0x010502u) << wrong;
        m.execute({movall(rd(0), wrong)});
        EXPECT_EQ(m.error(), 0x010E01u) << wrong;
    }
}

TEST(ItsCredits, NoMoreMessagesAreOnTheirWayThanThereAreCredits) {
    ItsConfig config;
    config.message_credits = 2;
    config.message_cycles = 100;
    Machine m({}, config);
    m.start();
    m.map(1, 8);
    for (u32 event = 0; event < 8; ++event) m.doorbell(1, event);
    m.run();
    for (u32 event = 0; event < 8; ++event) m.cpu().end(m.cpu().acknowledge());
    ASSERT_EQ(m.gic.redistributor(0).lpis().size(), 0u);
    const Time start = m.now();
    for (u32 event = 0; event < 8; ++event) m.doorbell(1, event);
    m.run_until(start + 400 * nanosecond);
    EXPECT_LT(m.gic.redistributor(0).lpis().size(), 8u) << "four rounds of two messages, and the look-ups before";
    m.run_until(start + 430 * nanosecond);
    EXPECT_EQ(m.gic.redistributor(0).lpis().size(), 8u);
    EXPECT_EQ(Counters(m.gic)["its0.message_credits.peak"], 2u);
}

}  // namespace
}  // namespace smmusim::gic::test::its_table
