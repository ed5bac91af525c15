// Walks beyond the vectors: aborts, worlds, atomics, hardware update through stage 2, S2PTW.
#include "oracle/fixture.hpp"

namespace smmusim::oracle {
namespace {

TEST_F(Oracle, AbortedDescriptorReadTellsStageClassAndAddress) {
    struct Row {
        u64 hole, second, why;
    };
    const auto second_stage_leaf = [&](u64 ipa) { return 0x1'0000'3000 + (ipa >> 12 & 0x1ff) * 8; };
    ASSERT_NE(words[second_stage_leaf(0x4000'0000)], 0u);
    const u64 start = 0x4000'0000 + (address >> 39) * 8;
    for (const Row& row : {Row{start, 0, event::TTD}, Row{second_stage_leaf(0x4000'0000), 1, event::TTD}}) {
        holes = {row.hole};
        const Outcome outcome = run();
        ASSERT_TRUE(outcome.event);
        EXPECT_EQ(outcome.event->get(event::number), event::F_WALK_EABT) << describe(outcome);
        EXPECT_EQ(outcome.event->get(event::S2), row.second);
        EXPECT_EQ(outcome.event->get(event::CLASS), row.why);
        EXPECT_EQ(outcome.event->get(event::FetchAddr), row.hole);
        EXPECT_EQ(outcome.event->get(event::InputAddr), address);
        EXPECT_TRUE(outcome.recorded);
        EXPECT_EQ(outcome.verdict, Verdict::Abort);
    }
    // Of the CD: the first stage 2 descriptor of all.
    holes = {0x1'0000'0000};
    EXPECT_EQ(run().event->get(event::CLASS), event::CD);
}

TEST_F(Oracle, AtomicNeedsReadAndWrite) {
    only(ste::Stage2);
    transaction.kind = Kind::Atomic;
    u64& leaf = words[0x1'0000'0000 + 0];
    ASSERT_NE(leaf, 0u);
    const auto permissions = [&](u64 S2AP) {
        support::TableBuilder second(words, 12, 0, 0x1'0000'0000, 0x1'0100'0000);
        second.put(address, 3, final_page | 0x73f | S2AP << 6);
    };
    for (const u64 S2AP : {0, 1, 2}) {
        permissions(S2AP);
        const Outcome outcome = run();
        EXPECT_EQ(outcome.event->get(event::number), event::F_PERMISSION) << S2AP;
        // A write, unless writes are permitted and reads are not.
        EXPECT_EQ(outcome.event->get(event::RnW), S2AP == 2 ? 1u : 0u);
    }
    permissions(3);
    EXPECT_EQ(event_number(), 0u);
}

TEST_F(Oracle, UnprivilegedAccessToAHiddenHalfIsATranslationFault) {
    context.set(cd::E0PD0, 1);
    EXPECT_EQ(event_number(), event::F_TRANSLATION);
    transaction.privileged = true;
    EXPECT_EQ(event_number(), 0u);
    transaction.privileged = false;
    identity.E0PD = 0;
    EXPECT_EQ(event_number(), 0u);
}

TEST_F(Oracle, El2HasOneRangeAndOnePrivilege) {
    only(ste::Stage1);
    entry.set(ste::STRW, 2);
    context.set(cd::EPD0, 1);
    EXPECT_EQ(event_number(), 0u) << "EPD0 does not exist here";
    transaction.address = ~u64{0xfff};
    EXPECT_EQ(event_number(), event::F_TRANSLATION);
    transaction.address = address;
    registers.CR2 = 1;
    EXPECT_EQ(event_number(), event::F_TRANSLATION) << "with E2H it does";
    identity.Hyp = 0;
    registers.CR2 = 0;
    EXPECT_EQ(event_number(), event::F_TRANSLATION) << "without Hyp the world is EL1";
}

TEST_F(Oracle, BigEndianDescriptorsAreSwapped) {
    only(ste::Stage2);
    const auto swap = [](u64 value) {
        u64 result = 0;
        for (int byte = 0; byte < 8; ++byte, value >>= 8) result = result << 8 | (value & 0xff);
        return result;
    };
    for (auto& [at, value] : words)
        if (at >= 0x1'0000'0000) value = swap(value);
    EXPECT_NE(event_number(), 0u);
    entry.set(ste::S2ENDI, 1);
    EXPECT_EQ(run().pa, final_page + 0xabc);
}

TEST_F(Oracle, UpdateOfAStage1DescriptorIsAWriteThroughStage2) {
    const u64 leaf = 0x4000'3000 + (address >> 12 & 0x1ff) * 8;
    ASSERT_EQ(words[leaf], page | 0xf43);
    words[leaf] = page | 0xb43;  // not accessed
    context.set(cd::HA, 1);
    support::TableBuilder second(words, 12, 0, 0x1'0000'0000, 0x1'0200'0000);

    second.put(0x4000'3000, 3, 0x4000'3000 | 0x77f);  // readable only
    Outcome outcome = run();
    ASSERT_TRUE(outcome.event);
    EXPECT_EQ(outcome.event->get(event::number), event::F_PERMISSION);
    EXPECT_EQ(outcome.event->get(event::S2), 1u);
    EXPECT_EQ(outcome.event->get(event::CLASS), event::TTD);
    EXPECT_EQ(outcome.event->get(event::TTRnW), 0u);
    EXPECT_EQ(outcome.event->get(event::IPA), leaf & ~u64{0xfff});
    EXPECT_EQ(words[leaf], page | 0xb43);

    second.put(0x4000'3000, 3, 0x4000'3000 | 0x77f | u64{1} << 51);  // clean
    entry.set(ste::S2HA, 1).set(ste::S2HD, 1);
    outcome = run();
    EXPECT_EQ(outcome.verdict, Verdict::Translated) << describe(outcome);
    EXPECT_EQ(words[leaf], page | 0xf43);
    ASSERT_EQ(outcome.updates.size(), 2u);
    EXPECT_EQ(outcome.updates[0].after, outcome.updates[0].before | 1u << 7) << "the page of the table becomes dirty";
}

TEST_F(Oracle, RefusedUpdateIsAnExternalAbort) {
    only(ste::Stage1);
    const u64 leaf = 0x4000'3000 + (address >> 12 & 0x1ff) * 8;
    words[leaf] = page | 0xb43;
    context.set(cd::HA, 1);
    read_only = {leaf};
    const Outcome outcome = run();
    ASSERT_TRUE(outcome.event);
    EXPECT_EQ(outcome.event->get(event::number), event::F_WALK_EABT);
    EXPECT_EQ(outcome.event->get(event::FetchAddr), leaf);
}

TEST_F(Oracle, DeviceTablesAreRefusedOnlyWithS2ptw) {
    support::TableBuilder second(words, 12, 0, 0x1'0000'0000, 0x1'0300'0000);
    const auto attributes = [&](u64 MemAttr) { second.put(0x4000'0000, 3, 0x4000'0000 | 0x7c3 | MemAttr << 2); };
    attributes(0b0001);
    EXPECT_EQ(event_number(), 0u);
    entry.set(ste::S2PTW, 1);
    EXPECT_EQ(event_number(), event::F_PERMISSION);
    attributes(0b0101);
    EXPECT_EQ(event_number(), 0u) << "Normal Non-cacheable";
    entry.set(ste::S2FWB, 1);
    second.put(0x4000'0000, 3, 0x4000'0000 | 0x7c3 | 0b0011 << 2);
    EXPECT_EQ(event_number(), event::F_PERMISSION) << "Device in the encoding of FWB";
}

}  // namespace
}  // namespace smmusim::oracle
