// CMD_SYNC: what it waits for and how it signals; ATC_INV and PRI_RESP.
#include "smmu/rules/requesters.hpp"
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter5_sync {
namespace {

constexpr u64 page = RuleMachine::page, iova = RuleMachine::iova;
constexpr u64 doorbell = SmmuMachine::ram + 0x60'0000;
constexpr u64 by_interrupt = 1 << 12, by_event = 2 << 12;
using Change = RuleMachine::Change;

struct SyncMachine : RuleMachine {
    explicit SyncMachine(const Change& change = {}, const ConfigChange& config = {})
        : RuleMachine(WithConfig{}, [&](uarch::SmmuConfig& all) {
              all = small_config();
              if (change) change(all.identification);
              if (config) config(all);
          }) {
        root = set_up_stage1();
        smmu.set_requesters(&requesters);
        bring_up();
        memory.log.clear();
    }
    void sync(u64 low = 0, u64 address = 0, u32 data = 0) {
        command(cmd::sync | low | u64{data} << 32, address);
        run_commands();
    }
    Requesters requesters;
    u64 root = 0;
};

TEST(SmmuSync, WithoutASignalNothingIsSent) {
    SyncMachine machine;
    machine.sync(0, doorbell, 0xABCD);
    EXPECT_TRUE(machine.all_consumed());
    EXPECT_EQ(machine.sync_irq.pulses, 0u);
    EXPECT_EQ(machine.wake_up.pulses, 0u);
    EXPECT_EQ(machine.memory.writes(doorbell, 8), 0u);
}

TEST(SmmuSync, SignalsByMessage) {
    SyncMachine machine;
    machine.memory.put(doorbell, ~u64{0});
    machine.sync(by_interrupt | 0b11 << 22 | 0b1110 << 24, doorbell, 0xDEAD'BEEF);
    EXPECT_EQ(machine.memory.u64_at(doorbell), 0xFFFF'FFFF'DEAD'BEEFu) << "32 bits";
    EXPECT_EQ(machine.sync_irq.pulses, 1u) << "the wire too";
    for (const auto& entry : machine.memory.log) {
        if (entry.address != doorbell) continue;
        EXPECT_EQ(entry.size, 4u);
        EXPECT_EQ(entry.attributes.memory.outer, sim::Cacheability::WriteBack);
        EXPECT_EQ(entry.attributes.memory.inner, sim::Cacheability::WriteThrough);
        EXPECT_EQ(entry.attributes.memory.shareability, sim::Shareability::InnerShareable);
    }
}

TEST(SmmuSync, MessageToAddressZeroIsNotSent) {
    SyncMachine machine;
    machine.sync(by_interrupt, 0, 0xABCD);
    EXPECT_EQ(machine.memory.writes(0, 0x1000), 0u);
    EXPECT_EQ(machine.sync_irq.pulses, 1u);
}

TEST(SmmuSync, WithoutMessagesOnlyTheWireIsLeft) {
    SyncMachine machine([](spec::Identification& id) { id.idr0.MSI = 0; });
    machine.sync(by_interrupt, doorbell, 0xABCD);
    EXPECT_EQ(machine.memory.writes(doorbell, 8), 0u);
    EXPECT_EQ(machine.sync_irq.pulses, 1u);
}

TEST(SmmuSync, SignalsByEvent) {
    SyncMachine machine;
    machine.sync(by_event);
    EXPECT_EQ(machine.wake_up.pulses, 1u);
    SyncMachine without([](spec::Identification& id) { id.idr0.SEV = 0; });
    without.sync(by_event);
    EXPECT_TRUE(without.all_consumed());
    EXPECT_EQ(without.wake_up.pulses, 0u);
}

TEST(SmmuSync, ConsumerIndexIsThereWhenTheSignalIs) {
    SyncMachine machine;
    machine.command(cmd::sync | by_interrupt, doorbell);
    machine.ring();
    for (unsigned step = 0; step < 1000 && machine.memory.writes(doorbell, 4) == 0; ++step)
        machine.run_to(machine.simulation.now() + nanosecond);
    EXPECT_EQ(machine.memory.writes(doorbell, 4), 1u);
    EXPECT_TRUE(machine.all_consumed());
}

TEST(SmmuSync, WaitsForMessagesOfEarlierSyncs) {
    SyncMachine machine;
    machine.memory.hold(doorbell, 8);
    machine.sync(by_interrupt, doorbell);
    machine.sync();
    EXPECT_EQ(machine.consumer(), 1u);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.consumer(), 2u);
}

TEST(SmmuSync, WaitsForRecordsOfTransactionsTerminatedBefore) {
    SyncMachine machine;
    machine.memory.hold(SmmuMachine::evtq, 32);
    ASSERT_TRUE(machine.read(iova + 0x1000).aborted());
    machine.sync();
    EXPECT_EQ(machine.consumer(), 0u);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.consumer(), 1u);
    EXPECT_EQ(machine.only_event(), bits::event::F_TRANSLATION);
}

TEST(SmmuSync, WaitsForTransactionsThatUsedWhatWasInvalidated) {
    SyncMachine machine;
    ASSERT_TRUE(machine.read(iova).passed());
    machine.memory.hold(page, 0x1000);
    Client client(machine.simulation);
    client.submit(machine.smmu.tbu(0), sim::Command::Write, RuleMachine::stream, iova);
    machine.run();
    machine.command(cmd::tlbi_nh_va(0, 1), iova);
    machine.sync();
    EXPECT_EQ(machine.consumer(), 1u) << "the invalidation is consumed, the SYNC is not";
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.consumer(), 2u);
    EXPECT_TRUE(client.done);
}

TEST(SmmuSync, WaitsForConfigurationThatIsBeingUsed) {
    SyncMachine machine;
    machine.memory.hold(SmmuMachine::cds, 64);
    Client client(machine.simulation);
    client.submit(machine.smmu.tbu(0), sim::Command::Read, RuleMachine::stream, iova);
    machine.run();
    ASSERT_EQ(machine.memory.held(), 1u);
    machine.command(0x03 | u64{RuleMachine::stream} << 32, 1);
    machine.sync();
    EXPECT_EQ(machine.consumer(), 1u);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.consumer(), 2u);
}

TEST(SmmuSync, DoesNotWaitForTheUseOfAnotherContextDescriptor) {
    SyncMachine machine;
    ASSERT_TRUE(machine.read(iova).passed());
    machine.memory.hold(page, 0x1000);
    Client client(machine.simulation);
    client.submit(machine.smmu.tbu(0), sim::Command::Read, RuleMachine::stream, iova);
    machine.run();
    const u64 cfgi_cd = 0x05 | u64{RuleMachine::stream} << 32;
    machine.command(cfgi_cd | 3 << 12, 1);
    machine.sync();
    EXPECT_TRUE(machine.all_consumed()) << "of substream 3";
    machine.command(cfgi_cd, 1);
    machine.sync();
    EXPECT_FALSE(machine.all_consumed()) << "without substream";
    machine.memory.release();
    machine.run();
    EXPECT_TRUE(machine.all_consumed());
}

TEST(SmmuSync, DoesNotWaitForPrefetches) {
    SyncMachine machine;
    machine.memory.hold(SmmuMachine::cds, 64);
    machine.command(0x01 | u64{RuleMachine::stream} << 32);
    machine.sync();
    EXPECT_EQ(machine.memory.held(), 1u);
    EXPECT_TRUE(machine.all_consumed());
    machine.memory.release();
    machine.run();
}

// ATC_INV and PRI_RESP.

TEST(SmmuSync, WaitsForAtcInvalidations) {
    SyncMachine machine;
    machine.requesters.answers_at_once = false;
    machine.command(0x40 | u64{RuleMachine::stream} << 32, iova);
    machine.command(cmd::sync);
    machine.ring();
    machine.run_to(machine.simulation.now() + 100 * nanosecond * 100);
    ASSERT_EQ(machine.requesters.invalidations.size(), 1u);
    EXPECT_EQ(machine.consumer(), 1u);
    machine.requesters.answer();
    machine.run_to(machine.simulation.now() + 100 * nanosecond);
    EXPECT_EQ(machine.consumer(), 2u);
    EXPECT_FALSE(machine.command_error_active());
    machine.run();
}

TEST(SmmuSync, TimeoutOfAnAtcInvalidationIsAnErrorAtTheSync) {
    SyncMachine machine({}, [](uarch::SmmuConfig& config) { config.atc_timeout = 100 * nanosecond * 10; });
    machine.requesters.answers_at_once = false;
    machine.command(0x40 | u64{RuleMachine::stream} << 32, iova);
    machine.sync();
    EXPECT_EQ(machine.consumer(), 1u) << "stays at the SYNC";
    EXPECT_EQ(machine.error(), 0x03u);
    EXPECT_TRUE(machine.command_error_active());
    machine.acknowledge_errors();
    EXPECT_TRUE(machine.all_consumed()) << "run again, it waits for nothing new";
    EXPECT_FALSE(machine.command_error_active());
}

TEST(SmmuAtcInv, NamesARangeOfAStream) {
    SyncMachine machine;
    for (const u64 size : {0u, 3u, 9u}) {
        machine.command(0x40 | u64{RuleMachine::stream} << 32, iova | size);
        machine.run_commands();
        const sim::AtcInvalidation& told = machine.requesters.invalidations.back();
        EXPECT_EQ(told.stream_id, RuleMachine::stream);
        EXPECT_EQ(told.substream_id, sim::no_id);
        EXPECT_EQ(told.span, 12 + size);
        EXPECT_EQ(told.address, iova >> (12 + size) << (12 + size)) << "aligned";
        EXPECT_FALSE(told.global);
    }
}

TEST(SmmuAtcInv, Size52IsEverything) {
    SyncMachine machine;
    machine.command(0x40 | u64{RuleMachine::stream} << 32, 52);
    machine.run_commands();
    EXPECT_EQ(machine.requesters.invalidations.at(0).span, 64u);
    EXPECT_EQ(machine.requesters.invalidations[0].address, 0u);
}

TEST(SmmuAtcInv, SubstreamAndGlobalNeedSsv) {
    SyncMachine machine;
    constexpr u64 ssv = 1 << 11, global = 1 << 9;
    machine.command(0x40 | ssv | u64{5} << 12 | u64{RuleMachine::stream} << 32, iova);
    machine.command(0x40 | ssv | global | u64{5} << 12 | u64{RuleMachine::stream} << 32, iova);
    machine.command(0x40 | global | u64{5} << 12 | u64{RuleMachine::stream} << 32, iova);
    machine.run_commands();
    const auto& told = machine.requesters.invalidations;
    ASSERT_EQ(told.size(), 3u);
    EXPECT_EQ(told[0].substream_id, 5u);
    EXPECT_FALSE(told[0].global);
    EXPECT_EQ(told[1].substream_id, 5u);
    EXPECT_TRUE(told[1].global);
    EXPECT_EQ(told[2].substream_id, sim::no_id);
    EXPECT_FALSE(told[2].global);
}

TEST(SmmuAtcInv, IsNotSentWhileDisabled) {
    SyncMachine machine;
    machine.write_cr0(0b1100);
    machine.command(0x40 | u64{RuleMachine::stream} << 32, iova);
    machine.command(0x41 | u64{RuleMachine::stream} << 32, u64{2} << 12);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed());
    EXPECT_TRUE(machine.requesters.invalidations.empty());
    EXPECT_TRUE(machine.requesters.responses.empty());
}

TEST(SmmuPriResp, AnswersAGroupWithItsCode) {
    using Code = sim::PageResponse::Code;
    struct Case {
        u64 response;
        Code code;
    };
    for (const auto& [response, code] :
         {Case{0b00, Code::Failure}, Case{0b01, Code::InvalidRequest}, Case{0b10, Code::Success}}) {
        SyncMachine machine;
        constexpr u64 ssv = 1 << 11;
        machine.command(0x41 | ssv | u64{7} << 12 | u64{RuleMachine::stream} << 32, 0x155 | response << 12);
        machine.command(0x41 | u64{7} << 12 | u64{RuleMachine::stream} << 32, 0x0AA | response << 12);
        machine.run_commands();
        const auto& told = machine.requesters.responses;
        ASSERT_EQ(told.size(), 2u);
        EXPECT_EQ(told[0].stream_id, RuleMachine::stream);
        EXPECT_EQ(told[0].substream_id, 7u);
        EXPECT_EQ(told[0].group, 0x155u);
        EXPECT_EQ(told[0].code, code);
        EXPECT_EQ(told[1].substream_id, sim::no_id);
        EXPECT_EQ(told[1].group, 0x0AAu);
    }
}

TEST(SmmuCommandQueue, SendsAnEventWhenItLeavesFull) {
    SyncMachine machine;
    machine.write_cr0(0b0101);
    machine.write64(0x90, SmmuMachine::cmdq | 1);  // two entries
    machine.write32(0x98, 0);
    machine.write32(0x9C, 0);
    for (u64 entry = 0; entry < 2; ++entry) machine.memory.put(SmmuMachine::cmdq + entry * 16, cmd::sync);
    machine.write_cr0(0b1101);
    machine.write32(0x98, 1);
    machine.run();
    EXPECT_EQ(machine.wake_up.pulses, 0u) << "was not full";
    machine.write32(0x98, 3);
    machine.run();
    EXPECT_EQ(machine.wake_up.pulses, 1u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter5_sync
