// Which tables an input address selects, and which addresses have none (chapter 7.2 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter7_range {
namespace {

constexpr u64 page = TwoStageMachine::page;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 low = 0x12'3456'7000;
constexpr u64 high = 0xFFFF'0000'0000'0000 | low;
constexpr u64 upper_root = 0x8400'0000;

/// A stage 1 stream with a page of the lower half and the same page of the upper half at another place.
class TwoHalves : public TwoStageMachine {
public:
    explicit TwoHalves(const uarch::SmmuConfig& config = small_config()) : TwoStageMachine(ste::Stage1, config) {
        context.set(cd::EPD1, 0).set(cd::TG1, support::encode_tg1(12)).set(cd::T1SZ, 16).set(cd::TTB1, upper_root);
        map(low);
    }
    TwoHalves& start(u64 cr2 = 0b10) {
        TwoStageMachine::start(cr2);
        support::Words words;
        support::TableBuilder upper(words, 12, 0, upper_root, upper_root + 0x1000);
        upper.put(low, 3, (page + 0x1000) | first_leaf);
        for (const auto& [at, value] : words) memory.put(at, value);
        return *this;
    }
};

TEST(SmmuInputRange, Bit55SelectsTheHalf) {
    for (const bool e2h : {false, true}) {
        TwoHalves machine;
        if (e2h) machine.entry.set(ste::STRW, 2);
        machine.start(e2h ? 0b11 : 0b10);
        EXPECT_EQ(machine.send(read(low)).address, page);
        EXPECT_EQ(machine.send(read(high)).address, page + 0x1000);
        EXPECT_EQ(machine.send(read(low)).address, page) << "on a hit";
        EXPECT_EQ(machine.send(read(high)).address, page + 0x1000) << "on a hit";
    }
}

TEST(SmmuInputRange, El2HasTheLowerHalfAlone) {
    TwoHalves machine;
    machine.entry.set(ste::STRW, 2);
    machine.start();
    EXPECT_EQ(machine.send(read(low)).address, page);
    const Answer answer = machine.send(read(high));
    EXPECT_ONLY_EVENT(answer, fault(event::F_TRANSLATION, high));
    EXPECT_EQ(machine.memory.reads(upper_root, 0x1000), 0u);
}

TEST(SmmuInputRange, BitsAboveTheRangeRepeatBit55) {
    TwoHalves machine;
    machine.start();
    for (unsigned bit = 48; bit < 64; ++bit) {
        const u64 flip = u64{1} << bit;
        for (const u64 good : {low, high}) {
            machine.memory.log.clear();
            const Answer answer = machine.send(read(good ^ flip));
            EXPECT_ONLY_EVENT(answer, fault(event::F_TRANSLATION, good ^ flip));
            // Once the configuration is known, nothing is read at all.
            EXPECT_EQ(machine.memory.reads(TwoStageMachine::first_root, 0x1000), 0u);
            EXPECT_EQ(machine.memory.reads(upper_root, 0x1000), 0u);
        }
    }
}

TEST(SmmuInputRange, SmallerRangesCheckMoreBits) {
    TwoStageMachine machine(ste::Stage1);
    machine.first_tables(12, 25, 1);  // 39 bits
    machine.map(0x12'3456'7000);
    machine.start();
    EXPECT_TRUE(machine.send(read(0x12'3456'7000)).passed());
    for (unsigned bit = 39; bit < 55; ++bit)
        EXPECT_EQ(machine.send(read(0x12'3456'7000 | u64{1} << bit)).event(), event::F_TRANSLATION) << bit;
}

TEST(SmmuInputRange, TopByteIsIgnoredWithTbiOfItsHalf) {
    for (const bool tbi0 : {false, true})
        for (const bool tbi1 : {false, true}) {
            TwoHalves machine;
            machine.context.set(cd::TBI0, tbi0).set(cd::TBI1, tbi1);
            machine.start();
            EXPECT_EQ(machine.send(read(low | u64{0x5A} << 56)).passed(), tbi0);
            EXPECT_EQ(machine.send(read(high ^ u64{0x5A} << 56)).passed(), tbi1);
            // Bits 55 to 48 are checked all the same.
            for (unsigned bit = 48; bit < 55; ++bit) {
                EXPECT_FALSE(machine.send(read(low ^ u64{1} << bit)).passed());
                EXPECT_FALSE(machine.send(read(high ^ u64{1} << bit)).passed());
            }
        }
}

TEST(SmmuInputRange, TopByteIsIgnoredInEl2ByTbi0) {
    for (const bool tbi : {false, true}) {
        TwoHalves machine;
        machine.entry.set(ste::STRW, 2);
        machine.context.set(cd::TBI0, tbi);
        machine.start();
        EXPECT_EQ(machine.send(read(low | u64{0x5A} << 56)).passed(), tbi);
        EXPECT_FALSE(machine.send(read(low | u64{1} << 55)).passed());
    }
}

TEST(SmmuInputRange, TagsOfOnePageShareATranslation) {
    TwoHalves machine;
    machine.context.set(cd::TBI0, 1);
    machine.start();
    EXPECT_TRUE(machine.send(read(low)).passed());
    machine.memory.log.clear();
    EXPECT_EQ(machine.send(read(low | u64{0x77} << 56)).address, page);
    EXPECT_EQ(machine.own_reads(), 0u);
    machine.execute({command::nh_va(5, 3, low)});
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(low | u64{0x77} << 56)).passed());
    EXPECT_GT(machine.own_reads(), 0u) << "one invalidation serves all tags";
}

TEST(SmmuInputRange, EpdRefusesItsHalfWithoutAWalk) {
    for (const bool upper : {false, true}) {
        TwoHalves machine;
        machine.context.set(cd::EPD0, !upper).set(cd::EPD1, upper);
        machine.start();
        const u64 refused = upper ? high : low;
        const Answer answer = machine.send(read(refused));
        EXPECT_ONLY_EVENT(answer, fault(event::F_TRANSLATION, refused));
        EXPECT_EQ(machine.own_reads(), 2u) << "entry and context descriptor";
        EXPECT_TRUE(machine.send(read(upper ? low : high)).passed());
    }
}

TEST(SmmuInputRange, EpdHasNoMeaningInEl2) {
    TwoHalves machine;
    machine.entry.set(ste::STRW, 2);
    machine.context.set(cd::EPD0, 1);
    machine.start();
    EXPECT_TRUE(machine.send(read(low)).passed());
}

TEST(SmmuInputRange, E0pdRefusesUnprivilegedAccessesOfItsHalfWithoutAWalk) {
    for (const bool upper : {false, true}) {
        TwoHalves machine(TwoStageMachine::with([](spec::Identification& id) { id.idr3.E0PD = 1; }));
        machine.context.set(upper ? cd::E0PD1 : cd::E0PD0, 1);
        machine.start();
        const u64 refused = upper ? high : low;
        const Answer answer = machine.send(read(refused));
        EXPECT_ONLY_EVENT(answer, fault(event::F_TRANSLATION, refused));
        EXPECT_EQ(machine.own_reads(), 2u) << "entry and context descriptor";
        EXPECT_TRUE(machine.send(read(refused).with_privilege()).passed());
        EXPECT_EQ(machine.send(read(refused)).event(), event::F_TRANSLATION) << "on a hit";
        EXPECT_TRUE(machine.send(read(upper ? low : high)).passed());
    }
}

TEST(SmmuInputRange, E0pdHasNoMeaningInEl2NorWithoutTheFeature) {
    TwoHalves el2(TwoStageMachine::with([](spec::Identification& id) { id.idr3.E0PD = 1; }));
    el2.entry.set(ste::STRW, 2);
    el2.context.set(cd::E0PD0, 1);
    el2.start();
    EXPECT_TRUE(el2.send(read(low)).passed());
    TwoHalves absent(TwoStageMachine::with([](spec::Identification& id) { id.idr3.E0PD = 0; }));
    absent.context.set(cd::E0PD0, 1);
    absent.start();
    EXPECT_TRUE(absent.send(read(low)).passed());
}

TEST(SmmuInputRange, InputsOf52BitsNeedVaxAndALargeGranuleOrDs) {
    struct Row {
        unsigned offset_bits;
        int start;
        u8 vax, ds;
        bool cd_ds, legal;
    };
    constexpr u64 input = 0xF'1234'5678'0000;
    for (const Row& row :
         {Row{16, 1, 1, 0, false, true}, Row{16, 1, 0, 0, false, false}, Row{12, -1, 1, 1, true, true},
          Row{12, -1, 1, 1, false, false}, Row{12, -1, 0, 1, true, false}, Row{12, -1, 1, 0, true, false},
          Row{14, 0, 1, 1, true, true}, Row{14, 0, 1, 1, false, false}}) {
        TwoStageMachine machine = TwoStageMachine::make(ste::Stage1, [&](spec::Identification& id) {
            id.idr5.OAS = 6;
            id.idr5.VAX = row.vax;
            id.idr5.DS = row.ds;
        });
        machine.first_tables(row.offset_bits, 12, row.start);
        machine.context.set(cd::DS, row.cd_ds).set(cd::SH0, 3).set(cd::IPS, 6);
        // With DS bits 9:8 belong to the address.
        machine.put_first(input, 3, page | (row.cd_ds ? first_leaf & ~u64{0x300} : first_leaf));
        machine.start();
        const Answer answer = machine.send(read(input));
        EXPECT_EQ(answer.passed(), row.legal) << row.offset_bits;
        EXPECT_EQ(answer.event(), row.legal ? 0u : u64{event::C_BAD_CD}) << row.offset_bits;
    }
}

}  // namespace
}  // namespace smmusim::test::chapter7_range
