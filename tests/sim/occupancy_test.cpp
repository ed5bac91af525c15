#include "sim/occupancy.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace smmusim::sim {
namespace {

TEST(Occupancy, IntegratesWhatIsInUseAndRemembersThePeakOfEachWindow) {
    Occupancy use(8);
    use.change(500, 2);
    use.change(750, 1);
    use.change(2500, 0);
    const auto windows = use.windows(3000);
    ASSERT_EQ(windows.size(), 3u);
    EXPECT_EQ(windows[0].busy, 2 * 250 + 250u);
    EXPECT_EQ(windows[0].peak, 2u);
    EXPECT_EQ(windows[1].busy, 1000u);
    EXPECT_EQ(windows[1].peak, 1u) << "what is in use from before counts";
    EXPECT_DOUBLE_EQ(windows[2].mean(), 0.5);
    EXPECT_EQ(windows[2].end, 3000u);
}

TEST(Occupancy, WhatIsGivenBackAsAWindowBeginsIsNotInUseInIt) {
    Occupancy use(8);
    use.change(500, 2);
    use.change(1000, 0);
    use.change(3000, 1);
    const auto windows = use.windows(4000);
    ASSERT_EQ(windows.size(), 4u);
    EXPECT_EQ(windows[0].peak, 2u);
    EXPECT_EQ(windows[1].peak, 0u);
    EXPECT_EQ(windows[2].peak, 0u);
    EXPECT_EQ(windows[3].peak, 1u);
}

TEST(Occupancy, AnyHistoryFitsIntoItsWindowsAndLosesNothing) {
    std::mt19937_64 random(1);
    for (const u32 limit : {2u, 3u, 7u, 64u}) {
        Occupancy use(limit);
        Time now = 0;
        u64 in_use = 0, busy = 0, peak = 0, lasted = 0;
        for (int step = 0; step < 10'000; ++step) {
            const Time wait = random() % (random() % 8 == 0 ? 1'000'000 : 300);
            busy += in_use * wait;
            now += wait;
            if (wait != 0) lasted = std::max(lasted, in_use);
            in_use = random() % 9;
            peak = std::max(peak, in_use);
            use.change(now, in_use);
            if (step % 100 != 0) continue;
            const auto windows = use.windows(now);
            ASSERT_LE(windows.size(), limit);
            Time end = 0;
            u64 sum = 0, most = 0;
            for (const Occupancy::Window& window : windows) {
                ASSERT_EQ(window.start, end);
                end = window.end;
                sum += window.busy;
                most = std::max(most, window.peak);
                ASSERT_LE(window.busy, window.peak * (window.end - window.start));
            }
            ASSERT_EQ(sum, busy);
            ASSERT_LE(most, peak);
            ASSERT_GE(most, lasted);
        }
    }
}

}  // namespace
}  // namespace smmusim::sim
