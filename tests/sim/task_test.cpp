// Promises of coroutines: they start at once, cost nothing when ready, unwind when destroyed.
#include "sim/task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "sim/resources.hpp"

namespace smmusim::sim {
namespace {

Task<int> ready_value(int value) { co_return value; }

Task<> await_many(u64 count, u64& sum) {
    for (u64 i = 0; i < count; ++i) sum += static_cast<u64>(co_await ready_value(1));
}

/// Counts the objects alive in coroutine frames.
class Counted {
public:
    explicit Counted(int& alive) : alive_(&alive) { ++alive; }
    Counted(const Counted& other) : alive_(other.alive_) { ++*alive_; }
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --*alive_; }

private:
    int* alive_;
};

Task<> nest(Simulation& simulation, int depth, int& alive, Time duration) {
    const Counted before(alive);
    if (depth == 0) co_await simulation.delay(duration);
    else co_await nest(simulation, depth - 1, alive, duration);
    const Counted after(alive);
}

Task<int> fail_after(Simulation& simulation, Time duration) {
    co_await simulation.delay(duration);
    throw std::runtime_error("from the child");
}

Task<> propagate(Simulation& simulation, Time duration) { co_await fail_after(simulation, duration); }

TEST(Task, TenMillionReadyAwaitsInALoopNeitherSuspendNorGrowTheStack) {
    Simulation simulation;
    Scope scope(simulation, "test");
    u64 sum = 0;
    scope.spawn("loop", await_many(10'000'000, sum));
    EXPECT_EQ(sum, 10'000'000u);
    EXPECT_TRUE(scope.empty());
}

TEST(Task, IsNotStartedUntilAwaited) {
    int started = 0;
    const auto activity = [](int& count) -> Task<int> {
        ++count;
        co_return 7;
    };
    auto task = activity(started);
    EXPECT_EQ(started, 0);
    EXPECT_EQ(run_ready(std::move(task)), 7);
    EXPECT_EQ(started, 1);
}

TEST(Task, NeverStartedTaskGivesItsArgumentsBack) {
    int alive = 0;
    const auto activity = [](Counted) -> Task<> { co_return; };
    {
        const auto task = activity(Counted(alive));
        EXPECT_EQ(alive, 1);
    }
    EXPECT_EQ(alive, 0);
}

TEST(Task, RunsUpToItsFirstWaitWhenSpawned) {
    Simulation simulation;
    Scope scope(simulation, "test");
    int alive = 0;
    scope.spawn("nest", nest(simulation, 5, alive, 100));
    EXPECT_EQ(alive, 6);
    EXPECT_FALSE(scope.empty());
    simulation.scheduler().run(99);
    EXPECT_EQ(alive, 6) << "not done at t-1";
    simulation.scheduler().run(100);
    EXPECT_EQ(alive, 0) << "done at t";
    EXPECT_TRUE(scope.empty());
}

TEST(Task, ReturnsAValueThatCanOnlyBeMoved) {
    const auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(42); };
    EXPECT_EQ(*run_ready(make()), 42);
}

TEST(Task, ReadyAnswersWithoutSuspension) {
    const auto activity = []() -> Task<int> { co_return co_await Ready<int>(5) + 1; };
    EXPECT_EQ(run_ready(activity()), 6);
}

TEST(Task, ExceptionIsCarriedToTheAwaiter) {
    Simulation simulation;
    Scope scope(simulation, "test");
    bool caught = false;
    const auto parent = [&]() -> Task<> {
        try {
            co_await fail_after(simulation, 10);
        } catch (const std::runtime_error&) {
            caught = true;
        }
    };
    scope.spawn("parent", parent());
    simulation.scheduler().run(end_of_time);
    EXPECT_TRUE(caught);
}

TEST(Task, ExceptionThatEscapesARootStopsTheRunAndReachesTheDriver) {
    Simulation simulation;
    Scope scope(simulation, "test");
    int alive = 0;
    scope.spawn("fails", propagate(simulation, 10));
    scope.spawn("lives on", nest(simulation, 2, alive, 20));
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(simulation.now(), 10u);
    const auto failure = simulation.scheduler().take_failure();
    ASSERT_NE(failure, nullptr);
    EXPECT_THROW(std::rethrow_exception(failure), std::runtime_error);
    // The rest of the machine is intact.
    simulation.scheduler().clear_stop();
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(simulation.now(), 20u);
    EXPECT_EQ(alive, 0);
    EXPECT_TRUE(scope.empty());
}

TEST(Task, ExceptionBeforeTheFirstWaitReachesTheDriverToo) {
    Simulation simulation;
    Scope scope(simulation, "test");
    const auto activity = []() -> Task<> {
        throw std::runtime_error("at once");
        co_return;
    };
    scope.spawn("fails", activity());
    EXPECT_TRUE(scope.empty());
    EXPECT_NE(simulation.scheduler().take_failure(), nullptr);
}

TEST(Scope, DestructionUnwindsEveryActivityInTheMiddleOfItsAwaits) {
    Simulation simulation;
    Slots slots(simulation, "slots", 2);
    Gate gate(simulation, "gate", false);
    int alive = 0;
    const auto holder = [](Simulation& sim, Slots& from, int& count) -> Task<> {
        const auto slot = co_await from.take();
        co_await nest(sim, 8, count, 1000);
    };
    const auto passer = [](Gate& through, int& count) -> Task<> {
        const Counted counted(count);
        co_await through.pass();
    };
    {
        Scope scope(simulation, "victim");
        for (int i = 0; i < 5; ++i) scope.spawn("holder", holder(simulation, slots, alive));
        scope.spawn("passer", passer(gate, alive));
        EXPECT_EQ(alive, 2 * 9 + 1);
        EXPECT_EQ(slots.in_use(), 2u);
    }
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(slots.in_use(), 0u);
    EXPECT_TRUE(simulation.scheduler().idle());
    EXPECT_EQ(simulation.waiting(), "");
    gate.open();
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(simulation.now(), 0u) << "nothing of the victims ran";
}

TEST(Scope, CancelledAtAnyMomentLeavesNothingBehind) {
    for (Time moment = 0; moment < 60; ++moment) {
        Simulation simulation;
        Slots slots(simulation, "slots", 1);
        Signal signal(simulation, "signal");
        int alive = 0;
        const auto activity = [](Simulation& sim, Slots& from, Signal& on, int& count) -> Task<> {
            const Counted counted(count);
            const auto slot = co_await from.take();
            co_await nest(sim, 3, count, 7);
            on.notify_all();
            co_await sim.delay(2);
        };
        const auto listener = [](Signal& on, int& count) -> Task<> {
            const Counted counted(count);
            for (;;) co_await on.wait();
        };
        Scope others(simulation, "others");
        Scope victims(simulation, "victims");
        for (int i = 0; i < 3; ++i) {
            victims.spawn("worker", activity(simulation, slots, signal, alive));
            others.spawn("worker", activity(simulation, slots, signal, alive));
        }
        victims.spawn("listener", listener(signal, alive));
        simulation.scheduler().run(moment, Scheduler::Until::Limit);
        victims.cancel();
        EXPECT_TRUE(victims.empty());
        simulation.scheduler().run(end_of_time);
        EXPECT_TRUE(others.empty()) << "cancelled at " << moment;
        EXPECT_EQ(alive, 0);
        EXPECT_EQ(slots.in_use(), 0u);
    }
}

TEST(Scope, ActivityMaySpawnAndCancelAnotherScope) {
    Simulation simulation;
    Scope owner(simulation, "owner");
    Scope children(simulation, "children");
    int alive = 0;
    const auto supervisor = [](Simulation& sim, Scope& scope, int& count) -> Task<> {
        scope.spawn("child", nest(sim, 3, count, 1000));
        co_await sim.delay(10);
        scope.cancel();
        co_await sim.delay(10);
    };
    owner.spawn("supervisor", supervisor(simulation, children, alive));
    EXPECT_EQ(alive, 4);
    simulation.scheduler().run(9);
    EXPECT_EQ(alive, 4);
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(simulation.now(), 20u);
}

TEST(Scope, ASimulationCanDieInTheMiddleOfEverything) {
    int alive = 0;
    for (int round = 0; round < 50; ++round) {
        Simulation simulation;
        Slots slots(simulation, "slots", 1);
        Scope scope(simulation, "test");
        for (int i = 0; i < 4; ++i) scope.spawn("nest", nest(simulation, i, alive, 100));
        simulation.scheduler().run(static_cast<Time>(round));
    }
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace smmusim::sim
