// What an event costs when there are many.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "sim/scheduler.hpp"

namespace smmusim::sim {
namespace {

void nothing_happens(void*, void*) {}

/// How many times as long it takes to schedule and run eight times as many events, in the best of several tries.
double growth(const std::function<void(Scheduler&)>& prepare, const std::function<Time(Time now, u64 index)>& when) {
    constexpr u64 few = 4'000;
    const auto cost = [&](u64 count) {
        double best = 1e9;
        for (int attempt = 0; attempt < 5; ++attempt) {
            Scheduler scheduler;
            prepare(scheduler);
            struct Burst {
                Scheduler& scheduler;
                const std::function<Time(Time, u64)>& when;
                u64 count;
            } burst{scheduler, when, count};
            const auto happen = [](void* object, void*) {
                const Burst& all = *static_cast<Burst*>(object);
                for (u64 index = 0; index < all.count; ++index)
                    all.scheduler.at(all.when(all.scheduler.now(), index), nothing_happens, nullptr);
            };
            const auto begin = std::chrono::steady_clock::now();
            // From outside, and from an event.
            happen(&burst, nullptr);
            scheduler.at(scheduler.now() + 1, happen, &burst);
            scheduler.run(scheduler.now() + second, Scheduler::Until::Limit);
            best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        }
        return best;
    };
    return cost(8 * few) / cost(few);
}

TEST(Scheduler, AnEventCostsNoMoreAmongManyOthers) {
    constexpr double quadratic = 64;  // 8 is linear, and the host's caches make it up to twice that
    const auto nothing = [](Scheduler&) {};
    const auto peeked = [](Scheduler& scheduler) {
        scheduler.at(second / 2, nothing_happens, nullptr);
        scheduler.next_time();
    };
    const auto limited = [](Scheduler& scheduler) {
        scheduler.at(second / 2, nothing_happens, nullptr);
        scheduler.run(microsecond, Scheduler::Until::Limit);
    };
    const auto at_once = [](Time now, u64) { return now; };
    const auto in_a_row = [](Time now, u64 index) { return now + 7 * index; };
    const auto at_random = [](Time now, u64 index) { return now + index * 0x9E37'79B9'7F4A'7C15u % microsecond; };
    const auto near = [](Time now, u64 index) { return now + 1024 + index * 0x9E37'79B9'7F4A'7C15u % 6000; };
    const auto backwards = [](Time now, u64 index) { return now + microsecond - 7 * index; };
    const auto opened_ahead = [](Scheduler& scheduler) { scheduler.at(8000, nothing_happens, nullptr); };
    for (const auto& prepare : {std::function<void(Scheduler&)>(nothing), {peeked}, {limited}}) {
        EXPECT_LT(growth(prepare, at_once), quadratic / 2);
        EXPECT_LT(growth(prepare, in_a_row), quadratic / 2);
        EXPECT_LT(growth(prepare, backwards), quadratic / 2);
        EXPECT_LT(growth(prepare, at_random), quadratic / 2);
    }
    EXPECT_LT(growth(opened_ahead, near), quadratic / 2);
}

}  // namespace
}  // namespace smmusim::sim
