// The procedure step by step (chapter 7.1 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter7_procedure {
namespace {

using sim::Status;

constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;

/// SMMUEN = 0, with GBPA in force.
void bypass(TwoStageMachine& machine, u64 gbpa) {
    machine.write32(0x44, gbpa | u64{1} << 31);
    machine.bring_up(false);
    machine.memory.log.clear();
}

void expect_silent_abort(const Answer& answer) {
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_FALSE(answer.address);
    EXPECT_TRUE(answer.events.empty());
}

TEST(SmmuProcedure, WhileOffGbpaAbortEndsEverythingSilently) {
    TwoStageMachine machine(ste::Bypass);
    bypass(machine, u64{1} << 20);
    expect_silent_abort(machine.send(read(address)));
    expect_silent_abort(machine.send(write(address)));
}

TEST(SmmuProcedure, WhileOffAddressesPassAsTheyAre) {
    TwoStageMachine machine(ste::Stage1);
    bypass(machine, 0x1000);
    EXPECT_EQ(machine.send(read(0xFFFF'1234'5678)).address, 0xFFFF'1234'5678u);
    EXPECT_EQ(machine.own_reads(), 0u) << "no structure is read";
}

TEST(SmmuProcedure, WhileOffAddressesBeyondTheOutputSizeAbortSilently) {
    TwoStageMachine machine = TwoStageMachine::make(ste::Bypass, [](spec::Identification& id) { id.idr5.OAS = 2; });
    bypass(machine, 0x1000);
    EXPECT_TRUE(machine.send(read((u64{1} << 40) - 8)).passed());
    expect_silent_abort(machine.send(read(u64{1} << 40)));
    expect_silent_abort(machine.send(read(u64{1} << 63)));
}

TEST(SmmuProcedure, ConfigZeroAbortsSilently) {
    for (const u64 configuration : {0b000, 0b001, 0b010, 0b011}) {
        TwoStageMachine machine(static_cast<u64>(configuration));
        machine.entry.set(ste::S2TG, 3).set(ste::STRW, 1).set(ste::S1CDMax, 31);  // ignored
        machine.start();
        expect_silent_abort(machine.send(read(address)));
        expect_silent_abort(machine.send(read(address).of_substream(1)));
    }
}

TEST(SmmuProcedure, ConfigBypassPassesTheAddressAndIgnoresTheStages) {
    TwoStageMachine machine(ste::Bypass);
    machine.entry.set(ste::S2TG, 3).set(ste::S1CDMax, 31).set(ste::S1ContextPtr, 0xFF'FFFF'FFFF'FFC0);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).address, address);
    EXPECT_EQ(machine.own_reads(), 1u) << "the entry alone";
}

TEST(SmmuProcedure, ConfigBypassRefusesASubstream) {
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    const Answer answer = machine.send(read(address).of_substream(2));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_SUBSTREAMID).set(event::SubstreamID, 2));
}

TEST(SmmuProcedure, ConfigBypassRefusesAddressesBeyondTheOutputSize) {
    TwoStageMachine machine = TwoStageMachine::make(ste::Bypass, [](spec::Identification& id) { id.idr5.OAS = 2; });
    machine.start();
    EXPECT_TRUE(machine.send(read((u64{1} << 40) - 8)).passed());
    const Answer answer = machine.send(write(u64{1} << 40));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 40, false));
}

TEST(SmmuProcedure, Stage2AloneRefusesASubstream) {
    TwoStageMachine machine(ste::Stage2);
    machine.map();
    machine.start();
    const Answer answer = machine.send(read(address).of_substream(0));
    EXPECT_ONLY_EVENT(answer, record(event::C_BAD_SUBSTREAMID));
}

TEST(SmmuProcedure, Stage2AloneTakesTheAddressAsIntermediate) {
    TwoStageMachine machine(ste::Stage2);
    machine.map();
    machine.start();
    EXPECT_EQ(machine.send(read(address + 0x120)).address, page + storage + 0x120);
    EXPECT_EQ(machine.own_reads(), 5u) << "the entry and four descriptors";
}

TEST(SmmuProcedure, Stage2AloneRefusesAddressesBeyondTheIntermediateSizeAsStage1Would) {
    TwoStageMachine machine = TwoStageMachine::make(ste::Stage2, [](spec::Identification& id) { id.idr5.OAS = 2; });
    machine.second_tables(12, 24, 1, 1);
    machine.start();
    const Answer answer = machine.send(read(u64{1} << 40));
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 40));
}

TEST(SmmuProcedure, SkippedStage1OfAStage1StreamIsABypass) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 1);
    machine.start();
    EXPECT_EQ(machine.send(read(0xABC'DE00'0000)).address, 0xABC'DE00'0000u);
    EXPECT_EQ(machine.own_reads(), 1u) << "no context descriptor";
    const Answer answer = machine.send(read(u64{1} << 48));
    EXPECT_EQ(answer.status, Status::CompleterAbort);
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 48));
}

TEST(SmmuProcedure, SkippedStage1OfANestedStreamLeavesStage2) {
    TwoStageMachine machine;
    machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 1);
    machine.map();
    machine.start();
    EXPECT_EQ(machine.send(read(page + 0x18)).address, page + storage + 0x18);
    EXPECT_EQ(machine.memory.reads(cd_address, 64) + machine.memory.reads(cd_address + storage, 64), 0u);
    const Answer answer = machine.send(read(u64{1} << 48));
    EXPECT_ONLY_EVENT(answer, fault(event::F_ADDR_SIZE, u64{1} << 48));
}

TEST(SmmuProcedure, ContextDescriptorOfANestedStreamIsReadThroughStage2) {
    TwoStageMachine machine;
    machine.map();
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.memory.reads(cd_address, 64), 0u);
    EXPECT_EQ(machine.memory.reads(cd_address + storage, 64), 1u);
}

TEST(SmmuProcedure, ContextDescriptorOfAStage1StreamIsReadWhereTheEntryPoints) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.memory.reads(cd_address, 64), 1u);
}

TEST(SmmuProcedure, OutputOfStage1IsThePhysicalAddressOrTheInputOfStage2) {
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        TwoStageMachine machine(configuration);
        machine.map();
        machine.start();
        EXPECT_EQ(machine.send(read(address + 0xFF8)).address, machine.final_page() + 0xFF8);
        EXPECT_EQ(machine.send(read(address + 0x10)).address, machine.final_page() + 0x10) << "on a hit";
    }
}

TEST(SmmuProcedure, IntermediateAddressBeyondS2t0szIsATranslationFaultOfStage2) {
    for (const u64 configuration : {ste::Stage2, ste::Nested}) {
        TwoStageMachine machine(configuration);
        machine.second_tables(12, 25, 1, 1);  // 39 bits
        constexpr u64 beyond = u64{1} << 39;
        machine.put_first(address, 3, beyond | first_leaf);
        machine.put_second(0, 3, page | TwoStageMachine::second_leaf);  // where a truncated address would lead
        machine.start();
        const u64 input = configuration == ste::Stage2 ? beyond : address;
        const Answer answer = machine.send(read(input));
        EXPECT_ONLY_EVENT(answer, second_fault(event::F_TRANSLATION, input, event::IN, beyond));
    }
}

TEST(SmmuProcedure, WritesAreDataWhateverTheClientSays) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::INSTCFG, 3);
    machine.map(address, first_leaf | u64{3} << 53);  // not executable
    machine.start();
    const Answer answer = machine.send(write(address).as_instruction());
    EXPECT_TRUE(answer.passed());
    EXPECT_FALSE(answer.attributes.instruction);
}

TEST(SmmuProcedure, AtomicIsRecordedAsAWriteUnlessOnlyTheReadIsRefused) {
    struct Row {
        u64 s2ap;
        bool rnw;
    };
    for (const Row& row : {Row{0, false}, Row{1, false}, Row{2, true}}) {
        TwoStageMachine machine(ste::Stage2);
        machine.map(address, 0, 0x73F | row.s2ap << 6);
        machine.start();
        const Answer answer = machine.send(atomic(address));
        EventBuilder expected = second_fault(event::F_PERMISSION, address, event::IN, address);
        EXPECT_ONLY_EVENT(answer, expected.set(event::RnW, row.rnw));
    }
}

TEST(SmmuProcedure, EveryFaultUsesTheFlagsOfItsStage) {
    // Stage 1 would record, stage 2 would not; and the other way round.
    for (const bool first_records : {false, true}) {
        TwoStageMachine machine;
        machine.context.set(cd::R, first_records);
        machine.entry.set(ste::S2R, !first_records);
        machine.map();
        machine.map(address + 0x1000, first_leaf, 0, page + 0x1000);
        machine.start();
        EXPECT_EQ(machine.send(read(address + 0x2000)).events.size(), first_records ? 1u : 0u) << "stage 1";
        EXPECT_EQ(machine.send(read(address + 0x1000)).events.size(), first_records ? 0u : 1u) << "stage 2";
    }
}

}  // namespace
}  // namespace smmusim::test::chapter7_procedure
