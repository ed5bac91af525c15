// Promises of distributions: counts are exact, percentiles within the stated bound.
#include "sim/histogram.hpp"

#include <gtest/gtest.h>

#include <random>

namespace smmusim::sim {
namespace {

TEST(Histogram, EmptyAnswersZero) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.minimum(), 0u);
    EXPECT_EQ(histogram.maximum(), 0u);
    EXPECT_EQ(histogram.percentile(99, 100), 0u);
    EXPECT_EQ(histogram.mean(), 0.0);
}

TEST(Histogram, CountSumMinimumAndMaximumAreExact) {
    Histogram histogram;
    for (const u64 value : {u64{1'000'003}, u64{17}, u64{5'000'000'019}}) histogram.add(value);
    EXPECT_EQ(histogram.count(), 3u);
    EXPECT_EQ(histogram.sum(), 5'001'000'039u);
    EXPECT_EQ(histogram.minimum(), 17u);
    EXPECT_EQ(histogram.maximum(), 5'000'000'019u);
    EXPECT_EQ(histogram.percentile(1, 1), 5'000'000'019u);
    histogram.reset();
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.maximum(), 0u);
}

TEST(Histogram, SmallValuesAreExact) {
    Histogram histogram;
    for (u64 value = 0; value < 256; ++value) histogram.add(value);
    for (u64 percent = 1; percent <= 100; ++percent)
        EXPECT_EQ(histogram.percentile(percent, 100), (256 * percent + 99) / 100 - 1);
}

TEST(Histogram, PercentileIsNeverBelowAndAtMostOnePart128Above) {
    std::mt19937_64 random(1);
    Histogram histogram;
    std::vector<u64> values;
    for (int i = 0; i < 20'000; ++i) {
        const u64 value = random() >> (random() % 60);
        values.push_back(value);
        histogram.add(value);
    }
    std::sort(values.begin(), values.end());
    for (const u64 permille : {1, 10, 100, 250, 500, 750, 900, 990, 999, 1000}) {
        const u64 exact = values[(values.size() * permille + 999) / 1000 - 1];
        const u64 answer = histogram.percentile(permille, 1000);
        EXPECT_GE(answer, exact) << permille;
        EXPECT_LE(answer - exact, exact / 128) << permille;
        EXPECT_LE(answer, histogram.maximum());
    }
}

TEST(Histogram, HoldsTheLargestValue) {
    Histogram histogram;
    histogram.add(~u64{0});
    EXPECT_EQ(histogram.percentile(50, 100), ~u64{0});
}

}  // namespace
}  // namespace smmusim::sim
