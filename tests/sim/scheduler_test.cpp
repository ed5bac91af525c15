// Promises of the order in which things happen.
#include "sim/scheduler.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <stdexcept>
#include <vector>

namespace smmusim::sim {
namespace {

constexpr Time bucket = 1024;
constexpr Time horizon = 4096 * bucket;

/// Writes down the argument of each event that runs, and when.
class Log {
public:
    explicit Log(Scheduler& scheduler) : scheduler_(scheduler) {}

    Scheduler::Token at(Time when, int name, Scheduler::Kind kind = Scheduler::Kind::Work) {
        return scheduler_.at(when, &Log::happened, this, reinterpret_cast<void*>(static_cast<std::intptr_t>(name)),
                             kind);
    }
    std::vector<int> names;
    std::vector<Time> times;

private:
    static void happened(void* log, void* name) {
        auto& self = *static_cast<Log*>(log);
        self.names.push_back(static_cast<int>(reinterpret_cast<std::intptr_t>(name)));
        self.times.push_back(self.scheduler_.now());
    }
    Scheduler& scheduler_;
};

TEST(Scheduler, EventsRunInOrderOfTime) {
    Scheduler scheduler;
    Log log(scheduler);
    log.at(30, 3);
    log.at(10, 1);
    log.at(20, 2);
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, (std::vector{1, 2, 3}));
    EXPECT_EQ(log.times, (std::vector<Time>{10, 20, 30}));
    EXPECT_EQ(scheduler.executed(), 3u);
}

TEST(Scheduler, EventsOfOneTimeRunInTheOrderInWhichTheyWereScheduled) {
    for (const Time when : {Time{0}, Time{5}, bucket, 7 * bucket + 3, horizon - 1, horizon, 3 * horizon + 17}) {
        Scheduler scheduler;
        Log log(scheduler);
        std::vector<int> expected;
        for (int name = 0; name < 50; ++name) {
            log.at(when, name);
            expected.push_back(name);
        }
        scheduler.run(end_of_time);
        EXPECT_EQ(log.names, expected) << "at " << when;
        EXPECT_EQ(scheduler.now(), when);
    }
}

TEST(Scheduler, EventsOfOneTimeKeepTheirOrderAcrossHeapAndCalendar) {
    Scheduler scheduler;
    Log log(scheduler);
    const Time when = horizon + 5 * bucket;
    log.at(when, 1);  // beyond the horizon: heap
    log.at(10 * bucket, 0);
    scheduler.run(10 * bucket, Scheduler::Until::Limit);
    log.at(when, 2);                                   // within the horizon now: calendar
    scheduler.run(when - 1, Scheduler::Until::Limit);  // peeking opens the bucket
    log.at(when, 3);                                   // into the open bucket
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, (std::vector{0, 1, 2, 3}));
}

TEST(Scheduler, BothSidesOfEveryBucketAndOfTheHorizonComeInOrder) {
    Scheduler scheduler;
    Log log(scheduler);
    std::vector<Time> times;
    for (const Time base : {bucket, 64 * bucket, 65 * bucket, horizon - bucket, horizon, horizon + bucket, 2 * horizon})
        for (const Time offset : {Time{0}, Time{1}, bucket - 1}) times.push_back(base + offset);
    for (std::size_t index = times.size(); index-- != 0;) log.at(times[index], static_cast<int>(index));
    scheduler.run(end_of_time);
    std::sort(times.begin(), times.end());
    EXPECT_EQ(log.times, times);
}

TEST(Scheduler, TimeInThePastMeansNow) {
    Scheduler scheduler;
    Log log(scheduler);
    log.at(100, 1);
    scheduler.run(end_of_time);
    log.at(50, 2);
    scheduler.run(end_of_time);
    EXPECT_EQ(log.times, (std::vector<Time>{100, 100}));
}

TEST(Scheduler, CancelledEventNeitherRunsNorMovesTheClock) {
    for (const Time when : {Time{1000}, 9 * bucket, 2 * horizon}) {
        Scheduler scheduler;
        Log log(scheduler);
        const auto token = log.at(when, 1);
        log.at(500, 2);
        scheduler.cancel(token);
        scheduler.run(end_of_time);
        EXPECT_EQ(log.names, std::vector{2});
        EXPECT_EQ(scheduler.now(), 500u);
        EXPECT_TRUE(scheduler.idle());
        EXPECT_EQ(scheduler.next_time(), end_of_time);
    }
}

TEST(Scheduler, StaleTokenDoesNotCancelTheEventThatReusesItsPlace) {
    Scheduler scheduler;
    Log log(scheduler);
    const auto stale = log.at(10, 1);
    scheduler.run(end_of_time);
    const auto fresh = log.at(20, 2);
    ASSERT_EQ(stale.place(), fresh.place()) << "the place is not reused: the test tests nothing";
    scheduler.cancel(stale);
    scheduler.cancel({});
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, (std::vector{1, 2}));
}

TEST(Scheduler, CancellingTwiceCountsOnce) {
    Scheduler scheduler;
    Log log(scheduler);
    const auto token = log.at(10, 1);
    log.at(20, 2);
    scheduler.cancel(token);
    scheduler.cancel(token);
    EXPECT_FALSE(scheduler.idle());
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, std::vector{2});
}

TEST(Scheduler, AllEventsOfAnObjectCanBeCancelledAndThoseOfOthersHappen) {
    Scheduler scheduler;
    Log log(scheduler);
    Log other(scheduler);
    log.at(10, 1);
    log.at(3 * horizon, 2);
    log.at(20, 3, Scheduler::Kind::Timer);
    other.at(15, 4);
    const auto cancelled_before = log.at(12, 5);
    scheduler.cancel(cancelled_before);
    scheduler.cancel_all(&log);
    EXPECT_FALSE(scheduler.idle());
    scheduler.run(end_of_time);
    EXPECT_TRUE(scheduler.idle());
    EXPECT_EQ(log.names, std::vector<int>{});
    EXPECT_EQ(other.times, std::vector<Time>{15});
    log.at(30, 6);
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, std::vector{6});
}

TEST(Scheduler, ClearCancelsEverythingAndTheRestGoesOn) {
    Scheduler scheduler;
    Log log(scheduler);
    const auto token = log.at(10, 1);
    log.at(9 * bucket, 2);
    log.at(2 * horizon, 3, Scheduler::Kind::Timer);
    scheduler.clear();
    EXPECT_TRUE(scheduler.idle());
    scheduler.cancel(token);
    log.at(9 * bucket, 4);
    scheduler.run(end_of_time, Scheduler::Until::Limit);
    EXPECT_EQ(log.names, std::vector{4});
    EXPECT_TRUE(scheduler.idle());
}

TEST(Scheduler, LimitIsInclusiveAndNothingLaterRuns) {
    Scheduler scheduler;
    Log log(scheduler);
    log.at(100, 1);
    log.at(101, 2);
    scheduler.run(99);
    EXPECT_TRUE(log.names.empty());
    scheduler.run(100);
    EXPECT_EQ(log.names, std::vector{1});
    EXPECT_EQ(scheduler.next_time(), 101u);
}

TEST(Scheduler, EventScheduledBeforeAPeekedBucketStillRunsFirst) {
    Scheduler scheduler;
    Log log(scheduler);
    log.at(100 * bucket, 2);
    EXPECT_EQ(scheduler.next_time(), 100 * bucket);
    log.at(50 * bucket, 1);
    log.at(200 * bucket, 3);
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, (std::vector{1, 2, 3}));
}

TEST(Scheduler, BucketsThatWereOpenedAheadMayCloseAgain) {
    Scheduler scheduler;
    Log log(scheduler);
    struct Crowd {
        Scheduler& scheduler;
        Log& log;
    } crowd{scheduler, log};
    // While it runs, the bucket of 7 is open.
    scheduler.at(
        10,
        [](void* object, void*) {
            Crowd& all = *static_cast<Crowd*>(object);
            all.log.at((7 + 4095) * bucket, 8);  // the last within the horizon of that bucket
            for (int count = 0; count < 30; ++count) all.log.at(3 * bucket + 5, 3);
            all.log.at(2 * bucket, 2);
            all.log.at(4 * bucket, 4);  // behind too many
            all.log.at(6 * bucket, 6);  // where the last had its place
            all.log.at(20, 1);
            all.log.at(5 * bucket, 5);
        },
        &crowd);
    log.at(7 * bucket, 7);
    scheduler.run(end_of_time);
    std::vector<int> expected(30, 3);
    expected.insert(expected.begin(), {1, 2});
    expected.insert(expected.end(), {4, 5, 6, 7, 8});
    EXPECT_EQ(log.names, expected);
}

TEST(Scheduler, TimersDoNotKeepItBusyButRunUpToALimit) {
    Scheduler scheduler;
    Log log(scheduler);
    log.at(10, 1, Scheduler::Kind::Timer);
    log.at(20, 2);
    log.at(30, 3, Scheduler::Kind::Timer);
    scheduler.run(end_of_time, Scheduler::Until::Idle);
    EXPECT_EQ(log.names, (std::vector{1, 2})) << "a timer before the last work runs, one after it does not";
    EXPECT_TRUE(scheduler.idle());
    scheduler.run(29, Scheduler::Until::Limit);
    EXPECT_EQ(log.names.size(), 2u);
    scheduler.run(30, Scheduler::Until::Limit);
    EXPECT_EQ(log.names.size(), 3u);
}

TEST(Scheduler, AnEventAtTheEndOfTimeNeverRuns) {
    Scheduler scheduler;
    Log log(scheduler);
    log.at(end_of_time, 1);
    log.at(5, 2);
    scheduler.run(end_of_time, Scheduler::Until::Limit);
    EXPECT_EQ(log.names, std::vector{2});
    EXPECT_FALSE(scheduler.idle());
}

TEST(Scheduler, AdvanceMovesTheClockForwardOnly) {
    Scheduler scheduler;
    scheduler.advance_to(70);
    scheduler.advance_to(60);
    EXPECT_EQ(scheduler.now(), 70u);
}

TEST(Scheduler, StopReturnsAfterTheCurrentEvent) {
    Scheduler scheduler;
    Log log(scheduler);
    log.at(1, 1);
    scheduler.at(
        2, [](void* object, void*) { static_cast<Scheduler*>(object)->stop(); }, &scheduler);
    log.at(3, 3);
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, std::vector{1});
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, std::vector{1}) << "stopped until told otherwise";
    scheduler.clear_stop();
    scheduler.run(end_of_time);
    EXPECT_EQ(log.names, (std::vector{1, 3}));
}

TEST(Scheduler, FirstFailureIsKeptAndStops) {
    Scheduler scheduler;
    scheduler.fail(std::make_exception_ptr(std::runtime_error("first")));
    scheduler.fail(std::make_exception_ptr(std::runtime_error("second")));
    EXPECT_TRUE(scheduler.stopped());
    try {
        std::rethrow_exception(scheduler.take_failure());
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "first");
    }
    EXPECT_EQ(scheduler.take_failure(), nullptr);
}

TEST(Scheduler, PollIsCalledEveryFewThousandEvents) {
    Scheduler scheduler;
    Log log(scheduler);
    int polls = 0;
    scheduler.set_poll([](void* count, void*) { ++*static_cast<int*>(count); }, &polls);
    for (int name = 0; name < 10'000; ++name) log.at(static_cast<Time>(name), name);
    scheduler.run(end_of_time);
    EXPECT_GE(polls, 2);
    EXPECT_LE(polls, 10);
}

/// Schedules and cancels at random, also from inside events, beside the plainest model of the same.
class RandomModel {
public:
    explicit RandomModel(u64 seed) : random_(seed) {}

    void run() {
        for (int i = 0; i < 200; ++i) push();
        while (!expected_.empty() && !broken_) {
            // In pieces, so that peeked buckets and pushes from outside mix.
            const Time limit = scheduler_.now() + random_() % (horizon / 3);
            scheduler_.run(limit, Scheduler::Until::Limit);
            ASSERT_FALSE(broken_);
            ASSERT_TRUE(expected_.empty() || expected_.begin()->first.first > limit) << "an event was left behind";
            if (random_() % 2 == 0) scheduler_.advance_to(limit);
            if (pushed_ < 20'000 && random_() % 2 == 0) push();
            ASSERT_EQ(scheduler_.next_time(), expected_.empty() ? end_of_time : expected_.begin()->first.first);
        }
        EXPECT_TRUE(scheduler_.idle());
        EXPECT_GT(executed_, 5'000);
    }

private:
    struct Pushed {
        RandomModel* model;
        Scheduler::Token token;
        std::pair<Time, u64> key;
    };

    Time random_time() {
        switch (random_() % 7) {
            case 0: return scheduler_.now();
            case 1: return scheduler_.now() + random_() % 16;
            case 2: return scheduler_.now() + random_() % bucket;
            case 3: return scheduler_.now() + random_() % horizon;
            case 4: return scheduler_.now() + horizon - 2 * bucket + random_() % (16 * bucket);
            case 5: return scheduler_.now() + random_() % (9 * bucket);
            default: return scheduler_.now() + random_() % (4 * horizon);
        }
    }

    void push() {
        auto& pushed = *all_.emplace_back(std::make_unique<Pushed>());
        const Time when = random_time();
        pushed.model = this;
        pushed.key = {when, ++pushed_};
        pushed.token = scheduler_.at(when, &RandomModel::happened, &pushed);
        expected_.emplace(pushed.key, &pushed);
    }

    void cancel_one() {
        Pushed& victim = *all_[random_() % all_.size()];  // often one that has run: then a stale token
        scheduler_.cancel(victim.token);
        expected_.erase(victim.key);
    }

    static void happened(void* object, void*) {
        auto& pushed = *static_cast<Pushed*>(object);
        RandomModel& model = *pushed.model;
        ++model.executed_;
        if (model.expected_.empty() || model.expected_.begin()->second != &pushed ||
            model.scheduler_.now() != std::max(pushed.key.first, model.last_)) {
            model.broken_ = true;
            model.scheduler_.stop();
            return;
        }
        model.last_ = model.scheduler_.now();
        model.expected_.erase(model.expected_.begin());
        const u64 some = model.random_() % 64 == 0 ? 100 : model.random_() % 3;
        const u64 children = model.pushed_ < 20'000 ? some : 0;
        for (u64 child = 0; child < children; ++child) model.push();
        if (model.random_() % 4 == 0) model.cancel_one();
    }

    Scheduler scheduler_;
    std::mt19937_64 random_;
    std::vector<std::unique_ptr<Pushed>> all_;
    std::map<std::pair<Time, u64>, Pushed*> expected_;
    u64 pushed_ = 0;
    int executed_ = 0;
    Time last_ = 0;
    bool broken_ = false;
};

TEST(Scheduler, BehavesAsASortedMapUnderRandomPushesAndCancellations) {
    for (u64 seed = 1; seed <= 8; ++seed) {
        RandomModel model(seed);
        model.run();
        if (HasFatalFailure() || HasNonfatalFailure()) FAIL() << "seed " << seed;
    }
}

}  // namespace
}  // namespace smmusim::sim
