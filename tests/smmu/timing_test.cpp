// When things happen, to the cycle: each test says "not at t-1, at t". Cycles are of 1 ns, memory answers after 100 ns.
#include "smmu/machine.hpp"

namespace smmusim::test::timing {
namespace {

using sim::Command;
using sim::Status;

constexpr u32 stream = 8;
constexpr u64 iova = 0x1234'5000;
constexpr u64 page = SmmuMachine::ram + 0x100'0000;
constexpr Time ns = nanosecond;

// The latencies of the configuration, by name.
constexpr Time micro = 1 * ns, main_tlb = 3 * ns, send = 1 * ns, link = 8 * ns, structures = 3 * ns,
               walk_cache = 4 * ns;
constexpr Time one_read = (1 + 100) * ns, one_command = (100 + 4) * ns;
constexpr Time before_walk = micro + main_tlb + link + structures;

class Machine : public SmmuMachine {
public:
    explicit Machine(uarch::SmmuConfig config = small_config()) : SmmuMachine(config) {
        root = stage1_stream(stream);
        for (const u64 offset : offsets) map(root, iova + offset, page + offset % 0x10'0000);
        bring_up();
    }
    /// Runs to the start of a cycle, with nothing left to do; what follows is measured from there.
    Time settle() {
        run();
        memory.log.clear();
        run_to((simulation.now() / microsecond + 1) * microsecond);
        return simulation.now();
    }
    void read(Client& client, u64 address) { client.submit(smmu.tbu(0), Command::Read, stream, address); }
    void warm(u64 address) {
        Client client(simulation);
        read(client, address);
        run();
        ASSERT_EQ(client.access->status, Status::Ok);
    }
    bool sent(u64 address) const { return memory.reads(page + (address - iova) % 0x10'0000, 64) != 0; }
    /// The translated access reaches the bus at `at` and not before.
    void expect_sent(u64 address, Time at) {
        run_to(at - 1);
        EXPECT_FALSE(sent(address)) << "at t-1";
        run_to(at);
        EXPECT_TRUE(sent(address)) << "at t";
    }

    /// Other pages that share tables with `iova` down to level 2, 1, 0 and none.
    static constexpr u64 offsets[] = {0, u64{1} << 12, u64{1} << 21, u64{1} << 30, u64{1} << 39, 0x2000, 0x3000};
    u64 root = 0;
};

TEST(Timing, MicroTlbHit) {
    Machine machine;
    machine.warm(iova);
    const Time start = machine.settle();
    Client client(machine.simulation);
    machine.read(client, iova);
    machine.expect_sent(iova, start + micro + send);
}

TEST(Timing, MainTlbHit) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tbus[0].utlb.entries = 1;
    Machine machine(config);
    machine.warm(iova);
    machine.warm(iova + 0x1000);
    const Time start = machine.settle();
    Client client(machine.simulation);
    machine.read(client, iova);
    machine.expect_sent(iova, start + micro + main_tlb + send);
}

TEST(Timing, FirstAccessReadsEntryDescriptorAndFourLevels) {
    Machine machine;
    const Time start = machine.settle();
    Client client(machine.simulation);
    machine.read(client, iova);
    machine.expect_sent(iova, start + before_walk + (2 + 4) * one_read + link + send);
}

TEST(Timing, MissReadsWhatTheWalkCachesDoNotKnow) {
    for (const bool serial : {false, true})
        for (unsigned known = 0; known < 4; ++known) {  // levels above the target's that are cached
            uarch::SmmuConfig config = SmmuMachine::small_config();
            config.tcu.walk_cache.entries = 64;
            config.tcu.walk_cache_search = serial ? uarch::WalkCacheSearch::Serial : uarch::WalkCacheSearch::Parallel;
            Machine machine(config);
            machine.warm(iova + Machine::offsets[4 - known]);
            const Time start = machine.settle();
            Client client(machine.simulation);
            machine.read(client, iova);
            // Levels 2, 1, 0 are looked at one after the other until one knows the address.
            const unsigned looks = !serial ? 1 : known == 0 ? 3 : 4 - known;
            machine.expect_sent(iova, start + before_walk + looks * walk_cache + (4 - known) * one_read + link + send);
        }
}

TEST(Timing, TableReadTakesOneEventWhereNothingIsKeptOfIt) {
    Machine machine;
    machine.warm(iova + 0x1000);
    machine.settle();
    const u64 before = machine.simulation.scheduler().executed();
    Client client(machine.simulation);
    machine.read(client, iova);
    machine.run();
    // Link, structures, four reads and the answer of the last, link, the transaction itself.
    EXPECT_EQ(machine.simulation.scheduler().executed() - before, 2u + 4 + 1 + 2);
}

TEST(Timing, TableThatHardwareUpdatesIsReadWhenTheAnswerBeforeIsThere) {
    // Another walk may hold the line of the next descriptor by then.
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.identification.idr0.HTTU = 1;
    Machine machine(config);
    spec::Cd cd;
    machine.memory.read(SmmuMachine::cds + u64{stream} * 64, cd.words.data(), 64);
    cd.set(spec::Cd::HA, true);
    machine.set_cd(SmmuMachine::cds + u64{stream} * 64, cd);
    machine.warm(iova + 0x1000);
    const Time start = machine.settle();
    const u64 before = machine.simulation.scheduler().executed();
    Client client(machine.simulation);
    machine.read(client, iova);
    machine.expect_sent(iova, start + before_walk + 4 * one_read + link + send);
    machine.run();
    EXPECT_EQ(machine.simulation.scheduler().executed() - before, 2u + 4 + 4 + 2);
}

TEST(Timing, LeafOfAWalkCacheNeedsNoRead) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tcu.walk_cache.entries = 64;
    config.tcu.walk_cache_leaves = true;
    config.tbus[0].utlb.entries = config.tbus[0].tlb.entries = 0;
    Machine machine(config);
    machine.warm(iova);
    const Time start = machine.settle();
    Client client(machine.simulation);
    machine.read(client, iova);
    machine.expect_sent(iova, start + link + structures + walk_cache + link + send);
}

TEST(Timing, CacheThatIsNotThereTakesNoTime) {
    for (const bool micro_tlb : {false, true})
        for (const bool structure_caches : {false, true}) {
            uarch::SmmuConfig config = SmmuMachine::small_config();
            if (!micro_tlb) config.tbus[0].utlb.entries = 0;
            if (!structure_caches) config.tcu.config_cache.entries = 0;
            Machine machine(config);
            machine.warm(iova + 0x1000);
            Time start = machine.settle();
            Client miss(machine.simulation);
            machine.read(miss, iova);
            const Time looked_up = start + micro_tlb * micro + main_tlb;
            const Time context = structure_caches ? structures : 2 * one_read;
            machine.expect_sent(iova, looked_up + link + context + 4 * one_read + link + send);
            if (micro_tlb) continue;
            start = machine.settle();
            Client hit(machine.simulation);
            machine.read(hit, iova);
            machine.expect_sent(iova, start + main_tlb + send);
        }
}

TEST(Timing, TransactionIsLookedUpWhenItIsItsTurn) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tbus[0].accept_interval = 1000;
    Machine machine(config);
    machine.warm(iova + 0x1000);
    machine.settle();  // until it is the next one's turn
    const Time start = machine.settle();
    Client first(machine.simulation), second(machine.simulation);
    machine.read(first, iova);
    machine.read(second, iova);
    machine.run_to(start + 1000 * ns + micro + send - 1);
    EXPECT_EQ(machine.memory.reads(page, 0x1000), 1u) << "at t-1";
    machine.run_to(start + 1000 * ns + micro + send);
    EXPECT_EQ(machine.memory.reads(page, 0x1000), 2u) << "at t: the walk of the first has ended long ago";
}

TEST(Timing, StepsOfAWalkHaveTheirOwnCosts) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tcu.walk_start_latency = 7;
    config.tcu.walk_return_latency = 2;
    Machine machine(config);
    machine.warm(iova + 0x1000);
    const Time start = machine.settle();
    Client client(machine.simulation);
    machine.read(client, iova);
    machine.expect_sent(iova, start + before_walk + 7 * ns + 4 * (one_read + 2 * ns) + link + send);
}

TEST(Timing, TbuHasAClockOfItsOwnIfGiven) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tbus[0].clock = 250'000'000;  // cycles of 4 ns
    Machine machine(config);
    machine.warm(iova + 0x1000);
    Time start = machine.settle();
    Client miss(machine.simulation);
    machine.read(miss, iova);
    // The TCU's part ends 3 + 4 x 101 ns after an edge; the way back begins at the next edge of the TBU.
    const Time answered = start + 4 * (micro + main_tlb + link) + structures + 4 * one_read;
    const Time edge = (answered + 4 * ns - 1) / (4 * ns) * (4 * ns);
    machine.expect_sent(iova, edge + 4 * (link + send));
    start = machine.settle();
    Client hit(machine.simulation);
    machine.read(hit, iova);
    machine.expect_sent(iova, start + 4 * (micro + send));
}

TEST(Timing, MergedMissGoesOnWithTheWalkThatItJoined) {
    Machine machine;
    machine.warm(iova + 0x1000);
    const Time start = machine.settle();
    Client first(machine.simulation), second(machine.simulation);
    machine.read(first, iova);
    machine.run_to(start + 300 * ns);
    machine.read(second, iova + 0x80);
    const Time at = start + before_walk + 4 * one_read + link + send;
    machine.run_to(at - 1);
    EXPECT_EQ(machine.memory.reads(page, 0x1000), 0u) << "at t-1";
    machine.run_to(at);
    EXPECT_EQ(machine.memory.reads(page, 0x1000), 2u) << "at t";
}

TEST(Timing, MissWaitsForAWalkSlot) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tcu.walk_slots = 2;
    Machine machine(config);
    machine.warm(iova + 0x1000);
    const Time start = machine.settle();
    Client clients[3] = {Client(machine.simulation), Client(machine.simulation), Client(machine.simulation)};
    const u64 addresses[] = {iova, iova + 0x2000, iova + 0x3000};
    for (unsigned index = 0; index < 3; ++index) machine.read(clients[index], addresses[index]);
    // One is accepted in each cycle. The third walks when the first has ended.
    machine.expect_sent(iova, start + before_walk + 4 * one_read + link + send);
    EXPECT_FALSE(machine.sent(iova + 0x2000));
    machine.expect_sent(iova + 0x2000, start + 1 * ns + before_walk + 4 * one_read + link + send);
    machine.expect_sent(iova + 0x3000, start + before_walk + 8 * one_read + link + send);
}

TEST(Timing, MissThatWaitedForAWalkSlotFindsWhatTheWalkCachesHaveLearnt) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tcu.walk_slots = 1;
    config.tcu.walk_cache.entries = 64;
    Machine machine(config);
    machine.warm(iova + Machine::offsets[4]);  // shares no table but the root
    const Time start = machine.settle();
    Client first(machine.simulation), second(machine.simulation);
    machine.read(first, iova);
    machine.read(second, iova + 0x2000);
    const Time walked = start + before_walk + walk_cache + 4 * one_read;
    machine.expect_sent(iova, walked + link + send);
    machine.expect_sent(iova + 0x2000, walked + walk_cache + one_read + link + send);
}

/// The configuration of the stream is known.
struct OneTranslationSlot : Machine {
    OneTranslationSlot() : Machine(config()) { warm(iova + 0x1000); }
    static uarch::SmmuConfig config() {
        uarch::SmmuConfig config = SmmuMachine::small_config();
        config.tbus[0].translation_slots = 1;
        config.tbus[0].records_kept = 4;
        return config;
    }
};

TEST(Timing, MissWaitsForATranslationSlotOfItsTbu) {
    OneTranslationSlot machine;
    const Time start = machine.settle();
    Client first(machine.simulation), second(machine.simulation);
    machine.read(first, iova);
    machine.read(second, iova + 0x2000);
    const Time answered = start + before_walk + 4 * one_read + link;
    machine.expect_sent(iova, answered + send);
    machine.expect_sent(iova + 0x2000, answered + link + structures + 4 * one_read + link + send);
}

TEST(Timing, StagesOfAMissThatATlbAnsweredAfterAllAddUp) {
    for (const Time later : {400 * ns, 423 * ns, 425 * ns}) {
        OneTranslationSlot machine;
        const Time start = machine.settle();
        Client first(machine.simulation), second(machine.simulation);
        machine.read(first, iova);
        machine.run_to(start + later);  // the slot is free before the look-up ends, or after it
        machine.read(second, iova);
        machine.run();
        for (const uarch::TransactionRecord& record : machine.smmu.transactions(0)) {
            EXPECT_EQ(record.stages.sum(), record.responded - record.arrived);
            for (const uarch::Stage stage : {uarch::Stage::LookUp, uarch::Stage::TranslationSlot})
                EXPECT_LE(record.stages[stage], record.responded - record.arrived) << later;
        }
    }
}

TEST(Timing, MissThatWaitedForATranslationSlotFindsWhatTheTlbHasLearnt) {
    OneTranslationSlot machine;
    const Time start = machine.settle();
    Client first(machine.simulation), second(machine.simulation);
    machine.read(first, iova);
    machine.read(second, iova);
    const Time answered = start + before_walk + 4 * one_read + link;
    machine.run_to(answered + micro + send - 1);
    EXPECT_EQ(machine.memory.reads(page, 0x1000), 1u) << "at t-1";
    machine.run_to(answered + micro + send);
    EXPECT_EQ(machine.memory.reads(page, 0x1000), 2u) << "at t, without a walk";
    machine.warm(iova + 0x2000);  // the slot is free again
}

class TimingOfCommands : public testing::Test {
protected:
    bool complete() { return machine.consumer() == machine.producer(); }
    Machine machine;
};

TEST_F(TimingOfCommands, SyncOfAnIdleMachineCompletesWhenItIsExecuted) {
    machine.settle();
    machine.command(cmd::tlbi_nh_asid(0, 1));
    machine.command(cmd::sync);
    machine.ring();
    const Time rung = machine.simulation.now();
    machine.run_to(rung + 2 * one_command - 1);
    EXPECT_FALSE(complete()) << "at t-1";
    machine.run_to(rung + 2 * one_command);
    EXPECT_TRUE(complete()) << "at t";
}

TEST_F(TimingOfCommands, SyncCompletesWhenTheLastMarkedTransactionReturns) {
    machine.warm(iova + 0x1000);
    const Time start = machine.settle();
    Client early(machine.simulation);
    machine.read(early, iova);
    machine.command(cmd::tlbi_nh_asid(0, 1));
    machine.command(cmd::sync);
    machine.ring();
    // The walk was under way when the TLBI was executed: the SYNC waits for the data that it leads to.
    const Time returned = start + before_walk + 4 * one_read + link + send + 100 * ns;
    machine.run_to(returned - 1);
    EXPECT_FALSE(complete()) << "at t-1";
    machine.run_to(returned);
    EXPECT_TRUE(complete()) << "at t";
    EXPECT_EQ(early.completed, returned);
}

TEST_F(TimingOfCommands, InvalidationTakesAwayAWalkFromTheMomentThatItsTagsAreKnown) {
    // The TLBI is executed so long before or after the walk knows what it depends on.
    for (const i64 after : {-1, 1, 200, 403, 406, 500}) {
        Machine raced;
        raced.warm(iova + 0x1000);
        const Time start = raced.settle();
        const Time executed = start + 10 * microsecond;
        const Time arrival = executed - before_walk - static_cast<Time>(after) * ns;
        Client client(raced.simulation);
        raced.command(cmd::tlbi_nh_asid(0, 1));
        const auto ring = [&] {
            raced.run_to(executed - one_command);
            raced.ring();
        };
        if (arrival > executed - one_command) ring();
        raced.run_to(arrival);
        raced.read(client, iova);
        if (arrival <= executed - one_command) ring();
        raced.run();
        EXPECT_EQ(client.access->status, Status::Ok);
        raced.memory.log.clear();
        raced.warm(iova);
        EXPECT_EQ(raced.memory.log.size(), after < 0 ? 1u : 5u) << after << " ns";
    }
}

}  // namespace
}  // namespace smmusim::test::timing
