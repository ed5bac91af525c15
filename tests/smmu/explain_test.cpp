// Explanations: every read with its address and fields, the rules passed, the rule that decided.
#include "smmu/arch/explain.hpp"

#include <gtest/gtest.h>

#include <set>

#include "support/table_builder.hpp"

namespace smmusim::smmu::arch {
namespace {

using spec::Cd;
using spec::Ste;

constexpr u64 stream_table = 0x6000'0000;
constexpr u64 cd_table = 0x6100'0000;
constexpr u64 intermediate_page = 0x9000'0000;  // what stage 1 gives
constexpr u64 physical_page = 0xA000'0000;      // what stage 2 gives for it
constexpr u64 address = 0x12'3456'7ABC;

/// Stream 3 with both stages, four levels of 4 KiB each.
class Explained : public testing::Test {
protected:
    Explained() {
        control.enabled = true;
        control.strtab_base = spec::StrtabBase(stream_table);
        control.strtab_cfg = spec::StrtabBaseCfg(4);
        request.stream_id = 3;
        request.address = address;
        ste.set(Ste::V, true);
        ste.set(Ste::Cfg, Ste::Config::Nested);
        ste.set(Ste::S1ContextPtr, cd_table);
        ste.set(Ste::S2AA64, true);
        ste.set(Ste::S2T0SZ, 16);
        ste.set(Ste::S2SL0, 2);
        ste.set(Ste::S2PS, 5);
        ste.set(Ste::S2R, true);
        ste.set(Ste::S2TTB, 0x1'0000'0000);
        cd.set(Cd::V, true);
        cd.set(Cd::AA64, true);
        cd.set(Cd::R, true);
        cd.set(Cd::A, true);
        cd.set(Cd::T0SZ, 16);
        cd.set(Cd::IPS, 5);
        cd.set(Cd::TTB0, 0x4000'0000);
        cd.set(Cd::EPD1, true);
        cd.set(Cd::ASID, 7);
        cd.set(Cd::MAIR, 0xFF);
        support::TableBuilder first(words, 12, 0, 0x4000'0000, 0x4000'1000);
        first.put(address, 3, intermediate_page | 0xF43);
        support::TableBuilder second(words, 12, 0, 0x1'0000'0000, 0x1'0000'1000);
        for (u64 table = 0x4000'0000; table < first.next(); table += 0x1000) second.put(table, 3, table | 0x7FF);
        second.put(cd_table, 3, cd_table | 0x7FF);
        second.put(intermediate_page, 3, physical_page | 0x7FF);
    }

    Explanation run() {
        for (unsigned index = 0; index < 8; ++index) {
            words[stream_table + 64 * 3 + 8 * index] = ste.words[index];
            words[cd_table + 8 * index] = cd.words[index];
        }
        return explain(id, control, request, [this](const Fetch& fetch, void* data) {
            if (holes.contains(fetch.address)) return false;
            for (u32 offset = 0; offset < fetch.size; offset += 8) {
                const auto word = words.find(fetch.address + offset);
                const u64 value = word == words.end() ? 0 : word->second;
                std::memcpy(static_cast<u8*>(data) + offset, &value, 8);
            }
            return true;
        });
    }
    /// The only word whose table entry leads to `output`.
    u64& leaf(u64 output) {
        u64* found = nullptr;
        for (auto& [place, word] : words)
            if ((word & ~u64{0xFFF}) == output && place < 0x2'0000'0000) found = &word;
        return *found;
    }

    spec::Identification id;
    Control control;
    Request request;
    Ste ste;
    Cd cd;
    support::Words words;
    std::set<u64> holes;
};

/// The lines of the text from the first that contains `what`.
std::string from(const std::string& text, const std::string& what, std::size_t lines) {
    const std::size_t found = text.find(what);
    if (found == std::string::npos) return "no '" + what + "' in\n" + text;
    std::size_t end = found;
    for (; lines != 0 && end != std::string::npos; --lines) end = text.find('\n', end + 1);
    const std::size_t begin = text.rfind('\n', found) + 1;
    return text.substr(begin, end - begin);
}

TEST_F(Explained, ANestedWalkTellsEveryReadInItsOrder) {
    const Explanation explanation = run();
    std::map<std::string, int> kinds;
    for (const Explanation::Entry& entry : explanation.entries) ++kinds[entry.kind];
    EXPECT_EQ(kinds, (std::map<std::string, int>{
                         {"registers", 1}, {"check", 4}, {"STE", 1}, {"CD", 1}, {"S1", 4}, {"S2", 4 + 4 * 4 + 4}}));
    EXPECT_TRUE(explanation.result.proceeds);
    EXPECT_EQ(explanation.result.address, physical_page | 0xABC);

    const std::string words_said = text(explanation);
    EXPECT_EQ(words_said.substr(0, words_said.find('\n')), "read of 0x1234567abc by StreamID 0x3");
    EXPECT_EQ(from(words_said, "registers", 1),
              "  registers   CR0.SMMUEN 1, STRTAB_BASE.ADDR 0x60000000, STRTAB_BASE_CFG.LOG2SIZE 4");
    EXPECT_EQ(from(words_said, "  STE  ", 6),
              "  STE         at 0x0000600000c0\n"
              "              0x000000006100000f  0x0000000000000000  0x040d009000000000  0x0000000100000000\n"
              "              0x0000000000000000  0x0000000000000000  0x0000000000000000  0x0000000000000000\n"
              "              V 1, Config 0b111 (both stages), S1ContextPtr 0x61000000, S2T0SZ 16, S2SL0 0b10,\n"
              "              S2TG 0b00 (4 KiB), S2PS 0b101 (48 bits), S2AA64 1, S2R 1, S2TTB 0x100000000\n"
              "              -> context descriptors at IPA 0x61000000, stage 2 tables at 0x100000000");
    EXPECT_EQ(from(words_said, "S2 level 3", 3),
              "  S2 level 3  at 0x000100004000 for IPA 0x61000000: 0x00000000610007ff\n"
              "              MemAttr 0b1111, S2AP 0b11, SH 0b11, AF 1\n"
              "              -> page of 4 KiB at PA 0x61000000; privileged rwx, unprivileged rwx");
    EXPECT_EQ(from(words_said, "S1 level 0", 2),
              "  S1 level 0  at 0x000040000000, IPA 0x40000000: 0x0000000040001003\n"
              "              -> table of level 1 at IPA 0x40001000");
    EXPECT_EQ(from(words_said, "S1 level 3", 3),
              "  S1 level 3  at 0x000040003b38, IPA 0x40003b38: 0x0000000090000f43\n"
              "              AP[2:1] 0b01, SH 0b11, AF 1, nG 1\n"
              "              -> page of 4 KiB at IPA 0x90000000; privileged rw-, unprivileged rwx");
    EXPECT_EQ(from(words_said, "  result", 1),
              "  result      proceeds at 0xa0000abc: Normal iWB oWB ISH RA WA, unprivileged data");
}

TEST_F(Explained, AnIllegalSteNamesTheRuleThatItBreaks) {
    ste.set(Ste::S2T0SZ, 50);
    const Explanation explanation = run();
    EXPECT_FALSE(explanation.result.proceeds);
    const Explanation::Entry& last = explanation.entries.back();
    EXPECT_EQ(last.kind, "STE");
    EXPECT_TRUE(last.decided);
    EXPECT_EQ(last.then, "ILLEGAL: STE.S2T0SZ is out of range");
    EXPECT_EQ(from(text(explanation), "  result", 5),
              "  result      aborts\n"
              "  rule        STE.S2T0SZ is out of range (IHI 0070, 5.2.2)\n"
              "  event       C_BAD_STE\n"
              "              StreamID 0x3\n"
              "  flags       recorded; no flag changes that");
}

TEST_F(Explained, AStage2FaultTellsItsRecordAndTheFlagsThatDisposedOfIt) {
    leaf(physical_page) = 0;
    request.write = true;
    request.read = false;
    EXPECT_EQ(from(text(run()), "  result", 5),
              "  result      aborts\n"
              "  rule        invalid stage 2 descriptor (IHI 0070, 3.4; DDI 0487, D8.2 and D8.3)\n"
              "  event       F_TRANSLATION\n"
              "              StreamID 0x3, S2 1, CLASS 0b10 (IN), InputAddr 0x1234567abc, IPA 0x90000000\n"
              "  flags       STE.S2S = 0, S2R = 1: aborted, recorded");
    ste.set(Ste::S2S, true);
    const Explanation stalled = run();
    EXPECT_EQ(stalled.result.ending, "stalls until software resumes or terminates it");
    EXPECT_EQ(stalled.result.disposition, "STE.S2S = 1: stalled and recorded");
}

TEST_F(Explained, FlagsOfTheContextDescriptorDisposeOfAStage1Fault) {
    leaf(intermediate_page) = 0;
    EXPECT_EQ(run().result.disposition, "CD.S = 0, A = 1, R = 1: aborted, recorded");
    cd.set(Cd::A, false);
    cd.set(Cd::R, false);
    const Explanation explanation = run();
    EXPECT_EQ(explanation.result.disposition, "CD.S = 0, A = 0, R = 0: RAZ/WI, not recorded");
    EXPECT_FALSE(explanation.result.proceeds);
}

TEST_F(Explained, AnAbortedReadIsTheLastEntryAndHasNoValue) {
    holes.insert(stream_table + 64 * 3);
    const Explanation explanation = run();
    EXPECT_EQ(explanation.entries.back().kind, "STE");
    EXPECT_EQ(explanation.entries.back().then, "the read was aborted");
    EXPECT_TRUE(explanation.entries.back().words.empty());
    EXPECT_EQ(explanation.result.event, "F_STE_FETCH");
}

TEST_F(Explained, WhatHardwareWritesBackIsSaid) {
    cd.set(Cd::HA, true);
    leaf(intermediate_page) &= ~u64{1 << 10};
    EXPECT_EQ(from(text(run()), "S1 level 3", 3),
              "  S1 level 3  at 0x000040003b38, IPA 0x40003b38: 0x0000000090000b43\n"
              "              AP[2:1] 0b01, SH 0b11, AF 0, nG 1\n"
              "              -> page of 4 KiB at IPA 0x90000000; privileged rw-, unprivileged rwx; hardware makes it "
              "0x90000f43");
}

TEST_F(Explained, WithSmmuenOffGbpaIsShownAndNothingIsRead) {
    control.enabled = false;
    control.gbpa = spec::Gbpa(1 << 20);
    const Explanation explanation = run();
    for (const Explanation::Entry& entry : explanation.entries) EXPECT_FALSE(entry.read());
    EXPECT_EQ(from(text(explanation), "registers", 5),
              "  registers   CR0.SMMUEN 0, GBPA.ABORT 1\n"
              "  check       CR0.SMMUEN = 0: GBPA decides (IHI 0070, 3.11)\n"
              "  result      aborts\n"
              "  rule        GBPA.ABORT = 1\n"
              "  flags       no event exists for this");
}

TEST_F(Explained, FieldsOfADisabledHalfAndOfAnAbsentStageAreLeftOut) {
    ste.set(Ste::Cfg, Ste::Config::Stage1);
    for (const Explanation::Entry& entry : run().entries)
        for (const Explanation::Field& field : entry.fields) {
            const bool of_stage2 = entry.kind == "STE" && field.name.starts_with("S2") && field.name != "S2VMID";
            const bool of_upper_half = entry.kind == "CD" && field.name == "TTB1";
            EXPECT_FALSE(of_stage2 || of_upper_half) << field.name;
        }
}

TEST_F(Explained, EveryFieldIsSpelledAsTheManualDoes) {
    const std::set<std::string> manual{
        "CR0.SMMUEN", "CR0.ATSCHK", "CR2.E2H", "CR2.RECINVSID", "CR2.PTM", "CR2.REC_CFG_ATS", "STRTAB_BASE.ADDR",
        "STRTAB_BASE.RA", "STRTAB_BASE_CFG.LOG2SIZE", "STRTAB_BASE_CFG.SPLIT", "STRTAB_BASE_CFG.FMT", "GBPA.MemAttr",
        "GBPA.MTCFG", "GBPA.ALLOCCFG", "GBPA.SHCFG", "GBPA.PRIVCFG", "GBPA.INSTCFG", "GBPA.ABORT", "GBPA.Update",
        // STE
        "V", "Config", "S1Fmt", "S1ContextPtr", "S1CDMax", "S1DSS", "S1CIR", "S1COR", "S1CSH", "DRE", "CONT", "DCP",
        "PPAR", "MEV", "S2FWB", "S1STALLD", "EATS", "STRW", "MemAttr", "MTCFG", "ALLOCCFG", "SHCFG", "NSCFG", "PRIVCFG",
        "INSTCFG", "S2VMID", "S2T0SZ", "S2SL0", "S2IR0", "S2OR0", "S2SH0", "S2TG", "S2PS", "S2AA64", "S2ENDI", "S2AFFD",
        "S2PTW", "S2HD", "S2HA", "S2S", "S2R", "S2SL0_2", "S2DS", "S2TTB",
        // CD
        "T0SZ", "TG0", "IR0", "OR0", "SH0", "EPD0", "ENDI", "T1SZ", "TG1", "IR1", "OR1", "SH1", "EPD1", "IPS", "AFFD",
        "WXN", "UWXN", "TBI0", "TBI1", "PAN", "AA64", "HD", "HA", "S", "R", "A", "ASET", "ASID", "HAD0", "E0PD0",
        "TTB0", "EPAN", "HAD1", "E0PD1", "TTB1", "DS", "MAIR",
        // descriptors
        "PXNTable", "UXNTable", "APTable", "NSTable", "AttrIndx", "AP[2:1]", "SH", "AF", "nG", "DBM", "Contiguous",
        "PXN", "UXN", "S2AP", "XN",
        // events
        "StreamID", "SSV", "SubstreamID", "Reason", "STAG", "Stall", "PnU", "InD", "RnW", "NSIPA", "S2", "CLASS",
        "InputAddr", "IPA", "FetchAddr", "TTRnW"};
    const auto check = [&](const std::vector<Explanation::Field>& fields) {
        for (const Explanation::Field& field : fields) EXPECT_TRUE(manual.contains(field.name)) << field.name;
    };
    cd.set(Cd::EPD1, false);
    cd.set(Cd::TG1, 2);
    cd.set(Cd::T1SZ, 16);
    for (const bool faulting : {false, true}) {
        if (faulting) leaf(physical_page) = 0;
        const Explanation explanation = run();
        EXPECT_EQ(explanation.result.event_fields.empty(), !faulting);
        for (const Explanation::Entry& entry : explanation.entries) check(entry.fields);
        check(explanation.result.event_fields);
    }
    control.enabled = false;
    check(run().entries.front().fields);
}

/// The entry of a kind, the first of it.
const Explanation::Entry* entry_of(const Explanation& explanation, const std::string& kind) {
    for (const Explanation::Entry& entry : explanation.entries)
        if (entry.kind == kind) return &entry;
    return nullptr;
}

TEST_F(Explained, TwoLevelTablesAreFollowedByTheirPointers) {
    control.strtab_cfg = spec::StrtabBaseCfg(8 | 6 << 6 | 1 << 16);
    words[0x6200'0000] = stream_table | 7;
    control.strtab_base = spec::StrtabBase(0x6200'0000);
    ste.set(Ste::Cfg, Ste::Config::Stage1);
    ste.set(Ste::S1CDMax, 8);
    ste.set(Ste::S1Fmt, Ste::S1Format::TwoLevel4K);
    ste.set(Ste::S1DSS, Ste::NoSubstream::UseZero);
    ste.set(Ste::S1ContextPtr, 0x6300'0000);
    words[0x6300'0000] = cd_table | 1;
    const Explanation explanation = run();
    EXPECT_TRUE(explanation.result.proceeds) << text(explanation);
    ASSERT_NE(entry_of(explanation, "L1STD"), nullptr);
    EXPECT_EQ(entry_of(explanation, "L1STD")->then, "stream table of level 2 at 0x60000000");
    ASSERT_NE(entry_of(explanation, "L1CD"), nullptr);
    EXPECT_EQ(entry_of(explanation, "L1CD")->then, "context descriptors at PA 0x61000000");
}

TEST_F(Explained, EveryEndNamesItsSection) {
    const auto ends = [&](const char* event, const char* section) {
        const Explanation explanation = run();
        EXPECT_EQ(explanation.result.event, event) << text(explanation);
        EXPECT_EQ(explanation.result.section, section) << event;
    };
    const Ste good = ste;
    const Cd good_cd = cd;
    request.substream_id = 3;
    ends("C_BAD_SUBSTREAMID", "IHI 0070, 3.9 and 5.3");
    request.substream_id = sim::no_id;
    ste.set(Ste::S1CDMax, 4);
    ends("F_STREAM_DISABLED", "IHI 0070, 5.2, S1DSS");
    ste = good;
    cd.set(Cd::V, false);
    ends("C_BAD_CD", "IHI 0070, 5.4.1");
    cd = good_cd;
    holes = {cd_table};
    ends("F_CD_FETCH", "IHI 0070, 3.3.2");
    holes = {0x4000'0000};
    ends("F_WALK_EABT", "IHI 0070, 7.3.12");
    holes.clear();
    leaf(intermediate_page) &= ~u64{0x400};
    ends("F_ACCESS", "IHI 0070, 3.12");
    leaf(intermediate_page) |= 0x400;
    request.write = true;
    request.read = false;
    leaf(intermediate_page) |= 0x80;
    ends("F_PERMISSION", "IHI 0070, 3.4; DDI 0487, D8.4");
    request.unsupported = true;
    ends("F_UUT", "IHI 0070, 3.9.1");
}

TEST_F(Explained, StreamOutsideTheTableSaysWhyItIsNotRecorded) {
    request.stream_id = 16;
    const Explanation explanation = run();
    EXPECT_FALSE(explanation.result.proceeds);
    EXPECT_FALSE(explanation.result.recorded);
    EXPECT_NE(explanation.result.disposition.find("CR2.RECINVSID = 0"), std::string::npos)
        << explanation.result.disposition;
}

TEST_F(Explained, BypassingStreamsReadNothingMore) {
    ste.set(Ste::Cfg, Ste::Config::Bypass);
    const Explanation explanation = run();
    EXPECT_TRUE(explanation.result.proceeds);
    EXPECT_EQ(explanation.result.address, address);
    EXPECT_EQ(entry_of(explanation, "STE")->then, "bypass");
    EXPECT_EQ(entry_of(explanation, "CD"), nullptr);
}

TEST_F(Explained, StageTwoAloneStartsAtItsTables) {
    ste.set(Ste::Cfg, Ste::Config::Stage2);
    request.address = intermediate_page | 0x10;
    const Explanation explanation = run();
    EXPECT_EQ(explanation.result.address, physical_page | 0x10);
    EXPECT_NE(entry_of(explanation, "STE")->then.find("stage 2 tables at 0x100000000"), std::string::npos);
}

TEST_F(Explained, TranslationRequestTellsWhatItIsGranted) {
    request.address_type = sim::AddressType::TranslationRequest;
    const Explanation refused = run();
    EXPECT_FALSE(refused.result.proceeds);
    EXPECT_EQ(refused.result.ending, "is answered as an unsupported request");
    EXPECT_EQ(refused.result.event, "F_BAD_ATS_TREQ");

    ste.set(Ste::EATS, 1);
    const Explanation granted = run();
    EXPECT_TRUE(granted.result.proceeds) << text(granted);
    EXPECT_EQ(granted.result.ending, "is answered with a translation");
    EXPECT_EQ(granted.result.address, physical_page);
    EXPECT_EQ(granted.result.attributes, "rw-, 4 KiB");
}

}  // namespace
}  // namespace smmusim::smmu::arch
