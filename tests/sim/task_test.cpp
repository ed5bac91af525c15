// Promises of coroutines and of the scheduler's order.
#include <gtest/gtest.h>

#include "sim/resources.hpp"

namespace smmusim::sim {
namespace {

Task<int> ready_value(int value) { co_return value; }

Task<> await_many(u64 count, u64& sum) {
    for (u64 i = 0; i < count; ++i) sum += static_cast<u64>(co_await ready_value(1));
}

TEST(Task, TenMillionReadyAwaitsInALoopNeitherSuspendNorGrowTheStack) {
    Simulation simulation;
    Scope scope(simulation, "test");
    u64 sum = 0;
    scope.spawn("loop", await_many(10'000'000, sum));
    EXPECT_EQ(sum, 10'000'000u);
    EXPECT_TRUE(scope.empty());
}

TEST(Task, ExceptionIsCarriedToTheAwaiter) {
    Simulation simulation;
    Scope scope(simulation, "test");
    bool caught = false;
    const auto thrower = [](Simulation& sim) -> Task<int> {
        co_await sim.delay(10);
        throw std::runtime_error("from the child");
    };
    const auto parent = [&]() -> Task<> {
        try {
            co_await thrower(simulation);
        } catch (const std::runtime_error&) {
            caught = true;
        }
    };
    scope.spawn("parent", parent());
    simulation.scheduler().run(end_of_time);
    EXPECT_TRUE(caught);
}

}  // namespace
}  // namespace smmusim::sim
