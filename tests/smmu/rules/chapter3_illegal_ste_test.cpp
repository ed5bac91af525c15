// Which stream table entries are ILLEGAL, condition by condition, each with its legal neighbour.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter3_illegal_ste {
namespace {

namespace ste = bits::ste;
using Change = RuleMachine::Change;

/// Whether the entry is refused as C_BAD_STE. Everything else that it needs is in memory and good.
bool illegal(const SteBuilder& entry, const Change& change = {}, u64 cr2 = 0b10) {
    RuleMachine machine(change);
    machine.set_up_nested();
    machine.put_ste(entry);
    machine.bring_up(false);
    machine.write32(0x2C, cr2);
    machine.write_cr0(0b1101);
    const Answer answer = machine.read(RuleMachine::iova);
    EXPECT_TRUE(answer.done || machine.smmu.stalled() == 1);
    const bool refused = machine.only_event() == bits::event::C_BAD_STE;
    if (refused) {
        EXPECT_TRUE(answer.aborted());
    }
    return refused;
}
bool legal(const SteBuilder& entry, const Change& change = {}, u64 cr2 = 0b10) { return !illegal(entry, change, cr2); }

SteBuilder bypass() { return RuleMachine::bypass_ste(); }
SteBuilder stage1() { return RuleMachine::stage1_ste(); }
SteBuilder stage2() { return RuleMachine::stage2_ste(); }
SteBuilder nested() { return RuleMachine::nested_ste(); }
SteBuilder everything_set() {
    SteBuilder entry;
    for (u64& word : entry.words()) word = ~u64{0};
    return entry;
}

TEST(SmmuIllegalSte, BaselinesAreLegalAndTranslate) {
    for (const SteBuilder& entry : {bypass(), stage1(), stage2(), nested()}) {
        RuleMachine machine;
        machine.set_up_nested();
        machine.put_ste(entry);
        machine.bring_up();
        const bool first = (entry.get(ste::Config) & 1) != 0;
        EXPECT_TRUE(machine.read(first ? RuleMachine::iova : RuleMachine::page).passed()) << entry.get(ste::Config);
    }
}

TEST(SmmuIllegalSte, EntryHasToBeValid) {
    for (const u64 config : {ste::Abort, ste::Bypass, ste::Stage1, ste::Stage2, ste::Nested})
        EXPECT_TRUE(illegal(stage2().set(ste::Config, config).set(ste::V, 0))) << config;
}

TEST(SmmuIllegalSte, AbortingEntriesAreLegalWhateverElseTheyHold) {
    for (u64 config = 0b000; config <= 0b011; ++config) {
        RuleMachine machine;
        machine.put_ste(everything_set().set(ste::Config, config));
        machine.bring_up();
        EXPECT_TRUE(machine.read(RuleMachine::page).aborted()) << config;
        EXPECT_EQ(machine.events(), 0u) << config;
    }
}

TEST(SmmuIllegalSte, StagesHaveToBeImplemented) {
    const auto without1 = [](spec::Identification& id) { id.idr0.S1P = 0; };
    const auto without2 = [](spec::Identification& id) { id.idr0.S2P = 0; };
    EXPECT_TRUE(illegal(stage1(), without1));
    EXPECT_TRUE(illegal(nested(), without1));
    EXPECT_TRUE(legal(stage2(), without1));
    EXPECT_TRUE(legal(bypass(), without1));
    EXPECT_TRUE(illegal(stage2(), without2));
    EXPECT_TRUE(illegal(nested(), without2));
    EXPECT_TRUE(legal(stage1(), without2));
    EXPECT_TRUE(legal(bypass(), without2));
}

TEST(SmmuIllegalSte, EatsIsIgnoredWithoutAts) {
    const auto without = [](spec::Identification& id) { id.idr0.ATS = 0; };
    for (u64 eats = 0; eats < 4; ++eats)
        for (const SteBuilder& entry : {bypass(), stage1(), stage2(), nested()})
            EXPECT_TRUE(legal(SteBuilder(entry).set(ste::EATS, eats), without)) << eats;
}

TEST(SmmuIllegalSte, EatsHasToFitTheConfiguration) {
    constexpr u64 full = 0b01, split = 0b10;
    EXPECT_TRUE(legal(nested().set(ste::EATS, split)));
    EXPECT_TRUE(illegal(nested().set(ste::EATS, split).set(ste::S2S, 1)));
    EXPECT_TRUE(illegal(stage1().set(ste::EATS, split)));
    EXPECT_TRUE(illegal(stage2().set(ste::EATS, split)));
    EXPECT_TRUE(legal(bypass().set(ste::EATS, split)));
    for (const SteBuilder& entry : {stage2(), nested()}) {
        EXPECT_TRUE(legal(SteBuilder(entry).set(ste::EATS, full)));
        EXPECT_TRUE(illegal(SteBuilder(entry).set(ste::EATS, full).set(ste::S2S, 1)));
    }
    EXPECT_TRUE(legal(stage1().set(ste::EATS, full).set(ste::S2S, 1))) << "S2S is ignored without stage 2";
}

TEST(SmmuIllegalSte, SplitStageAtsNeedsItsImplementation) {
    const auto without = [](spec::Identification& id) { id.idr0.NS1ATS = 1; };
    EXPECT_TRUE(illegal(nested().set(ste::EATS, 0b10), without));
    EXPECT_TRUE(legal(nested().set(ste::EATS, 0b01), without));
}

TEST(SmmuIllegalSte, StrwWithItsLowBitIsReservedWhereItIsUsed) {
    for (const u64 strw : {0b01, 0b11}) {
        EXPECT_TRUE(illegal(stage1().set(ste::STRW, strw)));
        EXPECT_TRUE(legal(stage2().set(ste::STRW, strw)));
        EXPECT_TRUE(legal(nested().set(ste::STRW, strw)));
        EXPECT_TRUE(legal(bypass().set(ste::STRW, strw)));
        EXPECT_TRUE(legal(stage1().set(ste::STRW, strw), [](spec::Identification& id) { id.idr0.Hyp = 0; }));
    }
    EXPECT_TRUE(legal(stage1().set(ste::STRW, 0b00)));
    EXPECT_TRUE(legal(stage1().set(ste::STRW, 0b10)));
}

TEST(SmmuIllegalSte, S1stalldNeedsTheStallModel) {
    EXPECT_TRUE(illegal(stage1().set(ste::S1STALLD, 1), [](spec::Identification& id) { id.idr0.STALL_MODEL = 1; }));
    EXPECT_TRUE(illegal(nested().set(ste::S1STALLD, 1), [](spec::Identification& id) { id.idr0.STALL_MODEL = 1; }));
    EXPECT_TRUE(legal(stage1().set(ste::S1STALLD, 1), [](spec::Identification& id) { id.idr0.STALL_MODEL = 0; }));
    EXPECT_TRUE(legal(stage2().set(ste::S1STALLD, 1), [](spec::Identification& id) { id.idr0.STALL_MODEL = 1; }));
}

TEST(SmmuIllegalSte, S1cdmaxIsBoundedBySsidsize) {
    const auto eight = [](spec::Identification& id) { id.idr1.SSIDSIZE = 8; };
    EXPECT_TRUE(legal(stage1().set(ste::S1CDMax, 8), eight));
    EXPECT_TRUE(illegal(stage1().set(ste::S1CDMax, 9), eight));
    EXPECT_TRUE(illegal(nested().set(ste::S1CDMax, 9), eight));
    EXPECT_TRUE(legal(stage1().set(ste::S1CDMax, 9), [](spec::Identification& id) { id.idr1.SSIDSIZE = 0; }));
    EXPECT_TRUE(legal(stage2().set(ste::S1CDMax, 9), eight));
}

TEST(SmmuIllegalSte, TwoLevelCdTablesNeedCd2l) {
    const auto without = [](spec::Identification& id) { id.idr0.CD2L = 0; };
    for (const u64 format : {0b01, 0b10}) {
        EXPECT_TRUE(illegal(stage1().set(ste::S1Fmt, format).set(ste::S1CDMax, 4), without)) << format;
        EXPECT_TRUE(legal(stage1().set(ste::S1Fmt, format).set(ste::S1CDMax, 0), without)) << format;
        EXPECT_TRUE(legal(stage1().set(ste::S1Fmt, format).set(ste::S1CDMax, 4))) << format;
    }
    for (const u64 format : {0b00, 0b11})
        EXPECT_TRUE(legal(stage1().set(ste::S1Fmt, format).set(ste::S1CDMax, 4), without)) << format;
}

TEST(SmmuIllegalSte, S1contextptrHasToFitTheOutputSize) {
    const auto small = [](spec::Identification& id) { id.idr5.OAS = 2; };  // 40 bits
    EXPECT_TRUE(illegal(stage1().set(ste::S1ContextPtr, u64{1} << 40), small));
    EXPECT_TRUE(legal(stage1().set(ste::S1ContextPtr, u64{1} << 39), small));
}

TEST(SmmuIllegalSte, NestedS1contextptrBeyondTheIntermediateSizeIsRefused) {
    RuleMachine machine([](spec::Identification& id) { id.idr5.OAS = 2; });
    machine.set_up_nested();
    machine.put_ste(RuleMachine::nested_ste().set(ste::S1ContextPtr, u64{1} << 40));
    machine.bring_up();
    EXPECT_TRUE(machine.read(RuleMachine::iova).aborted());
    const u64 event = machine.only_event();
    EXPECT_TRUE(event == bits::event::C_BAD_STE || event == bits::event::F_TRANSLATION) << event;
    if (event == bits::event::F_TRANSLATION) {
        EXPECT_EQ(machine.record().get(bits::event::S2), 1u);
        EXPECT_EQ(machine.record().get(bits::event::CLASS), bits::event::CD);
    }
}

TEST(SmmuIllegalSte, S2sNeedsTheStallModel) {
    const auto never = [](spec::Identification& id) { id.idr0.STALL_MODEL = 1; };
    const auto forced = [](spec::Identification& id) { id.idr0.STALL_MODEL = 2; };
    EXPECT_TRUE(illegal(stage2().set(ste::S2S, 1), never));
    EXPECT_TRUE(illegal(nested().set(ste::S2S, 1), never));
    EXPECT_TRUE(legal(stage1().set(ste::S2S, 1), never));
    EXPECT_TRUE(illegal(stage2().set(ste::S2S, 0), forced));
    EXPECT_TRUE(legal(stage2().set(ste::S2S, 1), forced));
    EXPECT_TRUE(legal(stage1().set(ste::S2S, 0), forced));
}

TEST(SmmuIllegalSte, S2aa64HasToBeSet) {
    EXPECT_TRUE(illegal(stage2().set(ste::S2AA64, 0)));
    EXPECT_TRUE(illegal(nested().set(ste::S2AA64, 0)));
    EXPECT_TRUE(legal(stage1().set(ste::S2AA64, 0)));
}

TEST(SmmuIllegalSte, S2haAndS2hdNeedHttu) {
    const auto htt = [](u8 value) { return [value](spec::Identification& id) { id.idr0.HTTU = value; }; };
    EXPECT_TRUE(illegal(stage2().set(ste::S2HA, 1), htt(0)));
    EXPECT_TRUE(illegal(stage2().set(ste::S2HD, 1), htt(0)));
    EXPECT_TRUE(legal(stage2().set(ste::S2HA, 1), htt(1)));
    EXPECT_TRUE(illegal(stage2().set(ste::S2HA, 1).set(ste::S2HD, 1), htt(1)));
    EXPECT_TRUE(legal(stage2().set(ste::S2HA, 1).set(ste::S2HD, 1), htt(2)));
    EXPECT_TRUE(legal(stage2().set(ste::S2HD, 1), htt(2))) << "acts as neither";
    EXPECT_TRUE(legal(stage1().set(ste::S2HA, 1).set(ste::S2HD, 1), htt(0)));
}

TEST(SmmuIllegalSte, S2haftIsIgnoredBelowItsHttu) { EXPECT_TRUE(legal(stage2().set({187, 187}, 1))); }

TEST(SmmuIllegalSte, GranuleHasToBeImplemented) {
    const auto with_granule = [](u64 tg, u64 size, u64 start) {
        return stage2().set(ste::S2TG, tg).set(ste::S2T0SZ, size).set(ste::S2SL0, start);
    };
    const SteBuilder four = with_granule(0b00, 25, 0b01), sixty_four = with_granule(0b01, 25, 0b01),
                     sixteen = with_granule(0b10, 28, 0b01), reserved = with_granule(0b11, 25, 0b01);
    for (const SteBuilder& entry : {four, sixty_four, sixteen}) EXPECT_TRUE(legal(entry)) << entry.get(ste::S2TG);
    EXPECT_TRUE(illegal(reserved));
    EXPECT_TRUE(illegal(four, [](spec::Identification& id) { id.idr5.GRAN4K = 0; }));
    EXPECT_TRUE(illegal(sixteen, [](spec::Identification& id) { id.idr5.GRAN16K = 0; }));
    EXPECT_TRUE(illegal(sixty_four, [](spec::Identification& id) { id.idr5.GRAN64K = 0; }));
}

TEST(SmmuIllegalSte, S2ttbHasToFitTheSmallerOfS2psAndOas) {
    const auto at = [](unsigned bit, u64 size) { return stage2().set(ste::S2TTB, u64{1} << bit).set(ste::S2PS, size); };
    EXPECT_TRUE(legal(at(39, 2)));
    EXPECT_TRUE(illegal(at(40, 2)));
    EXPECT_TRUE(legal(at(47, 5)));
    EXPECT_TRUE(legal(at(47, 7))) << "capped by OAS";
    EXPECT_TRUE(illegal(at(48, 7)));
    const auto small = [](spec::Identification& id) { id.idr5.OAS = 2; };
    EXPECT_TRUE(illegal(at(40, 5), small));
    EXPECT_TRUE(legal(at(39, 5), small));
}

TEST(SmmuIllegalSte, S2ttbBeyond48BitsNeedsALargeGranuleOrS2ds) {
    const auto large = [](spec::Identification& id) {
        id.idr5.OAS = 6;
        id.idr5.DS = 1;
    };
    const SteBuilder four = stage2().set(ste::S2TTB, u64{1} << 48).set(ste::S2PS, 6);
    EXPECT_TRUE(illegal(four, large));
    EXPECT_TRUE(legal(SteBuilder(four).set(ste::S2DS, 1), large));
    EXPECT_TRUE(legal(SteBuilder(four).set(ste::S2TG, 0b01), large)) << "64 KiB";
}

TEST(SmmuIllegalSte, S2t0szIsAtMost39) {
    // 4 KiB from level 2: one table from 34, so that only the limit of 39 counts.
    EXPECT_TRUE(legal(stage2().set(ste::S2SL0, 0b00).set(ste::S2T0SZ, 39)));
    EXPECT_TRUE(illegal(stage2().set(ste::S2SL0, 0b00).set(ste::S2T0SZ, 40)));
}

TEST(SmmuIllegalSte, SmallTablesRaiseTheLimitOfS2t0sz) {
    const auto small = [](spec::Identification& id) { id.idr3.STT = 1; };
    EXPECT_TRUE(legal(stage2().set(ste::S2SL0, 0b11).set(ste::S2T0SZ, 48), small));
    EXPECT_TRUE(illegal(stage2().set(ste::S2SL0, 0b11).set(ste::S2T0SZ, 49), small));
    const SteBuilder sixty_four = stage2().set(ste::S2TG, 0b01).set(ste::S2SL0, 0b00);
    EXPECT_TRUE(legal(SteBuilder(sixty_four).set(ste::S2T0SZ, 47), small));
    EXPECT_TRUE(illegal(SteBuilder(sixty_four).set(ste::S2T0SZ, 48), small));
}

TEST(SmmuIllegalSte, S2t0szIsBoundedByTheIntermediateSize) {
    // 44 bits: at least 20; level 0 of 4 KiB holds from 40 to 52 bits.
    const auto bits44 = [](spec::Identification& id) { id.idr5.OAS = 4; };
    EXPECT_TRUE(legal(stage2().set(ste::S2SL0, 0b10).set(ste::S2T0SZ, 20), bits44));
    EXPECT_TRUE(illegal(stage2().set(ste::S2SL0, 0b10).set(ste::S2T0SZ, 19), bits44));
    EXPECT_TRUE(legal(stage2().set(ste::S2SL0, 0b10).set(ste::S2T0SZ, 16)));
    EXPECT_TRUE(illegal(stage2().set(ste::S2SL0, 0b10).set(ste::S2T0SZ, 15)));
}

TEST(SmmuIllegalSte, S2t0szBelow16NeedsALargeGranuleOrS2ds) {
    const auto large = [](spec::Identification& id) {
        id.idr5.OAS = 6;
        id.idr5.DS = 1;
    };
    const SteBuilder sixty_four = stage2().set(ste::S2TG, 0b01).set(ste::S2SL0, 0b10);
    EXPECT_TRUE(legal(SteBuilder(sixty_four).set(ste::S2T0SZ, 12), large));
    EXPECT_TRUE(illegal(SteBuilder(sixty_four).set(ste::S2T0SZ, 11), large));
    const SteBuilder four = stage2().set(ste::S2SL0, 0b10).set(ste::S2T0SZ, 15);
    EXPECT_TRUE(illegal(four, large));
    EXPECT_TRUE(legal(SteBuilder(four).set(ste::S2DS, 1), large));
}

struct StartLevel {
    const char* name;
    u64 granule, start, smallest, largest;  ///< S2T0SZ
};
void PrintTo(const StartLevel& level, std::ostream* out) { *out << level.name; }
class StartLevelOfStage2 : public testing::TestWithParam<StartLevel> {};

TEST_P(StartLevelOfStage2, HoldsItsSizesUpTo16TablesAndNoOthers) {
    const auto small_tables = [](spec::Identification& id) { id.idr3.STT = 1; };
    for (u64 size = 16; size <= 47; ++size) {
        const bool expected = size >= GetParam().smallest && size <= GetParam().largest;
        const SteBuilder entry = RuleMachine::stage2_ste()
                                     .set(ste::S2TG, GetParam().granule)
                                     .set(ste::S2SL0, GetParam().start)
                                     .set(ste::S2T0SZ, size);
        EXPECT_EQ(legal(entry, small_tables), expected) << size;
    }
}
INSTANTIATE_TEST_SUITE_P(
    Table, StartLevelOfStage2,
    testing::Values(StartLevel{"4K level 0", 0b00, 0b10, 16, 24}, StartLevel{"4K level 1", 0b00, 0b01, 21, 33},
                    StartLevel{"4K level 2", 0b00, 0b00, 30, 42}, StartLevel{"4K level 3", 0b00, 0b11, 39, 48},
                    StartLevel{"16K level 1", 0b10, 0b10, 16, 27}, StartLevel{"16K level 2", 0b10, 0b01, 24, 38},
                    StartLevel{"16K level 3", 0b10, 0b00, 35, 48}, StartLevel{"64K level 1", 0b01, 0b10, 16, 21},
                    StartLevel{"64K level 2", 0b01, 0b01, 18, 34}, StartLevel{"64K level 3", 0b01, 0b00, 31, 47}));

TEST(SmmuIllegalSte, ReservedStartLevelsAreRefused) {
    EXPECT_TRUE(illegal(stage2().set(ste::S2SL0, 0b11).set(ste::S2T0SZ, 39))) << "4 KiB without small tables";
    EXPECT_TRUE(illegal(stage2().set(ste::S2TG, 0b10).set(ste::S2SL0, 0b11).set(ste::S2T0SZ, 16))) << "16 KiB";
    EXPECT_TRUE(illegal(stage2().set(ste::S2TG, 0b01).set(ste::S2SL0, 0b11).set(ste::S2T0SZ, 20))) << "64 KiB";
    const auto large = [](spec::Identification& id) {
        id.idr5.OAS = 6;
        id.idr5.DS = 1;
    };
    const SteBuilder lowest = stage2().set(ste::S2DS, 1).set(ste::S2SL0_2, 1).set(ste::S2SL0, 0).set(ste::S2T0SZ, 12);
    EXPECT_TRUE(legal(lowest, large)) << "level -1";
    EXPECT_TRUE(illegal(SteBuilder(lowest).set(ste::S2SL0, 1), large));
}

TEST(SmmuIllegalSte, S2endiFollowsTtendian) {
    const auto endian = [](u8 value) { return [value](spec::Identification& id) { id.idr0.TTENDIAN = value; }; };
    EXPECT_TRUE(illegal(stage2().set(ste::S2ENDI, 1), endian(2)));
    EXPECT_TRUE(legal(stage2().set(ste::S2ENDI, 0), endian(2)));
    EXPECT_TRUE(illegal(stage2().set(ste::S2ENDI, 0), endian(3)));
    EXPECT_TRUE(legal(stage2().set(ste::S2ENDI, 1), endian(3)));
    EXPECT_TRUE(legal(stage2().set(ste::S2ENDI, 0), endian(0)));
    EXPECT_TRUE(legal(stage2().set(ste::S2ENDI, 1), endian(0)));
}

TEST(SmmuIllegalSte, S2vmidAbove8BitsNeedsVmid16) {
    const auto eight = [](spec::Identification& id) { id.idr0.VMID16 = 0; };
    const auto eight_without_stage2 = [](spec::Identification& id) {
        id.idr0.VMID16 = 0;
        id.idr0.S2P = 0;
    };
    for (const SteBuilder& entry : {stage1(), stage2(), nested()}) {
        EXPECT_TRUE(illegal(SteBuilder(entry).set(ste::S2VMID, 0x100), eight));
        EXPECT_TRUE(legal(SteBuilder(entry).set(ste::S2VMID, 0xFF), eight));
        EXPECT_TRUE(legal(SteBuilder(entry).set(ste::S2VMID, 0x100)));
    }
    EXPECT_TRUE(legal(bypass().set(ste::S2VMID, 0x100), eight));
    EXPECT_TRUE(legal(stage1().set(ste::S2VMID, 0x100).set(ste::STRW, 0b10), eight)) << "EL2 has no VMID";
    EXPECT_TRUE(legal(stage1().set(ste::S2VMID, 0x100), eight_without_stage2));
}

TEST(SmmuIllegalSte, FieldsOfUnusedStagesAreIgnored) {
    // Stage 2 fields, S2VMID excepted, from bit 144 up; stage 1 fields.
    SteBuilder first = stage1(), second = stage2(), none = bypass();
    for (SteBuilder* entry : {&first, &none})
        for (unsigned bit = 144; bit < 512; ++bit) entry->set({bit, bit}, 1);
    for (SteBuilder* entry : {&second, &none})
        for (const bits::Field field : {ste::S1Fmt, bits::Field{55, 6}, ste::S1CDMax, ste::S1DSS, ste::S1CIR,
                                        ste::S1COR, ste::S1CSH, ste::S1STALLD, ste::STRW})
            entry->set(field, ~u64{0});
    for (const SteBuilder& entry : {first, second, none}) {
        RuleMachine machine;
        machine.set_up_nested();
        machine.put_ste(entry);
        machine.bring_up();
        const bool translates = entry.get(ste::Config) == ste::Stage1;
        EXPECT_TRUE(machine.read(translates ? RuleMachine::iova : RuleMachine::page).passed())
            << entry.get(ste::Config);
    }
}

}  // namespace
}  // namespace smmusim::test::rule::chapter3_illegal_ste
