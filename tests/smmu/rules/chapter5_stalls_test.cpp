// Stalled transactions, RESUME and STALL_TERM.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter5_stalls {
namespace {

namespace ste = bits::ste;
namespace cd = bits::cd;
using sim::Command;
using sim::Status;

constexpr u64 page = RuleMachine::page, iova = RuleMachine::iova, hole = iova + 0x1000;
constexpr bits::Field stag{79, 64};

/// A stage 1 stream whose faults stall; `hole` is not mapped.
struct StallMachine : RuleMachine {
    explicit StallMachine(const Change& change = {}, u64 events_log2 = evtq_log2) : RuleMachine(change) {
        root = set_up_stage1();
        put_cd(stage1_cd(root).set(cd::S, 1).set(cd::R, 0));
        bring_up(false);
        write_cr0(0);
        write64(0xA0, evtq | events_log2);
        write_cr0(0b1101);
    }
    Client& submit(u64 address, Command command = Command::Read, u32 requester = 0) {
        clients.push_back(std::make_unique<Client>(simulation));
        Client& client = *clients.back();
        client.access = simulation.accesses().make(command, address, 8);
        client.access->set_value(0x1234);
        client.access->attributes.stream_id = stream;
        client.access->attributes.requester_id = requester;
        client.access->push(client);
        smmu.tbu(0).receive(*client.access, simulation.now());
        run();
        return client;
    }
    void resume(u64 tag, bool retry, bool abort = false, u32 of_stream = stream) {
        command(0x44 | (retry ? 1 << 12 : 0) | (abort ? 1 << 13 : 0) | u64{of_stream} << 32, tag);
        run_commands();
        EXPECT_TRUE(all_consumed());
    }
    u64 tag_of(u32 index = 0) { return record(index).get(stag); }
    u64 root = 0;
    std::vector<std::unique_ptr<Client>> clients;
};

TEST(SmmuStalls, StallModelIsReadable) {
    for (const u8 model : {0, 1, 2}) {
        RuleMachine machine([model](spec::Identification& id) { id.idr0.STALL_MODEL = model; });
        EXPECT_EQ(machine.read32(0x00) >> 24 & 3, model);
    }
}

TEST(SmmuStalls, StallMaxIsReservedWithoutStalls) {
    RuleMachine with([](spec::Identification& id) { id.idr5.STALL_MAX = 77; });
    EXPECT_EQ(with.read32(0x14) >> 16, 77u);
    RuleMachine without([](spec::Identification& id) {
        id.idr0.STALL_MODEL = 1;
        id.idr5.STALL_MAX = 77;
    });
    EXPECT_EQ(without.read32(0x14) >> 16, 0u);
}

TEST(SmmuStalls, FaultStallsAndIsRecordedWhateverRSays) {
    StallMachine machine;
    const Client& client = machine.submit(hole, Command::Write);
    EXPECT_FALSE(client.done);
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
    EXPECT_EQ(machine.record().get(bits::event::Stall), 1u);
    EXPECT_EQ(machine.record().get(bits::event::InputAddr), hole);
}

TEST(SmmuStalls, EachStallHasATagOfItsOwn) {
    StallMachine machine;
    for (u32 count = 0; count < 3; ++count) machine.submit(hole, Command::Read, count);
    ASSERT_EQ(machine.events(), 3u);
    EXPECT_NE(machine.tag_of(0), machine.tag_of(1));
    EXPECT_NE(machine.tag_of(1), machine.tag_of(2));
    EXPECT_NE(machine.tag_of(0), machine.tag_of(2));
}

TEST(SmmuStalls, Stage2StallsWithS2s) {
    RuleMachine machine;
    machine.put_ste(RuleMachine::stage2_ste().set(ste::S2S, 1).set(ste::S2R, 0));
    machine.bring_up();
    const Answer answer = machine.read(page);
    EXPECT_FALSE(answer.done);
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
    EXPECT_EQ(machine.record().get(bits::event::Stall), 1u);
    EXPECT_EQ(machine.record().get(bits::event::S2), 1u);
}

TEST(SmmuStalls, Stage2FaultOfADescriptorFetchStallsWithS2s) {
    RuleMachine machine;
    machine.set_up_nested();
    machine.put_ste(RuleMachine::nested_ste().set(ste::S2S, 1).set(ste::S1ContextPtr, u64{5} << 30));
    machine.bring_up();
    EXPECT_FALSE(machine.read(iova).done);
    EXPECT_EQ(machine.record().get(bits::event::Stall), 1u);
    EXPECT_EQ(machine.record().get(bits::event::CLASS), bits::event::CD);
}

TEST(SmmuStalls, OnlyTranslationFaultsStall) {
    StallMachine abort;
    abort.memory.fail(abort.leaf_address(abort.root, hole), 8);
    EXPECT_TRUE(abort.submit(hole).done);
    EXPECT_EQ(abort.only_event(), bits::event::F_WALK_EABT);
    EXPECT_EQ(abort.record().get(bits::event::Stall), 0u);
}

TEST(SmmuResume, RetryTranslatesAgainAsIfNew) {
    StallMachine machine;
    Client& client = machine.submit(hole);
    machine.map(machine.root, hole, page + 0x1000);
    machine.memory.put(page + 0x1000, u64{0xFEED});
    machine.run();
    EXPECT_FALSE(client.done) << "not by itself";
    machine.resume(machine.tag_of(), true, true);  // Ab is ignored
    ASSERT_TRUE(client.done);
    EXPECT_EQ(client.access->status, Status::Ok);
    EXPECT_EQ(client.access->value(), 0xFEEDu);
    EXPECT_EQ(machine.events(), 1u);
}

TEST(SmmuResume, RetryThatFaultsStallsAgain) {
    StallMachine machine;
    Client& client = machine.submit(hole);
    machine.resume(machine.tag_of(), true);
    EXPECT_FALSE(client.done);
    ASSERT_EQ(machine.events(), 2u);
    EXPECT_EQ(machine.record(1).get(bits::event::Stall), 1u);
    machine.resume(machine.tag_of(1), false, true);
    EXPECT_TRUE(client.done);
}

TEST(SmmuResume, TerminationAbortsOrDiscards) {
    for (const u8 model : {0, 1})
        for (const bool abort : {false, true}) {
            StallMachine machine([model](spec::Identification& id) { id.idr0.TERM_MODEL = model; });
            machine.put_cd(RuleMachine::stage1_cd(machine.root).set(cd::S, 1));
            Client& client = machine.submit(hole);
            machine.resume(machine.tag_of(), false, abort);
            ASSERT_TRUE(client.done);
            const bool aborts = abort || model == 1;
            EXPECT_EQ(client.access->status, aborts ? Status::CompleterAbort : Status::Discarded);
            if (!aborts) {
                EXPECT_EQ(client.access->value(), 0u);
            }
            EXPECT_EQ(machine.events(), 1u) << "no second record";
        }
}

TEST(SmmuResume, StreamAndTagHaveToMatch) {
    StallMachine machine;
    Client& client = machine.submit(hole);
    const u64 tag = machine.tag_of();
    machine.resume(tag, false, true, RuleMachine::stream + 1);
    machine.resume(tag + 1, false, true);
    EXPECT_FALSE(client.done);
    machine.resume(tag, false, true);
    EXPECT_TRUE(client.done);
    machine.resume(tag, false, true);  // nobody is left: no error
    EXPECT_FALSE(machine.command_error_active());
}

TEST(SmmuResume, IsDoneWhenItIsConsumed) {
    StallMachine machine;
    Client& client = machine.submit(hole);
    machine.command(0x44 | 1 << 13 | u64{RuleMachine::stream} << 32, machine.tag_of());
    machine.ring();
    while (!machine.all_consumed()) machine.run_to(machine.simulation.now() + nanosecond);
    EXPECT_EQ(machine.smmu.stalled(), 0u);
    machine.run();
    EXPECT_TRUE(client.done);
}

TEST(SmmuResume, StallTermAbortsEveryStallOfAStream) {
    StallMachine machine;
    const u32 other = 9;
    machine.put_ste(other, RuleMachine::stage1_ste());
    Client& first = machine.submit(hole, Command::Read, 1);
    Client& second = machine.submit(hole + 0x1000, Command::Write, 2);
    EXPECT_FALSE(machine.ask(other, hole).done);
    ASSERT_EQ(machine.smmu.stalled(), 3u);
    machine.command(0x45 | u64{RuleMachine::stream} << 32);
    machine.run_commands();
    ASSERT_TRUE(first.done && second.done);
    EXPECT_EQ(first.access->status, Status::CompleterAbort);
    EXPECT_EQ(second.access->status, Status::CompleterAbort);
    EXPECT_EQ(machine.smmu.stalled(), 1u);
}

TEST(SmmuStalls, DisablingTheSmmuAbortsStalledTransactions) {
    StallMachine machine;
    Client& client = machine.submit(hole);
    const u64 tag = machine.tag_of();
    machine.write_cr0(0b1100);
    ASSERT_TRUE(client.done);
    EXPECT_EQ(client.access->status, Status::CompleterAbort);
    EXPECT_EQ(machine.smmu.stalled(), 0u);
    machine.write_cr0(0b1101);
    machine.resume(tag, true);  // the tag is free
    EXPECT_FALSE(machine.command_error_active());
}

TEST(SmmuStalls, InvalidationLeavesThemAndRetryUsesNewData) {
    StallMachine machine;
    Client& client = machine.submit(hole);
    machine.map(machine.root, hole, page + 0x3000);
    machine.command(cmd::tlbi_nsnh_all);
    machine.command(cmd::cfgi_all, 31);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed()) << "SYNC does not wait for it";
    EXPECT_FALSE(client.done);
    machine.resume(machine.tag_of(), true);
    ASSERT_TRUE(client.done);
    EXPECT_EQ(client.access->address, page + 0x3000);
}

TEST(SmmuStalls, InvalidationMakesHitsThatWaitBehindThemTranslateAgain) {
    StallMachine machine;
    ASSERT_TRUE(machine.submit(iova).done);
    Client& write = machine.submit(hole, Command::Write);
    Client& read = machine.submit(iova + 0x18);
    EXPECT_FALSE(read.done) << "a read does not pass a write of its requester";
    machine.map(machine.root, iova, page + 0x3000);
    machine.command(cmd::tlbi_nsnh_all);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed()) << "SYNC waits for neither";
    EXPECT_FALSE(read.done);
    machine.map(machine.root, hole, page + 0x2000);
    machine.resume(machine.tag_of(), true);
    ASSERT_TRUE(write.done && read.done);
    EXPECT_EQ(write.access->address, page + 0x2000);
    EXPECT_EQ(read.access->address, page + 0x3018);
}

TEST(SmmuStalls, RecordWaitsForRoomAndCausesNoOverflow) {
    StallMachine machine({}, 0);  // one entry
    machine.submit(hole, Command::Read, 1);
    Client& waiting = machine.submit(hole + 0x1000, Command::Read, 2);
    EXPECT_EQ(machine.inspect32(0x100A8), 1u) << "full, without overflow";
    EXPECT_FALSE(waiting.done);
    machine.write32(0x100AC, 1);
    machine.run();
    EXPECT_EQ(machine.inspect32(0x100A8), 0u) << "the second record, wrapped";
    EXPECT_EQ(machine.record(0).get(bits::event::InputAddr), hole + 0x1000);
}

TEST(SmmuStalls, WithoutRoomTheTransactionIsTranslatedAgainWhenThereIsSome) {
    StallMachine machine({}, 0);
    machine.submit(hole, Command::Read, 1);
    Client& waiting = machine.submit(hole + 0x1000, Command::Read, 2);
    machine.map(machine.root, hole + 0x1000, page + 0x2000);
    machine.write32(0x100AC, 1);
    machine.run();
    ASSERT_TRUE(waiting.done);
    EXPECT_EQ(waiting.access->status, Status::Ok);
    EXPECT_EQ(machine.inspect32(0x100A8), 1u) << "no record";
}

TEST(SmmuStalls, NoMoreThanStallMaxAreRecordedAtATime) {
    StallMachine machine([](spec::Identification& id) { id.idr5.STALL_MAX = 2; });
    for (u32 count = 0; count < 3; ++count) machine.submit(hole + count * 0x1000, Command::Read, count);
    EXPECT_EQ(machine.events(), 2u);
    EXPECT_EQ(machine.smmu.stalled(), 3u);
    machine.resume(machine.tag_of(0), false, true);
    EXPECT_EQ(machine.events(), 3u);
}

TEST(SmmuStalls, ForcedStallsStall) {
    StallMachine machine([](spec::Identification& id) { id.idr0.STALL_MODEL = 2; });
    EXPECT_FALSE(machine.submit(hole).done);
    EXPECT_EQ(machine.record().get(bits::event::Stall), 1u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter5_stalls
