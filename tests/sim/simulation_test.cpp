// Promises of waiting: who waits for whom, and until when.
#include "sim/simulation.hpp"

#include <gtest/gtest.h>

#include "sim/resources.hpp"

namespace smmusim::sim {
namespace {

Task<> take_forever(Simulation& simulation, Slots& slots) {
    const auto slot = co_await slots.take();
    co_await simulation.delay(100);
}

Task<> wait_for(Simulation& simulation, Time duration, Time& when) {
    co_await simulation.delay(duration);
    when = simulation.now();
}

TEST(Simulation, WaitingNamesOwnerActivityAndResource) {
    Simulation simulation;
    Slots slots(simulation, "smmu0.walk_slots", 1);
    Signal signal(simulation, "its0.command");
    Scope smmu(simulation, "smmu0");
    Scope its(simulation, "its0");
    const auto listen = [](Signal& on) -> Task<> { co_await on.wait(); };
    smmu.spawn("walk of 0x1000", take_forever(simulation, slots));
    smmu.spawn("walk of 0x2000", take_forever(simulation, slots));
    its.spawn("command queue", listen(signal));
    EXPECT_EQ(simulation.waiting(),
              "smmu0: walk of 0x1000 waits for time\n"
              "smmu0: walk of 0x2000 waits for smmu0.walk_slots\n"
              "its0: command queue waits for its0.command\n");
    simulation.scheduler().run(100);
    EXPECT_EQ(simulation.waiting(),
              "its0: command queue waits for its0.command\n"
              "smmu0: walk of 0x2000 waits for time\n");
    signal.notify_all();
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(simulation.waiting(), "");
}

TEST(Simulation, AwaitedChildWaitsInTheNameOfItsRoot) {
    Simulation simulation;
    Scope outer(simulation, "outer");
    Scope inner(simulation, "inner");
    Time when = 0;
    const auto parent = [](Simulation& sim, Scope& scope, Time& at) -> Task<> {
        scope.spawn("spawned", wait_for(sim, 5, at));
        co_await wait_for(sim, 3, at);
        co_await wait_for(sim, 9, at);
    };
    outer.spawn("parent", parent(simulation, inner, when));
    EXPECT_EQ(simulation.waiting(), "inner: spawned waits for time\nouter: parent waits for time\n");
    simulation.scheduler().run(4);
    EXPECT_EQ(simulation.waiting(), "inner: spawned waits for time\nouter: parent waits for time\n");
}

TEST(Simulation, DelayIsOverAtItsTimeAndNotBefore) {
    Simulation simulation;
    Scope scope(simulation, "test");
    Time when = 0;
    scope.spawn("wait", wait_for(simulation, 500, when));
    simulation.scheduler().run(499);
    EXPECT_EQ(when, 0u);
    simulation.scheduler().run(500);
    EXPECT_EQ(when, 500u);
}

TEST(Simulation, DelayOfNothingDoesNotSuspend) {
    Simulation simulation;
    Scope scope(simulation, "test");
    Time when = 1;
    scope.spawn("wait", wait_for(simulation, 0, when));
    EXPECT_EQ(when, 0u);
    EXPECT_TRUE(scope.empty());
}

TEST(Simulation, DelayBeyondTheEndOfTimeNeverEnds) {
    Simulation simulation;
    Scope scope(simulation, "test");
    simulation.scheduler().advance_to(10);
    Time when = 0;
    scope.spawn("wait", wait_for(simulation, end_of_time, when));
    simulation.scheduler().run(end_of_time, Scheduler::Until::Limit);
    EXPECT_EQ(when, 0u);
    EXPECT_EQ(simulation.waiting(), "test: wait waits for time\n");
}

TEST(Simulation, SeveralLiveSideBySideWithoutTouchingEachOther) {
    Simulation first;
    Simulation second;
    Scope scope_of_first(first, "first");
    Scope scope_of_second(second, "second");
    Time when_first = 0;
    Time when_second = 0;
    scope_of_first.spawn("wait", wait_for(first, 10, when_first));
    scope_of_second.spawn("wait", wait_for(second, 20, when_second));
    second.scheduler().run(end_of_time);
    EXPECT_EQ(when_first, 0u);
    EXPECT_EQ(when_second, 20u);
    EXPECT_EQ(first.now(), 0u);
    first.scheduler().run(end_of_time);
    EXPECT_EQ(when_first, 10u);
}

}  // namespace
}  // namespace smmusim::sim
