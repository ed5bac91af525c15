// What registers and stream table entries decide about translation requests and Translated transactions.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter1_ats {
namespace {

namespace ste = bits::ste;
namespace cd = bits::cd;
using sim::Status;

constexpr u64 page = RuleMachine::page, iova = RuleMachine::iova;
constexpr u64 off = 0b00, full = 0b01, split = 0b10;
constexpr u64 smmuen = 1, eventqen = 4, cmdqen = 8, atschk = 16;
constexpr u64 bad_request = 0x05, forbidden = 0x07;

struct AtsMachine : RuleMachine {
    explicit AtsMachine(const SteBuilder& entry, u64 cr2 = 0b0010, u64 cr0 = smmuen | eventqen | cmdqen,
                        const Change& change = {})
        : RuleMachine(change) {
        root = set_up_nested();
        put_ste(entry);
        bring_up(false);
        write32(0x2C, cr2);
        write_cr0(cr0);
    }
    Answer request(u64 address, u32 of_stream = stream) {
        return ask(of_stream, address, {.address_type = sim::AddressType::TranslationRequest});
    }
    Answer translated(u64 address, std::optional<u32> substream = {}) {
        return ask(stream, address, {.substream = substream, .address_type = sim::AddressType::Translated});
    }
    u64 root = 0;
};
SteBuilder stage1(u64 eats) { return RuleMachine::stage1_ste().set(ste::EATS, eats); }
constexpr u64 readable = 1, writable = 2;

TEST(SmmuAts, EatsDecidesOverTranslationRequests) {
    AtsMachine allowed(stage1(full));
    const Answer answer = allowed.request(iova);
    EXPECT_TRUE(answer.passed());
    EXPECT_EQ(answer.data & (~u64{0xFFF} | readable | writable), page | readable | writable);
    EXPECT_EQ(allowed.events(), 0u);
    AtsMachine refused(stage1(off));
    EXPECT_EQ(refused.request(iova).status, Status::Unsupported);
    EXPECT_EQ(refused.only_event(), bad_request);
    AtsMachine bypass(RuleMachine::bypass_ste().set(ste::EATS, full));
    EXPECT_EQ(bypass.request(page).status, Status::Unsupported) << "a bypassing stream has none";
}

TEST(SmmuAts, SplitStageGivesIntermediateAddressesWithAtschk) {
    const SteBuilder entry = RuleMachine::nested_ste().set(ste::EATS, split);
    AtsMachine machine(entry, 0b0010, smmuen | eventqen | cmdqen | atschk);
    machine.map(machine.root, iova + 0x1000, u64{3} << 30, RuleMachine::page_attributes);
    machine.memory.put(RuleMachine::stage2_root + 3 * 8, SmmuMachine::ram | RuleMachine::stage2_block);
    EXPECT_EQ(machine.request(iova + 0x1000).data & ~u64{0xFFF}, u64{3} << 30);
    EXPECT_EQ(machine.translated((u64{3} << 30) + 0x10'0008).address, SmmuMachine::ram + 0x10'0008);
    AtsMachine without(entry);
    EXPECT_EQ(without.request(iova).status, Status::Unsupported) << "counts as off without ATSCHK";
}

TEST(SmmuAts, TranslatedTrafficIsCheckedOnlyWithAtschk) {
    AtsMachine unchecked(stage1(off));
    EXPECT_EQ(unchecked.translated(page).address, page);
    EXPECT_EQ(unchecked.events(), 0u);
    AtsMachine checked(stage1(off), 0b0010, smmuen | eventqen | cmdqen | atschk);
    EXPECT_TRUE(checked.translated(page).aborted());
    EXPECT_EQ(checked.only_event(), forbidden);
    AtsMachine allowed(stage1(full), 0b0010, smmuen | eventqen | cmdqen | atschk);
    EXPECT_EQ(allowed.translated(page).address, page);
}

TEST(SmmuAts, AtschkIsReservedWithoutAts) {
    RuleMachine machine([](spec::Identification& id) { id.idr0.ATS = 0; });
    machine.write_cr0(atschk);
    EXPECT_EQ(machine.read32(0x24), 0u);
}

TEST(SmmuAts, ConfigurationErrorsAreRecordedOnlyWithRecCfgAts) {
    for (const bool record : {false, true}) {
        AtsMachine machine(SteBuilder(), record ? 0b1010 : 0b0010);
        EXPECT_TRUE(machine.request(iova).aborted()) << "Completer Abort";
        EXPECT_EQ(machine.only_event(), record ? bits::event::C_BAD_STE : RuleMachine::no_event);
    }
    RuleMachine without([](spec::Identification& id) { id.idr0.ATSRECERR = 0; });
    without.write32(0x2C, 0b1000);
    EXPECT_EQ(without.read32(0x2C), 0u);
    EXPECT_EQ(without.read32(0x00) >> 23 & 1, 0u);
}

TEST(SmmuAts, WhileDisabledRequestsAreUnsupportedAndTranslatedTrafficAborts) {
    AtsMachine machine(stage1(full), 0b0010, eventqen | cmdqen);
    EXPECT_EQ(machine.request(iova).status, Status::Unsupported);
    EXPECT_TRUE(machine.translated(page).aborted());
    EXPECT_EQ(machine.memory.reads(SmmuMachine::strtab, 0x10'0000), 0u);
}

TEST(SmmuAts, RequestsNeitherStallNorReadZero) {
    AtsMachine stalls(stage1(full));
    stalls.put_cd(RuleMachine::stage1_cd(stalls.root).set(cd::S, 1));
    const Answer missing = stalls.request(iova + 0x1000);
    EXPECT_TRUE(missing.passed());
    EXPECT_EQ(missing.data & (readable | writable), 0u) << "success that grants nothing";
    EXPECT_EQ(stalls.smmu.stalled(), 0u);
    EXPECT_EQ(stalls.events(), 0u);
    AtsMachine zero(stage1(full));
    zero.put_cd(RuleMachine::stage1_cd(zero.root).set(cd::A, 0));
    EXPECT_FALSE(zero.request(iova + 0x1000).discarded());
    zero.memory.fail(zero.leaf_address(zero.root, iova), 8);
    EXPECT_TRUE(zero.request(iova).aborted());
}

TEST(SmmuAts, PasidOnTranslatedTransactionsIsIgnoredWithoutPasidtt) {
    AtsMachine machine(stage1(full), 0b0010, smmuen | eventqen | cmdqen | atschk);
    EXPECT_EQ(machine.read32(0x0C) >> 16 & 1, 0u);
    EXPECT_EQ(machine.translated(page, 5).address, page) << "though the stream has no substreams";
    EXPECT_EQ(machine.events(), 0u);
}

TEST(SmmuAts, RequestsAreUnsupportedWithoutAts) {
    AtsMachine machine(stage1(full), 0b0010, smmuen | eventqen | cmdqen,
                       [](spec::Identification& id) { id.idr0.ATS = 0; });
    EXPECT_EQ(machine.request(iova).status, Status::Unsupported);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter1_ats
