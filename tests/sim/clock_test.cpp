// Promises of clocks: edges are exact, whatever the frequency.
#include "sim/clock.hpp"

#include <gtest/gtest.h>

namespace smmusim::sim {
namespace {

/// floor(cycle * 10^12 / hertz) by long division, digit by digit.
Time exact_edge(u64 cycle, u64 hertz) {
    u64 quotient = cycle / hertz;
    u64 remainder = cycle % hertz;
    for (int digit = 0; digit < 12; ++digit) {
        remainder *= 10;
        quotient = quotient * 10 + remainder / hertz;
        remainder %= hertz;
    }
    return quotient;
}

TEST(Clock, CycleStartsAtTheFloorOfItsExactTime) {
    for (const u64 hertz : {u64{1}, u64{3}, u64{33'333'333}, u64{666'666'667}, u64{1'000'000'000}, u64{1'050'000'000},
                            u64{2'700'000'000}}) {
        const Clock clock(hertz);
        EXPECT_EQ(clock.hertz(), hertz);
        for (const u64 cycle : {u64{0}, u64{1}, u64{2}, u64{3}, u64{7}, u64{999'999}, u64{12'345'678}})
            EXPECT_EQ(clock.edge(cycle), exact_edge(cycle, hertz)) << hertz << " Hz, cycle " << cycle;
    }
}

TEST(Clock, DoesNotDriftOverAnHour) {
    const Clock clock(2'700'000'000);
    EXPECT_EQ(clock.edge(u64{2'700'000'000} * 3600), 3600 * second);
    EXPECT_EQ(clock.edge(u64{2'700'000'000} * 3600 + 1), 3600 * second + 370);
}

TEST(Clock, CycleAtIsTheFirstThatStartsAtOrAfter) {
    for (const u64 hertz : {u64{1'000'000'000}, u64{1'050'000'000}, u64{300'000'000}, u64{7}}) {
        const Clock clock(hertz);
        for (u64 cycle = 1; cycle < 2000; cycle += 37) {
            const Time edge = clock.edge(cycle);
            EXPECT_EQ(clock.cycle_at(edge), cycle);
            EXPECT_EQ(clock.cycle_at(edge + 1), cycle + 1);
            EXPECT_EQ(clock.cycle_at(clock.edge(cycle - 1) + 1), cycle);
        }
        EXPECT_EQ(clock.cycle_at(0), 0u);
    }
}

TEST(Clock, CycleAtIsAnExactDivisionForEveryPeriodAndTime) {
    for (const u64 hertz : {u64{1}, u64{1'000}, u64{1'000'000}, u64{40'000'000}, u64{1'000'000'000}, u64{2'000'000'000},
                            u64{10'000'000'000}, second}) {
        const Time period = second / hertz;
        const Clock clock(hertz);
        for (unsigned bit = 0; bit < 62; ++bit)
            for (const Time time : {Time{1} << bit, (Time{1} << bit) - 1, (Time{1} << bit) / period * period,
                                    (Time{1} << bit) / period * period + 1})
                EXPECT_EQ(clock.cycle_at(time), time / period + (time % period != 0))
                    << hertz << " Hz, " << time << " ps";
    }
}

TEST(Clock, AfterCountsFromTheNextEdge) {
    const Clock clock(1'000'000'000);
    EXPECT_EQ(clock.after(5000, 3), 8000u);
    EXPECT_EQ(clock.after(5001, 3), 9000u);
    EXPECT_EQ(clock.after(5001, 0), 5001u) << "zero cycles take no time";
}

TEST(Clock, StepsOfOneCycleNeverLeaveTheEdges) {
    const Clock clock(666'666'667);
    Time now = 0;
    for (u64 cycle = 1; cycle <= 10'000; ++cycle) {
        now = clock.after(now, 1);
        ASSERT_EQ(now, exact_edge(cycle, 666'666'667));
    }
    EXPECT_EQ(clock.span(10'000), now);
}

}  // namespace
}  // namespace smmusim::sim
