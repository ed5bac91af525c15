// STRTAB_BASE, STRTAB_BASE_CFG and the bases of the queues: alignment, formats, sizes.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter1_tables {
namespace {

constexpr u64 page = RuleMachine::page;
constexpr u64 both_queues = 0b1100;

/// A machine without entries at the usual place, brought up with other table registers.
struct TableMachine : RuleMachine {
    TableMachine(u64 table_base, u64 configuration, const Change& change = {}) : RuleMachine(change) {
        bring_up(false);
        write64(0x80, table_base);
        write32(0x88, configuration);
        write_cr0(both_queues | 1);
    }
};

TEST(SmmuTableRegisters, LinearTableIsAlignedDownToItsSize) {
    // 2^8 entries of 64 bytes: 16 KiB.
    TableMachine machine(SmmuMachine::strtab + 0x3FC0, 8);
    machine.put_ste(RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.read(page).passed());
}

TEST(SmmuTableRegisters, LinearTableIsAlignedByTheLiteralSizeBeyondSidsize) {
    // LOG2SIZE 20 with SIDSIZE 8: aligned to 2^26, though 2^8 entries are used.
    TableMachine machine(u64{0x4C00'0000} + 0x3FF'FFC0, 20, [](spec::Identification& id) { id.idr1.SIDSIZE = 8; });
    machine.put(u64{0x4C00'0000} + 8 * 64, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.read(page).passed());
    EXPECT_TRUE(machine.ask(0x100, page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID);
}

TEST(SmmuTableRegisters, TwoLevelTableIsAlignedDownToItsFirstLevel) {
    // LOG2SIZE 14, SPLIT 6: 256 descriptors of 8 bytes, 2 KiB.
    TableMachine machine(SmmuMachine::strtab + 0x7C0, 1 << 16 | 6 << 6 | 14);
    machine.memory.put(SmmuMachine::strtab, SmmuMachine::cds | 7);
    machine.put(SmmuMachine::cds + 8 * 64, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.read(page).passed());
}

TEST(SmmuTableRegisters, TwoLevelTableIsNeverAlignedBelow64Bytes) {
    // LOG2SIZE 7, SPLIT 6: two descriptors, but the base keeps bit 6.
    TableMachine machine(SmmuMachine::strtab + 0x40, 1 << 16 | 6 << 6 | 7);
    machine.memory.put(SmmuMachine::strtab + 0x40, SmmuMachine::cds | 7);
    machine.put(SmmuMachine::cds + 8 * 64, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.read(page).passed());
}

TEST(SmmuTableRegisters, ReservedFormatsAreLinear) {
    for (const u64 format : {0b10, 0b11}) {
        TableMachine machine(SmmuMachine::strtab, format << 16 | 8);
        machine.put_ste(RuleMachine::bypass_ste());
        EXPECT_TRUE(machine.read(page).passed()) << format;
    }
}

TEST(SmmuTableRegisters, FormatIsReservedWithoutTwoLevelTables) {
    TableMachine machine(SmmuMachine::strtab, 1 << 16 | 6 << 6 | 8,
                         [](spec::Identification& id) { id.idr0.ST_LEVEL = 0; });
    EXPECT_EQ(machine.read32(0x88), u64{6 << 6 | 8});
    machine.put_ste(RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.read(page).passed());
}

TEST(SmmuTableRegisters, SplitSelectsTheLeafSizeAndOtherValuesActAs6) {
    struct Case {
        u64 field;
        unsigned split;
    };
    for (const auto& [field, split] : {Case{6, 6}, Case{8, 8}, Case{10, 10}, Case{0, 6}, Case{7, 6}, Case{31, 6}}) {
        TableMachine machine(SmmuMachine::strtab, 1 << 16 | field << 6 | 14);
        const u32 sid = 5u << split | 3;
        machine.memory.put(SmmuMachine::strtab + 5 * 8, SmmuMachine::cds | (split + 1));
        machine.put(SmmuMachine::cds + 3 * 64, RuleMachine::bypass_ste());
        EXPECT_TRUE(machine.ask(sid, page).passed()) << field;
    }
}

TEST(SmmuTableRegisters, StreamsBeyondLog2sizeAreBad) {
    TableMachine machine(SmmuMachine::strtab, 3);
    machine.put_ste(7, RuleMachine::bypass_ste());
    machine.put_ste(8, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.ask(7, page).passed());
    EXPECT_TRUE(machine.ask(8, page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID);
}

TEST(SmmuTableRegisters, TableOfOneEntryHasStreamZeroOnly) {
    TableMachine machine(SmmuMachine::strtab + 0x40, 0);
    machine.put(SmmuMachine::strtab + 0x40, RuleMachine::bypass_ste());
    EXPECT_TRUE(machine.ask(0, page).passed());
    EXPECT_TRUE(machine.ask(1, page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID);
}

// Queues.

TEST(SmmuTableRegisters, CommandQueueIsAlignedDownToItsSize) {
    RuleMachine machine;
    // 2^6 entries of 16 bytes: 1 KiB.
    machine.write64(0x90, SmmuMachine::cmdq + 0x3E0 + 6);
    machine.command(cmd::sync);
    machine.ring();
    machine.write_cr0(0b1000);
    EXPECT_EQ(machine.memory.log.at(0).address, SmmuMachine::cmdq);
    EXPECT_EQ(machine.consumer(), 1u);
}

TEST(SmmuTableRegisters, QueueIsNeverAlignedBelow32Bytes) {
    RuleMachine machine;
    machine.write64(0x90, SmmuMachine::cmdq + 0x20 + 0);  // one entry of 16 bytes
    machine.memory.put(SmmuMachine::cmdq + 0x20, cmd::sync);
    machine.write32(0x98, 1);
    machine.write_cr0(0b1000);
    EXPECT_EQ(machine.memory.log.at(0).address, SmmuMachine::cmdq + 0x20);
    EXPECT_EQ(machine.consumer(), 1u);
}

TEST(SmmuTableRegisters, EventQueueIsAlignedDownToItsSize) {
    RuleMachine machine;
    machine.put_ste(SteBuilder());
    machine.bring_up(false);
    machine.write_cr0(0);
    machine.write64(0xA0, SmmuMachine::evtq + 0x1E0 + 4);  // 2^4 entries of 32 bytes: 512 bytes
    machine.write_cr0(0b101);
    ASSERT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.record().get(bits::event::number), bits::event::C_BAD_STE);
}

TEST(SmmuTableRegisters, QueueSizeIsCappedForEveryUseButReadback) {
    RuleMachine machine([](spec::Identification& id) { id.idr1.CMDQS = 2; });
    machine.write64(0x90, SmmuMachine::cmdq + 0x40 + 10);
    EXPECT_EQ(machine.read64(0x90), SmmuMachine::cmdq + 0x40 + 10);
    // Four entries of 16 bytes, aligned to 64 bytes; the fifth command is in the first place again.
    for (u64 index = 0; index < 4; ++index) machine.memory.put(SmmuMachine::cmdq + 0x40 + index * 16, cmd::sync);
    machine.write_cr0(0b1000);
    machine.write32(0x98, 4);
    machine.run();
    EXPECT_EQ(machine.consumer(), 4u);
    machine.write32(0x98, 5);
    machine.run();
    EXPECT_EQ(machine.consumer(), 5u);
    EXPECT_EQ(machine.memory.reads(SmmuMachine::cmdq + 0x40, 16), 2u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter1_tables
