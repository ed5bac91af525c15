// Classes of transactions (chapter 7.7 of the rules), and the records of unsupported and stalled ones (chapter 6.2).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter7_classes {
namespace {

using sim::Status;

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 cd_address = TwoStageMachine::cd_address;

TEST(SmmuClasses, SpeculativeReadThatFaultsAbortsWithoutRecordAndNeverStalls) {
    for (const bool stalls : {false, true}) {
        TwoStageMachine machine(ste::Stage1);
        machine.context.set(cd::S, stalls).set(cd::A, 0);
        machine.map();
        machine.start();
        const Answer answer = machine.send(read(address + 0x1000).as_guess());
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        EXPECT_TRUE(answer.events.empty());
        EXPECT_EQ(machine.smmu.stalled(), 0u);
        EXPECT_TRUE(machine.send(read(address).as_guess()).passed());
    }
}

TEST(SmmuClasses, ConfigurationErrorsOfSpeculativeReadsLeaveNoRecord) {
    for (const unsigned defect : {0u, 1u, 2u}) {
        TwoStageMachine machine(ste::Stage1);
        if (defect == 0) machine.entry.set(ste::V, 0);
        if (defect == 1) machine.context.set(cd::V, 0);
        machine.start();
        if (defect == 2) machine.memory.fail(cd_address, 64);
        const Answer answer = machine.send(read(address).as_guess());
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        EXPECT_TRUE(answer.events.empty());
    }
}

TEST(SmmuClasses, SpeculativeReadMaySetTheAccessFlagButNotTheDirtyState) {
    constexpr u64 clean = 0xFC3 | u64{1} << 51;
    TwoStageMachine machine(ste::Stage1);
    machine.context.set(cd::HA, 1).set(cd::HD, 1);
    machine.map(address, clean & ~u64{0x400});
    machine.start();
    EXPECT_TRUE(machine.send(read(address).as_guess()).passed());
    EXPECT_EQ(machine.memory.u64_at(machine.first_descriptor(address, 3)), page | clean);
}

TEST(SmmuClasses, SpeculativeWriteAlwaysAborts) {
    for (const u64 configuration : {ste::Bypass, ste::Stage1}) {
        TwoStageMachine machine(configuration);
        machine.map();
        machine.start();
        EXPECT_TRUE(machine.send(write(address)).passed());
        const Answer answer = machine.send(write(address).as_guess());
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        EXPECT_TRUE(answer.events.empty());
    }
}

TEST(SmmuClasses, PrefetchOfConfigurationLeavesNoRecordAndSparesTheFetch) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    machine.execute({{0x01 | u64{stream} << 32, 0}, {0x01 | u64{300} << 32, 0}, {0x01 | u64{20} << 32, 0}});
    machine.run();
    EXPECT_EQ(machine.events(), 0u) << "neither of the stream that is none nor of the entry that is invalid";
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.own_reads(), 4u);
}

TEST(SmmuClasses, PrefetchOfAddressesLeavesNoRecordAndSetsTheAccessFlag) {
    TwoStageMachine machine(ste::Stage1);
    machine.context.set(cd::HA, 1);
    machine.map(address, 0xB43);
    machine.start();
    machine.execute({{0x02 | u64{stream} << 32, address}, {0x02 | u64{stream} << 32, address + 0x1000}});
    machine.run();
    EXPECT_EQ(machine.events(), 0u);
    EXPECT_EQ(machine.memory.u64_at(machine.first_descriptor(address, 3)), page | 0xF43);
}

TEST(SmmuClasses, ReadsWritesFetchesAndAtomicsNeedTheirOwnPermissions) {
    // Stage 2 grants each alone: read 01, write 10, execute without either.
    struct Row {
        u64 attributes;
        std::array<bool, 4> passes;  ///< read, write, fetch, atomic
    };
    constexpr u64 never = u64{2} << 53;
    for (const Row& row :
         {Row{0x77F | never, {true, false, false, false}}, Row{0x7BF | never, {false, true, false, false}},
          Row{0x73F, {false, false, true, false}}, Row{0x7FF | never, {true, true, false, true}}}) {
        TwoStageMachine machine(ste::Stage2);
        machine.map(address, 0, row.attributes);
        machine.start();
        const std::array asks{read(address), write(address), fetch(address), atomic(address)};
        for (std::size_t index = 0; index < asks.size(); ++index)
            EXPECT_EQ(machine.send(asks[index]).passed(), row.passes[index]) << std::hex << row.attributes << index;
    }
}

// 6.2

TEST(SmmuEvents, UnsupportedTransactionIsRecordedWithItsIncomingAttributesEvenWhileOff) {
    for (const bool on : {true, false}) {
        TwoStageMachine machine(ste::Stage1);
        machine.entry.set(ste::PRIVCFG, 2);
        machine.map();
        machine.start();
        machine.set_cr0(on ? 0b1101 : 0b1100);
        // An atomic that is not aligned to its size.
        const Answer answer = machine.send(atomic(address + 4).with_privilege().of_substream(6));
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        EXPECT_ONLY_EVENT(answer, EventBuilder()
                                      .set(event::number, 0x01)
                                      .set(event::StreamID, stream)
                                      .set(event::SSV, 1)
                                      .set(event::SubstreamID, 6)
                                      .set(event::PnU, 1)
                                      .set(event::InputAddr, address + 4));
    }
}

TEST(SmmuEvents, StalledFaultCarriesStallAndATagOfItsOwn) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        TwoStageMachine machine(configuration);
        machine.context.set(cd::S, 1).set(cd::R, 0);
        machine.entry.set(ste::S2S, 1).set(ste::S2R, 0);
        machine.start();
        Client first(machine.simulation), second(machine.simulation);
        machine.post(first, read(address));
        machine.post(second, read(address + 0x1000));
        machine.run();
        EXPECT_FALSE(first.done || second.done);
        const auto events = machine.take_events();
        ASSERT_EQ(events.size(), 2u) << "recorded whatever R says";
        constexpr support::Field STAG{79, 64};
        EXPECT_NE(events[0].get(STAG), events[1].get(STAG));
        for (std::size_t index = 0; index < 2; ++index) {
            const u64 where = address + 0x1000 * index;
            EventBuilder expected = configuration == ste::Stage1
                                        ? fault(event::F_TRANSLATION, where)
                                        : second_fault(event::F_TRANSLATION, where, event::IN, where);
            expected.set(event::Stall, 1).set(STAG, events[index].get(STAG));
            EXPECT_EQ(events[index], expected) << support::describe(events[index]);
        }
        for (const EventBuilder& record : events)
            machine.execute({{0x44 | 1 << 13 | u64{stream} << 32, record.get(STAG)}});
        EXPECT_TRUE(first.done && second.done);
        EXPECT_EQ(first.access->status, Status::CompleterAbort);
    }
}

TEST(SmmuEvents, StallsOfOnePageAreRecordedEach) {
    TwoStageMachine machine(ste::Stage1);
    machine.context.set(cd::S, 1);
    machine.start();
    Client first(machine.simulation), second(machine.simulation);
    machine.post(first, read(address));
    machine.post(second, read(address));
    machine.run();
    EXPECT_EQ(machine.take_events().size(), 2u);
    machine.execute({{0x45 | u64{stream} << 32, 0}});  // CMD_STALL_TERM
    EXPECT_TRUE(first.done && second.done);
}

TEST(SmmuEvents, ConfigurationFaultsAndAbortsNeverStall) {
    for (const unsigned defect : {0u, 1u}) {
        TwoStageMachine machine(ste::Stage1);
        machine.context.set(cd::S, 1).set(cd::V, defect != 0);
        machine.map();
        machine.start();
        if (defect == 1) machine.memory.fail(machine.first_descriptor(address, 2), 8);
        const Answer answer = machine.send(read(address));
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        ASSERT_EQ(answer.events.size(), 1u);
        EXPECT_EQ(answer.events[0].get(event::Stall), 0u);
    }
}

TEST(SmmuProcedure, RetryAfterResumeStartsAnew) {
    TwoStageMachine machine(ste::Stage1);
    machine.context.set(cd::S, 1);
    machine.start();
    Client client(machine.simulation);
    machine.post(client, read(address));
    machine.run();
    const auto events = machine.take_events();
    ASSERT_EQ(events.size(), 1u);
    // Meanwhile the stream has become another one: only a start from the stream table sees that.
    machine.entry.set(ste::Config, ste::Bypass);
    machine.write_structures();
    machine.execute({command::cfgi_ste(stream)});
    EXPECT_FALSE(client.done) << "invalidation does not touch it";
    machine.execute({{0x44 | 1 << 12 | u64{stream} << 32, events[0].get(support::Field{79, 64})}});
    EXPECT_TRUE(client.done);
    EXPECT_EQ(client.access->status, Status::Ok);
    EXPECT_EQ(client.access->address, address);
}

}  // namespace
}  // namespace smmusim::test::chapter7_classes
