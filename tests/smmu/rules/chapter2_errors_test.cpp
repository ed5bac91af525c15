// Global errors, interrupts, and the order in which drivers bring an SMMU up.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter2_errors {
namespace {

constexpr u64 page = RuleMachine::page;
constexpr u64 illegal = 0xFF;

/// Every access of the stream is a fault.
struct FaultMachine : RuleMachine {
    explicit FaultMachine(u64 interrupts) {
        put_ste(SteBuilder());
        bring_up();
        write32(0x50, interrupts);
        run();
    }
};

TEST(SmmuGlobalErrors, EachErrorHasItsBit) {
    FaultMachine machine(0);
    machine.memory.fail(SmmuMachine::evtq, 32);
    ASSERT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.read32(0x60), u64{1 << 2}) << "EVENTQ_ABT_ERR";
    machine.command(illegal);
    machine.run_commands();
    EXPECT_EQ(machine.read32(0x60), u64{1 << 2 | 1 << 0}) << "CMDQ_ERR";
}

TEST(SmmuGlobalErrors, AcknowledgedErrorTogglesBackWhenItHappensAgain) {
    RuleMachine machine;
    machine.bring_up();
    for (const u64 expected : {1u, 0u, 1u}) {
        machine.command(illegal);
        machine.run_commands();
        EXPECT_EQ(machine.read32(0x60), expected);
        EXPECT_TRUE(machine.command_error_active());
        machine.memory.put(SmmuMachine::cmdq + u64{machine.consumer()} * 16, cmd::sync);
        machine.acknowledge_errors();
        EXPECT_EQ(machine.read32(0x60), expected) << "only the SMMU changes GERROR";
        EXPECT_FALSE(machine.command_error_active());
    }
}

TEST(SmmuGlobalErrors, ErrorsOfAKindThatIsActiveAreLost) {
    FaultMachine machine(0b001);
    machine.memory.fail(SmmuMachine::evtq, 64);
    Client first(machine.simulation), second(machine.simulation);
    first.submit(machine.smmu.tbu(0), sim::Command::Read, RuleMachine::stream, page);
    second.submit(machine.smmu.tbu(0), sim::Command::Read, RuleMachine::stream, page);
    machine.run();
    EXPECT_EQ(machine.read32(0x60), u64{1 << 2});
    EXPECT_EQ(machine.gerror_irq.pulses, 1u);
}

TEST(SmmuGlobalErrors, UnusedBitsAreReserved) {
    RuleMachine machine;
    machine.write32(0x64, 0xFFFF'FF02);  // reserved 1 and 31:11, SFM_ERR 8, CMDQP_ERR 9, DPT_ERR 10
    EXPECT_EQ(machine.read32(0x64) & 0xFFFF'FF02, 0u);
    EXPECT_EQ(machine.read32(0x60), 0u);
}

TEST(SmmuGlobalErrors, AcknowledgingOneErrorLeavesTheOthersActive) {
    FaultMachine machine(0);
    machine.memory.fail(SmmuMachine::evtq, 32);
    ASSERT_TRUE(machine.read(page).aborted());
    machine.command(illegal);
    machine.run_commands();
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.write32(0x64, 1 << 2);
    machine.run();
    EXPECT_TRUE(machine.command_error_active());
    EXPECT_EQ(machine.consumer(), 0u);
    machine.write32(0x64, 1 << 2 | 1 << 0);
    machine.run();
    EXPECT_EQ(machine.consumer(), 1u);
}

// Interrupts.

TEST(SmmuInterrupts, EventInterruptComesWhenTheQueueStopsBeingEmpty) {
    FaultMachine machine(0b100);
    ASSERT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.event_irq.pulses, 1u);
    ASSERT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.event_irq.pulses, 1u) << "was not empty";
    machine.write32(0x100AC, 2);
    ASSERT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.event_irq.pulses, 2u);
}

TEST(SmmuInterrupts, EventInterruptNeedsItsEnable) {
    FaultMachine machine(0b011);
    ASSERT_TRUE(machine.read(page).aborted());
    EXPECT_EQ(machine.event_irq.pulses, 0u);
}

TEST(SmmuInterrupts, ErrorInterruptComesWhenAnErrorBecomesActive) {
    FaultMachine machine(0b001);
    machine.command(illegal);
    machine.run_commands();
    EXPECT_EQ(machine.gerror_irq.pulses, 1u);
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.acknowledge_errors();
    EXPECT_EQ(machine.gerror_irq.pulses, 1u);
    EXPECT_EQ(machine.event_irq.pulses, 0u);
    EXPECT_EQ(machine.sync_irq.pulses, 0u);
}

TEST(SmmuInterrupts, ErrorInterruptNeedsItsEnable) {
    FaultMachine machine(0b110);
    machine.command(illegal);
    machine.run_commands();
    ASSERT_TRUE(machine.command_error_active());
    EXPECT_EQ(machine.gerror_irq.pulses, 0u);
}

TEST(SmmuInterrupts, SyncInterruptNeedsNoEnable) {
    FaultMachine machine(0);
    machine.command(cmd::sync | 1 << 12);
    machine.run_commands();
    EXPECT_EQ(machine.sync_irq.pulses, 1u);
}

TEST(SmmuInterrupts, WhatHappenedBeforeTheEnableNeverTriggers) {
    FaultMachine machine(0);
    ASSERT_TRUE(machine.read(page).aborted());
    machine.command(illegal);
    machine.run_commands();
    machine.write32(0x50, 0b101);
    machine.run();
    EXPECT_EQ(machine.event_irq.pulses, 0u);
    EXPECT_EQ(machine.gerror_irq.pulses, 0u);
}

TEST(SmmuInterrupts, EnableCountsWhenItIsAcknowledged) {
    FaultMachine machine(0);
    machine.command(illegal);
    machine.ring();
    // Find the error's time, then enable at that time less than the latency before it.
    while (!machine.command_error_active()) machine.run_to(machine.simulation.now() + nanosecond);
    machine.write32(0x50, 0b001);
    machine.run_to(machine.simulation.now() + 5 * nanosecond);
    ASSERT_EQ(machine.read32(0x54), 0u);
    machine.run();
    EXPECT_EQ(machine.gerror_irq.pulses, 0u);
}

// Bring-up.

TEST(SmmuBringUp, UsualOrderOfDriversWorks) {
    RuleMachine machine;
    machine.set_up_stage1();
    // 1: out of whatever state firmware left.
    machine.write_cr0(1);
    machine.write32(0x44, u64{1} << 31 | 1 << 20);
    machine.run();
    ASSERT_EQ(machine.read32(0x44) >> 31, 0u);
    machine.write_cr0(0);
    ASSERT_EQ(machine.read32(0x24), 0u);
    EXPECT_TRUE(machine.read(RuleMachine::iova).aborted());
    // 2 and 3.
    machine.write32(0x28, 0xD75);
    machine.write32(0x2C, 0b110);
    machine.write64(0x80, SmmuMachine::strtab);
    machine.write32(0x88, 8);
    // 4 and 5.
    machine.write64(0x90, SmmuMachine::cmdq | SmmuMachine::cmdq_log2);
    machine.write32(0x98, 0);
    machine.write32(0x9C, 0);
    machine.write_cr0(0b1000);
    ASSERT_EQ(machine.read32(0x24), 0b1000u);
    machine.command(cmd::cfgi_all, 31);
    machine.command(cmd::sync);
    machine.command(0x20);
    machine.command(cmd::tlbi_nsnh_all);
    machine.command(cmd::sync);
    machine.run_commands();
    ASSERT_TRUE(machine.all_consumed());
    EXPECT_EQ(machine.error(), 0u);
    // 6.
    machine.write64(0xA0, SmmuMachine::evtq | SmmuMachine::evtq_log2);
    machine.write32(0x100A8, 0);
    machine.write32(0x100AC, 0);
    machine.write_cr0(0b1100);
    ASSERT_EQ(machine.read32(0x24), 0b1100u);
    // 7.
    machine.write32(0x50, 0);
    machine.run();
    machine.write32(0x50, 0b101);
    machine.run();
    ASSERT_EQ(machine.read32(0x54), 0b101u);
    // 8.
    EXPECT_TRUE(machine.read(RuleMachine::iova).aborted()) << "until then GBPA aborts";
    machine.write_cr0(0b1101);
    ASSERT_EQ(machine.read32(0x24), 0b1101u);
    EXPECT_EQ(machine.read(RuleMachine::iova).address, page);
    EXPECT_TRUE(machine.read(RuleMachine::iova + 0x1000).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
    EXPECT_EQ(machine.event_irq.pulses, 1u);
}

TEST(SmmuBringUp, ConsumerIndexMovesForADriverThatPolls) {
    RuleMachine machine;
    machine.bring_up();
    machine.command(cmd::sync);
    machine.ring();
    unsigned polls = 0;
    while (machine.read32(0x9C) != 1 && ++polls < 1000) machine.run_to(machine.simulation.now() + 10 * nanosecond);
    EXPECT_LT(polls, 1000u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter2_errors
