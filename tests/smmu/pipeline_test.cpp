// Promises of the pipeline: hits, misses, merging, order, events, and what CMD_SYNC waits for.
#include "smmu/machine.hpp"

namespace smmusim::test::pipeline {
namespace {

using sim::Command;
using sim::Status;

constexpr u32 stream = 8;
constexpr u64 iova = 0x1234'5000;
constexpr u64 page = SmmuMachine::ram + 0x100'0000;

class Pipeline : public testing::Test {
protected:
    void SetUp() override {
        root = machine.stage1_stream(stream);
        machine.map(root, iova, page);
        machine.map(root, iova + 0x1000, page + 0x1000);
        machine.bring_up();
        machine.memory.log.clear();
    }
    SmmuMachine machine;
    u64 root = 0;
};

class MissTable : public Pipeline {};
class Ordering : public Pipeline {};
class Invalidation : public Pipeline {};
class CommandQueue : public Pipeline {};

TEST_F(Pipeline, FirstAccessReadsSteCdAndFourDescriptorsTheSecondNone) {
    machine.memory.put(page + 0x40, u64{0x1122334455667788});
    Client first(machine.simulation);
    first.submit(machine.smmu.tbu(0), Command::Read, stream, iova + 0x40);
    machine.run();
    ASSERT_TRUE(first.done);
    EXPECT_EQ(first.access->status, Status::Ok);
    EXPECT_EQ(first.access->data()[0], 0x88);
    EXPECT_EQ(machine.memory.log.size(), 7u);  // STE, CD, four descriptors, the data
    machine.memory.log.clear();
    Client second(machine.simulation);
    second.submit(machine.smmu.tbu(0), Command::Read, stream, iova + 0x80);
    machine.run();
    ASSERT_TRUE(second.done);
    EXPECT_EQ(machine.memory.log.size(), 1u);
}

TEST_F(MissTable, SecondMissToSamePageJoinsTheWalk) {
    Client first(machine.simulation), second(machine.simulation);
    first.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    second.submit(machine.smmu.tbu(0), Command::Read, stream, iova + 0x100);
    machine.run();
    EXPECT_EQ(first.access->status, Status::Ok);
    EXPECT_EQ(second.access->status, Status::Ok);
    EXPECT_EQ(second.access->address, page + 0x100);
    EXPECT_EQ(machine.memory.log.size(), 6u + 2u);
}

TEST_F(MissTable, SpeculativeWriteJoinsNoWalk) {
    Client read(machine.simulation), write(machine.simulation), guess(machine.simulation);
    write.submit(machine.smmu.tbu(0), Command::Write, stream, iova + 0x1000);
    machine.run();
    ASSERT_EQ(write.access->status, Status::Ok) << "the page can be written";
    machine.memory.log.clear();
    read.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    while (machine.memory.log.empty())
        machine.simulation.scheduler().run(machine.simulation.scheduler().next_time(), sim::Scheduler::Until::Limit);
    guess.access = machine.simulation.accesses().make(Command::Write, iova, 8);
    guess.access->attributes = read.access->attributes;
    guess.access->attributes.speculative = true;
    guess.access->push(guess);
    machine.smmu.tbu(0).receive(*guess.access, machine.simulation.now());
    machine.run();
    EXPECT_EQ(read.access->status, Status::Ok);
    EXPECT_EQ(guess.access->status, Status::CompleterAbort);
}

TEST_F(Ordering, HitOvertakesAMiss) {
    Client warm(machine.simulation);
    warm.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    Client miss(machine.simulation), hit(machine.simulation);
    miss.submit(machine.smmu.tbu(0), Command::Read, stream, iova + 0x1000);
    hit.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    EXPECT_LT(hit.completed, miss.completed);
}

TEST_F(Ordering, WriteHitDoesNotOvertakeAnEarlierWriteThatMisses) {
    Client warm(machine.simulation);
    warm.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    machine.memory.log.clear();
    Client miss(machine.simulation), hit(machine.simulation), read(machine.simulation);
    miss.submit(machine.smmu.tbu(0), Command::Write, stream, iova + 0x1000);
    hit.submit(machine.smmu.tbu(0), Command::Write, stream, iova);
    read.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    std::vector<u64> order;
    for (const auto& entry : machine.memory.log)
        if (entry.address >= page) order.push_back(entry.address);
    EXPECT_EQ(order, (std::vector<u64>{page + 0x1000, page, page}));
}

TEST_F(Pipeline, UnmappedAddressLeavesExactlyOneTranslationFault) {
    Client client(machine.simulation);
    client.submit(machine.smmu.tbu(0), Command::Write, stream, iova + 0x5000);
    machine.run();
    EXPECT_EQ(client.access->status, Status::CompleterAbort);
    ASSERT_EQ(machine.events(), 1u);
    const spec::Event event = machine.event(0);
    EXPECT_EQ(event[spec::Event::Number], spec::EventNumber::F_TRANSLATION);
    EXPECT_EQ(event[spec::Event::StreamID], stream);
    EXPECT_EQ(event[spec::Event::InputAddr], iova + 0x5000);
    EXPECT_FALSE(event[spec::Event::RnW]);
    EXPECT_FALSE(event[spec::Event::S2]);
    EXPECT_EQ(event[spec::Event::CLASS], spec::FaultClass::In);
    EXPECT_EQ(machine.event_irq.pulses, 1u);
}

TEST_F(Pipeline, PermissionIsCheckedOnATlbHit) {
    machine.map(root, iova + 0x2000, page + 0x2000, 0xF43 | 0x80);  // read-only
    Client read(machine.simulation), write(machine.simulation);
    read.submit(machine.smmu.tbu(0), Command::Read, stream, iova + 0x2000);
    machine.run();
    write.submit(machine.smmu.tbu(0), Command::Write, stream, iova + 0x2000);
    machine.run();
    EXPECT_EQ(read.access->status, Status::Ok);
    EXPECT_EQ(write.access->status, Status::CompleterAbort);
    EXPECT_EQ(machine.event(0)[spec::Event::Number], spec::EventNumber::F_PERMISSION);
}

TEST_F(Invalidation, UnmapTlbiSyncLeavesNoTranslation) {
    Client warm(machine.simulation), late(machine.simulation);
    warm.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    machine.memory.put(machine.leaf_address(root, iova), u64{0});
    machine.command(cmd::tlbi_nh_va(0, 1), iova | 1);
    machine.command(cmd::sync);
    machine.ring();
    machine.run();
    EXPECT_EQ(machine.consumer(), machine.producer());
    late.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    EXPECT_EQ(late.access->status, Status::CompleterAbort);
    EXPECT_EQ(machine.events(), 1u);
}

// Epochs.

TEST_F(Invalidation, LaterRequestDoesNotJoinAWalkStartedBeforeTlbi) {
    const u64 leaf = machine.leaf_address(root, iova);
    machine.memory.hold(leaf, 8);
    Client early(machine.simulation), later(machine.simulation);
    early.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    ASSERT_EQ(machine.memory.held(), 1u);
    machine.command(cmd::tlbi_nh_asid(0, 1));
    machine.ring();
    machine.run();
    // A later request does not join the walk that began before.
    later.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    EXPECT_EQ(machine.memory.held(), 2u);
    machine.memory.log.clear();
    machine.memory.release();
    machine.run();
    EXPECT_EQ(early.access->status, Status::Ok);
    EXPECT_EQ(later.access->status, Status::Ok);
}

TEST_F(Invalidation, WalkStartedBeforeTlbiDoesNotFill) {
    const u64 leaf = machine.leaf_address(root, iova);
    machine.memory.hold(leaf, 8);
    Client early(machine.simulation), after(machine.simulation);
    early.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    machine.command(cmd::tlbi_nh_asid(0, 1));
    machine.ring();
    machine.run();
    machine.memory.release();
    machine.run();
    ASSERT_TRUE(early.done);
    machine.memory.log.clear();
    after.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    EXPECT_EQ(machine.memory.reads(leaf, 8), 1u);
}

TEST_F(Invalidation, WalkOutOfTheScopeOfATlbiFills) {
    const u64 leaf = machine.leaf_address(root, iova);
    machine.memory.hold(leaf, 8);
    Client early(machine.simulation), after(machine.simulation);
    early.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    machine.command(cmd::tlbi_nh_asid(0, 2));
    machine.command(cmd::sync);
    machine.ring();
    machine.run();
    EXPECT_EQ(machine.consumer(), machine.producer()) << "traffic out of scope does not delay the SYNC";
    machine.memory.release();
    machine.run();
    machine.memory.log.clear();
    after.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    EXPECT_EQ(machine.memory.reads(leaf, 8), 0u);
}

TEST_F(CommandQueue, StaysStoppedUntilTheWholeUpdateOfCr0IsInForce) {
    // CMDQEN and EVENTQEN fall together; the record under way keeps EVENTQEN from falling.
    machine.memory.hold(SmmuMachine::evtq, 32);
    Client faulting(machine.simulation);
    faulting.submit(machine.smmu.tbu(0), Command::Read, stream, iova + 0x9000);
    machine.run();
    machine.write32(0x20, 1);
    machine.run();
    EXPECT_EQ(machine.inspect32(0x24), 0b1101u);
    machine.command(cmd::tlbi_nsnh_all);
    machine.ring();
    machine.run();
    EXPECT_EQ(machine.consumer(), 0u) << "no command is fetched once the queue has stopped";
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.inspect32(0x24), 1u);
    EXPECT_EQ(machine.consumer(), 0u);
    EXPECT_EQ(machine.events(), 1u);
    machine.write32(0x20, 0b1101);
    machine.run();
    EXPECT_EQ(machine.consumer(), machine.producer());
}

TEST_F(CommandQueue, SyncIsNotCompleteBeforeAWalkInScopeReturns) {
    machine.memory.hold(machine.leaf_address(root, iova), 8);
    Client early(machine.simulation);
    early.submit(machine.smmu.tbu(0), Command::Write, stream, iova);
    machine.run();
    machine.command(cmd::tlbi_nsnh_all);
    machine.command(cmd::sync | 1 << 12);
    machine.ring();
    machine.run();
    EXPECT_NE(machine.consumer(), machine.producer());
    EXPECT_EQ(machine.sync_irq.pulses, 0u);
    machine.memory.release();
    while (!early.done) machine.run_to(machine.simulation.now() + 1);
    machine.run_to(early.completed - 1);
    EXPECT_NE(machine.consumer(), machine.producer()) << "at t-1 of the write's return";
    machine.run_to(early.completed);
    EXPECT_EQ(machine.consumer(), machine.producer()) << "at t";
    EXPECT_EQ(machine.sync_irq.pulses, 1u);
}

TEST_F(CommandQueue, SyncIsNotCompleteBeforeAnIssuedWriteInScopeReturns) {
    Client warm(machine.simulation), early(machine.simulation);
    warm.submit(machine.smmu.tbu(0), Command::Read, stream, iova);
    machine.run();
    machine.memory.hold(page, 0x1000);
    early.submit(machine.smmu.tbu(0), Command::Write, stream, iova);
    machine.run();
    ASSERT_EQ(machine.memory.held(), 1u);
    machine.command(cmd::tlbi_nh_va(0, 1), iova);
    machine.command(cmd::sync);
    machine.ring();
    machine.run();
    EXPECT_NE(machine.consumer(), machine.producer());
    machine.memory.release();
    while (!early.done) machine.run_to(machine.simulation.now() + 1);
    machine.run_to(early.completed - 1);
    EXPECT_NE(machine.consumer(), machine.producer());
    machine.run_to(early.completed);
    EXPECT_EQ(machine.consumer(), machine.producer());
}

TEST_F(CommandQueue, IllegalCommandStopsTheQueueUntilAcknowledged) {
    machine.command(cmd::tlbi_nsnh_all);
    machine.command(0x0F);
    machine.command(cmd::sync);
    machine.ring();
    machine.run();
    EXPECT_EQ(machine.consumer(), 1u);
    EXPECT_EQ(machine.inspect32(0x9C) >> 24, 1u);  // CERROR_ILL
    EXPECT_EQ(machine.inspect32(0x60), 1u);
    EXPECT_EQ(machine.gerror_irq.pulses, 1u);
    // The driver replaces the command and acknowledges: the queue goes on without a doorbell.
    machine.memory.put(SmmuMachine::cmdq + 16, cmd::sync);
    machine.write32(0x64, 1);
    machine.run();
    EXPECT_EQ(machine.consumer(), machine.producer());
}

}  // namespace
}  // namespace smmusim::test::pipeline
