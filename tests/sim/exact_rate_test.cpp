// Promises of the time that transfers take at a rate that is no whole number of picoseconds for a byte.
#include "sim/exact_rate.hpp"

#include <gtest/gtest.h>

#include <array>

namespace smmusim::sim {
namespace {

TEST(ExactRate, TransfersOfManySizesInTurnTakeExactlyTheirBytes) {
    constexpr u64 numerator = 1000, denominator = 7;  // 142.86 ps for a byte
    ExactRate rate(numerator, denominator);
    // Some differ by multiples of 128 bytes.
    constexpr std::array<u64, 8> sizes{8, 64, 136, 8, 4096, 264, 1, 129};
    u64 bytes = 0;
    Time time = 0;
    for (unsigned round = 0; round < 1000; ++round) {
        bytes += sizes[round % sizes.size()];
        time += rate.take(sizes[round % sizes.size()]);
        ASSERT_EQ(time, bytes * numerator / denominator) << "round " << round;
    }
}

TEST(ExactRate, AfterAPauseNothingIsCarried) {
    ExactRate rate(3, 2);
    EXPECT_EQ(rate.take(1), 1u);
    EXPECT_EQ(rate.take(1), 2u) << "the half that the first left over";
    EXPECT_EQ(rate.take(1), 1u);
    rate.restart();
    EXPECT_EQ(rate.take(1), 1u);
}

}  // namespace
}  // namespace smmusim::sim
