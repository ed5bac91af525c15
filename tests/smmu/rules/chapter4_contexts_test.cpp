// The way from a SubstreamID to its context descriptor: S1DSS, linear and two-level tables.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter4_contexts {
namespace {

namespace ste = bits::ste;
namespace cd = bits::cd;
using Change = RuleMachine::Change;

constexpr u64 page = RuleMachine::page, iova = RuleMachine::iova;
constexpr u64 terminate = 0b00, bypass = 0b01, use_zero = 0b10;

/// A stage 1 stream with 2^log2 descriptors; that of index n maps `iova` to `page + n pages`.
struct Contexts : RuleMachine {
    explicit Contexts(u64 log2, u64 s1dss = use_zero, u64 format = 0b00, const Change& change = {})
        : RuleMachine(change) {
        put_ste(stage1_ste().set(ste::S1CDMax, log2).set(ste::S1DSS, s1dss).set(ste::S1Fmt, format));
        bring_up();
        memory.log.clear();
    }
    /// The descriptor of an index at an address.
    void describe(u64 address, u64 index) {
        const u64 root = table();
        put(address, stage1_cd(root).set(cd::ASID, index + 1));
        map(root, iova, page + index * 0x1000);
    }
    Answer with(u32 substream) { return read(iova, {.substream = substream}); }
    void put_l1cd(u64 address, u64 pointer, bool valid = true) {
        put(address, support::StructureBuilder<1>().set(bits::l1cd::V, valid).set(bits::l1cd::L2Ptr, pointer));
    }
};

TEST(SmmuContexts, SubstreamWithoutSubstreamsIsBad) {
    Contexts machine(0);
    machine.describe(SmmuMachine::cds, 0);
    EXPECT_TRUE(machine.with(0).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_SUBSTREAMID);
    Contexts none(4, use_zero, 0, [](spec::Identification& id) { id.idr1.SSIDSIZE = 0; });
    none.describe(SmmuMachine::cds, 0);
    EXPECT_TRUE(none.with(1).aborted());
    EXPECT_EQ(none.only_event(), bits::event::C_BAD_SUBSTREAMID);
}

TEST(SmmuContexts, SubstreamBeyondTheTableIsBad) {
    Contexts machine(2);
    machine.describe(SmmuMachine::cds + 3 * 64, 3);
    EXPECT_TRUE(machine.with(3).passed());
    EXPECT_TRUE(machine.with(4).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_SUBSTREAMID);
    EXPECT_EQ(machine.record().get(bits::event::SubstreamID), 4u);
}

TEST(SmmuContexts, SubstreamZeroIsDisabledWhereItBelongsToNone) {
    Contexts machine(2, use_zero);
    machine.describe(SmmuMachine::cds, 0);
    EXPECT_TRUE(machine.with(0).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_STREAM_DISABLED);
    for (const u64 s1dss : {terminate, bypass}) {
        Contexts other(2, s1dss);
        other.describe(SmmuMachine::cds, 0);
        EXPECT_EQ(other.with(0).address, page) << s1dss;
    }
}

TEST(SmmuContexts, SubstreamSelectsItsDescriptor) {
    Contexts machine(3);
    for (const u64 index : {1u, 5u, 7u}) machine.describe(SmmuMachine::cds + index * 64, index);
    for (const u32 index : {1u, 5u, 7u}) EXPECT_EQ(machine.with(index).address, page + index * 0x1000) << index;
}

TEST(SmmuContexts, WithoutSubstreamsDescriptorZeroIsUsed) {
    for (const u64 s1dss : {0b00, 0b01, 0b10, 0b11}) {
        Contexts machine(0, s1dss);
        machine.describe(SmmuMachine::cds, 0);
        EXPECT_EQ(machine.read(iova).address, page) << s1dss;
    }
}

TEST(SmmuContexts, S1dssTerminatesTransactionsWithoutSubstream) {
    for (const u64 s1dss : {0b00, 0b11}) {
        Contexts machine(2, s1dss);
        machine.describe(SmmuMachine::cds, 0);
        EXPECT_TRUE(machine.read(iova).aborted());
        EXPECT_EQ(machine.only_event(), bits::event::F_STREAM_DISABLED) << s1dss;
    }
}

TEST(SmmuContexts, S1dssBypassesStage1) {
    Contexts machine(2, bypass);
    EXPECT_EQ(machine.read(page).address, page);
    EXPECT_EQ(machine.memory.reads(SmmuMachine::cds, 0x1000), 0u);
    EXPECT_TRUE(machine.read(u64{1} << 48).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_ADDR_SIZE);
    EXPECT_EQ(machine.record().get(bits::event::S2), 0u);
}

TEST(SmmuContexts, S1dssBypassLeavesStage2) {
    RuleMachine machine;
    machine.put_ste(RuleMachine::nested_ste().set(ste::S1CDMax, 2).set(ste::S1DSS, bypass));
    machine.memory.put(RuleMachine::stage2_root + 2 * 8, SmmuMachine::ram | RuleMachine::stage2_block);
    machine.bring_up();
    EXPECT_EQ(machine.read(u64{2} << 30 | 0x18).address, SmmuMachine::ram | 0x18);
}

TEST(SmmuContexts, S1dssUsesDescriptorZero) {
    Contexts machine(2, use_zero);
    machine.describe(SmmuMachine::cds, 0);
    EXPECT_EQ(machine.read(iova).address, page);
}

TEST(SmmuContexts, SubstreamWithoutStage1IsBad) {
    for (const SteBuilder& entry : {RuleMachine::bypass_ste(), RuleMachine::stage2_ste()}) {
        RuleMachine machine;
        machine.put_ste(entry);
        machine.map_stage2();
        machine.bring_up();
        EXPECT_TRUE(machine.read(page, {.substream = 1}).aborted());
        EXPECT_EQ(machine.only_event(), bits::event::C_BAD_SUBSTREAMID);
    }
}

// Tables.

TEST(SmmuContexts, LinearTableIsAlignedDownToItsSize) {
    Contexts machine(4);  // 16 descriptors: 1 KiB
    machine.put_ste(RuleMachine::stage1_ste(SmmuMachine::cds + 0x3C0).set(ste::S1CDMax, 4).set(ste::S1DSS, use_zero));
    machine.describe(SmmuMachine::cds + 2 * 64, 2);
    EXPECT_TRUE(machine.with(2).passed());
}

TEST(SmmuContexts, ReservedFormatIsLinear) {
    Contexts machine(8, use_zero, 0b11);
    machine.describe(SmmuMachine::cds + 100 * 64, 100);
    EXPECT_TRUE(machine.with(100).passed());
}

TEST(SmmuContexts, FormatIsIgnoredForOneDescriptor) {
    for (const u64 format : {0b01, 0b10}) {
        Contexts machine(0, use_zero, format);
        machine.describe(SmmuMachine::cds, 0);
        EXPECT_TRUE(machine.read(iova).passed()) << format;
    }
}

TEST(SmmuContexts, TwoLevelTablesHaveLeavesOf64Or1024) {
    constexpr u64 leaves = SmmuMachine::cds + 0x1'0000;
    struct Case {
        u64 format;
        unsigned split;
    };
    for (const auto& [format, split] : {Case{0b01, 6}, Case{0b10, 10}}) {
        Contexts machine(14, use_zero, format);
        const u32 substream = 3u << split | 37;
        machine.put_l1cd(SmmuMachine::cds + 3 * 8, leaves);
        machine.describe(leaves + 37 * 64, 2);
        machine.memory.log.clear();
        EXPECT_EQ(machine.with(substream).address, page + 0x2000) << format;
        EXPECT_EQ(machine.memory.reads(SmmuMachine::cds + 3 * 8, 8), 1u);
        EXPECT_EQ(machine.memory.reads(leaves + 37 * 64, 64), 1u);
    }
}

TEST(SmmuContexts, TwoLevelTablesAreAlignedDown) {
    constexpr u64 leaves = SmmuMachine::cds + 0x1'0000;
    // 2^14 descriptors in leaves of 64: 256 first-level descriptors, 2 KiB.
    Contexts first(14, use_zero, 0b01);
    first.put_ste(RuleMachine::stage1_ste(SmmuMachine::cds + 0x7C0).set(ste::S1CDMax, 14).set(ste::S1Fmt, 0b01));
    first.put_l1cd(SmmuMachine::cds, leaves);
    first.describe(leaves + 5 * 64, 1);
    EXPECT_TRUE(first.with(5).passed());
    // Leaves of 64 KiB ignore bits 15:12 of their address.
    Contexts second(14, use_zero, 0b10);
    second.put_l1cd(SmmuMachine::cds, leaves + 0xF000);
    second.describe(leaves + 5 * 64, 1);
    EXPECT_TRUE(second.with(5).passed());
}

TEST(SmmuContexts, InvalidFirstLevelDescriptorIsABadSubstream) {
    Contexts machine(14, use_zero, 0b01);
    machine.put_l1cd(SmmuMachine::cds + 8, SmmuMachine::cds + 0x1'0000, false);
    EXPECT_TRUE(machine.with(64 + 9).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_SUBSTREAMID);
    EXPECT_EQ(machine.record().get(bits::event::SubstreamID), 64u + 9);
}

TEST(SmmuContexts, LeafTableBeyondTheOutputSizeIsABadSubstream) {
    Contexts machine(14, use_zero, 0b01, [](spec::Identification& id) { id.idr5.OAS = 2; });
    machine.put_l1cd(SmmuMachine::cds, u64{1} << 40);
    EXPECT_TRUE(machine.with(9).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_SUBSTREAMID);
}

TEST(SmmuContexts, AbortOfAFetchIsReportedWithItsAddress) {
    Contexts linear(2);
    linear.memory.fail(SmmuMachine::cds + 64, 64);
    EXPECT_TRUE(linear.with(1).aborted());
    EXPECT_EQ(linear.only_event(), bits::event::F_CD_FETCH);
    EXPECT_EQ(linear.record().get(bits::event::FetchAddr), SmmuMachine::cds + 64);

    Contexts first(14, use_zero, 0b01);
    first.memory.fail(SmmuMachine::cds + 8, 8);
    EXPECT_TRUE(first.with(64).aborted());
    EXPECT_EQ(first.only_event(), bits::event::F_CD_FETCH);
    EXPECT_EQ(first.record().get(bits::event::FetchAddr), SmmuMachine::cds + 8);
}

TEST(SmmuContexts, NestedDescriptorsAreReadThroughStage2) {
    RuleMachine machine;
    machine.set_up_nested();
    // The CD is at intermediate address 3 GiB + its offset.
    const u64 offset = SmmuMachine::cds - SmmuMachine::ram;
    machine.put_ste(RuleMachine::nested_ste().set(ste::S1ContextPtr, (u64{3} << 30) + offset));
    machine.memory.put(RuleMachine::stage2_root + 3 * 8, SmmuMachine::ram | RuleMachine::stage2_block);
    machine.bring_up();
    machine.memory.log.clear();
    EXPECT_EQ(machine.read(iova).address, page);
    EXPECT_EQ(machine.memory.reads(SmmuMachine::cds, 64), 1u);
}

TEST(SmmuContexts, NestedDescriptorFetchThatStage2RefusesIsItsFaultOfClassCd) {
    RuleMachine machine;
    machine.set_up_nested();
    machine.put_ste(RuleMachine::nested_ste().set(ste::S1ContextPtr, u64{5} << 30));
    machine.bring_up();
    EXPECT_TRUE(machine.read(iova).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
    EXPECT_EQ(machine.record().get(bits::event::S2), 1u);
    EXPECT_EQ(machine.record().get(bits::event::CLASS), bits::event::CD);
    EXPECT_EQ(machine.record().get(bits::event::IPA), u64{5} << 30);
}

TEST(SmmuContexts, NestedDescriptorFetchIsAReadWhateverTheClientDoes) {
    // Stage 2 permits reads alone, at either privilege.
    RuleMachine machine;
    machine.set_up_nested();
    machine.put_ste(RuleMachine::nested_ste().set(ste::PRIVCFG, 0b10).set(ste::INSTCFG, 0b11));
    machine.memory.put(RuleMachine::stage2_root + 8, SmmuMachine::ram | (RuleMachine::stage2_block & ~u64{0x80}));
    machine.bring_up();
    EXPECT_TRUE(machine.write(iova).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_PERMISSION);
    EXPECT_EQ(machine.record().get(bits::event::CLASS), bits::event::IN) << "the write itself, not the fetch";
}

}  // namespace
}  // namespace smmusim::test::rule::chapter4_contexts
