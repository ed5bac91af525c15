// The way from a StreamID to its entry: linear and two-level tables.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter3_stream_table {
namespace {

constexpr u64 page = RuleMachine::page;

/// A two-level table of 2^14 streams; leaf tables at `leaves`.
struct TwoLevel : RuleMachine {
    static constexpr u64 leaves = cds;
    explicit TwoLevel(unsigned split = 6, bool record_bad_streams = true, const Change& change = {})
        : RuleMachine(change) {
        bring_up(false);
        write32(0x2C, record_bad_streams ? 0b10 : 0);
        write32(0x88, 1 << 16 | u64{split} << 6 | 14);
        write_cr0(0b1101);
    }
    void put_l1std(u64 index, u64 pointer, u64 span) {
        put(strtab + index * 8,
            support::StructureBuilder<1>().set(bits::l1std::Span, span).set(bits::l1std::L2Ptr, pointer));
    }
    /// Where structures were read for an access of the stream.
    std::vector<u64> fetches(u32 of_stream) {
        memory.log.clear();
        ask(of_stream, page);
        std::vector<u64> result;
        for (const auto& entry : memory.log)
            if (entry.attributes.transaction_class == sim::TransactionClass::ConfigFetch)
                result.push_back(entry.address);
        return result;
    }
};

TEST(SmmuStreamTable, LinearEntryIsAtItsStreamIdTimes64) {
    RuleMachine machine;
    machine.put_ste(200, RuleMachine::bypass_ste());
    machine.bring_up();
    machine.memory.log.clear();
    EXPECT_TRUE(machine.ask(200, page).passed());
    EXPECT_EQ(machine.memory.log.at(0).address, SmmuMachine::strtab + 200 * 64);
    EXPECT_EQ(machine.memory.log[0].size, 64u);
}

TEST(SmmuStreamTable, TwoLevelEntryIsFoundThroughItsDescriptor) {
    for (const unsigned split : {6u, 8u, 10u}) {
        TwoLevel machine(split);
        const u32 sid = 5u << split | 37;
        machine.put_l1std(5, TwoLevel::leaves, split + 1);
        machine.put(TwoLevel::leaves + 37 * 64, RuleMachine::bypass_ste());
        EXPECT_EQ(machine.fetches(sid), (std::vector<u64>{SmmuMachine::strtab + 5 * 8, TwoLevel::leaves + 37 * 64}));
        EXPECT_TRUE(machine.ask(sid, page).passed());
    }
}

TEST(SmmuStreamTable, SpanZeroIsNoTable) {
    TwoLevel machine;
    machine.put_l1std(0, TwoLevel::leaves, 0);
    machine.put(TwoLevel::leaves + 8 * 64, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID);
}

TEST(SmmuStreamTable, SpanCoversHalfOf2ToItsPower) {
    for (u64 span = 1; span <= 7; ++span) {
        TwoLevel machine;
        machine.put_l1std(0, TwoLevel::leaves, span);
        const u32 entries = 1u << (span - 1);
        for (u32 sid = 0; sid < 64; ++sid) machine.put(TwoLevel::leaves + sid * 64, RuleMachine::bypass_ste());
        EXPECT_TRUE(machine.ask(entries - 1, page).passed()) << span;
        if (entries == 64) continue;
        EXPECT_TRUE(machine.ask(entries, page).aborted()) << span;
        EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID) << span;
    }
}

TEST(SmmuStreamTable, SpanBeyondTheSplitIsInvalid) {
    for (const unsigned split : {6u, 8u, 10u})
        for (u64 span = split + 2; span < 32; ++span) {
            TwoLevel machine(split);
            machine.put_l1std(0, TwoLevel::leaves, span);
            machine.put(TwoLevel::leaves + 8 * 64, RuleMachine::bypass_ste());
            EXPECT_TRUE(machine.read(page).aborted()) << span;
            EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID) << span;
        }
}

TEST(SmmuStreamTable, LeafTableIsAlignedDownToItsSize) {
    TwoLevel machine;
    machine.put_l1std(0, TwoLevel::leaves + 0x3C0, 5);  // 16 entries: 1 KiB
    machine.put(TwoLevel::leaves + 8 * 64, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.read(page).passed());
    machine.put_l1std(1, TwoLevel::leaves + 0x40, 1);  // one entry: 64 bytes
    machine.put(TwoLevel::leaves + 0x40, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.ask(64, page).passed());
}

TEST(SmmuStreamTable, FirstLevelHasOneDescriptorAtLeast) {
    TwoLevel machine;
    machine.write_cr0(0b1100);
    machine.write32(0x88, 1 << 16 | 6 << 6 | 4);  // 2^4 streams, SPLIT 6
    machine.write_cr0(0b1101);
    machine.put_l1std(0, TwoLevel::leaves, 5);
    machine.put(TwoLevel::leaves + 8 * 64, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.read(page).passed());
    EXPECT_TRUE(machine.ask(16, page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID);
}

TEST(SmmuStreamTable, TwoLevelTablesRefuseStreamsBeyondTheirSizeToo) {
    TwoLevel machine;
    EXPECT_TRUE(machine.ask(1 << 14, page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID);
    EXPECT_EQ(machine.memory.reads(SmmuMachine::strtab, 0x10'0000), 0u);
}

TEST(SmmuStreamTable, BadSpansAbortSilentlyWithoutRecinvsid) {
    TwoLevel machine(6, false);
    EXPECT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.events(), 0u);
}

TEST(SmmuStreamTable, AbortOfTheDescriptorsFetchIsReportedWithItsAddress) {
    TwoLevel machine;
    machine.memory.fail(SmmuMachine::strtab, 8);
    EXPECT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_STE_FETCH);
    EXPECT_EQ(machine.record().get(bits::event::FetchAddr), SmmuMachine::strtab);
}

TEST(SmmuStreamTable, AbortOfTheEntrysFetchIsReportedWithItsAddress) {
    RuleMachine machine;
    machine.bring_up();
    machine.memory.fail(SmmuMachine::strtab + 8 * 64, 64);
    EXPECT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_STE_FETCH);
    EXPECT_EQ(machine.record().get(bits::event::FetchAddr), SmmuMachine::strtab + 8 * 64);
}

TEST(SmmuStreamTable, FailedFetchIsNotRemembered) {
    RuleMachine machine;
    machine.put_ste(RuleMachine::bypass_ste());
    machine.bring_up();
    machine.memory.fail(SmmuMachine::strtab + 8 * 64, 64);
    EXPECT_TRUE(machine.read(page).aborted());
    machine.memory.repair();
    EXPECT_TRUE(machine.read(page).passed());
}

TEST(SmmuStreamTable, TablesBeyondTheOutputSizeAreFetchFaults) {
    const auto small = [](spec::Identification& id) { id.idr5.OAS = 2; };  // 40 bits
    RuleMachine linear(small);
    linear.bring_up(false);
    linear.write64(0x80, u64{1} << 40 | SmmuMachine::strtab);
    linear.write_cr0(0b1101);
    linear.put(u64{1} << 40 | (SmmuMachine::strtab + 8 * 64), RuleMachine::bypass_ste());
    EXPECT_TRUE(linear.read(page).aborted());
    EXPECT_EQ(linear.only_event(), bits::event::F_STE_FETCH);

    TwoLevel leaf(6, true, small);
    leaf.put_l1std(0, u64{1} << 40, 7);
    leaf.put((u64{1} << 40) + 8 * 64, RuleMachine::bypass_ste());
    EXPECT_TRUE(leaf.read(page).aborted());
    EXPECT_EQ(leaf.only_event(), bits::event::F_STE_FETCH);

    TwoLevel first(6, true, small);
    first.write_cr0(0b1100);
    first.write64(0x80, u64{1} << 40);
    first.write_cr0(0b1101);
    EXPECT_TRUE(first.read(page).aborted());
    EXPECT_EQ(first.only_event(), bits::event::F_STE_FETCH);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter3_stream_table
