// Queues: indexes, the command queue and its errors, the event queue and its overflow.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter2_queues {
namespace {

constexpr u64 page = RuleMachine::page;
constexpr u64 sync_with_interrupt = cmd::sync | 1 << 12;
constexpr u64 illegal = 0xFF;
constexpr u64 overflow_flag = u64{1} << 31;

/// Queues of 2^log2 entries; every access is a fault.
struct QueueMachine : RuleMachine {
    explicit QueueMachine(u64 commands_log2, u64 events_log2 = evtq_log2) {
        put_ste(SteBuilder());
        bring_up(false);
        write_cr0(0);
        write64(0x90, cmdq | commands_log2);
        write64(0xA0, evtq | events_log2);
        write_cr0(0b1101);
    }
    /// `count` events, one after another.
    void fault(unsigned count = 1) {
        while (count-- != 0) EXPECT_TRUE(read(page).aborted());
    }
    u64 produced() { return inspect32(0x100A8); }
    void produce(u64 index) {
        write32(0x98, index);
        run();
    }
};

// Indexes.

TEST(SmmuQueues, IndexesWrapWithTheirWrapBit) {
    QueueMachine machine(2);
    for (u64 entry = 0; entry < 4; ++entry) machine.memory.put(SmmuMachine::cmdq + entry * 16, cmd::sync);
    for (const u64 index : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 0u, 1u}) {
        machine.memory.log.clear();
        machine.produce(index);
        EXPECT_EQ(machine.consumer(), index);
        EXPECT_EQ(machine.memory.log.at(0).address, SmmuMachine::cmdq + (index + 3) % 4 * 16);
    }
}

TEST(SmmuQueues, QueueOfOneEntryHasOnlyAWrapBit) {
    QueueMachine machine(0, 0);
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.produce(1);
    EXPECT_EQ(machine.consumer(), 1u);
    machine.produce(0);
    EXPECT_EQ(machine.consumer(), 0u);
    machine.fault();
    EXPECT_EQ(machine.produced(), 1u);
    machine.write32(0x100AC, 1);
    machine.fault();
    EXPECT_EQ(machine.produced(), 0u);
}

TEST(SmmuQueues, EqualIndexesWithEqualWrapAreEmpty) {
    QueueMachine machine(2);
    machine.write_cr0(0);
    machine.write32(0x98, 6);
    machine.write32(0x9C, 6);
    machine.memory.log.clear();
    machine.write_cr0(0b1101);
    EXPECT_EQ(machine.memory.log.size(), 0u);
    EXPECT_EQ(machine.consumer(), 6u);
}

TEST(SmmuQueues, EqualIndexesWithOtherWrapAreFull) {
    QueueMachine machine(2, 1);
    machine.fault(2);
    EXPECT_EQ(machine.produced(), 2u) << "two entries";
    machine.fault();
    EXPECT_EQ(machine.produced(), overflow_flag | 2);
}

TEST(SmmuQueues, EntriesHaveTheirSizes) {
    QueueMachine machine(2);
    machine.memory.log.clear();
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.produce(1);
    ASSERT_EQ(machine.memory.log.size(), 1u);
    EXPECT_EQ(machine.memory.log[0].size, 16u);
    machine.memory.log.clear();
    machine.fault(2);
    EXPECT_EQ(machine.memory.writes(SmmuMachine::evtq, 32), 1u);
    EXPECT_EQ(machine.memory.writes(SmmuMachine::evtq + 32, 32), 1u);
    for (const auto& entry : machine.memory.log) {
        if (entry.command == sim::Command::Write) {
            EXPECT_EQ(entry.size, 32u);
        }
    }
}

TEST(SmmuQueues, IndexBitsAboveTheWrapBitOfTheSmmuReadZero) {
    RuleMachine machine;
    machine.write64(0x90, SmmuMachine::cmdq | 4);
    machine.write32(0x9C, 0xF'FFFF);
    EXPECT_EQ(machine.read32(0x9C), 0x1Fu);
    machine.write64(0xA0, SmmuMachine::evtq | 3);
    machine.write32(0x100A8, 0x800F'FFFF);
    EXPECT_EQ(machine.read32(0x100A8), 0x8000'000Fu);
}

TEST(SmmuQueues, IndexBitsAboveTheWrapBitOfSoftwareHaveNoEffect) {
    QueueMachine machine(4, 4);
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.produce(0xF'FFE1);
    EXPECT_EQ(machine.consumer(), 1u);
    machine.write32(0x100AC, 0xF'FFE0);
    machine.fault();
    EXPECT_EQ(machine.produced(), 1u);
}

TEST(SmmuQueues, InconsistentIndexesStopTheCommandQueue) {
    QueueMachine machine(2);
    machine.write_cr0(0);
    machine.write32(0x9C, 2);
    machine.write32(0x98, 1);  // behind, with the same wrap
    machine.memory.log.clear();
    machine.write_cr0(0b1101);
    EXPECT_EQ(machine.memory.log.size(), 0u);
    EXPECT_EQ(machine.consumer(), 2u);
}

TEST(SmmuQueues, InconsistentIndexesCountAsAFullEventQueue) {
    QueueMachine machine(2, 2);
    machine.write32(0x100AC, 2);
    machine.fault();
    EXPECT_EQ(machine.produced(), overflow_flag | 0);
}

TEST(SmmuQueues, EachIndexHasOneOwner) {
    QueueMachine machine(2);
    machine.fault();
    machine.write32(0x100A8, 3);
    EXPECT_EQ(machine.produced(), 1u) << "the SMMU's while enabled";
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.produce(1);
    machine.write32(0x9C, 0);
    EXPECT_EQ(machine.consumer(), 1u) << "the SMMU's while enabled";
    EXPECT_EQ(machine.read32(0x98), 1u) << "software's";
}

TEST(SmmuQueues, RecordIsVisibleBeforeTheIndexAndTheIndexBeforeTheInterrupt) {
    QueueMachine machine(2);
    Client client(machine.simulation);
    client.submit(machine.smmu.tbu(0), sim::Command::Read, RuleMachine::stream, page);
    bool produced = false;
    for (unsigned step = 0; step < 1000; ++step) {
        machine.run_to(machine.simulation.now() + nanosecond);
        produced = machine.produced() != 0;
        if (produced) {
            EXPECT_EQ(machine.memory.u8_at(SmmuMachine::evtq), bits::event::C_BAD_STE);
        }
        if (machine.event_irq.pulses != 0) {
            EXPECT_TRUE(produced);
        }
    }
    EXPECT_TRUE(produced);
    EXPECT_EQ(machine.event_irq.pulses, 1u);
}

// The command queue.

TEST(SmmuCommandQueue, ProducerWriteIsTheDoorbell) {
    QueueMachine machine(2);
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.run();
    EXPECT_EQ(machine.consumer(), 0u);
    machine.produce(1);
    EXPECT_EQ(machine.consumer(), 1u);
}

TEST(SmmuCommandQueue, CommandsAreConsumedInOrder) {
    RuleMachine machine;
    machine.bring_up();
    for (unsigned count = 0; count < 5; ++count) machine.command(cmd::sync);
    machine.ring();
    u32 last = 0;
    for (unsigned step = 0; step < 5000 && !machine.all_consumed(); ++step) {
        machine.run_to(machine.simulation.now() + nanosecond);
        EXPECT_TRUE(machine.consumer() == last || machine.consumer() == last + 1);
        last = machine.consumer();
    }
    EXPECT_EQ(last, 5u);
    std::vector<u64> fetched;
    for (const auto& entry : machine.memory.log)
        if (entry.address >= SmmuMachine::cmdq && entry.address < SmmuMachine::evtq) fetched.push_back(entry.address);
    EXPECT_TRUE(std::is_sorted(fetched.begin(), fetched.end()));
}

TEST(SmmuCommandQueue, ErrorStopsAtTheBadCommandWithItsCode) {
    RuleMachine machine;
    machine.bring_up();
    machine.command(sync_with_interrupt);
    machine.command(illegal);
    machine.command(sync_with_interrupt);
    machine.run_commands();
    EXPECT_EQ(machine.consumer(), 1u);
    EXPECT_EQ(machine.error(), 0x01u);
    EXPECT_EQ(machine.read32(0x60), 1u);
    EXPECT_EQ(machine.gerror_irq.pulses, 1u);
    EXPECT_EQ(machine.sync_irq.pulses, 1u) << "the older command is done, the newer has no effect";
}

TEST(SmmuCommandQueue, AbortOfAFetchIsAnErrorAtThatCommand) {
    RuleMachine machine;
    machine.bring_up();
    machine.memory.fail(SmmuMachine::cmdq + 16, 16);
    machine.command(cmd::sync);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_EQ(machine.consumer(), 1u);
    EXPECT_EQ(machine.error(), 0x02u);
    EXPECT_TRUE(machine.command_error_active());
    machine.memory.repair();
    machine.acknowledge_errors();
    EXPECT_TRUE(machine.all_consumed());
}

TEST(SmmuCommandQueue, DoorbellDoesNotRestartAQueueInError) {
    RuleMachine machine;
    machine.bring_up();
    machine.command(illegal);
    machine.run_commands();
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_EQ(machine.consumer(), 0u);
}

TEST(SmmuCommandQueue, AcknowledgingRestartsAtTheRewrittenCommand) {
    RuleMachine machine;
    machine.bring_up();
    machine.command(illegal);
    machine.command(illegal);
    machine.run_commands();
    // Both may be rewritten: nothing after the error was kept.
    machine.memory.put(SmmuMachine::cmdq, sync_with_interrupt);
    machine.memory.put(SmmuMachine::cmdq + 16, sync_with_interrupt);
    machine.acknowledge_errors();
    EXPECT_EQ(machine.consumer(), 2u);
    EXPECT_EQ(machine.sync_irq.pulses, 2u);
    EXPECT_FALSE(machine.command_error_active());
}

TEST(SmmuCommandQueue, ProducerMayMoveBackToTheBadCommand) {
    RuleMachine machine;
    machine.bring_up();
    machine.command(cmd::sync);
    machine.command(illegal);
    machine.command(sync_with_interrupt);
    machine.run_commands();
    machine.write32(0x98, 1);
    machine.acknowledge_errors();
    EXPECT_EQ(machine.consumer(), 1u);
    EXPECT_EQ(machine.sync_irq.pulses, 0u);
    EXPECT_FALSE(machine.command_error_active());
}

TEST(SmmuCommandQueue, ErrorCodeIsThereWhenTheErrorIs) {
    RuleMachine machine;
    machine.bring_up();
    machine.command(illegal);
    machine.ring();
    for (unsigned step = 0; step < 1000; ++step) {
        machine.run_to(machine.simulation.now() + nanosecond);
        if (machine.command_error_active()) {
            EXPECT_EQ(machine.error(), 0x01u);
        }
    }
    EXPECT_TRUE(machine.command_error_active());
}

TEST(SmmuCommandQueue, IllegalWinsOverIgnored) {
    RuleMachine machine;
    machine.bring_up(false);
    machine.command(0x01 | 1 << 10);  // a prefetch would be ignored, but not with SSec
    machine.run_commands();
    EXPECT_EQ(machine.error(), 0x01u);
    EXPECT_TRUE(machine.command_error_active());
}

// The event queue.

TEST(SmmuEventQueue, ConsumerIndexIsNeverGuarded) {
    QueueMachine machine(2);
    machine.write32(0x100AC, 3);
    EXPECT_EQ(machine.read32(0x100AC), 3u);
}

TEST(SmmuEventQueue, OverflowTogglesItsFlagOnce) {
    QueueMachine machine(2, 0);
    machine.fault();
    EXPECT_EQ(machine.produced(), 1u);
    machine.fault();
    EXPECT_EQ(machine.produced(), overflow_flag | 1);
    machine.fault();
    EXPECT_EQ(machine.produced(), overflow_flag | 1);
    EXPECT_EQ(machine.read32(0x60), 0u) << "an overflow is no global error";
}

TEST(SmmuEventQueue, OverflowedQueueAcceptsRecordsWhenThereIsRoom) {
    QueueMachine machine(2, 0);
    machine.fault(2);
    machine.write32(0x100AC, 1);  // consumed, not acknowledged
    machine.fault();
    EXPECT_EQ(machine.produced(), overflow_flag | 0);
}

TEST(SmmuEventQueue, SecondOverflowIsSignalledOnlyAfterAcknowledgement) {
    QueueMachine machine(2, 0);
    machine.fault(2);
    machine.write32(0x100AC, overflow_flag | 1);
    machine.fault();
    EXPECT_EQ(machine.produced(), overflow_flag | 0);
    machine.fault();
    EXPECT_EQ(machine.produced(), 0u) << "toggled back: unequal to OVACKFLG again";
}

TEST(SmmuEventQueue, OverflowedRecordIsLost) {
    QueueMachine machine(2, 0);
    machine.fault();
    EXPECT_TRUE(machine.ask(9, page).aborted());
    machine.write32(0x100AC, overflow_flag | 1);
    machine.run();
    EXPECT_EQ(machine.produced(), overflow_flag | 1);
    EXPECT_EQ(machine.record().get(bits::event::StreamID), RuleMachine::stream);
}

TEST(SmmuEventQueue, AbortedWriteRaisesItsErrorAndDoesNotAdvance) {
    QueueMachine machine(2);
    machine.memory.fail(SmmuMachine::evtq, 32);
    machine.fault();
    EXPECT_EQ(machine.produced(), 0u);
    EXPECT_EQ(machine.read32(0x60), u64{1 << 2});
    EXPECT_EQ(machine.gerror_irq.pulses, 1u);
    EXPECT_EQ(machine.event_irq.pulses, 0u);
}

TEST(SmmuEventQueue, DeliveryStopsFromAnAbortToItsAcknowledgement) {
    QueueMachine machine(2);
    machine.memory.fail(SmmuMachine::evtq, 32);
    machine.fault();
    machine.memory.repair();
    machine.fault();
    EXPECT_EQ(machine.produced(), 0u);
    machine.acknowledge_errors();
    EXPECT_EQ(machine.produced(), 0u) << "dropped, and no overflow";
    machine.fault();
    EXPECT_EQ(machine.produced(), 1u);
}

TEST(SmmuEventQueue, OneTransactionLeavesAtMostOneRecord) {
    RuleMachine machine;
    const u64 root = machine.set_up_nested();
    machine.map(root, RuleMachine::iova + 0x1000, u64{1} << 36);  // stage 2 has nothing there
    machine.bring_up();
    EXPECT_TRUE(machine.read(RuleMachine::iova + 0x1000).aborted());
    EXPECT_TRUE(machine.read(RuleMachine::iova + 0x9000).aborted());
    EXPECT_EQ(machine.events(), 2u);
}

TEST(SmmuEventQueue, PrefetchesRecordNothing) {
    RuleMachine machine;
    machine.put_ste(SteBuilder());
    machine.bring_up();
    machine.command(0x01 | u64{RuleMachine::stream} << 32);
    machine.command(0x02 | u64{RuleMachine::stream} << 32, RuleMachine::iova);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed());
    EXPECT_EQ(machine.events(), 0u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter2_queues
