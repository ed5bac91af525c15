// Mistakes that other models of an SMMU have made: one test each.
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::mistakes {
namespace {

using sim::Status;

constexpr u32 stream = TwoStageMachine::stream;
constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 first_leaf = TwoStageMachine::first_leaf;
constexpr u64 second_leaf = TwoStageMachine::second_leaf;

/// With every cache that a walk may use.
uarch::SmmuConfig with_walk_caches() {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tcu.walk_cache = {.entries = 64, .ways = 4};
    config.tcu.ipa_cache = {.entries = 64, .ways = 4};
    return config;
}

TEST(SmmuMistakesOfOthers, TableAttributesHoldOnATlbHit) {
    constexpr u64 read_only_table = u64{1} << 62;
    TwoStageMachine machine(ste::Stage1);
    machine.map();
    machine.start();
    const u64 table = machine.first_descriptor(address, 1);
    machine.memory.put(table, machine.memory.u64_at(table) | read_only_table);
    EXPECT_EQ(machine.send(write(address)).event(), event::F_PERMISSION) << "on the walk";
    EXPECT_TRUE(machine.send(read(address)).passed()) << "which fills the TLB";
    EXPECT_EQ(machine.send(write(address)).event(), event::F_PERMISSION) << "on the hit";
}

TEST(SmmuMistakesOfOthers, TableAttributesHoldOnAWalkCacheHit) {
    constexpr u64 read_only_table = u64{1} << 62;
    TwoStageMachine machine(ste::Stage1, with_walk_caches());
    machine.map();
    machine.map(address + 0x1000, first_leaf, second_leaf, page + 0x1000);
    machine.start();
    const u64 table = machine.first_descriptor(address, 1);
    machine.memory.put(table, machine.memory.u64_at(table) | read_only_table);
    EXPECT_TRUE(machine.send(read(address)).passed());
    machine.memory.log.clear();
    EXPECT_EQ(machine.send(write(address + 0x1000)).event(), event::F_PERMISSION);
    EXPECT_EQ(machine.own_reads(), 1u) << "the table above the leaf came from the walk cache";
}

TEST(SmmuMistakesOfOthers, WritePermissionHoldsOnATlbHit) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2, ste::Nested}) {
        TwoStageMachine machine(configuration);
        machine.map(address, first_leaf | 0x80, second_leaf & ~u64{0x80});
        machine.start();
        EXPECT_TRUE(machine.send(read(address)).passed());
        EXPECT_EQ(machine.send(write(address)).event(), event::F_PERMISSION) << configuration;
        EXPECT_EQ(machine.send(atomic(address)).event(), event::F_PERMISSION) << configuration;
    }
}

TEST(SmmuMistakesOfOthers, InvalidationByAddressLeavesNoPieceOfABlock) {
    // Two pieces of a 2 MiB block are in use; one invalidation of a third piece removes the block.
    constexpr u64 block = address & ~u64{0x1F'FFFF};
    TwoStageMachine machine(ste::Stage1);
    machine.put_first(block, 2, page | (first_leaf & ~u64{2}));
    machine.start();
    for (const u64 offset : {u64{0x1000}, u64{0x5000}})
        EXPECT_EQ(machine.send(read(block + offset)).address, page + offset);
    machine.memory.log.clear();
    EXPECT_TRUE(machine.send(read(block + 0x9000)).passed());
    EXPECT_EQ(machine.own_reads(), 0u) << "one entry serves the block";
    machine.put_first(block, 2, 0);
    machine.execute({command::nh_va(5, 3, block + 0x10'0000)});
    for (const u64 offset : {u64{0x1000}, u64{0x5000}, u64{0x9000}})
        EXPECT_EQ(machine.send(read(block + offset)).event(), event::F_TRANSLATION) << offset;
}

TEST(SmmuMistakesOfOthers, NestedWalkCacheHitGivesNoIntermediateAddress) {
    TwoStageMachine machine(ste::Nested, with_walk_caches());
    machine.map();
    machine.map(address + 0x1000, first_leaf, second_leaf, page + 0x3000);
    machine.start();
    EXPECT_EQ(machine.send(read(address)).address, page + storage);
    machine.memory.log.clear();
    EXPECT_EQ(machine.send(read(address + 0x1008)).address, page + storage + 0x3008);
    EXPECT_LT(machine.own_reads(), 24u) << "caches took part";
    EXPECT_EQ(machine.memory.reads(TwoStageMachine::first_root, 0x100'0000), 0u)
        << "no table is read at its intermediate address";
}

TEST(SmmuMistakesOfOthers, Stage2FaultOfATableFetchSaysSo) {
    TwoStageMachine machine;
    machine.map();
    machine.start();
    const u64 table = machine.first_descriptor(address, 2) - storage;
    machine.put_second(table, 3, 0);
    const Answer answer = machine.send(read(address + 8));
    EXPECT_ONLY_EVENT(answer, second_fault(event::F_TRANSLATION, address + 8, event::TTD, table & ~u64{0xFFF}));
}

TEST(SmmuMistakesOfOthers, FullEventQueueIsAnOverflowNotAnAbort) {
    TwoStageMachine machine(ste::Stage1);
    machine.start();
    for (unsigned fault = 0; fault < 17; ++fault) {
        Client client(machine.simulation);
        machine.post(client, read(address));
        machine.run();
        EXPECT_EQ(client.access->status, Status::CompleterAbort);
    }
    EXPECT_EQ(machine.inspect32(0x100A8), 0x8000'0010u) << "16 records and OVFLG";
    EXPECT_EQ(machine.inspect32(0x60), 0u) << "no bit of GERROR";
    EXPECT_EQ(machine.gerror_irq.pulses, 0u);
}

TEST(SmmuMistakesOfOthers, EventInterruptComesOnEmptyToNonEmptyOnly) {
    TwoStageMachine machine(ste::Stage1);
    machine.start();
    Client first(machine.simulation), second(machine.simulation), third(machine.simulation);
    machine.post(first, read(address));
    machine.run();
    EXPECT_EQ(machine.event_irq.pulses, 1u);
    machine.post(second, read(address));
    machine.run();
    EXPECT_EQ(machine.event_irq.pulses, 1u) << "the queue was not empty";
    machine.take_events();
    machine.post(third, read(address));
    machine.run();
    EXPECT_EQ(machine.event_irq.pulses, 2u);
}

TEST(SmmuMistakesOfOthers, OneFaultingTransactionLeavesOneRecord) {
    // A nested stream in which everything is wrong; then two transactions that miss together.
    TwoStageMachine machine;
    machine.map(address, first_leaf & ~u64{0x400}, 0);
    machine.start();
    EXPECT_EQ(machine.send(write(address)).events.size(), 1u);
    Client first(machine.simulation), second(machine.simulation);
    machine.post(first, write(address));
    machine.post(second, read(address + 8));
    machine.run();
    EXPECT_EQ(machine.take_events().size(), 2u) << "one each";
}

TEST(SmmuMistakesOfOthers, StreamTableSwitchesBackFromTwoLevelToLinear) {
    TwoStageMachine machine(ste::Bypass);
    constexpr u64 level1 = 0x4200'0000, level2 = 0x4201'0000;
    machine.start();
    machine.memory.put(level1, level2 | 7);  // 64 entries
    machine.memory.write(level2 + stream * 64, machine.entry.words().data(), 64);
    EXPECT_TRUE(machine.send(read(address)).passed());
    machine.use_stream_table(level1, u64{1} << 16 | 6 << 6 | 8);
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.memory.reads(level1, 0x1000), 1u);
    EXPECT_EQ(machine.memory.reads(level2 + stream * 64, 64), 1u);
    machine.use_stream_table(SmmuMachine::strtab, 8);
    EXPECT_TRUE(machine.send(read(address)).passed());
    EXPECT_EQ(machine.memory.reads(level1, 0x1000), 0u);
    EXPECT_EQ(machine.memory.reads(SmmuMachine::strtab + stream * 64, 64), 1u);
}

TEST(SmmuMistakesOfOthers, SpanOfALevel1DescriptorIsNotOffByAFactorOfTwo) {
    // Span n covers 2^(n-1) entries: with n = 4 the last of them is number 7.
    constexpr u64 level1 = 0x4200'0000, level2 = 0x4201'0000;
    for (unsigned span = 0; span <= 8; ++span) {
        TwoStageMachine machine(ste::Bypass);
        machine.write64(0x80, level1);
        machine.write32(0x88, u64{1} << 16 | 6 << 6 | 8);
        machine.write_structures();
        machine.memory.put(level1, level2 | span);
        for (unsigned index = 0; index < 64; ++index)
            machine.memory.write(level2 + index * 64, machine.entry.words().data(), 64);
        machine.write32(0x2C, 0b10);
        machine.write64(0xA0, SmmuMachine::evtq | SmmuMachine::evtq_log2);
        machine.write32(0x20, 0b101);
        machine.run();
        // SPLIT is 6: Span 8 would describe more than the 64 entries of a leaf and is invalid.
        const u32 entries = span == 0 || span > 7 ? 0 : 1u << (span - 1);
        for (u32 id = 0; id < 64; ++id) {
            const Answer answer = machine.send(read(address).of_stream(id));
            EXPECT_EQ(answer.event(), id < entries ? 0u : u64{event::C_BAD_STREAMID}) << span << " " << id;
        }
    }
}

TEST(SmmuMistakesOfOthers, FetchAddressOfTheContextDescriptorIsInTheLastWord) {
    TwoStageMachine machine(ste::Stage1);
    machine.start();
    machine.memory.fail(TwoStageMachine::cd_address, 64);
    const Answer answer = machine.send(read(address));
    ASSERT_EQ(answer.events.size(), 1u);
    const std::array<u64, 4> expected{u64{stream} << 32 | 0x09, 0, 0, TwoStageMachine::cd_address};
    EXPECT_EQ(answer.events[0].words(), expected);
}

TEST(SmmuMistakesOfOthers, BlocksOfLevel0AreInvalid) {
    for (const u64 configuration : {ste::Stage1, ste::Stage2}) {
        TwoStageMachine machine(configuration);
        if (configuration == ste::Stage1) machine.put_first(address, 0, first_leaf & ~u64{2});
        else machine.put_second(address, 0, second_leaf & ~u64{2});
        machine.start();
        EXPECT_EQ(machine.send(read(address)).event(), event::F_TRANSLATION) << configuration;
    }
}

TEST(SmmuMistakesOfOthers, Ap1DecidesOverUnprivilegedAccess) {
    TwoStageMachine machine(ste::Stage1);
    machine.map(address, first_leaf & ~u64{0x40});
    machine.start();
    EXPECT_EQ(machine.send(read(address)).event(), event::F_PERMISSION);
    EXPECT_TRUE(machine.send(read(address).with_privilege()).passed());
    EXPECT_EQ(machine.send(read(address)).event(), event::F_PERMISSION) << "on the hit";
}

TEST(SmmuMistakesOfOthers, CommandsOfAbsentFeaturesAreIllegal) {
    struct Row {
        u64 opcode;
        void (*without)(spec::Identification&);
    };
    const auto nothing = [](spec::Identification&) {};
    const auto no_stage1 = [](spec::Identification& id) { id.idr0.S1P = 0; };
    const auto no_stage2 = [](spec::Identification& id) { id.idr0.S2P = 0; };
    const auto no_el2 = [](spec::Identification& id) { id.idr0.Hyp = 0; };
    const auto no_ats = [](spec::Identification& id) { id.idr0.ATS = id.idr0.PRI = 0; };
    const auto no_stall = [](spec::Identification& id) { id.idr0.STALL_MODEL = 1; };
    for (const Row& row :
         {Row{0x05, no_stage1}, {0x06, no_stage1}, {0x07, nothing},  {0x10, no_stage1}, {0x11, no_stage1},
          {0x12, no_stage1},    {0x13, no_stage1}, {0x18, nothing},  {0x1A, nothing},   {0x20, no_el2},
          {0x21, no_el2},       {0x22, no_el2},    {0x23, no_el2},   {0x28, no_stage2}, {0x2A, no_stage2},
          {0x40, no_ats},       {0x41, no_ats},    {0x44, no_stall}, {0x45, no_stall},  {0x50, nothing},
          {0x58, nothing},      {0x60, nothing},   {0x70, nothing},  {0x73, nothing},   {0x80, nothing},
          {0x00, nothing},      {0xFF, nothing}}) {
        TwoStageMachine machine(ste::Bypass, TwoStageMachine::with(row.without));
        machine.start();
        machine.command(row.opcode);
        machine.command(0x46);
        machine.ring();
        machine.run();
        EXPECT_EQ(machine.inspect32(0x9C), 0x0100'0000u) << std::hex << row.opcode << ": CERROR_ILL, RD stays";
        EXPECT_EQ(machine.inspect32(0x60), 1u) << std::hex << row.opcode;
    }
}

TEST(SmmuMistakesOfOthers, ReservedEncodingsAreArchitectureNotAnEnd) {
    // Config 0xx aborts silently; IPS 7 without 56-bit addresses is capped; reserved granules are illegal.
    for (const u64 configuration : {0b001, 0b010, 0b011}) {
        TwoStageMachine machine(static_cast<u64>(configuration));
        machine.start();
        const Answer answer = machine.send(read(address));
        EXPECT_EQ(answer.status, Status::CompleterAbort);
        EXPECT_TRUE(answer.events.empty());
    }
    for (const u64 size : {6, 7}) {
        TwoStageMachine machine;
        machine.context.set(cd::IPS, static_cast<u64>(size));
        machine.entry.set(ste::S2PS, static_cast<u64>(size));
        machine.map();
        machine.start();
        EXPECT_TRUE(machine.send(read(address)).passed());
    }
    {
        TwoStageMachine machine(ste::Stage1);
        machine.context.set(cd::TG0, 3);
        machine.start();
        EXPECT_EQ(machine.send(read(address)).event(), event::C_BAD_CD);
    }
    {
        TwoStageMachine machine(ste::Stage1);
        machine.context.set(cd::EPD1, 0).set(cd::TG1, 0).set(cd::T1SZ, 16);
        machine.start();
        EXPECT_EQ(machine.send(read(address)).event(), event::C_BAD_CD);
    }
    {
        TwoStageMachine machine(ste::Stage2);
        machine.entry.set(ste::S2TG, 3);
        machine.start();
        EXPECT_EQ(machine.send(read(address)).event(), event::C_BAD_STE);
    }
}

TEST(SmmuMistakesOfOthers, WalkThatBeganBeforeAnInvalidationDoesNotFillAfterIt) {
    TwoStageMachine machine(ste::Nested, with_walk_caches());
    machine.map();
    machine.start();
    const u64 leaf = machine.first_descriptor(address, 3);
    machine.memory.hold(leaf, 8);
    Client early(machine.simulation);
    machine.post(early, read(address));
    machine.run();
    ASSERT_EQ(machine.memory.held(), 1u);
    machine.command(command::nh_va(5, 3, address)[0], command::nh_va(5, 3, address)[1]);
    machine.ring();
    machine.run();
    machine.memory.release();
    machine.run();
    ASSERT_TRUE(early.done);
    machine.put_first(address, 3, 0);
    EXPECT_EQ(machine.send(read(address)).event(), event::F_TRANSLATION);
}

TEST(SmmuMistakesOfOthers, QueuesKeepTheirWrapBits) {
    // Many times around both queues; full is told from empty.
    TwoStageMachine machine(ste::Stage1);
    machine.start();
    for (unsigned round = 0; round < 5 * 64; ++round) {
        machine.execute({});
        EXPECT_EQ(machine.consumer(), (round + 1) % 128);
    }
    for (unsigned round = 1; round <= 5 * 16; ++round) {
        EXPECT_EQ(machine.send(read(address)).event(), event::F_TRANSLATION);
        EXPECT_EQ(machine.inspect32(0x100A8), round % 32) << "neither lost nor overflowed";
    }
    for (unsigned fault = 0; fault < 16; ++fault) {
        Client client(machine.simulation);
        machine.post(client, read(address));
        machine.run();
    }
    EXPECT_EQ(machine.inspect32(0x100A8), 0u + (5 * 16 + 16) % 32) << "full, not overflowed";
    EXPECT_EQ(machine.take_events().size(), 16u);
}

TEST(SmmuMistakesOfOthers, FullCommandQueueIsNotTakenForEmpty) {
    TwoStageMachine machine(ste::Bypass);
    machine.start();
    for (unsigned index = 0; index < 64; ++index) machine.command(command::nsnh_all()[0]);
    EXPECT_EQ(machine.producer(), 64u);
    machine.ring();
    machine.run();
    EXPECT_EQ(machine.consumer(), 64u);
}

}  // namespace
}  // namespace smmusim::test::mistakes
