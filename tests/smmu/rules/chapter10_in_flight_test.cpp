// What an invalidation finds under way: whatever a translation has read already must neither be kept nor used after the
// CMD_SYNC, whichever address of a leaf or of a table is named (IHI 0070, 3.17, 4.4 and 4.7.3).
#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter10_in_flight {
namespace {

constexpr u64 block = 0x12'3460'0000;  ///< input, 2 MiB
constexpr u64 inside = block + 0x5000;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 other = 0x20'0000;  ///< between the old mapping and the new one
constexpr u64 first_block = 0xF41, second_block = 0x7FD;

/// A change of the tables under a read of `inside`.
struct Change {
    u64 configuration = ste::Stage1;
    std::function<void(TwoStageMachine&)> map;   ///< before
    std::function<void(TwoStageMachine&)> undo;  ///< the entry is invalid
    std::function<void(TwoStageMachine&)> redo;  ///< and leads elsewhere
    std::vector<command::Words> invalidation;
    u64 warm = 0;       ///< read before, so that caches know its tables
    u64 read = inside;  ///< afterwards
    u64 old = 0;        ///< where it must not go
    u64 freed = 0;      ///< a table that software may use for something else after the CMD_SYNC
};

uarch::SmmuConfig slow(bool caches) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    // Answers of memory, of the TCU and of commands overlap in all ways.
    config.tbus[0].link_latency = 150;
    config.tcu.walk_return_latency = 150;
    config.tcu.walk_start_latency = 300;
    if (caches) {
        config.tcu.walk_cache.entries = 64;
        config.tcu.ipa_cache.entries = 64;
        config.tcu.walk_cache_leaves = true;
    }
    return config;
}

/// Makes the change `delay` after the read has begun; false if the read has ended before.
bool expect_no_trace(const Change& change, bool caches, Time delay) {
    TwoStageMachine machine(change.configuration, slow(caches));
    change.map(machine);
    machine.start();
    if (change.warm != 0) {
        EXPECT_TRUE(machine.send(read(change.warm)).passed());
    }
    Client client(machine.simulation);
    machine.post(client, read(inside));
    machine.run_to(machine.simulation.now() + delay);
    const bool met = !client.done;
    change.undo(machine);
    for (const auto& words : change.invalidation) machine.command(words[0], words[1]);
    machine.command(cmd::sync);
    machine.ring();
    while (machine.consumer() != machine.producer()) machine.run_to(machine.simulation.now() + 5 * nanosecond);
    const std::size_t synchronised = machine.memory.log.size();
    machine.run();
    for (std::size_t index = synchronised; index < machine.memory.log.size(); ++index) {
        const u64 address = machine.memory.log[index].address;
        EXPECT_NE(address, change.old) << "sent after the SYNC, " << delay / 1000 << " ns";
        EXPECT_TRUE(change.freed == 0 || address - change.freed >= 0x1000)
            << "read after it, " << delay / 1000 << " ns";
    }
    change.redo(machine);
    const Answer answer = machine.send(read(change.read));
    EXPECT_TRUE(answer.passed() && answer.address != change.old) << caches << ", " << delay / 1000 << " ns";
    return met;
}

/// Makes it at every moment of the read.
void expect_no_trace(const Change& change) {
    for (const bool caches : {false, true}) {
        Time delay = 0;
        while (expect_no_trace(change, caches, delay)) delay += 25 * nanosecond;
        EXPECT_GT(delay, (change.warm != 0 ? 500 : 1000) * nanosecond);
    }
}

TEST(SmmuInFlight, InvalidationOfOneAddressConcernsAWalkOfItsBlock) {
    Change change;
    change.map = [](TwoStageMachine& machine) { machine.put_first(block, 2, page | first_block); };
    change.undo = [](TwoStageMachine& machine) { machine.put_first(block, 2, 0); };
    change.redo = [](TwoStageMachine& machine) { machine.put_first(block, 2, (page + other) | first_block); };
    change.old = page + 0x5000;
    for (const bool leaf : {true, false}) {
        change.invalidation = {command::nh_va(5, 3, block, leaf)};
        expect_no_trace(change);
    }
}

TEST(SmmuInFlight, InvalidationOfOneAddressConcernsAWalkOfItsLargePage) {
    Change change;
    change.map = [](TwoStageMachine& machine) {
        machine.first_tables(16, 16, 1);
        machine.put_first(block, 3, page | TwoStageMachine::first_leaf);
    };
    change.undo = [](TwoStageMachine& machine) { machine.put_first(block, 3, 0); };
    change.redo = [](TwoStageMachine& machine) {
        machine.put_first(block, 3, (page + other) | TwoStageMachine::first_leaf);
    };
    change.old = page + 0x5000;
    change.invalidation = {command::nh_va(5, 3, block)};
    expect_no_trace(change);
}

TEST(SmmuInFlight, InvalidationOfOneAddressConcernsAWalkOfItsContiguousPages) {
    const auto fill = [](TwoStageMachine& machine, u64 output) {
        for (u64 index = 0; index < 16; ++index)
            machine.put_first(block + index * 0x1000, 3,
                              output == 0 ? 0 : (output + index * 0x1000) | TwoStageMachine::first_leaf | u64{1} << 52);
    };
    Change change;
    change.map = [&](TwoStageMachine& machine) { fill(machine, page); };
    change.undo = [&](TwoStageMachine& machine) { fill(machine, 0); };
    change.redo = [&](TwoStageMachine& machine) { fill(machine, page + other); };
    change.old = page + 0x5000;
    change.invalidation = {command::nh_va(5, 3, block + 0xF000)};
    expect_no_trace(change);
}

TEST(SmmuInFlight, InvalidationOfOneIntermediateAddressConcernsAWalkOfItsBlock) {
    Change change;
    change.configuration = ste::Stage2;
    change.map = [](TwoStageMachine& machine) { machine.put_second(block, 2, page | second_block); };
    change.undo = [](TwoStageMachine& machine) { machine.put_second(block, 2, 0); };
    change.redo = [](TwoStageMachine& machine) { machine.put_second(block, 2, (page + other) | second_block); };
    change.old = page + 0x5000;
    change.invalidation = {command::s2_ipa(5, block + 0x1F'F000)};
    expect_no_trace(change);
}

TEST(SmmuInFlight, InvalidationOfOneAddressConcernsANestedWalkOfItsBlock) {
    Change change;
    change.configuration = ste::Nested;
    change.map = [](TwoStageMachine& machine) {
        machine.put_first(block, 2, page | first_block);
        machine.put_second(page, 2, (page + storage) | second_block);
        machine.put_second(page + other, 2, (page + other + storage) | second_block);
    };
    change.undo = [](TwoStageMachine& machine) { machine.put_first(block, 2, 0); };
    change.redo = [](TwoStageMachine& machine) { machine.put_first(block, 2, (page + other) | first_block); };
    change.old = page + storage + 0x5000;
    change.invalidation = {command::nh_va(5, 3, block)};
    expect_no_trace(change);
}

TEST(SmmuInFlight, InvalidationOfATableConcernsAWalkOfAnotherAddressThroughIt) {
    // The table of level 3 is replaced. What is named is another of its pages.
    constexpr u64 neighbour = block + 0x9000, another = block + 0xD000;
    for (const u64 configuration : {ste::Stage1, ste::Nested}) {
        Change change;
        change.configuration = configuration;
        const u64 beyond = configuration == ste::Nested ? storage : 0;
        u64 table = 0;
        change.map = [&](TwoStageMachine& machine) {
            machine.map(inside);
            machine.map(neighbour, TwoStageMachine::first_leaf, TwoStageMachine::second_leaf, page + 0x1000);
            machine.map(another, TwoStageMachine::first_leaf, TwoStageMachine::second_leaf, page + 0x4000);
            // The new table, of which a walk elsewhere makes use until then.
            machine.map(block + other, TwoStageMachine::first_leaf, TwoStageMachine::second_leaf, page + 0x2000);
            machine.map(block + other + 0x9000, TwoStageMachine::first_leaf, TwoStageMachine::second_leaf,
                        page + 0x3000);
        };
        change.undo = [&](TwoStageMachine& machine) {
            change.freed = machine.first_descriptor(block, 3) & ~u64{0xFFF};
            table = machine.memory.get<u64>(machine.first_descriptor(block + other, 2));
            machine.memory.put(machine.first_descriptor(block, 2), u64{0});
        };
        change.redo = [&](TwoStageMachine& machine) { machine.memory.put(machine.first_descriptor(block, 2), table); };
        change.read = neighbour;
        change.old = page + 0x1000 + beyond;
        change.invalidation = {command::nh_va(5, 3, neighbour, false)};
        expect_no_trace(change);
        change.warm = another;
        expect_no_trace(change);
    }
}

TEST(SmmuInFlight, InvalidationOfStage2ConcernsTheFetchOfAContextDescriptor) {
    // Its page of stage 2 leads to another descriptor, with the tables of another page.
    constexpr u64 elsewhere = 0x3'0000'0000, cds = TwoStageMachine::cd_address;
    Change change;
    change.configuration = ste::Nested;
    change.map = [](TwoStageMachine& machine) {
        machine.map(inside);
        machine.map(inside + other, TwoStageMachine::first_leaf, TwoStageMachine::second_leaf, page + 0x1000);
        machine.put_second(cds, 3, (cds + storage) | TwoStageMachine::second_leaf);
    };
    change.undo = [](TwoStageMachine& machine) { machine.put_second(cds, 3, 0); };
    change.redo = [](TwoStageMachine& machine) {
        CdBuilder moved = machine.context;
        moved.set(cd::ASID, 4);
        machine.memory.write(elsewhere, moved.words().data(), 64);
        machine.put_second(cds, 3, elsewhere | TwoStageMachine::second_leaf);
        // The first descriptor is of no use any more.
        std::array<u64, 8> nothing{};
        machine.memory.write(cds + storage, nothing.data(), 64);
    };
    change.invalidation = {command::s2_ipa(5, cds), command::nh_all(5), command::cfgi_cd_all(TwoStageMachine::stream)};
    expect_no_trace(change);
}

TEST(SmmuInFlight, SyncWaitsForATranslatedTransactionOfSplitStageAts) {
    TwoStageMachine machine(ste::Nested);
    machine.entry.set(ste::EATS, 0b10);
    machine.map();
    machine.start();
    machine.set_cr0(0b11101);
    machine.memory.hold(machine.final_page(), 0x1000);
    Client client(machine.simulation);
    machine.post(client, translated(read(page)));
    machine.run();
    ASSERT_EQ(machine.memory.held(), 1u);
    const auto words = command::s2_ipa(5, page);
    machine.command(words[0], words[1]);
    machine.command(cmd::sync);
    machine.ring();
    machine.run();
    EXPECT_NE(machine.consumer(), machine.producer());
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.consumer(), machine.producer());
    EXPECT_TRUE(client.done);
}

TEST(SmmuInFlight, QueuesAreOffWhenTheRecordsOfTheLastWalksAreVisible) {
    constexpr u64 far = inside + (u64{1} << 30);
    TwoStageMachine machine(ste::Stage1);
    machine.map(inside);
    machine.map(far);
    machine.start();
    // One walk is about to fault; another reads a table more after that.
    const u64 hole = inside + 0x1000;
    machine.memory.hold(machine.first_descriptor(inside, 3) + 8, 8);
    machine.memory.hold(machine.first_descriptor(far, 2), 8);
    Client faulting(machine.simulation), slow(machine.simulation);
    machine.post(faulting, read(hole));
    machine.post(slow, read(far));
    machine.run();
    ASSERT_EQ(machine.memory.held(), 2u);
    machine.write32(0x20, 0);
    machine.run();
    EXPECT_NE(machine.read32(0x24), 0u);
    machine.memory.release();
    while (machine.read32(0x24) != 0) machine.run_to(machine.simulation.now() + nanosecond);
    EXPECT_EQ(machine.events(), 1u);
    machine.run();
    EXPECT_EQ(machine.events(), 1u) << "nothing comes later";
}

}  // namespace
}  // namespace smmusim::test::chapter10_in_flight
