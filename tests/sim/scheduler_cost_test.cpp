// What an event costs when there are many.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <functional>

#include "sim/scheduler.hpp"

namespace smmusim::sim {
namespace {

void nothing_happens(void*, void*) {}

/// What this thread has used of the processor, whoever else does: in ns.
double used() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

constexpr u64 few = 500, more = 16;

/// Who schedules them.
enum class From { Outside, Event };

/// How many times as much it costs to schedule and run 16 times as many events, in the best of several tries.
double growth(const std::function<void(Scheduler&)>& prepare, const std::function<Time(Time now, u64 index)>& when,
              From from) {
    const auto cost = [&](u64 count) {
        double best = 1e12;
        for (int attempt = 0; attempt < 20; ++attempt) {
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
            const double begin = used();
            if (from == From::Outside) happen(&burst, nullptr);
            else scheduler.at(scheduler.now() + 1, happen, &burst);
            scheduler.run(scheduler.now() + second, Scheduler::Until::Limit);
            best = std::min(best, used() - begin);
        }
        return best;
    };
    return cost(more * few) / cost(few);
}

TEST(Scheduler, AnEventCostsNoMoreAmongManyOthers) {
    constexpr double much = more * more / 2;  // linear is 16, and the host's caches make it up to thrice that
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
    for (const auto& prepare : {std::function<void(Scheduler&)>(nothing), {peeked}, {limited}, {opened_ahead}}) {
        for (const auto& when :
             {std::function<Time(Time, u64)>(at_once), {in_a_row}, {backwards}, {at_random}, {near}}) {
            EXPECT_LT(growth(prepare, when, From::Outside), much);
            EXPECT_LT(growth(prepare, when, From::Event), much);
        }
    }
}

}  // namespace
}  // namespace smmusim::sim
