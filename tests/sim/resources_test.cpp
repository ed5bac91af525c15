// Promises of the resources that activities wait for.
#include "sim/resources.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace smmusim::sim {
namespace {

class Resources : public testing::Test {
protected:
    Simulation simulation;
    std::string order;

    Task<> hold(Slots& slots, char name, Time duration) {
        const auto slot = co_await slots.take();
        order += name;
        co_await simulation.delay(duration);
    }
    Task<> listen(Signal& signal, char name) {
        co_await signal.wait();
        order += name;
    }
    Task<> pass(Gate& gate, char name) {
        co_await gate.pass();
        order += name;
    }
    void run() { simulation.scheduler().run(end_of_time); }
};

TEST_F(Resources, SlotsAreGrantedFirstComeFirstServed) {
    Slots slots(simulation, "slots", 2);
    Scope scope(simulation, "test");
    for (const char name : {'a', 'b', 'c', 'd', 'e'}) scope.spawn("hold", hold(slots, name, name == 'b' ? 5 : 10));
    EXPECT_EQ(order, "ab");
    EXPECT_EQ(slots.in_use(), 2u);
    simulation.scheduler().run(4);
    EXPECT_EQ(order, "ab");
    simulation.scheduler().run(5);
    EXPECT_EQ(order, "abc");
    run();
    EXPECT_EQ(order, "abcde");
    EXPECT_EQ(slots.in_use(), 0u);
    EXPECT_EQ(slots.peak(), 2u);
}

TEST_F(Resources, TimeInUseCountsFromWhereItWasSetBack) {
    Slots slots(simulation, "slots", 2);
    Scope scope(simulation, "test");
    for (const char name : {'a', 'b', 'c'}) scope.spawn("hold", hold(slots, name, name == 'b' ? 5 : 10));
    simulation.scheduler().run(5);
    EXPECT_EQ(slots.busy(), 10u);
    EXPECT_EQ(slots.busy(), 10u);
    slots.busy() = 0;
    simulation.scheduler().run(10);
    EXPECT_EQ(slots.busy(), 10u);
    run();
    EXPECT_EQ(slots.busy(), 15u);
}

TEST_F(Resources, WhoWaitsForWhatIsUnderWayGoesOnWhenNothingIs) {
    Underway under_way(simulation, "under way");
    Scope scope(simulation, "test");
    const auto work = [](Simulation& on, Underway& counter, Time duration) -> Task<> {
        const Underway::Mark counted(counter);
        co_await on.delay(duration);
    };
    Time gone_on = 0;
    const auto wait = [](Simulation& on, Underway& counter, Time& end) -> Task<> {
        co_await counter.none();
        end = on.now();
    };
    for (const Time duration : {Time{5}, Time{10}}) scope.spawn("work", work(simulation, under_way, duration));
    scope.spawn("wait", wait(simulation, under_way, gone_on));
    run();
    EXPECT_EQ(gone_on, 10u);
    EXPECT_FALSE(under_way.any());
    EXPECT_NO_THROW(run_ready(under_way.none())) << "nothing to wait for";
}

TEST_F(Resources, PlaceThatIsAskedForAtOnceDoesNotOvertakeTheQueue) {
    Slots slots(simulation, "slots", 1);
    Scope scope(simulation, "test");
    {
        const Slots::Slot first = slots.try_take();
        EXPECT_TRUE(first);
        EXPECT_FALSE(slots.try_take());
        scope.spawn("hold", hold(slots, 'a', 10));
    }
    EXPECT_FALSE(slots.try_take()) << "it belongs to the one that waited";
    run();
    EXPECT_EQ(order, "a");
    EXPECT_TRUE(slots.try_take());
    EXPECT_EQ(slots.in_use(), 0u);
}

TEST_F(Resources, LateComerDoesNotOvertakeOneThatIsAlreadyGranted) {
    Slots slots(simulation, "slots", 1);
    Scope scope(simulation, "test");
    scope.spawn("hold", hold(slots, 'a', 10));
    scope.spawn("hold", hold(slots, 'b', 10));
    // Arrives at the very time at which the place goes from a to b, before b runs.
    const auto late = [](Simulation& sim, Task<> then) -> Task<> {
        co_await sim.until(10);
        co_await then;
    };
    scope.spawn("late", late(simulation, hold(slots, 'c', 1)));
    run();
    EXPECT_EQ(order, "abc");
}

TEST_F(Resources, WaiterDestroyedInTheQueueIsSkipped) {
    Slots slots(simulation, "slots", 1);
    Scope scope(simulation, "test");
    Scope victim(simulation, "victim");
    scope.spawn("hold", hold(slots, 'a', 10));
    victim.spawn("hold", hold(slots, 'x', 10));
    scope.spawn("hold", hold(slots, 'b', 10));
    victim.cancel();
    run();
    EXPECT_EQ(order, "ab");
    EXPECT_EQ(simulation.now(), 20u);
}

TEST_F(Resources, WaiterDestroyedAfterTheGrantPassesItOn) {
    Slots slots(simulation, "slots", 1);
    Scope scope(simulation, "test");
    Scope victim(simulation, "victim");
    auto held = run_ready([](Slots& from) -> Task<Slots::Slot> { co_return co_await from.take(); }(slots));
    victim.spawn("hold", hold(slots, 'x', 10));
    scope.spawn("hold", hold(slots, 'b', 10));
    held.release();  // x is granted, but has not run yet
    EXPECT_EQ(slots.in_use(), 1u);
    victim.cancel();
    EXPECT_EQ(slots.in_use(), 1u) << "now b's";
    run();
    EXPECT_EQ(order, "b");
    EXPECT_EQ(slots.in_use(), 0u);
}

TEST_F(Resources, SlotIsGivenBackOnce) {
    Slots slots(simulation, "slots", 3);
    const auto take = [](Slots& from) -> Task<Slots::Slot> { co_return co_await from.take(); };
    auto first = run_ready(take(slots));
    auto second = run_ready(take(slots));
    EXPECT_EQ(slots.in_use(), 2u);
    first = std::move(second);
    EXPECT_EQ(slots.in_use(), 1u) << "the place held before is given back";
    EXPECT_FALSE(second);
    first.release();
    first.release();
    EXPECT_EQ(slots.in_use(), 0u);
    EXPECT_EQ(slots.peak(), 2u);
}

TEST_F(Resources, GivingBackDoesNotRunTheNextInline) {
    Slots slots(simulation, "slots", 1);
    Scope scope(simulation, "test");
    auto held = run_ready([](Slots& from) -> Task<Slots::Slot> { co_return co_await from.take(); }(slots));
    scope.spawn("hold", hold(slots, 'a', 0));
    held.release();
    EXPECT_EQ(order, "");
    run();
    EXPECT_EQ(order, "a");
}

TEST_F(Resources, SignalWakesThoseWhoWaitInOrderOfArrivalAndNobodyElse) {
    Signal signal(simulation, "signal");
    Scope scope(simulation, "test");
    signal.notify_all();
    scope.spawn("listen", listen(signal, 'a'));
    scope.spawn("listen", listen(signal, 'b'));
    EXPECT_TRUE(signal.awaited());
    run();
    EXPECT_EQ(order, "") << "an earlier notification is not remembered";
    signal.notify_all();
    EXPECT_FALSE(signal.awaited());
    scope.spawn("listen", listen(signal, 'c'));
    run();
    EXPECT_EQ(order, "ab");
}

TEST_F(Resources, SignalledWaiterMayBeDestroyedBeforeItRuns) {
    Signal signal(simulation, "signal");
    Scope scope(simulation, "test");
    Scope victim(simulation, "victim");
    victim.spawn("listen", listen(signal, 'x'));
    scope.spawn("listen", listen(signal, 'b'));
    signal.notify_all();
    victim.cancel();
    run();
    EXPECT_EQ(order, "b");
}

TEST_F(Resources, OpenGateLetsEverybodyPassAtOnce) {
    Gate gate(simulation, "gate");
    Scope scope(simulation, "test");
    scope.spawn("pass", pass(gate, 'a'));
    EXPECT_EQ(order, "a");
    gate.close();
    scope.spawn("pass", pass(gate, 'b'));
    scope.spawn("pass", pass(gate, 'c'));
    run();
    EXPECT_EQ(order, "a");
    gate.open();
    run();
    EXPECT_EQ(order, "abc");
    EXPECT_TRUE(gate.is_open());
}

TEST_F(Resources, GateThatClosesAgainAtOnceHoldsThoseWhoHaveNotPassed) {
    Gate gate(simulation, "gate", false);
    Scope scope(simulation, "test");
    scope.spawn("pass", pass(gate, 'a'));
    gate.open();
    gate.close();
    run();
    EXPECT_EQ(order, "");
    gate.open();
    run();
    EXPECT_EQ(order, "a");
}

TEST(Pipe, AcceptsOneItemPerIntervalAndDeliversItAfterItsLatency) {
    Pipe pipe(10, 100);
    EXPECT_EQ(pipe.enter(0), 100u);
    EXPECT_EQ(pipe.enter(0), 110u) << "waits for the entrance";
    EXPECT_EQ(pipe.enter(5), 120u);
    EXPECT_EQ(pipe.free_at(), 30u);
    EXPECT_EQ(pipe.enter(1000), 1100u) << "an idle pipe costs its latency only";
    EXPECT_EQ(pipe.busy(), 40u);
}

TEST(Pipe, ItemMayOccupyTheEntranceForItsOwnTime) {
    Pipe pipe(10, 100);
    EXPECT_EQ(pipe.enter(0, 64), 100u);
    EXPECT_EQ(pipe.enter(1, 1), 164u);
    EXPECT_EQ(pipe.enter(1), 165u);
    EXPECT_EQ(pipe.busy(), 75u);
    pipe.reset();
    EXPECT_EQ(pipe.enter(0), 100u);
}

TEST(Pipe, WithoutIntervalIsADelay) {
    Pipe pipe(0, 7);
    EXPECT_EQ(pipe.enter(3), 10u);
    EXPECT_EQ(pipe.enter(3), 10u);
    EXPECT_EQ(Pipe().enter(3), 3u);
}

}  // namespace
}  // namespace smmusim::sim
