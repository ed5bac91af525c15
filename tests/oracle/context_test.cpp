// Context descriptors: substreams, illegal descriptors, fault flags, overrides.
#include "oracle/fixture.hpp"

namespace smmusim::oracle {
namespace {

TEST_F(Oracle, AbortedFetchesNameTheAddress) {
    holes = {stream_table + 3 * 64 + 8};
    Outcome outcome = run();
    EXPECT_EQ(outcome.event->get(event::number), event::F_STE_FETCH);
    EXPECT_EQ(outcome.event->get(event::FetchAddr), stream_table + 3 * 64);
    holes = {cd_table};
    outcome = run();
    EXPECT_EQ(outcome.event->get(event::number), event::F_CD_FETCH);
    EXPECT_EQ(outcome.event->get(event::FetchAddr), cd_table);
}

TEST_F(Oracle, IllegalContextDescriptors) {
    struct Row {
        const char* why;
        std::vector<std::pair<Field, u64>> fields;
        void (*adjust)(Identity&) = nullptr;
    };
    const std::vector<Row> rows{
        {"not valid", {{cd::V, 0}}},
        {"no RAZ/WI", {{cd::A, 0}}, [](Identity& id) { id.TERM_MODEL = 1; }},
        {"no stalls", {{cd::S, 1}}, [](Identity& id) { id.STALL_MODEL = 1; }},
        {"big-endian", {{cd::ENDI, 1}}, [](Identity& id) { id.TTENDIAN = 2; }},
        {"AArch32 tables", {{cd::AA64, 0}}},
        {"no access flag update", {{cd::HA, 1}}, [](Identity& id) { id.HTTU = 0; }},
        {"no dirty update", {{cd::HD, 1}}, [](Identity& id) { id.HTTU = 1; }},
        {"wide ASID", {{cd::ASID, 256}}, [](Identity& id) { id.ASID16 = 0; }},
        {"range too small", {{cd::T0SZ, 40}}},
        {"range too large", {{cd::T0SZ, 15}}},
        {"reserved granule", {{cd::TG0, 3}}},
        {"absent granule", {{cd::TG0, 1}}, [](Identity& id) { id.GRAN64K = 0; }},
        {"table beyond IPS", {{cd::TTB0, u64{1} << 40}, {cd::IPS, 2}}},
        {"reserved granule of the enabled upper half", {{cd::EPD1, 0}, {cd::TG1, 0}, {cd::T1SZ, 16}}},
        {"range of the enabled upper half", {{cd::EPD1, 0}, {cd::TG1, 2}, {cd::T1SZ, 0}}},
    };
    const CdBuilder legal = context;
    for (const Row& row : rows) {
        context = legal;
        identity = {};
        for (const auto& [field, value] : row.fields) context.set(field, value);
        if (row.adjust != nullptr) row.adjust(identity);
        const Outcome outcome = run();
        EXPECT_EQ(event_number(), event::C_BAD_CD) << row.why << describe(outcome);
        EXPECT_TRUE(outcome.recorded) << row.why;
    }
    context = legal;
    identity = {};
    context.set(cd::S, 1);
    entry.set(ste::S1STALLD, 1);
    EXPECT_EQ(event_number(), event::C_BAD_CD) << "stalls that the STE forbids";
}

TEST_F(Oracle, FieldsOfADisabledHalfAreIgnored) {
    context.set(cd::TG1, 0).set(cd::T1SZ, 63).set(cd::TTB1, u64{1} << 51);
    EXPECT_EQ(event_number(), 0u);
    transaction.address = ~u64{0xfff};
    context.set(cd::T1SZ, 16);
    EXPECT_EQ(event_number(), event::F_TRANSLATION) << "EPD1";
}

TEST_F(Oracle, SubstreamRules) {
    constexpr u32 none = ~u32{0};
    struct Row {
        u32 substream;
        u64 S1CDMax, S1DSS, expected;
    };
    place(cd_table + 5 * 64, context);
    for (const Row& row : {Row{none, 0, 0, 0},
                           {0, 0, 0, event::C_BAD_SUBSTREAMID},
                           {5, 0, 2, event::C_BAD_SUBSTREAMID},
                           {5, 3, 0, 0},
                           {8, 3, 0, event::C_BAD_SUBSTREAMID},
                           {0, 3, 0, 0},
                           {0, 3, 2, event::F_STREAM_DISABLED},
                           {5, 3, 2, 0},
                           {none, 3, 0, event::F_STREAM_DISABLED},
                           {none, 3, 3, event::F_STREAM_DISABLED},
                           {none, 3, 1, 0},
                           {none, 3, 2, 0}}) {
        transaction.substream = row.substream == none ? std::nullopt : std::optional(row.substream);
        entry.set(ste::S1CDMax, row.S1CDMax).set(ste::S1DSS, row.S1DSS);
        place(cd_table + 5 * 64, context);
        const Outcome outcome = run();
        EXPECT_EQ(event_number(), row.expected)
            << row.substream << " " << row.S1CDMax << " " << row.S1DSS << describe(outcome);
        if (row.expected == event::F_STREAM_DISABLED) {
            EXPECT_EQ(outcome.event->get(event::SSV), 0u);
        }
        if (row.expected == event::C_BAD_SUBSTREAMID) {
            EXPECT_EQ(outcome.event->get(event::SSV), 0u);
            EXPECT_EQ(outcome.event->get(event::SubstreamID), row.substream);
        }
    }
    for (const u64 config : {ste::Bypass, ste::Stage2}) {
        only(config);
        transaction.substream = 1;
        EXPECT_EQ(event_number(), event::C_BAD_SUBSTREAMID);
    }
}

TEST_F(Oracle, StreamWithoutSubstreamMaySkipStage1) {
    entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 1);
    Outcome outcome = run();
    EXPECT_EQ(outcome.pa, final_page + 0xabc) << "stage 2 alone, of the input address";
    EXPECT_EQ(outcome.ipa, address);
    EXPECT_FALSE(outcome.stage1_level);
    only(ste::Stage1);
    outcome = run();
    EXPECT_EQ(outcome.pa, address);
    EXPECT_EQ(outcome.reads.size(), 1u);
}

TEST_F(Oracle, TwoLevelContextDescriptorsBySubstream) {
    only(ste::Stage1);
    const u64 second_level = 0x6300'0000;
    for (const auto& [format, split] : {std::pair{1u, 6u}, {2u, 10u}}) {
        entry.set(ste::S1Fmt, format).set(ste::S1CDMax, 12).set(ste::S1ContextPtr, 0x6400'0000);
        transaction.substream = (3u << split) + 9;
        words[0x6400'0000 + 8 * 3] = second_level | 1;
        place(second_level + 9 * 64, context);
        const Outcome outcome = run();
        EXPECT_EQ(outcome.pa, page + 0xabc) << describe(outcome);
        EXPECT_EQ(outcome.reads[1].kind, ReadKind::L1CD);
        words[0x6400'0000 + 8 * 3] = second_level;
        EXPECT_EQ(event_number(), event::C_BAD_SUBSTREAMID);
        EXPECT_EQ(run().event->get(event::SubstreamID), *transaction.substream);
    }
}

TEST_F(Oracle, FaultFlagsOfTheStageDecide) {
    struct Row {
        u64 S, R, A;
        Verdict verdict;
        bool recorded;
    };
    context.set(cd::EPD0, 1).set(cd::EPD1, 1);
    for (const Row& row : {Row{0, 1, 1, Verdict::Abort, true},
                           {0, 0, 1, Verdict::Abort, false},
                           {0, 1, 0, Verdict::ReadAsZero, true},
                           {0, 0, 0, Verdict::ReadAsZero, false},
                           {1, 0, 1, Verdict::Stall, true}}) {
        context.set(cd::S, row.S).set(cd::R, row.R).set(cd::A, row.A);
        const Outcome outcome = run();
        EXPECT_EQ(outcome.verdict, row.verdict);
        EXPECT_EQ(outcome.recorded, row.recorded);
        EXPECT_EQ(outcome.event->get(event::Stall), row.S);
    }
    only(ste::Stage2);
    transaction.address = 0x7777'0000'0000;
    for (const auto& [S2S, S2R] : {std::pair{0u, 0u}, {0u, 1u}, {1u, 0u}}) {
        entry.set(ste::S2S, S2S).set(ste::S2R, S2R);
        const Outcome outcome = run();
        EXPECT_EQ(outcome.verdict, S2S ? Verdict::Stall : Verdict::Abort);
        EXPECT_EQ(outcome.recorded, (S2S | S2R) != 0);
    }
}

TEST_F(Oracle, StreamTableOverridesPrivilegeAndInstruction) {
    only(ste::Stage1);
    words[0x4000'3000 + (address >> 12 & 0x1ff) * 8] = page | 0xf03;  // AP = 00
    EXPECT_EQ(event_number(), event::F_PERMISSION);
    entry.set(ste::PRIVCFG, 3);
    EXPECT_EQ(event_number(), 0u);
    entry.set(ste::PRIVCFG, 2);
    transaction.privileged = true;
    Outcome outcome = run();
    EXPECT_EQ(outcome.event->get(event::PnU), 0u) << "as overridden";
    identity.ATTR_PERMS_OVR = 0;
    EXPECT_EQ(event_number(), 0u);
    identity.ATTR_PERMS_OVR = 1;

    entry.set(ste::INSTCFG, 3);
    outcome = run();
    EXPECT_EQ(outcome.verdict, Verdict::Translated) << "UXN is 0: executable, though not readable";
    transaction.kind = Kind::Write;
    outcome = run();
    EXPECT_EQ(outcome.event->get(event::InD), 0u) << "writes are data";
    EXPECT_EQ(outcome.event->get(event::RnW), 0u);
}

}  // namespace
}  // namespace smmusim::oracle
