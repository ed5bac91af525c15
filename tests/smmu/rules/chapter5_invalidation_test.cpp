// TLBI commands: what each removes and what it leaves, ranges and level hints.
#include <set>

#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter5_invalidation {
namespace {

namespace ste = bits::ste;
namespace cd = bits::cd;

constexpr u64 page = RuleMachine::page;
constexpr u64 not_global = 1 << 11;

/// One stream of each kind, all cached, each at an address of its own.
enum Kind : u32 {
    Vmid1Asid1 = 1,
    Vmid1Asid2,
    Vmid2Asid1,
    Vmid1Global,
    Vmid1Stage2,
    Vmid2Stage2,
    HypervisorAsid1,
    Vmid1Nested,
    HypervisorGlobal,
};
using Kinds = std::set<Kind>;
const Kinds everything{Vmid1Asid1,  Vmid1Asid2,  Vmid2Asid1,      Vmid1Global,     Vmid1Stage2,
                       Vmid2Stage2, Vmid1Nested, HypervisorAsid1, HypervisorGlobal};
Kinds without(const Kinds& gone) {
    Kinds result = everything;
    for (const Kind kind : gone) result.erase(kind);
    return result;
}

struct Population : RuleMachine {
    explicit Population(bool e2h = false) {
        map_stage2();
        stage1(Vmid1Asid1, stage1_ste(), 1, 1);
        stage1(Vmid1Asid2, stage1_ste(), 1, 2);
        stage1(Vmid2Asid1, stage1_ste(), 2, 1);
        stage1(Vmid1Global, stage1_ste(), 1, 1, page_attributes & ~not_global);
        put_ste(Vmid1Stage2, stage2_ste().set(ste::S2VMID, 1));
        put_ste(Vmid2Stage2, stage2_ste().set(ste::S2VMID, 2));
        stage1(HypervisorAsid1, stage1_ste().set(ste::STRW, 0b10), 0, 1);
        stage1(Vmid1Nested, nested_ste(), 1, 1);
        stage1(HypervisorGlobal, stage1_ste().set(ste::STRW, 0b10), 0, 1, page_attributes & ~not_global);
        bring_up(false);
        write32(0x2C, 0b10 | (e2h ? 1 : 0));
        write_cr0(0b1101);
        for (const Kind kind : everything) EXPECT_TRUE(ask(kind, address(kind)).passed()) << kind;
    }
    static u64 address(u32 kind) {
        if (kind == Vmid1Stage2 || kind == Vmid2Stage2) return page + u64{kind} * 0x1000;
        return 0x1000'0000 + u64{kind} * 0x1000;
    }
    void stage1(u32 of_stream, SteBuilder entry, u64 vmid, u64 asid, u64 attributes = page_attributes) {
        const u64 root = table(), context = cds + of_stream * 64;
        put_ste(of_stream, entry.set(ste::S1ContextPtr, context).set(ste::S2VMID, vmid));
        put(context, stage1_cd(root).set(cd::ASID, asid));
        map(root, address(of_stream), page + u64{of_stream} * 0x1000, attributes);
    }
    /// What is still cached after the command.
    Kinds after(u64 low, u64 high = 0) {
        command(low, high);
        command(cmd::sync);
        run_commands();
        EXPECT_TRUE(all_consumed());
        Kinds result;
        for (const Kind kind : everything)
            if (cached(address(kind), kind)) result.insert(kind);
        return result;
    }
};
u64 tags(u64 opcode, u64 vmid = 0, u64 asid = 0) { return opcode | vmid << 32 | asid << 48; }
u64 at(Kind kind) { return Population::address(kind); }

TEST(SmmuTlbInvalidation, NothingGoesWithoutACommand) { EXPECT_EQ(Population().after(cmd::sync), everything); }

TEST(SmmuTlbInvalidation, NhAllRemovesStage1OfAVmid) {
    EXPECT_EQ(Population().after(tags(0x10, 1)), without({Vmid1Asid1, Vmid1Asid2, Vmid1Global, Vmid1Nested}));
    EXPECT_EQ(Population().after(tags(0x10, 2)), without({Vmid2Asid1}));
}

TEST(SmmuTlbInvalidation, NhAsidRemovesWhatIsNotGlobal) {
    EXPECT_EQ(Population().after(tags(0x11, 1, 1)), without({Vmid1Asid1, Vmid1Nested}));
    EXPECT_EQ(Population().after(tags(0x11, 1, 2)), without({Vmid1Asid2}));
    EXPECT_EQ(Population().after(tags(0x11, 3, 1)), everything);
}

TEST(SmmuTlbInvalidation, NhVaRemovesAnAddressOfItsAsidOrGlobal) {
    EXPECT_EQ(Population().after(tags(0x12, 1, 1), at(Vmid1Asid1)), without({Vmid1Asid1}));
    EXPECT_EQ(Population().after(tags(0x12, 1, 9), at(Vmid1Asid1)), everything);
    EXPECT_EQ(Population().after(tags(0x12, 1, 9), at(Vmid1Global)), without({Vmid1Global}));
    EXPECT_EQ(Population().after(tags(0x12, 2, 1), at(Vmid1Asid1)), everything);
    EXPECT_EQ(Population().after(tags(0x12, 1, 1), at(Vmid1Nested)), without({Vmid1Nested}));
}

TEST(SmmuTlbInvalidation, NhVaaRemovesAnAddressOfAnyAsid) {
    EXPECT_EQ(Population().after(tags(0x13, 1), at(Vmid1Asid2)), without({Vmid1Asid2}));
    EXPECT_EQ(Population().after(tags(0x13, 1), at(Vmid1Global)), without({Vmid1Global}));
    EXPECT_EQ(Population().after(tags(0x13, 2), at(Vmid1Asid2)), everything);
}

TEST(SmmuTlbInvalidation, El2AllRemovesBothWorldsOfEl2) {
    for (const bool e2h : {false, true})
        EXPECT_EQ(Population(e2h).after(0x20), without({HypervisorAsid1, HypervisorGlobal}));
}

TEST(SmmuTlbInvalidation, El2AsidRemovesWhatIsNotGlobalWithE2h) {
    EXPECT_EQ(Population(true).after(tags(0x21, 0, 1)), without({HypervisorAsid1}));
    EXPECT_EQ(Population(true).after(tags(0x21, 0, 2)), everything);
}

TEST(SmmuTlbInvalidation, El2VaLooksAtTheAsidWithE2hOnly) {
    EXPECT_EQ(Population(true).after(tags(0x22, 0, 1), at(HypervisorAsid1)), without({HypervisorAsid1}));
    EXPECT_EQ(Population(true).after(tags(0x22, 0, 2), at(HypervisorAsid1)), everything);
    EXPECT_EQ(Population(true).after(tags(0x22, 0, 2), at(HypervisorGlobal)), without({HypervisorGlobal}));
    EXPECT_EQ(Population(false).after(tags(0x22, 0, 2), at(HypervisorAsid1)), without({HypervisorAsid1}));
}

TEST(SmmuTlbInvalidation, El2VaaRemovesAnAddressOfAnyAsid) {
    for (const bool e2h : {false, true})
        EXPECT_EQ(Population(e2h).after(tags(0x23, 0, 2), at(HypervisorAsid1)), without({HypervisorAsid1}));
}

TEST(SmmuTlbInvalidation, S12VmallRemovesBothStagesOfAVmid) {
    EXPECT_EQ(Population().after(tags(0x28, 1)),
              without({Vmid1Asid1, Vmid1Asid2, Vmid1Global, Vmid1Stage2, Vmid1Nested}));
}

TEST(SmmuTlbInvalidation, S2IpaRemovesAnIntermediateAddressOfStage2) {
    Kinds left = Population().after(tags(0x2A, 1), at(Vmid1Stage2));
    left.insert(Vmid1Nested);  // may go or stay
    EXPECT_EQ(left, without({Vmid1Stage2}));
    EXPECT_EQ(Population().after(tags(0x2A, 1), u64{5} << 30), everything);
}

TEST(SmmuTlbInvalidation, NsnhAllRemovesEverythingButEl2) {
    EXPECT_EQ(Population().after(0x30), (Kinds{HypervisorAsid1, HypervisorGlobal}));
}

TEST(SmmuTlbInvalidation, VmidIsIgnoredWithoutStage2) {
    RuleMachine machine([](spec::Identification& id) { id.idr0.S2P = 0; });
    machine.set_up_stage1();
    machine.put_ste(RuleMachine::stage1_ste().set(ste::S2VMID, 1));
    machine.bring_up();
    ASSERT_TRUE(machine.read(RuleMachine::iova).passed());
    machine.command(tags(0x10, 7));
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_FALSE(machine.cached(RuleMachine::iova));
}

TEST(SmmuTlbInvalidation, NestedEntriesGoAfterS2IpaWithNhAll) {
    Population machine;
    machine.command(tags(0x2A, 1), at(Vmid1Stage2));
    machine.command(tags(0x10, 1));
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_FALSE(machine.cached(at(Vmid1Nested), Vmid1Nested));
    EXPECT_FALSE(machine.cached(at(Vmid1Stage2), Vmid1Stage2));
}

// Ranges, levels.

/// One stream with pages 0 to 15 from `first` and a block of 2 MiB, all cached.
struct Range : RuleMachine {
    static constexpr u64 first = 0x1234'0000, block = 0x4000'0000;
    static constexpr unsigned pages = 16;
    explicit Range(const Change& change = {}, const ConfigChange& config = {})
        : RuleMachine(WithConfig{}, [&](uarch::SmmuConfig& all) {
              all = small_config();
              if (change) change(all.identification);
              if (config) config(all);
          }) {
        root = set_up_stage1();
        for (u64 index = 0; index < pages; ++index) map(root, first + index * 0x1000, page + index * 0x1000);
        map(root, block, page);  // makes the tables; then the level 2 entry becomes a block
        u64 place = memory.u64_at(root) & ~u64{0xFFF};
        place = memory.u64_at(place + (block >> 30) * 8) & ~u64{0xFFF};
        memory.put(place, ram | (page_attributes & ~u64{2}));
        bring_up();
        for (u64 index = 0; index < pages; ++index) EXPECT_TRUE(read(first + index * 0x1000).passed());
        EXPECT_TRUE(read(block).passed());
    }
    void invalidate(u64 low, u64 high) {
        command(0x12 | u64{1} << 48 | low, high);
        command(cmd::sync);
        run_commands();
        EXPECT_TRUE(all_consumed());
    }
    /// Which pages are gone after TLBI_NH_VA with these fields.
    std::set<u64> gone(u64 low, u64 high) {
        invalidate(low, high);
        std::set<u64> result;
        for (u64 index = 0; index < pages; ++index)
            if (!cached(first + index * 0x1000)) result.insert(index);
        return result;
    }
    u64 root = 0;
};
u64 num_scale(u64 num, u64 scale) { return num << 12 | scale << 20; }
constexpr u64 leaf_only = 1, tg4 = 1 << 10, tg16 = 2 << 10, tg64 = 3 << 10;
u64 ttl(u64 level) { return level << 8; }

TEST(SmmuTlbRange, WithoutTgOneEntryGoes) {
    EXPECT_EQ(Range().gone(num_scale(7, 3), Range::first + 0x3000), (std::set<u64>{3}));
}

TEST(SmmuTlbRange, NumAndScaleGiveTheNumberOfGranules) {
    EXPECT_EQ(Range().gone(num_scale(2, 0), tg4 | (Range::first + 0x1000)), (std::set<u64>{1, 2, 3}));
    EXPECT_EQ(Range().gone(num_scale(1, 1), tg4 | (Range::first + 0x4000)), (std::set<u64>{4, 5, 6, 7}));
    EXPECT_EQ(Range().gone(num_scale(0, 2), tg4 | (Range::first + 0x8000)), (std::set<u64>{8, 9, 10, 11}));
    EXPECT_EQ(Range().gone(num_scale(1, 0), tg16 | Range::first), (std::set<u64>{0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(Range().gone(num_scale(1, 0), tg64 | Range::first).size(), 16u);
}

TEST(SmmuTlbRange, LevelHintAloneNamesOneEntry) {
    EXPECT_EQ(Range().gone(num_scale(0, 0), tg4 | ttl(3) | (Range::first + 0x2000)), (std::set<u64>{2}));
}

TEST(SmmuTlbRange, LevelHintOfABlockRemovesIt) {
    Range machine;
    machine.invalidate(0, tg4 | ttl(2) | Range::block);
    EXPECT_FALSE(machine.cached(Range::block + 0x12'3000));
    EXPECT_TRUE(machine.cached(Range::first));
}

TEST(SmmuTlbRange, AddressInsideABlockRemovesIt) {
    Range machine;
    machine.invalidate(0, Range::block + 0x12'3000);
    EXPECT_FALSE(machine.cached(Range::block));
}

TEST(SmmuTlbRange, TgWithoutRangeOrLevelIsIllegal) {
    for (const u64 tg : {tg4, tg16, tg64}) {
        Range machine;
        machine.command(0x12 | u64{1} << 48, tg | Range::first);
        machine.run_commands();
        EXPECT_EQ(machine.error(), 0x01u) << tg;
        EXPECT_TRUE(machine.command_error_active());
    }
}

TEST(SmmuTlbRange, Level1Of16KNeedsDsUnlessThereIsARange) {
    Range machine;
    machine.command(0x12, tg16 | ttl(1) | Range::first);
    machine.run_commands();
    EXPECT_EQ(machine.error(), 0x01u);
    EXPECT_TRUE(machine.command_error_active());
    EXPECT_EQ(Range().gone(num_scale(1, 0), tg16 | ttl(1) | Range::first), (std::set<u64>{0, 1, 2, 3, 4, 5, 6, 7}));
    Range wide([](spec::Identification& id) { id.idr5.DS = 1; });
    wide.invalidate(0, tg16 | ttl(1) | Range::first);
}

TEST(SmmuTlbRange, ScaleHasASixthBitWithDsAndStopsAt39) {
    // Of 32 the sixth bit alone is set; 2^39 granules of 4 KiB are 2^51 bytes.
    for (const u64 scale : {32u, 39u, 63u}) {
        Range machine([](spec::Identification& id) { id.idr5.DS = 1; });
        EXPECT_EQ(machine.gone(num_scale(0, scale), tg4 | Range::first).size(), 16u) << scale;
    }
    // Without DS bit 25 is reserved: scale 32 is 0.
    EXPECT_EQ(Range().gone(num_scale(0, 32) | num_scale(1, 0), tg4 | Range::first), (std::set<u64>{0, 1}));
}

TEST(SmmuTlbRange, RangesDoNotWrapFromTheTop) {
    Range machine;
    EXPECT_EQ(machine.gone(num_scale(31, 31), tg4 | 0xFFFF'FFFF'FFFF'F000), std::set<u64>{});
}

TEST(SmmuTlbRange, RangesApplyToIntermediateAddresses) {
    RuleMachine machine;
    machine.set_up_stage2();
    machine.bring_up();
    const auto invalidate = [&](u64 low, u64 high) {
        machine.command(0x2A | u64{1} << 32 | low, high);
        machine.command(cmd::sync);
        machine.run_commands();
    };
    ASSERT_TRUE(machine.read(page).passed());
    invalidate(num_scale(1, 0), tg4 | (u64{3} << 30));
    EXPECT_TRUE(machine.cached(page));
    invalidate(num_scale(1, 18), tg4);  // 2 GiB from 0
    EXPECT_FALSE(machine.cached(page));
}

TEST(SmmuTlbRange, LeafLeavesTheTablesOnThePath) {
    const auto walk_cache = [](uarch::SmmuConfig& config) { config.tcu.walk_cache = {.entries = 256, .ways = 4}; };
    Range only({}, walk_cache);
    only.invalidate(0, leaf_only | Range::first);
    EXPECT_EQ(only.reads_of(Range::first).descriptors, 1u);
    Range path({}, walk_cache);
    path.invalidate(0, Range::first);
    EXPECT_EQ(path.reads_of(Range::first).descriptors, 4u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter5_invalidation
