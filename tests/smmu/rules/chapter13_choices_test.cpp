// Where the architecture leaves a choice that can be observed, this is what was chosen (chapter 13 of the rules).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter13_choices {
namespace {

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;

TEST(SmmuChoices, ReservedFieldsOfCommandsAreIgnored) {
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    EXPECT_TRUE(machine.send(read(address)).passed());
    // TLBI_NSNH_ALL with every bit set that it does not define.
    machine.execute({{0x30 | ~u64{0xFFF}, ~u64{0}}});
    EXPECT_EQ(machine.inspect32(0x60), 0u);
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.own_reads(), 4u);
}

TEST(SmmuChoices, StallThatFindsAFullQueueIsTranslatedAgainWhenThereIsRoom) {
    TwoStageMachine machine(ste::Stage1);
    machine.start();
    for (int filler = 0; filler < 16; ++filler) {
        Client client(machine.simulation);
        machine.post(client, read(address));
        machine.run();
    }
    machine.context.set(cd::S, 1);
    machine.write_structures();
    machine.execute({command::cfgi_cd(stream)});
    Client waiting(machine.simulation);
    machine.post(waiting, read(address));
    machine.run();
    EXPECT_FALSE(waiting.done);
    EXPECT_EQ(machine.inspect32(0x100A8), 16u) << "full, and no overflow";
    // Software maps the page before it reads the queue: the transaction passes without any record.
    machine.map();
    EXPECT_EQ(machine.take_events().size(), 16u);
    machine.run();
    EXPECT_TRUE(waiting.done);
    EXPECT_EQ(waiting.access->status, sim::Status::Ok);
    EXPECT_TRUE(machine.take_events().empty());
}

TEST(SmmuChoices, ContextPointerBeyondTheIntermediateSizeIsAStage2FaultOfTheDescriptor) {
    constexpr u64 beyond = u64{1} << 50;
    TwoStageMachine machine;
    machine.entry.set(ste::S1ContextPtr, beyond);
    machine.start();
    const Answer answer = machine.send(read(address));
    EXPECT_ONLY_EVENT(answer, second_fault(event::F_TRANSLATION, address, event::CD, beyond));
}

TEST(SmmuChoices, FaultOfATranslationRequestIsRecordedAsARead) {
    TwoStageMachine machine(ste::Stage1);
    machine.entry.set(ste::EATS, 1);
    machine.map();
    machine.start(0b1010);  // REC_CFG_ATS
    const u64 where = machine.first_descriptor(address, 1);
    machine.memory.fail(where, 8);
    const Answer answer = machine.send(request(address));
    EXPECT_ONLY_EVENT(answer, record(event::F_WALK_EABT)
                                  .set(event::RnW, 1)
                                  .set(event::CLASS, event::TTD)
                                  .set(event::InputAddr, address)
                                  .set(event::FetchAddr, where));
}

TEST(SmmuChoices, StrideOfAPrefetchStandsAboveItsSize) {
    // Two translations, Size = 1 in bits 68:64, 8 KiB apart, Stride = 1 in bits 73:69.
    TwoStageMachine machine(ste::Stage1);
    machine.context.set(cd::HA, 1);
    for (u64 number = 0; number < 4; ++number)
        machine.map(address + number * 0x1000, 0xB43, TwoStageMachine::second_leaf, page + number * 0x1000);
    machine.start();
    machine.execute({{0x02 | u64{stream} << 32, address | 1 << 5 | 1}});
    machine.run();
    for (u64 number = 0; number < 4; ++number) {
        const u64 leaf = machine.memory.u64_at(machine.first_descriptor(address + number * 0x1000, 3));
        EXPECT_EQ((leaf & 0x400) != 0, number == 0 || number == 2) << number;
    }
}

TEST(SmmuChoices, ConsMovesAfterEachCommand) {
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    for (int index = 0; index < 4; ++index) machine.command(command::nsnh_all()[0]);
    machine.memory.hold(SmmuMachine::cmdq + 2 * 16, 16);
    machine.ring();
    machine.run();
    EXPECT_EQ(machine.consumer(), 2u) << "the third is still being fetched";
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.consumer(), 4u);
}

}  // namespace
}  // namespace smmusim::test::chapter13_choices
