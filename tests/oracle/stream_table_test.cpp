// Stream tables: lookup, illegal entries, what Config selects.
#include "oracle/fixture.hpp"

namespace smmusim::oracle {
namespace {

TEST_F(Oracle, TranslatesThroughBothStages) {
    const Outcome outcome = run();
    EXPECT_EQ(outcome.verdict, Verdict::Translated) << describe(outcome);
    EXPECT_EQ(outcome.pa, final_page + 0xabc);
    EXPECT_EQ(outcome.ipa, page + 0xabc);
    EXPECT_EQ(outcome.span, 4096u);
    EXPECT_EQ(outcome.stage1_level, 3);
    EXPECT_EQ(outcome.stage2_level, 3);
    EXPECT_EQ(outcome.reads.size(), 1u + 5 + 24);
}

TEST_F(Oracle, DisabledUnitBypassesOrAbortsByGbpaWithoutAnyRead) {
    registers.SMMUEN = false;
    EXPECT_EQ(run().pa, address);
    EXPECT_TRUE(run().reads.empty());
    registers.GBPA = 1u << 20;
    EXPECT_EQ(run().verdict, Verdict::Abort);
    EXPECT_FALSE(run().event);
    registers.GBPA = 0;
    transaction.address = u64{1} << 48;
    EXPECT_EQ(run().verdict, Verdict::Abort);
    EXPECT_FALSE(run().event);
}

TEST_F(Oracle, StreamOutsideTheTableIsRecordedOnlyIfAskedFor) {
    transaction.stream = 16;
    EXPECT_EQ(event_number(), event::C_BAD_STREAMID);
    EXPECT_FALSE(run().recorded);
    registers.CR2 = 1u << 1;
    EXPECT_TRUE(run().recorded);
    EXPECT_TRUE(run().reads.empty());
    registers.STRTAB_BASE_CFG = 5;
    EXPECT_EQ(event_number(), event::C_BAD_STE) << "inside now, and empty";
}

TEST_F(Oracle, SizeOfTheStreamTableIsCappedBySidsize) {
    identity.SIDSIZE = 4;
    registers.STRTAB_BASE_CFG = 6;
    registers.STRTAB_BASE = stream_table;
    transaction.stream = 15;
    EXPECT_EQ(event_number(), event::C_BAD_STE);
    transaction.stream = 16;
    EXPECT_EQ(event_number(), event::C_BAD_STREAMID);
}

TEST_F(Oracle, LinearStreamTableIsAlignedToItsSize) {
    registers.STRTAB_BASE = stream_table + 64;
    EXPECT_EQ(run().reads.front().address, stream_table + 3 * 64);
}

class TwoLevelStreams : public Oracle {
protected:
    TwoLevelStreams() {
        configure(8, 12);
        words[stream_table + 8] = 0x6200'0000 | 3;  // StreamIDs 256 to 259
        transaction.stream = 257;
    }
    void configure(u64 split, u64 log2size) {
        StructureBuilder<1> config;
        config.set(support::strtab_base_cfg::FMT, 1).set(support::strtab_base_cfg::SPLIT, split);
        config.set(support::strtab_base_cfg::LOG2SIZE, log2size);
        registers.STRTAB_BASE_CFG = static_cast<u32>(config.words()[0]);
    }
    void put_entry(u64 at) {
        entry.set(ste::Config, ste::Bypass);
        place(at, entry);
    }
};

TEST_F(TwoLevelStreams, EntryIsFoundThroughItsFirstLevelDescriptor) {
    put_entry(0x6200'0000 + 64);
    const Outcome outcome = run();
    EXPECT_EQ(outcome.pa, address) << describe(outcome);
    ASSERT_EQ(outcome.reads.size(), 2u);
    EXPECT_EQ(outcome.reads[0].kind, ReadKind::L1STD);
    EXPECT_EQ(outcome.reads[0].address, stream_table + 8);
}

TEST_F(TwoLevelStreams, SpanLimitsTheStreams) {
    put_entry(0x6200'0000 + 4 * 64);
    transaction.stream = 260;
    EXPECT_EQ(event_number(), event::C_BAD_STREAMID);
    words[stream_table + 8] = 0x6200'0000 | 4;
    EXPECT_EQ(event_number(), 0u);
    words[stream_table + 8] = 0x6200'0000;
    EXPECT_EQ(event_number(), event::C_BAD_STREAMID);
    words[stream_table + 8] = 0x6200'0000 | 9;  // 256 entries, all that the split leaves
    EXPECT_EQ(event_number(), 0u);
    words[stream_table + 8] = 0x6200'0000 | 10;
    EXPECT_EQ(event_number(), event::C_BAD_STREAMID);
}

TEST_F(TwoLevelStreams, SecondLevelIsAlignedToItsSpan) {
    put_entry(0x6200'0000 + 64);
    words[stream_table + 8] = 0x6200'00c0 | 3;
    EXPECT_EQ(event_number(), 0u);
}

TEST_F(TwoLevelStreams, UnknownSplitIsSix) {
    configure(7, 12);
    words[stream_table + 8 * 4] = 0x6200'0000 | 3;
    put_entry(0x6200'0000 + 64);
    EXPECT_EQ(event_number(), 0u);
}

TEST_F(TwoLevelStreams, DoNotExistWithoutStLevel) {
    identity.ST_LEVEL = 0;
    EXPECT_EQ(run().reads.front().kind, ReadKind::STE);
}

TEST_F(TwoLevelStreams, AbortOfTheFirstLevelIsAFetchFault) {
    holes.insert(stream_table + 8);
    const Outcome outcome = run();
    EXPECT_EQ(outcome.event->get(event::number), event::F_STE_FETCH);
    EXPECT_EQ(outcome.event->get(event::FetchAddr), stream_table + 8);
    EXPECT_TRUE(outcome.recorded);
}

TEST_F(Oracle, ConfigDecidesWhichStagesRun) {
    only(ste::Stage1);
    EXPECT_EQ(run().pa, page + 0xabc);
    only(ste::Stage2);
    EXPECT_EQ(run().pa, final_page + 0xabc);
    only(ste::Bypass);
    EXPECT_EQ(run().pa, address);
    for (const u64 config : {0, 1, 2, 3}) {
        only(config);
        EXPECT_EQ(run().verdict, Verdict::Abort);
        EXPECT_EQ(event_number(), 0u);
    }
}

TEST_F(Oracle, BypassBeyondTheAddressSizeIsAnAddressSizeFaultOfStage1) {
    transaction.address = u64{1} << 48;
    for (const u64 config : {ste::Bypass, ste::Stage2}) {
        only(config);
        const Outcome outcome = run();
        ASSERT_TRUE(outcome.event);
        EXPECT_EQ(outcome.event->get(event::number), event::F_ADDR_SIZE);
        EXPECT_EQ(outcome.event->get(event::S2), 0u);
        EXPECT_EQ(outcome.event->get(event::CLASS), event::IN);
        EXPECT_EQ(outcome.verdict, Verdict::Abort);
    }
}

/// Each of these makes the entry ILLEGAL; the numbers are those of the table in the notes.
TEST_F(Oracle, IllegalStreamTableEntries) {
    struct Row {
        const char* why;
        std::vector<std::pair<Field, u64>> fields;
        void (*adjust)(Identity&) = nullptr;
    };
    const std::vector<Row> rows{
        {"not valid", {{ste::V, 0}}},
        {"no stage 1", {}, [](Identity& id) { id.S1P = 0; }},
        {"no stage 2", {}, [](Identity& id) { id.S2P = 0; }},
        {"split-stage ATS and stalls", {{ste::EATS, 2}, {ste::S2S, 1}}, [](Identity& id) { id.ATS = 1; }},
        {"split-stage ATS without nesting",
         {{ste::EATS, 2}, {ste::Config, ste::Stage1}},
         [](Identity& id) { id.ATS = 1; }},
        {"full ATS and stalls of stage 2", {{ste::EATS, 1}, {ste::S2S, 1}}, [](Identity& id) { id.ATS = 1; }},
        {"reserved world", {{ste::STRW, 1}, {ste::Config, ste::Stage1}}},
        {"S1STALLD without that stall model", {{ste::S1STALLD, 1}}, [](Identity& id) { id.STALL_MODEL = 2; }},
        {"too many substreams", {{ste::S1CDMax, 21}}},
        {"no two-level CDs", {{ste::S1CDMax, 7}, {ste::S1Fmt, 1}}, [](Identity& id) { id.CD2L = 0; }},
        {"CD beyond the address size", {{ste::S1ContextPtr, u64{1} << 50}, {ste::Config, ste::Stage1}}},
        {"stalls where there are none", {{ste::S2S, 1}}, [](Identity& id) { id.STALL_MODEL = 1; }},
        {"no stalls where they are forced", {{ste::S2S, 0}}, [](Identity& id) { id.STALL_MODEL = 2; }},
        {"AArch32 tables", {{ste::S2AA64, 0}}},
        {"no access flag update", {{ste::S2HA, 1}}, [](Identity& id) { id.HTTU = 0; }},
        {"no dirty update", {{ste::S2HD, 1}}, [](Identity& id) { id.HTTU = 1; }},
        {"reserved granule", {{ste::S2TG, 3}}},
        {"absent granule", {{ste::S2TG, 2}}, [](Identity& id) { id.GRAN16K = 0; }},
        {"table beyond S2PS", {{ste::S2TTB, u64{1} << 40}, {ste::S2PS, 2}}},
        {"reserved start level", {{ste::S2SL0, 3}}},
        {"big-endian", {{ste::S2ENDI, 1}}, [](Identity& id) { id.TTENDIAN = 2; }},
        {"little-endian", {{ste::S2ENDI, 0}}, [](Identity& id) { id.TTENDIAN = 3; }},
        {"wide VMID", {{ste::S2VMID, 256}}, [](Identity& id) { id.VMID16 = 0; }},
    };
    const SteBuilder legal = entry;
    for (const Row& row : rows) {
        entry = legal;
        identity = {};
        for (const auto& [field, value] : row.fields) entry.set(field, value);
        if (row.adjust != nullptr) row.adjust(identity);
        EXPECT_EQ(event_number(), event::C_BAD_STE) << row.why;
        EXPECT_EQ(run().reads.size(), 1u) << row.why;
        EXPECT_TRUE(run().recorded) << row.why;
    }
}

/// What a stage that is off says does not count.
TEST_F(Oracle, FieldsOfAStageThatIsOffAreIgnored) {
    only(ste::Stage1);
    entry.set(ste::S2AA64, 0).set(ste::S2TG, 3).set(ste::S2T0SZ, 0).set(ste::S2S, 1);
    EXPECT_EQ(event_number(), 0u);
    only(ste::Stage2);
    entry.set(ste::S2AA64, 1).set(ste::S2TG, 0).set(ste::S2T0SZ, 16).set(ste::S2S, 0);
    entry.set(ste::S1CDMax, 31).set(ste::S1ContextPtr, u64{1} << 54).set(ste::S1STALLD, 1).set(ste::STRW, 1);
    EXPECT_EQ(event_number(), 0u);
}

}  // namespace
}  // namespace smmusim::oracle
