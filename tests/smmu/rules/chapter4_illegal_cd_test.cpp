// Which context descriptors are ILLEGAL, condition by condition, each with its legal neighbour.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter4_illegal_cd {
namespace {

namespace ste = bits::ste;
namespace cd = bits::cd;
using Change = RuleMachine::Change;

constexpr u64 el2 = 0b10;

/// Whether the descriptor is refused as C_BAD_CD.
bool illegal(const CdBuilder& descriptor, const Change& change = {},
             const SteBuilder& entry = RuleMachine::stage1_ste(), bool e2h = false) {
    RuleMachine machine(change);
    machine.set_up_stage1();
    machine.put_ste(entry);
    machine.put_cd(descriptor);
    machine.bring_up(false);
    machine.write32(0x2C, 0b10 | (e2h ? 1 : 0));
    machine.write_cr0(0b1101);
    const Answer answer = machine.read(RuleMachine::iova);
    EXPECT_TRUE(answer.done || machine.smmu.stalled() == 1);
    const bool refused = machine.only_event() == bits::event::C_BAD_CD;
    if (refused) {
        EXPECT_TRUE(answer.aborted());
    }
    return refused;
}
bool legal(const CdBuilder& descriptor, const Change& change = {}, const SteBuilder& entry = RuleMachine::stage1_ste(),
           bool e2h = false) {
    return !illegal(descriptor, change, entry, e2h);
}

CdBuilder good() { return RuleMachine::stage1_cd(SmmuMachine::tables); }
SteBuilder of_el2() { return RuleMachine::stage1_ste().set(ste::STRW, el2); }

TEST(SmmuIllegalCd, DescriptorHasToBeValid) {
    EXPECT_TRUE(legal(good()));
    EXPECT_TRUE(illegal(good().set(cd::V, 0)));
}

TEST(SmmuIllegalCd, S1stalldRefusesS) {
    const SteBuilder entry = RuleMachine::stage1_ste().set(ste::S1STALLD, 1);
    const auto stalls = [](spec::Identification& id) { id.idr0.STALL_MODEL = 0; };
    EXPECT_TRUE(illegal(good().set(cd::S, 1), stalls, entry));
    EXPECT_TRUE(legal(good().set(cd::S, 0), stalls, entry));
    EXPECT_TRUE(legal(good().set(cd::S, 1), stalls));
}

TEST(SmmuIllegalCd, TermModel1NeedsA) {
    const auto abort_only = [](spec::Identification& id) { id.idr0.TERM_MODEL = 1; };
    EXPECT_TRUE(illegal(good().set(cd::A, 0), abort_only));
    EXPECT_TRUE(legal(good().set(cd::A, 1), abort_only));
    EXPECT_TRUE(legal(good().set(cd::A, 0)));
}

TEST(SmmuIllegalCd, StallModel1RefusesS) {
    const auto never = [](spec::Identification& id) { id.idr0.STALL_MODEL = 1; };
    EXPECT_TRUE(illegal(good().set(cd::S, 1), never));
    EXPECT_TRUE(legal(good().set(cd::S, 0), never));
}

TEST(SmmuIllegalCd, StallModel2NeedsS) {
    const auto forced = [](spec::Identification& id) { id.idr0.STALL_MODEL = 2; };
    EXPECT_TRUE(illegal(good().set(cd::S, 0), forced));
    EXPECT_TRUE(legal(good().set(cd::S, 1), forced));
}

TEST(SmmuIllegalCd, EndiFollowsTtendian) {
    const auto endian = [](u8 value) { return [value](spec::Identification& id) { id.idr0.TTENDIAN = value; }; };
    EXPECT_TRUE(illegal(good().set(cd::ENDI, 1), endian(2)));
    EXPECT_TRUE(legal(good().set(cd::ENDI, 0), endian(2)));
    EXPECT_TRUE(illegal(good().set(cd::ENDI, 0), endian(3)));
    EXPECT_TRUE(legal(good().set(cd::ENDI, 1), endian(3)));
    EXPECT_TRUE(legal(good().set(cd::ENDI, 0), endian(0)));
    EXPECT_TRUE(legal(good().set(cd::ENDI, 1), endian(0)));
    EXPECT_TRUE(legal(good().set(cd::ENDI, 1).set(cd::EPD0, 1), endian(2))) << "no tables, no order";
    EXPECT_TRUE(illegal(good().set(cd::ENDI, 1).set(cd::EPD0, 1), endian(2), of_el2())) << "EPD0 is ignored in EL2";
}

TEST(SmmuIllegalCd, Aa64HasToBeSet) {
    EXPECT_TRUE(illegal(good().set(cd::AA64, 0)));
    EXPECT_TRUE(illegal(good().set(cd::AA64, 0), {}, of_el2()));
}

TEST(SmmuIllegalCd, HaAndHdNeedHttu) {
    const auto update = [](u8 value) { return [value](spec::Identification& id) { id.idr0.HTTU = value; }; };
    EXPECT_TRUE(illegal(good().set(cd::HA, 1), update(0)));
    EXPECT_TRUE(illegal(good().set(cd::HD, 1), update(0)));
    EXPECT_TRUE(legal(good().set(cd::HA, 1), update(1)));
    EXPECT_TRUE(illegal(good().set(cd::HA, 1).set(cd::HD, 1), update(1)));
    EXPECT_TRUE(legal(good().set(cd::HA, 1).set(cd::HD, 1), update(2)));
    EXPECT_TRUE(legal(good().set(cd::HD, 1), update(2))) << "acts as neither";
}

TEST(SmmuIllegalCd, HaftIsIgnoredBelowItsHttu) { EXPECT_TRUE(legal(good().set({67, 67}, 1))); }

TEST(SmmuIllegalCd, AsidAbove8BitsNeedsAsid16) {
    const auto eight = [](spec::Identification& id) { id.idr0.ASID16 = 0; };
    EXPECT_TRUE(illegal(good().set(cd::ASID, 0x100), eight));
    EXPECT_TRUE(legal(good().set(cd::ASID, 0xFF), eight));
    EXPECT_TRUE(legal(good().set(cd::ASID, 0x100)));
    EXPECT_TRUE(legal(good().set(cd::ASID, 0x100), eight, of_el2())) << "EL2 has no ASIDs";
    EXPECT_TRUE(illegal(good().set(cd::ASID, 0x100), eight, of_el2(), true)) << "with E2H it has";
}

/// A descriptor whose upper half is enabled too: 16 KiB granule at a good place.
CdBuilder both() {
    return good().set(cd::EPD1, 0).set(cd::T1SZ, 16).set(cd::TG1, 0b10).set(cd::TTB1, SmmuMachine::tables);
}

TEST(SmmuIllegalCd, TxszIsBetween16And39) {
    for (const auto& [size, expected] : {std::pair{15, false}, {16, true}, {39, true}, {40, false}}) {
        EXPECT_EQ(legal(good().set(cd::T0SZ, static_cast<u64>(size))), expected) << size;
        EXPECT_EQ(legal(both().set(cd::T1SZ, static_cast<u64>(size))), expected) << size;
    }
}

TEST(SmmuIllegalCd, SmallTablesRaiseTheLimitOfTxsz) {
    const auto small = [](spec::Identification& id) { id.idr3.STT = 1; };
    EXPECT_TRUE(legal(good().set(cd::T0SZ, 48), small));
    EXPECT_TRUE(illegal(good().set(cd::T0SZ, 49), small));
    EXPECT_TRUE(legal(good().set(cd::TG0, 0b01).set(cd::T0SZ, 47), small)) << "64 KiB";
    EXPECT_TRUE(illegal(good().set(cd::TG0, 0b01).set(cd::T0SZ, 48), small));
}

TEST(SmmuIllegalCd, SmallestTxszIs16Or12With52BitAddresses) {
    const auto wide = [](spec::Identification& id) {
        id.idr5.VAX = 1;
        id.idr5.DS = 1;
    };
    const CdBuilder sixty_four = good().set(cd::TG0, 0b01);
    EXPECT_TRUE(legal(CdBuilder(sixty_four).set(cd::T0SZ, 12), wide));
    EXPECT_TRUE(illegal(CdBuilder(sixty_four).set(cd::T0SZ, 11), wide));
    EXPECT_TRUE(illegal(CdBuilder(sixty_four).set(cd::T0SZ, 12))) << "VAX = 0";
    EXPECT_TRUE(illegal(good().set(cd::T0SZ, 15), wide)) << "4 KiB without DS";
    EXPECT_TRUE(legal(good().set(cd::T0SZ, 12).set(cd::DS, 1), wide));
}

TEST(SmmuIllegalCd, GranuleHasToBeImplemented) {
    const auto without = [](u8 spec::Identification::Idr5::*granule) {
        return [granule](spec::Identification& id) { id.idr5.*granule = 0; };
    };
    using Idr5 = spec::Identification::Idr5;
    for (const u64 tg : {0b00, 0b01, 0b10}) EXPECT_TRUE(legal(good().set(cd::TG0, tg))) << tg;
    EXPECT_TRUE(illegal(good().set(cd::TG0, 0b11)));
    EXPECT_TRUE(illegal(good().set(cd::TG0, 0b00), without(&Idr5::GRAN4K)));
    EXPECT_TRUE(illegal(good().set(cd::TG0, 0b01), without(&Idr5::GRAN64K)));
    EXPECT_TRUE(illegal(good().set(cd::TG0, 0b10), without(&Idr5::GRAN16K)));
    for (const u64 tg : {0b01, 0b10, 0b11}) EXPECT_TRUE(legal(both().set(cd::TG1, tg))) << tg;
    EXPECT_TRUE(illegal(both().set(cd::TG1, 0b00)));
    EXPECT_TRUE(illegal(both().set(cd::TG1, 0b10).set(cd::TG0, 0b01), without(&Idr5::GRAN4K)));
    EXPECT_TRUE(illegal(both().set(cd::TG1, 0b11), without(&Idr5::GRAN64K)));
    EXPECT_TRUE(illegal(both().set(cd::TG1, 0b01), without(&Idr5::GRAN16K)));
}

TEST(SmmuIllegalCd, TtbHasToFitTheSmallerOfIpsAndOas) {
    const auto small = [](spec::Identification& id) { id.idr5.OAS = 2; };  // 40 bits
    const auto at = [](unsigned bit, u64 ips) { return good().set(cd::TTB0, u64{1} << bit).set(cd::IPS, ips); };
    EXPECT_TRUE(legal(at(39, 2)));
    EXPECT_TRUE(illegal(at(40, 2)));
    EXPECT_TRUE(legal(at(47, 5)));
    EXPECT_TRUE(illegal(at(40, 5), small));
    EXPECT_TRUE(legal(at(39, 5), small));
    EXPECT_TRUE(legal(both().set(cd::TTB1, u64{1} << 39).set(cd::IPS, 2)));
    EXPECT_TRUE(illegal(both().set(cd::TTB1, u64{1} << 40).set(cd::IPS, 2)));
}

TEST(SmmuIllegalCd, TtbBeyond48BitsNeedsALargeGranuleOrDs) {
    const auto large = [](spec::Identification& id) {
        id.idr5.OAS = 6;
        id.idr5.DS = 1;
    };
    const CdBuilder four = good().set(cd::TTB0, u64{1} << 48).set(cd::IPS, 6);
    EXPECT_TRUE(illegal(four, large));
    EXPECT_TRUE(legal(CdBuilder(four).set(cd::DS, 1), large));
    EXPECT_TRUE(legal(CdBuilder(four).set(cd::TG0, 0b01), large));
}

TEST(SmmuIllegalCd, DisabledHalvesAreNotChecked) {
    const CdBuilder bad_upper = good().set(cd::TG1, 0b00).set(cd::T1SZ, 63).set(cd::TTB1, ~u64{0});
    EXPECT_TRUE(legal(bad_upper));
    EXPECT_TRUE(illegal(CdBuilder(bad_upper).set(cd::EPD1, 0)));
    EXPECT_TRUE(legal(CdBuilder(bad_upper).set(cd::EPD1, 0), {}, of_el2())) << "EL2 has no upper half";
    EXPECT_TRUE(illegal(CdBuilder(bad_upper).set(cd::EPD1, 0), {}, of_el2(), true)) << "with E2H it has";
    const CdBuilder bad_lower = both().set(cd::TG0, 0b11).set(cd::T0SZ, 63).set(cd::EPD0, 1);
    EXPECT_TRUE(legal(bad_lower));
    EXPECT_TRUE(illegal(CdBuilder(bad_lower).set(cd::EPD0, 0)));
    EXPECT_TRUE(illegal(bad_lower, {}, of_el2())) << "EPD0 is ignored in EL2";
}

}  // namespace
}  // namespace smmusim::test::rule::chapter4_illegal_cd
