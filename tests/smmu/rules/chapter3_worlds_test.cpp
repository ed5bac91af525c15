// StreamWorlds: which tags, tables and privileges a stream has.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter3_worlds {
namespace {

namespace ste = bits::ste;
namespace cd = bits::cd;
using Change = RuleMachine::Change;

constexpr u64 page = RuleMachine::page, iova = RuleMachine::iova;
constexpr u64 not_global = 1 << 11;
constexpr u64 el1 = 0b00, el2 = 0b10;

/// Two streams with stage 1; the second has tables of its own that map `iova` elsewhere.
struct TwoStreams : RuleMachine {
    static constexpr u32 first = 8, second = 9;
    static constexpr u64 other_page = page + 0x10'0000;

    struct Tags {
        u64 strw = el1;
        u64 vmid = 0;
        u64 asid = 1;
        bool global = false;
    };
    TwoStreams(const Tags& one, const Tags& two, bool e2h = false, const Change& change = {}) : RuleMachine(change) {
        add(first, one, page);
        add(second, two, other_page);
        bring_up(false);
        write32(0x2C, 0b10 | (e2h ? 1 : 0));
        write_cr0(0b1101);
    }
    void add(u32 of_stream, const Tags& tags, u64 output) {
        const u64 root = table(), context = cds + of_stream * 64;
        put_ste(of_stream, stage1_ste(context).set(ste::STRW, tags.strw).set(ste::S2VMID, tags.vmid));
        put(context, stage1_cd(root).set(cd::ASID, tags.asid));
        map(root, iova, output, tags.global ? page_attributes & ~not_global : page_attributes);
    }
    /// Whether the second stream finds what the first has left in the TLB.
    bool share() {
        ask(second, iova + 0x1000);  // a fault: its configuration is known from now on
        EXPECT_EQ(ask(first, iova).address, page);
        const u64 address = ask(second, iova).address;
        EXPECT_TRUE(address == page || address == other_page);
        return address == page;
    }
};
using Tags = TwoStreams::Tags;

TEST(SmmuStreamWorld, El1IsTaggedByVmidAndAsid) {
    EXPECT_TRUE(TwoStreams(Tags{}, Tags{}).share()) << "never by the StreamID";
    EXPECT_FALSE(TwoStreams(Tags{.asid = 1}, Tags{.asid = 2}).share());
    EXPECT_FALSE(TwoStreams(Tags{.vmid = 1}, Tags{.vmid = 2}).share());
    EXPECT_TRUE(TwoStreams(Tags{.asid = 1, .global = true}, Tags{.asid = 2}).share()) << "global";
    EXPECT_FALSE(TwoStreams(Tags{.vmid = 1, .global = true}, Tags{.vmid = 2}).share()) << "global in its VMID";
}

TEST(SmmuStreamWorld, VmidIsNoTagWithoutStage2) {
    EXPECT_TRUE(
        TwoStreams(Tags{.vmid = 1}, Tags{.vmid = 2}, false, [](spec::Identification& id) { id.idr0.S2P = 0; }).share());
}

TEST(SmmuStreamWorld, El2HasNoTags) {
    EXPECT_TRUE(TwoStreams(Tags{.strw = el2, .vmid = 1, .asid = 1}, Tags{.strw = el2, .vmid = 2, .asid = 2}).share());
}

TEST(SmmuStreamWorld, E2hSelectsTheWorldWithAsids) {
    EXPECT_FALSE(TwoStreams(Tags{.strw = el2, .asid = 1}, Tags{.strw = el2, .asid = 2}, true).share());
    EXPECT_TRUE(TwoStreams(Tags{.strw = el2, .vmid = 1}, Tags{.strw = el2, .vmid = 2}, true).share()) << "no VMID";
    EXPECT_TRUE(TwoStreams(Tags{.strw = el2, .asid = 1, .global = true}, Tags{.strw = el2, .asid = 2}, true).share());
}

TEST(SmmuStreamWorld, WorldsShareNothing) {
    EXPECT_FALSE(TwoStreams(Tags{}, Tags{.strw = el2}).share());
    EXPECT_FALSE(TwoStreams(Tags{}, Tags{.strw = el2}, true).share());
}

TEST(SmmuStreamWorld, WithoutHypEveryStreamIsOfEl1) {
    EXPECT_FALSE(
        TwoStreams(Tags{.strw = el2, .asid = 1}, Tags{.strw = el2, .asid = 2}, false, [](spec::Identification& id) {
            id.idr0.Hyp = 0;
        }).share());
}

TEST(SmmuStreamWorld, NestedAndStage1StreamsOfAVmidShareNothing) {
    RuleMachine machine;
    machine.set_up_nested();
    machine.put_ste(9, RuleMachine::stage1_ste().set(ste::S2VMID, 1));
    machine.bring_up();
    machine.ask(9, iova + 0x1000);
    ASSERT_TRUE(machine.read(iova).passed());
    EXPECT_FALSE(machine.cached(iova, 9));
}

/// One stage 1 stream in a world; upper addresses are mapped through TTB1.
struct WorldMachine : RuleMachine {
    static constexpr u64 upper = 0xFFFF'0000'0000'0000 | iova;
    WorldMachine(u64 strw, bool e2h, const std::function<void(CdBuilder&)>& change = {},
                 u64 attributes = page_attributes)
        : lower_root(table()), upper_root(table()) {
        put_ste(stage1_ste().set(ste::STRW, strw));
        CdBuilder descriptor =
            stage1_cd(lower_root).set(cd::EPD1, 0).set(cd::T1SZ, 16).set(cd::TG1, 0b10).set(cd::TTB1, upper_root);
        if (change) change(descriptor);
        put_cd(descriptor);
        map(lower_root, iova, page, attributes);
        map(upper_root, iova, page + 0x1000, attributes);
        bring_up(false);
        write32(0x2C, 0b10 | (e2h ? 1 : 0));
        write_cr0(0b1101);
    }
    u64 lower_root, upper_root;
};

TEST(SmmuStreamWorld, Ttb1ExistsOutsideEl2Only) {
    EXPECT_EQ(WorldMachine(el1, false).read(WorldMachine::upper).address, page + 0x1000);
    EXPECT_EQ(WorldMachine(el2, true).read(WorldMachine::upper).address, page + 0x1000);
    WorldMachine machine(el2, false);
    EXPECT_TRUE(machine.read(WorldMachine::upper).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
    EXPECT_EQ(machine.read(iova).address, page);
}

TEST(SmmuStreamWorld, El2HasOnePrivilegeLevel) {
    constexpr u64 privileged_only = RuleMachine::page_attributes & ~u64{1 << 6};  // AP[1] = 0
    EXPECT_TRUE(WorldMachine(el2, false, {}, privileged_only).read(iova).passed());
    for (const bool e2h : {false, true}) {
        WorldMachine machine(e2h ? el2 : el1, e2h, {}, privileged_only);
        EXPECT_TRUE(machine.read(iova).aborted());
        EXPECT_EQ(machine.only_event(), bits::event::F_PERMISSION);
        EXPECT_TRUE(machine.read(iova, {.privileged = true}).passed());
    }
}

TEST(SmmuStreamWorld, El2IgnoresEpdPanAndTheUpperHalf) {
    const auto odd = [](CdBuilder& descriptor) {
        descriptor.set(cd::EPD0, 1).set(cd::PAN, 1).set(cd::E0PD0, 1).set(cd::ASID, 0xFFFF);
        descriptor.set(cd::TG1, 0b00).set(cd::T1SZ, 63).set(cd::TTB1, ~u64{0});
    };
    EXPECT_EQ(WorldMachine(el2, false, odd).read(iova, {.privileged = true}).address, page);
    WorldMachine machine(el1, false, odd);
    EXPECT_TRUE(machine.read(iova).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_CD);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter3_worlds
