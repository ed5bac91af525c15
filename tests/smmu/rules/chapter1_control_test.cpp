// CR0 and its handshake, CR1, CR2, IRQ_CTRL.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter1_control {
namespace {

constexpr u64 smmuen = 1 << 0, eventqen = 1 << 2, cmdqen = 1 << 3;

TEST(SmmuControl, WrittenValueIsReadableAtOnceAndAcknowledgedAfterItsLatency) {
    RuleMachine machine;
    machine.run_to(1000 * nanosecond);
    machine.write32(0x20, smmuen);
    EXPECT_EQ(machine.read32(0x20), smmuen);
    machine.run_to(1000 * nanosecond + 10 * nanosecond - 1);
    EXPECT_EQ(machine.read32(0x24), 0u);
    machine.run_to(1000 * nanosecond + 10 * nanosecond);
    EXPECT_EQ(machine.read32(0x24), smmuen);
}

TEST(SmmuControl, OldValueCountsUntilTheUpdate) {
    RuleMachine machine;
    machine.put_ste(RuleMachine::bypass_ste().set(bits::ste::Config, bits::ste::Abort));
    machine.bring_up(false);
    Client early(machine.simulation);
    machine.write32(0x20, smmuen | eventqen | cmdqen);
    early.submit(machine.smmu.tbu(0), sim::Command::Read, RuleMachine::stream, RuleMachine::page);
    machine.run();
    EXPECT_EQ(early.access->status, sim::Status::Ok) << "still by GBPA";
    EXPECT_TRUE(machine.read(RuleMachine::page).aborted());
}

TEST(SmmuControl, ReservedBitsAreNeverAcknowledged) {
    RuleMachine machine;
    machine.write_cr0(0xFFFF'FE20);  // bits 5 and 9 and up
    EXPECT_EQ(machine.read32(0x24), 0u);
    machine.write_cr0(0xFFFF'FE20 | cmdqen);
    EXPECT_EQ(machine.read32(0x24), cmdqen);
}

TEST(SmmuControl, FieldSetBackBeforeItsUpdateStaysAsItWas) {
    RuleMachine machine;
    machine.write32(0x20, smmuen);
    machine.write32(0x20, 0);
    machine.run();
    EXPECT_EQ(machine.read32(0x24), 0u);
    EXPECT_TRUE(machine.read(RuleMachine::page).passed()) << "never enabled";
}

TEST(SmmuControl, EnablingUsesStreamTableEntriesAndCr2AsWritten) {
    RuleMachine machine;
    machine.put_ste(RuleMachine::bypass_ste().set(bits::ste::Config, bits::ste::Abort));
    machine.bring_up(false);
    EXPECT_TRUE(machine.read(RuleMachine::page).passed());
    machine.write32(0x2C, 0b10);
    machine.write_cr0(smmuen | eventqen | cmdqen);
    EXPECT_TRUE(machine.read(RuleMachine::page).aborted());
    EXPECT_EQ(machine.events(), 0u);
    EXPECT_TRUE(machine.ask(0x100, RuleMachine::page).aborted());  // beyond LOG2SIZE = 8
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STREAMID);
}

TEST(SmmuControl, DisablingLetsNewTransactionsBypassAndInvalidatesNothing) {
    RuleMachine machine;
    machine.set_up_stage1();
    machine.bring_up();
    EXPECT_EQ(machine.read(RuleMachine::iova).address, RuleMachine::page);
    machine.write_cr0(eventqen | cmdqen);
    EXPECT_EQ(machine.read(RuleMachine::iova).address, RuleMachine::iova);
    machine.write_cr0(smmuen | eventqen | cmdqen);
    EXPECT_EQ(machine.reads_of(RuleMachine::iova), RuleMachine::Reads{});
}

/// A walk that waits for its last descriptor while SMMUEN falls.
struct SwitchedOffInAWalk : RuleMachine {
    explicit SwitchedOffInAWalk(u64 address, bool stalls = false) {
        root = set_up_stage1();
        if (stalls) put_cd(stage1_cd(root).set(bits::cd::S, 1));
        bring_up();
        memory.hold(leaf_address(root, iova), 8);
        memory.hold(leaf_address(root, address), 8);
        client.submit(smmu.tbu(0), sim::Command::Read, stream, address);
        run();
        EXPECT_EQ(memory.held(), 1u);
        write32(0x20, eventqen | cmdqen);
        run();
    }
    u64 root = 0;
    Client client{simulation};
};

TEST(SmmuControl, DisablingIsAcknowledgedWhenNoWalkIsUnderWay) {
    SwitchedOffInAWalk machine(RuleMachine::iova);
    EXPECT_EQ(machine.read32(0x24), smmuen | eventqen | cmdqen);
    EXPECT_EQ(machine.read(RuleMachine::iova).address, RuleMachine::iova) << "new ones bypass already";
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.read32(0x24), eventqen | cmdqen);
    EXPECT_EQ(machine.client.access->status, sim::Status::Ok);
    machine.write_cr0(smmuen | eventqen | cmdqen);
    EXPECT_EQ(machine.reads_of(RuleMachine::iova).descriptors, 4u) << "its translation was not kept";
}

TEST(SmmuControl, FaultOfAWalkThatDisablingHasMetDoesNotStall) {
    constexpr u64 hole = RuleMachine::iova + 0x1000;
    SwitchedOffInAWalk machine(hole, true);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.read32(0x24), eventqen | cmdqen);
    ASSERT_TRUE(machine.client.done);
    EXPECT_EQ(machine.client.access->status, sim::Status::CompleterAbort);
    EXPECT_EQ(machine.smmu.stalled(), 0u);
    ASSERT_EQ(machine.events(), 1u);
    EXPECT_EQ(machine.event(0)[spec::Event::Stall], 0u);
}

TEST(SmmuControl, WhileDisabledNothingIsReadForTransactionsAndNothingIsCached) {
    RuleMachine machine;
    machine.set_up_stage1();
    machine.bring_up(false);
    EXPECT_EQ(machine.reads_of(RuleMachine::iova), RuleMachine::Reads{});
    machine.write_cr0(smmuen | eventqen | cmdqen);
    EXPECT_EQ(machine.reads_of(RuleMachine::iova), (RuleMachine::Reads{4, 2}));
}

TEST(SmmuControl, WhileDisabledInvalidationCommandsWork) {
    RuleMachine machine;
    machine.set_up_stage1();
    machine.bring_up();
    ASSERT_TRUE(machine.read(RuleMachine::iova).passed());
    machine.write_cr0(eventqen | cmdqen);
    machine.command(cmd::tlbi_nsnh_all);
    machine.command(cmd::cfgi_all, 31);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed());
    machine.write_cr0(smmuen | eventqen | cmdqen);
    EXPECT_EQ(machine.reads_of(RuleMachine::iova), (RuleMachine::Reads{4, 2}));
}

TEST(SmmuControl, WhileDisabledPrefetchCommandsAreConsumedWithoutAction) {
    RuleMachine machine;
    machine.set_up_stage1();
    machine.bring_up(false);
    machine.memory.log.clear();
    machine.command(0x01 | u64{RuleMachine::stream} << 32);
    machine.command(0x02 | u64{RuleMachine::stream} << 32, RuleMachine::iova);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed());
    EXPECT_FALSE(machine.command_error_active());
    EXPECT_EQ(machine.memory.reads(SmmuMachine::strtab, 0x10'0000), 0u);
}

TEST(SmmuControl, CommandProcessingStopsWhenItsEnableIsCleared) {
    RuleMachine machine;
    machine.bring_up();
    machine.write_cr0(smmuen | eventqen);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_EQ(machine.consumer(), 0u);
    EXPECT_EQ(machine.memory.reads(SmmuMachine::cmdq, 0x1000), 0u);
}

TEST(SmmuControl, CommandFetchUnderWayWhenTheQueueIsDisabledConsumesNothing) {
    RuleMachine machine;
    machine.bring_up();
    machine.memory.hold(SmmuMachine::cmdq, 16);
    machine.command(cmd::sync);
    machine.run_commands();
    ASSERT_EQ(machine.memory.held(), 1u);
    machine.write_cr0(smmuen | eventqen);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.consumer(), 0u);
}

TEST(SmmuControl, CommandProcessingStartsWithItsEnableIfTheQueueIsNotEmpty) {
    RuleMachine machine;
    machine.bring_up();
    machine.write_cr0(smmuen | eventqen);
    machine.command(cmd::sync);
    machine.ring();
    machine.write_cr0(smmuen | eventqen | cmdqen);
    EXPECT_EQ(machine.consumer(), 1u);
}

TEST(SmmuControl, CommandProcessingDoesNotStartWithItsEnableWhileAnErrorIsActive) {
    RuleMachine machine;
    machine.bring_up();
    machine.command(0xFF);
    machine.run_commands();
    ASSERT_TRUE(machine.command_error_active());
    machine.memory.put(SmmuMachine::cmdq, cmd::sync);
    machine.write_cr0(smmuen | eventqen);
    machine.write_cr0(smmuen | eventqen | cmdqen);
    EXPECT_EQ(machine.consumer(), 0u);
    machine.acknowledge_errors();
    EXPECT_EQ(machine.consumer(), 1u);
}

TEST(SmmuControl, RecordsAreVisibleBeforeTheEventQueueIsDisabledAndDroppedAfter) {
    RuleMachine machine;
    machine.put_ste(SteBuilder());  // V = 0
    machine.bring_up();
    ASSERT_TRUE(machine.read(RuleMachine::page).aborted());
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STE);
    machine.write_cr0(smmuen | cmdqen);
    ASSERT_TRUE(machine.read(RuleMachine::page).aborted());
    EXPECT_EQ(machine.events(), 1u);
    machine.write_cr0(smmuen | cmdqen | eventqen);
    EXPECT_EQ(machine.events(), 1u) << "dropped, not kept";
}

TEST(SmmuControl, EventsAreDeliveredUnderTheirOwnEnableAfterTheSmmuIsDisabled) {
    RuleMachine machine;
    machine.put_ste(SteBuilder());
    machine.bring_up();
    machine.memory.hold(SmmuMachine::evtq, 32);
    ASSERT_TRUE(machine.read(RuleMachine::page).aborted());
    ASSERT_EQ(machine.memory.held(), 1u);
    machine.write_cr0(cmdqen | eventqen);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.only_event(), bits::event::C_BAD_STE);
}

// VMW.

/// Whether TLBI_NH_ALL of `invalidated` removes a translation of VMID 0x13 when CR0.VMW is `vmw`.
bool wildcard_matches(u64 vmw, u16 invalidated, u8 implemented = 1) {
    RuleMachine machine([&](spec::Identification& id) { id.idr0.VMW = implemented; });
    machine.set_up_stage1();
    machine.put_ste(RuleMachine::stage1_ste().set(bits::ste::S2VMID, 0x13));
    machine.bring_up();
    machine.write_cr0(smmuen | eventqen | cmdqen | vmw << 6);
    EXPECT_TRUE(machine.read(RuleMachine::iova).passed());
    machine.command(0x10 | u64{invalidated} << 32);
    machine.command(cmd::sync);
    machine.run_commands();
    EXPECT_TRUE(machine.all_consumed());
    return !machine.cached(RuleMachine::iova);
}

TEST(SmmuControl, VmidWildcardIgnoresAsManyLowBitsAsVmwSays) {
    EXPECT_TRUE(wildcard_matches(0, 0x13));
    EXPECT_FALSE(wildcard_matches(0, 0x12));
    EXPECT_TRUE(wildcard_matches(1, 0x12));
    EXPECT_FALSE(wildcard_matches(1, 0x11));
    EXPECT_TRUE(wildcard_matches(2, 0x10));
    EXPECT_FALSE(wildcard_matches(2, 0x17));
    EXPECT_TRUE(wildcard_matches(3, 0x17));
    EXPECT_FALSE(wildcard_matches(3, 0x1B));
    EXPECT_TRUE(wildcard_matches(4, 0x1F));
    EXPECT_FALSE(wildcard_matches(4, 0x03));
}

TEST(SmmuControl, ReservedValuesOfVmwMatchExactly) {
    for (u64 vmw = 5; vmw <= 7; ++vmw) {
        EXPECT_TRUE(wildcard_matches(vmw, 0x13)) << vmw;
        EXPECT_FALSE(wildcard_matches(vmw, 0x12)) << vmw;
    }
}

TEST(SmmuControl, VmwIsReservedWhereItIsNotImplemented) {
    EXPECT_FALSE(wildcard_matches(4, 0x12, 0));
    RuleMachine machine([](spec::Identification& id) { id.idr0.VMW = 0; });
    machine.write_cr0(0b100 << 6);
    EXPECT_EQ(machine.read32(0x24), 0u);
}

// CR1.

TEST(SmmuControl, Cr1GivesTheAttributesOfTableAccesses) {
    using sim::Cacheability;
    RuleMachine machine;
    machine.put_ste(RuleMachine::bypass_ste());
    machine.bring_up(false);
    machine.write32(0x28, 0b10'10'01 << 6);  // TABLE_SH OSH, TABLE_OC WT, TABLE_IC WB
    machine.write_cr0(smmuen | eventqen | cmdqen);
    machine.memory.log.clear();
    ASSERT_TRUE(machine.read(RuleMachine::page).passed());
    const sim::MemoryAttributes memory = machine.memory.log.at(0).attributes.memory;
    EXPECT_EQ(machine.memory.log[0].address, SmmuMachine::strtab + 8 * 64);
    EXPECT_EQ(memory.shareability, sim::Shareability::OuterShareable);
    EXPECT_EQ(memory.outer, Cacheability::WriteThrough);
    EXPECT_EQ(memory.inner, Cacheability::WriteBack);
}

TEST(SmmuControl, Cr1GivesTheAttributesOfQueueAccesses) {
    using sim::Cacheability;
    struct Case {
        u64 value;
        Cacheability outer, inner;
        sim::Shareability shareability;
    };
    constexpr Cacheability nc = Cacheability::NonCacheable, wb = Cacheability::WriteBack,
                           wt = Cacheability::WriteThrough;
    // SH, OC, IC; 11 of a cacheability and 01 of the shareability act as 00; without a cache it is Outer Shareable.
    for (const auto& [value, outer, inner, shareability] :
         {Case{0b11'01'10, wb, wt, sim::Shareability::InnerShareable},
          Case{0b00'10'01, wt, wb, sim::Shareability::NonShareable},
          Case{0b01'01'01, wb, wb, sim::Shareability::NonShareable},
          Case{0b11'11'01, nc, wb, sim::Shareability::InnerShareable},
          Case{0b11'00'00, nc, nc, sim::Shareability::OuterShareable}}) {
        RuleMachine machine;
        machine.put_ste(SteBuilder());
        machine.bring_up(false);
        machine.write_cr0(0);
        machine.write32(0x28, value);
        machine.write_cr0(smmuen | eventqen | cmdqen);
        machine.memory.log.clear();
        machine.command(cmd::sync);
        machine.run_commands();
        ASSERT_TRUE(machine.read(RuleMachine::page).aborted());
        unsigned seen = 0;
        for (const auto& entry : machine.memory.log) {
            if (entry.attributes.transaction_class != sim::TransactionClass::Queue) continue;
            ++seen;
            EXPECT_EQ(entry.attributes.memory.outer, outer) << value;
            EXPECT_EQ(entry.attributes.memory.inner, inner) << value;
            EXPECT_EQ(entry.attributes.memory.shareability, shareability) << value;
        }
        EXPECT_EQ(seen, 2u) << "the command and the record";
    }
}

// CR2.

TEST(SmmuControl, BadStreamIdsAreRecordedOnlyWithRecinvsid) {
    for (const bool record : {false, true}) {
        RuleMachine machine;
        machine.bring_up(false);
        machine.write32(0x2C, record ? 0b10 : 0);
        machine.write_cr0(smmuen | eventqen | cmdqen);
        EXPECT_TRUE(machine.ask(0x100, RuleMachine::page).aborted());
        EXPECT_EQ(machine.only_event(), record ? bits::event::C_BAD_STREAMID : RuleMachine::no_event);
    }
}

TEST(SmmuControl, E2hOfCr2ExistsOnlyWithHyp) {
    RuleMachine with;
    with.write32(0x2C, 1);
    EXPECT_EQ(with.read32(0x2C), 1u);
    RuleMachine without([](spec::Identification& id) { id.idr0.Hyp = 0; });
    without.write32(0x2C, 1);
    EXPECT_EQ(without.read32(0x2C), 0u);
}

TEST(SmmuControl, PtmIsReservedWithoutBroadcastMaintenance) {
    RuleMachine machine;
    machine.write32(0x2C, 0b100);
    EXPECT_EQ(machine.read32(0x2C), 0u);
}

// IRQ_CTRL.

TEST(SmmuControl, InterruptEnablesAreAcknowledgedLikeCr0) {
    RuleMachine machine;
    machine.run_to(1000 * nanosecond);
    machine.write32(0x50, 0b101);
    EXPECT_EQ(machine.read32(0x50), 0b101u);
    machine.run_to(1000 * nanosecond + 10 * nanosecond - 1);
    EXPECT_EQ(machine.read32(0x54), 0u);
    machine.run_to(1000 * nanosecond + 10 * nanosecond);
    EXPECT_EQ(machine.read32(0x54), 0b101u);
    machine.write32(0x50, 0xFFFF'FFF8);
    machine.run();
    EXPECT_EQ(machine.read32(0x54), 0u) << "reserved bits";
}

}  // namespace
}  // namespace smmusim::test::rule::chapter1_control
