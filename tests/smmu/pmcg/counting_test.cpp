// What the counters count, and of whom (IHI 0070, 10.3 and 10.4).
#include "smmu/pmcg/pmcg_machine.hpp"

namespace smmusim::test::rule::counting {
namespace {

constexpr u32 other_stream = 9;

/// Streams 8 and 9 with stage 1; stream 9 shares the tables of stream 8.
struct TwoStreamMachine : PmcgMachine {
    explicit TwoStreamMachine(const PmcgChange& change = {}) : PmcgMachine(change) { prepare(); }
    explicit TwoStreamMachine(WithConfig, const ConfigChange& change) : PmcgMachine(WithConfig{}, change) { prepare(); }

    u64 root = 0;

private:
    void prepare() {
        root = set_up_stage1();
        put_ste(other_stream, stage1_ste(cds + 0x100));
        memory.write(cds + 0x100, stage1_cd(root).words().data(), 64);
        for (u64 index = 0; index < 16; ++index)
            map(root, iova + index * 0x1000, page + index * 0x1000, page_attributes);
        bring_up();
    }
};

TEST(SmmuPmcgCounting, NeedsTheCounterAndTheGroupEnabled) {
    TwoStreamMachine machine;
    machine.tbu.configure(0, pmcg::transaction);
    machine.tbu.configure(1, pmcg::transaction);
    machine.read(TwoStreamMachine::iova);
    EXPECT_EQ(machine.tbu.value(0), 0u);
    machine.tbu.write(pmcg::CNTENSET0, 0b01, 8);
    machine.read(TwoStreamMachine::iova);
    EXPECT_EQ(machine.tbu.value(0), 0u) << "CR.E overrides CNTEN";
    machine.tbu.write(pmcg::CR, 1);
    machine.read(TwoStreamMachine::iova);
    EXPECT_EQ(machine.tbu.value(0), 1u);
    EXPECT_EQ(machine.tbu.value(1), 0u) << "CNTEN of this one is clear";
    machine.tbu.write(pmcg::CNTENCLR0, 0b01, 8);
    machine.read(TwoStreamMachine::iova);
    EXPECT_EQ(machine.tbu.value(0), 1u) << "a stopped counter keeps its value";
}

TEST(SmmuPmcgCounting, GroupsCountIndependently) {
    TwoStreamMachine machine;
    machine.tbu.configure(0, pmcg::transaction);
    machine.tcu.configure(0, pmcg::transaction);
    machine.tbu.start(1);
    machine.read(TwoStreamMachine::iova);
    machine.tcu.start(1);
    machine.read(TwoStreamMachine::iova);           // a hit: the TCU hears nothing of it
    machine.read(TwoStreamMachine::iova + 0x1000);  // a miss
    EXPECT_EQ(machine.tbu.value(0), 3u);
    EXPECT_EQ(machine.tcu.value(0), 1u);
}

TEST(SmmuPmcgCounting, EventsThatThePartDoesNotHaveAreNotCounted) {
    TwoStreamMachine machine;
    machine.tbu.configure(0, pmcg::trans_table_walk_access);  // of the TCU
    machine.tcu.configure(0, pmcg::ats_passed);               // of the TBU
    machine.tcu.configure(1, 0x0080);
    machine.tcu.configure(2, 0x0101);  // transaction, if only the low byte counted
    machine.tbu.start();
    machine.tcu.start();
    machine.read(TwoStreamMachine::iova);
    EXPECT_EQ(machine.tbu.value(0), 0u);
    for (u32 counter = 0; counter < 3; ++counter) EXPECT_EQ(machine.tcu.value(counter), 0u) << counter;
}

TEST(SmmuPmcgCounting, SeveralCountersMayCountTheSameEvent) {
    TwoStreamMachine machine;
    for (u32 counter = 0; counter < 8; ++counter) machine.tbu.configure(counter, pmcg::transaction);
    machine.tbu.start();
    for (int times = 0; times < 3; ++times) machine.read(TwoStreamMachine::iova);
    for (u32 counter = 0; counter < 8; ++counter) EXPECT_EQ(machine.tbu.value(counter), 3u);
}

TEST(SmmuPmcgFilter, ExactStreamIdCountsThisStreamAlone) {
    TwoStreamMachine machine;
    const u64 events[] = {pmcg::transaction, pmcg::tlb_miss};
    for (u32 index = 0; index < 2; ++index) {
        machine.tbu.configure(2 * index, events[index], 8);
        machine.tbu.configure(2 * index + 1, events[index], other_stream);
    }
    const u64 of_walks[] = {pmcg::transaction, pmcg::tlb_miss, pmcg::config_cache_miss, pmcg::trans_table_walk_access,
                            pmcg::config_struct_access};
    const u64 expected[] = {1, 1, 1, 4, 2};  // of a walk of four levels with its entry and descriptor
    machine.tbu.start();
    for (const u64 event : of_walks) {
        machine.tcu.stop();
        const u32 index = static_cast<u32>(event - 1);
        machine.tcu.configure(index, event, other_stream);
    }
    machine.tcu.start();
    machine.read(TwoStreamMachine::iova);
    for (u32 index = 0; index < 5; ++index) EXPECT_EQ(machine.tcu.value(index), 0u) << "event " << index + 1;
    machine.ask(other_stream, TwoStreamMachine::iova + 0x3000);
    machine.ask(other_stream, TwoStreamMachine::iova + 0x3000);
    EXPECT_EQ(machine.tbu.value(0), 1u);
    EXPECT_EQ(machine.tbu.value(1), 2u);
    EXPECT_EQ(machine.tbu.value(2), 1u);
    EXPECT_EQ(machine.tbu.value(3), 1u);
    for (u32 index = 0; index < 5; ++index) EXPECT_EQ(machine.tcu.value(index), expected[index]) << "event " << index + 1;
}

TEST(SmmuPmcgFilter, SpanIgnoresTheOnesAtTheBottomAndTheZeroAboveThem) {
    struct Case {
        u32 filter;
        u32 stream;
        bool counted;
    };
    constexpr Case cases[] = {
        {0x1BF7, 0x1BF0, true},  {0x1BF7, 0x1BFF, true},  {0x1BF7, 0x1BE7, false}, {0x1BF7, 0x9BF7, false},
        {0x1BF6, 0x1BF6, true},  {0x1BF6, 0x1BF7, true},  {0x1BF6, 0x1BF4, false}, {0x1BF6, 0x1BF8, false},
        {0x15FF, 0x1400, true},  {0x15FF, 0x17FF, true},  {0x15FF, 0x1800, false}, {0x15FF, 0x13FF, false},
        {0x7FFF, 0x0000, true},  {0x7FFF, 0xFFFF, true},  // every stream, by the largest span
        {0xFFFF, 0x0000, true},  {0xFFFF, 0xFFFF, true},  // every stream, by ones in every bit
        {0x3FFF, 0x7FFF, true},  {0x3FFF, 0x8000, false}, {0x0000, 0x0001, true}, {0x0000, 0x0002, false},
    };
    for (const Case& test : cases) {
        PmcgMachine machine;
        machine.tbu.write(pmcg::EVTYPER, pmcg::transaction | pmcg::span);
        machine.tbu.write(pmcg::SMR, test.filter);
        machine.tbu.start(1);
        machine.ask(test.stream, 0x1000);
        EXPECT_EQ(machine.tbu.value(0), test.counted ? 1u : 0u) << std::hex << test.filter << " " << test.stream;
    }
}

TEST(SmmuPmcgFilter, WithoutSpanTheValueIsNoMask) {
    PmcgMachine machine;
    machine.tbu.write(pmcg::EVTYPER, pmcg::transaction);
    machine.tbu.write(pmcg::SMR, 0xFFFF);
    machine.tbu.start(1);
    machine.ask(0x1234, 0x1000);
    EXPECT_EQ(machine.tbu.value(0), 0u);
    machine.ask(0xFFFF, 0x1000);
    EXPECT_EQ(machine.tbu.value(0), 1u);
}

TEST(SmmuPmcgFilter, StreamsBeyondTheImplementedBitsMatchNoFilterButEverything) {
    PmcgMachine machine;
    machine.tbu.configure(0, pmcg::transaction, 8);
    machine.tbu.configure(1, pmcg::transaction);
    machine.tbu.start();
    machine.ask(0x1'0008, 0x1000);
    EXPECT_EQ(machine.tbu.value(0), 0u);
    EXPECT_EQ(machine.tbu.value(1), 1u);
}

TEST(SmmuPmcgFilter, DoesNotApplyToCycles) {
    PmcgMachine machine;
    machine.tcu.configure(0, pmcg::cycles, 8);
    machine.tcu.start(1);
    machine.run_to(machine.simulation.now() + 100 * nanosecond);
    EXPECT_EQ(machine.tcu.value(0), 100u);
}

TEST(SmmuPmcgFilter, OfCounter0AppliesToAllWithOneFilterForTheGroup) {
    TwoStreamMachine machine([](uarch::PmcgConfig& config) { config.filter = uarch::StreamFilter::Group; });
    machine.tbu.configure(0, pmcg::tlb_miss, other_stream);
    machine.tbu.configure(1, pmcg::transaction);
    machine.tbu.start();
    machine.read(TwoStreamMachine::iova);
    machine.ask(other_stream, TwoStreamMachine::iova);
    machine.ask(other_stream, TwoStreamMachine::iova);
    EXPECT_EQ(machine.tbu.value(1), 2u);
    machine.tbu.write(pmcg::EVTYPER, pmcg::tlb_miss | pmcg::span);
    machine.tbu.write(pmcg::SMR, 0xFFFF'FFFF);
    machine.read(TwoStreamMachine::iova);
    EXPECT_EQ(machine.tbu.value(1), 3u);
}

TEST(SmmuPmcgCycles, AreThoseOfTheClockOfTheTbu) {
    PmcgMachine machine(RuleMachine::WithConfig{},
                        [](uarch::SmmuConfig& config) { config.tbus[0].clock = 250'000'000; });
    machine.tcu.configure(0, pmcg::cycles);
    machine.tbu.configure(0, pmcg::cycles);
    machine.tcu.start(1);
    machine.tbu.start(1);
    machine.run_to(machine.simulation.now() + 400 * nanosecond);
    EXPECT_EQ(machine.tcu.value(0), 400u);
    EXPECT_EQ(machine.tbu.value(0), 100u);
}

TEST(SmmuPmcgCycles, PassWithTheClockWhateverHappens) {
    PmcgMachine machine;
    machine.tcu.configure(0, pmcg::cycles);
    const Time start = machine.simulation.now();
    machine.tcu.start(1);
    machine.run_to(start + 3 * nanosecond - 1);
    EXPECT_EQ(machine.tcu.value(0), 2u);
    machine.run_to(start + 3 * nanosecond);
    EXPECT_EQ(machine.tcu.value(0), 3u);
    machine.tcu.stop();
    machine.run_to(start + 10 * nanosecond);
    machine.tcu.start(1);
    EXPECT_EQ(machine.tcu.value(0), 3u) << "not while stopped";
    machine.run_to(start + 14 * nanosecond);
    EXPECT_EQ(machine.tcu.value(0), 7u);
    machine.tcu.set_value(0, 1000);
    machine.run_to(start + 15 * nanosecond);
    EXPECT_EQ(machine.tcu.value(0), 1001u);
}

TEST(SmmuPmcgCycles, DoNotKeepAMachineFromBeingIdle) {
    PmcgMachine machine([](uarch::PmcgConfig& config) { config.counter_bits = 32; });
    machine.tcu.configure(0, pmcg::cycles);
    machine.tcu.start(1);
    machine.run();  // ends
    EXPECT_LT(machine.simulation.now(), microsecond);
    EXPECT_EQ(machine.simulation.scheduler().executed(), 0u) << "nothing polls";
}

/// Traffic of two streams with hits, misses, joined misses, faults, bypass and commands.
void disturb(TwoStreamMachine& machine) {
    std::vector<std::unique_ptr<Client>> clients;
    const auto submit = [&](u32 stream, u64 address, sim::Command command) {
        clients.push_back(std::make_unique<Client>(machine.simulation));
        clients.back()->submit(machine.smmu.tbu(0), command, stream, address);
    };
    machine.put_ste(10, RuleMachine::bypass_ste());
    u64 random = 12345;
    for (int round = 0; round < 40; ++round) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const u64 address = RuleMachine::iova + (random >> 40) % 20 * 0x1000;  // four of them are not mapped
        for (int times = 0; times < 2; ++times)
            submit(8 + static_cast<u32>(random >> 33) % 4, address,
                   random >> 50 & 1 ? sim::Command::Write : sim::Command::Read);
        if (round % 8 == 7) machine.run();
        if (round == 20) {
            machine.command(cmd::tlbi_nsnh_all);
            machine.command(cmd::cfgi_all, 31);
            machine.command(0x02 | u64{8} << 32, RuleMachine::iova);  // CMD_PREFETCH_ADDR
            machine.run_commands();
        }
    }
    machine.run();
}

TEST(SmmuPmcgEvents, CountWhatTheStatisticsOfTheSameNameCount) {
    TwoStreamMachine machine;
    disturb(machine);  // before the window
    const std::pair<u64, const char*> of_tcu[] = {{pmcg::transaction, "tcu.transaction"},
                                                  {pmcg::tlb_miss, "tcu.tlb_miss"},
                                                  {pmcg::config_cache_miss, "config_cache_miss"},
                                                  {pmcg::trans_table_walk_access, "trans_table_walk_access"},
                                                  {pmcg::config_struct_access, "config_struct_access"}};
    const std::pair<u64, const char*> of_tbu[] = {{pmcg::transaction, "transaction"}, {pmcg::tlb_miss, "tlb_miss"}};
    for (u32 index = 0; index < 5; ++index) machine.tcu.configure(index, of_tcu[index].first);
    for (u32 index = 0; index < 2; ++index) machine.tbu.configure(index, of_tbu[index].first);
    machine.tcu.start();
    machine.tbu.start();
    const StatisticsByName before(machine.smmu);
    disturb(machine);
    const StatisticsByName after(machine.smmu);
    machine.tcu.stop();
    machine.tbu.stop();
    disturb(machine);  // after the window
    for (u32 index = 0; index < 5; ++index) {
        const char* const name = of_tcu[index].second;
        EXPECT_EQ(machine.tcu.value(index), after[name] - before[name]) << name;
        EXPECT_GT(machine.tcu.value(index), 0u) << name;
    }
    for (u32 index = 0; index < 2; ++index) {
        const char* const name = of_tbu[index].second;
        EXPECT_EQ(machine.tbu.value(index), after[name] - before[name]) << name;
        EXPECT_GT(machine.tbu.value(index), 0u) << name;
    }
    EXPECT_GT(after["walk.joined"], before["walk.joined"]);
}

TEST(SmmuPmcgEvents, CountAtsRequestsAtTheTcuAndTranslatedTransactionsAtTheTbu) {
    TwoStreamMachine machine;
    machine.put_ste(RuleMachine::stage1_ste().set(bits::ste::EATS, 1));  // EATS: full
    machine.write_cr0(0b1'1101);
    machine.tcu.configure(0, pmcg::ats_requests);
    machine.tcu.configure(1, pmcg::ats_requests, other_stream);
    machine.tbu.configure(0, pmcg::ats_passed);
    machine.tcu.start();
    machine.tbu.start();
    machine.read(TwoStreamMachine::iova, Ask{.address_type = sim::AddressType::TranslationRequest});
    machine.ask(other_stream, TwoStreamMachine::iova, Ask{.address_type = sim::AddressType::TranslationRequest});
    EXPECT_TRUE(machine.read(TwoStreamMachine::page, Ask{.address_type = sim::AddressType::Translated}).passed());
    EXPECT_EQ(machine.tcu.value(0), 2u) << "whatever their answer";
    EXPECT_EQ(machine.tcu.value(1), 1u);
    EXPECT_EQ(machine.tbu.value(0), 1u);
    const StatisticsByName statistics(machine.smmu);
    EXPECT_EQ(statistics["tbu0.pcie_ats_trans_rq"], 2u);
    EXPECT_EQ(statistics["tbu0.pcie_ats_trans_passed"], 1u);
}

TEST(SmmuPmcgEvents, CountHardwareUpdatesAndAddressOperationsAsWalkAccesses) {
    TwoStreamMachine machine(RuleMachine::WithConfig{}, [](uarch::SmmuConfig&) {});
    machine.put_cd(RuleMachine::stage1_cd(machine.root).set(bits::cd::HA, 1));
    machine.map(machine.root, 0x7000, RuleMachine::page, RuleMachine::page_attributes & ~u64{0x400});  // AF clear
    machine.tcu.configure(0, pmcg::trans_table_walk_access, 8);
    machine.tcu.start();
    EXPECT_TRUE(machine.read(0x7000).passed());
    EXPECT_EQ(machine.tcu.value(0), 5u) << "four reads and an update";
    machine.write64(0x108, 8);
    machine.write64(0x110, RuleMachine::iova | 1 << 10 | 1 << 8);
    machine.write32(0x100, 1);
    machine.run();
    EXPECT_EQ(machine.tcu.value(0), 9u);
}

TEST(SmmuPmcgEvents, AreCountedWhileTheSmmuIsOff) {
    PmcgMachine machine;
    machine.tbu.configure(0, pmcg::transaction);
    machine.tbu.start(1);
    machine.ask(8, 0x1000);
    EXPECT_EQ(machine.tbu.value(0), 1u);
}

}  // namespace
}  // namespace smmusim::test::rule::counting
