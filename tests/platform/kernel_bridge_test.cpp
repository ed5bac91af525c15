// Promises about time: our scheduler and the SystemC kernel.
#include "platform/tlm_bench.hpp"

namespace smmusim::tlm {
namespace {

TEST(KernelBridge, FollowsAKernelThatSomebodyElseDrives) {
    ForeignBench bench;
    auto& write = bench.add(::tlm::TLM_WRITE_COMMAND, base, {1});
    bench.initiator.start = sc_core::sc_time(7, sc_core::SC_NS);
    sc_core::sc_start(sc_core::sc_time(106, sc_core::SC_NS));
    EXPECT_EQ(write.status, ::tlm::TLM_INCOMPLETE_RESPONSE);
    sc_core::sc_start(sc_core::sc_time(2, sc_core::SC_NS));
    EXPECT_EQ(write.status, ::tlm::TLM_OK_RESPONSE);
    EXPECT_EQ(picoseconds(write.done), 107 * nanosecond);
}

TEST(KernelBridge, StopUnderAForeignDriverPausesTheKernel) {
    Bench bench;
    connect(bench.port(), bench.target());
    const auto stop = [](void* scheduler, void*) { static_cast<Scheduler*>(scheduler)->stop(); };
    const auto note = [](void* flag, void*) { *static_cast<bool*>(flag) = true; };
    bool ran = false;
    bench.simulation.scheduler().at(1000, stop, &bench.simulation.scheduler());
    bench.simulation.scheduler().at(2000, note, &ran);
    sc_core::sc_start(sc_core::sc_time(5, sc_core::SC_NS));
    EXPECT_EQ(picoseconds(sc_core::sc_time_stamp()), 1000u);
    EXPECT_FALSE(ran);
    sc_core::sc_start(sc_core::sc_time(5, sc_core::SC_NS));
    EXPECT_TRUE(ran);
}

TEST(KernelBridge, FailureUnderAForeignDriverIsAnErrorOfTheKernel) {
    Bench bench;
    connect(bench.port(), bench.target());
    const auto direct = [](void*, void*) { throw std::range_error("from a call"); };
    bench.simulation.scheduler().at(15, direct, nullptr);
    try {
        sc_core::sc_start(sc_core::sc_time(5, sc_core::SC_NS));
        ADD_FAILURE();
    } catch (const sc_core::sc_report& report) {
        EXPECT_STREQ(report.get_msg(), "from a call");
    }
}

TEST(KernelBridge, ExceptionOfAnActivityArrivesWhereTheSimulationWasRun) {
    Bench bench;
    connect(bench.port(), bench.target());
    sim::Scope scope(bench.simulation, "test");
    const auto thrower = [](sim::Simulation& simulation) -> sim::Task<> {
        co_await simulation.delay(10);
        throw std::domain_error("from an activity");
    };
    scope.spawn("thrower", thrower(bench.simulation));
    const auto later = [](void* flag, void*) { *static_cast<bool*>(flag) = true; };
    bool ran = false;
    bench.simulation.scheduler().at(20, later, &ran);
    const auto direct = [](void*, void*) { throw std::range_error("from a call"); };
    bench.simulation.scheduler().at(15, direct, nullptr);
    EXPECT_THROW(bench.run(), std::domain_error);
    EXPECT_EQ(bench.simulation.now(), 10u);
    EXPECT_THROW(bench.run(), std::range_error);
    EXPECT_FALSE(ran);
    bench.run();
    EXPECT_TRUE(ran);
}

TEST(KernelBridge, RunStopsAtItsLimitAndMovesBothClocksThere) {
    Bench bench;
    connect(bench.port(), bench.target());
    std::vector<Time> ran;
    struct Note {
        sim::Simulation* simulation;
        std::vector<Time>* times;
    } note{&bench.simulation, &ran};
    const auto record = [](void* object, void*) {
        auto* const to = static_cast<Note*>(object);
        to->times->push_back(to->simulation->now());
    };
    for (const Time at : {Time{0}, Time{99}, Time{100}, Time{101}}) bench.simulation.scheduler().at(at, record, &note);
    bench.simulation.scheduler().at(100, record, &note, nullptr, Scheduler::Kind::Timer);
    bench.run(0, Scheduler::Until::Limit);
    EXPECT_EQ(ran.size(), 1u);
    bench.run(100, Scheduler::Until::Limit);
    EXPECT_EQ(ran, (std::vector<Time>{0, 99, 100, 100}));
    bench.run(100, Scheduler::Until::Limit);
    EXPECT_EQ(ran.size(), 4u);
    bench.run(5000, Scheduler::Until::Limit);
    EXPECT_EQ(ran.size(), 5u);
    EXPECT_EQ(bench.simulation.now(), 5000u);
    EXPECT_EQ(picoseconds(sc_core::sc_time_stamp()), 5000u);
}

/// A process of somebody else that does something every 10 ns for ever.
struct ForeignClock : sc_core::sc_module {
    SC_HAS_PROCESS(ForeignClock);
    explicit ForeignClock(const sc_core::sc_module_name& name) : sc_module(name) {
        SC_METHOD(tick);
        sensitive << event;
    }
    void tick() {
        ++ticks;
        event.notify(sc_core::sc_time(10, sc_core::SC_NS));
    }
    sc_core::sc_event event;
    unsigned int ticks = 0;
};

TEST(KernelBridge, ForeignActivityIsNeitherOvertakenNorKeepsUsFromBeingIdle) {
    Bench bench;
    connect(bench.port(), bench.target());
    ForeignClock clock("clock");
    struct Note {
        ForeignClock* clock;
        std::vector<std::pair<Time, unsigned int>> seen;
        sim::Simulation* simulation;
    } note{&clock, {}, &bench.simulation};
    const auto record = [](void* object, void*) {
        auto* const to = static_cast<Note*>(object);
        to->seen.emplace_back(to->simulation->now(), to->clock->ticks);
    };
    for (const Time at : {Time{9'999}, Time{10'001}, Time{25'000}, Time{100'500}})
        bench.simulation.scheduler().at(at, record, &note);
    bench.run();
    EXPECT_EQ(note.seen,
              (std::vector<std::pair<Time, unsigned int>>{{9'999, 1}, {10'001, 2}, {25'000, 3}, {100'500, 11}}));
    EXPECT_EQ(bench.simulation.now(), 100'500u);
}

TEST(SimContext, ManySimulationsInterleavedDoNotDisturbEachOther) {
    const auto& first = *sc_core::sc_get_curr_simcontext();
    struct Machine {
        platform::SimContext context;
        std::unique_ptr<sim::Simulation> simulation = std::make_unique<sim::Simulation>();
        std::unique_ptr<test::FakeMemory> memory = std::make_unique<test::FakeMemory>(*simulation, 100 * nanosecond);
        std::unique_ptr<KernelBridge> bridge;
        std::unique_ptr<Module> module;
        std::unique_ptr<Through> through;
        std::unique_ptr<test::Sender> sender;
        std::vector<Time> done;
        Machine() {
            const platform::SimContext::Use use(context);
            bridge = std::make_unique<KernelBridge>("bridge", *simulation);
            module = std::make_unique<Module>("module", *bridge);
            InitiatorSocket& port = module->initiator("port");
            connect(port, module->target("target", *memory));
            through = std::make_unique<Through>(port);
            sender = std::make_unique<test::Sender>(*simulation, *through);
        }
        ~Machine() {
            const platform::SimContext::Use use(context);
            sender.reset();
            module.reset();
            bridge.reset();
        }
        void step(Time duration) {
            const platform::SimContext::Use use(context);
            bridge->run(simulation->now() + duration, Scheduler::Until::Limit);
            done.push_back(sender->read(base, 8).at);
            const test::Sent& read = sender->read(base, 8);
            bridge->run(second, Scheduler::Until::Idle);
            done.push_back(read.at);
        }
    };
    std::vector<Time> expected;
    {
        Machine alone;
        for (int i = 0; i < 20; ++i) alone.step(1000);
        expected = alone.done;
    }
    std::vector<std::unique_ptr<Machine>> machines;
    for (int i = 0; i < 5; ++i) machines.push_back(std::make_unique<Machine>());
    for (int i = 0; i < 20; ++i)
        for (const auto& machine : machines) machine->step(1000);
    for (const auto& machine : machines) EXPECT_EQ(machine->done, expected);
    for (int i = 0; i < 200; ++i) Machine();
    EXPECT_EQ(&first, sc_core::sc_get_curr_simcontext());
}

}  // namespace
}  // namespace smmusim::tlm
