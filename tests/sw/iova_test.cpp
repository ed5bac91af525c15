// Promises of the IOVA allocator: exact addresses, and no overlap whatever happens.
#include <gtest/gtest.h>

#include <map>

#include "sw/iova/iova_domain.hpp"

namespace smmusim::sw::iova {
namespace {

TEST(IovaDomain, HandsOutTopDownAndAlignedToTheSize) {
    IovaDomain domain(12, 1);
    EXPECT_EQ(domain.allocate(4, 0xFFFFF, true), 0xFFFFCu);
    EXPECT_EQ(domain.allocate(1, 0xFFFFF, true), 0xFFFFBu);
    EXPECT_EQ(domain.allocate(4, 0xFFFFF, true), 0xFFFF4u);
    EXPECT_EQ(domain.allocated(), 9u);
}

TEST(IovaDomain, WithoutSizeAlignmentPacks) {
    IovaDomain domain(12, 1);
    EXPECT_EQ(domain.allocate(3, 0xFFFFF, false), 0xFFFFDu);
    EXPECT_EQ(domain.allocate(3, 0xFFFFF, false), 0xFFFFAu);
}

TEST(IovaDomain, WindowOfTheItsGivesTheGoldenAddresses) {
    IovaDomain window(12, 0x08000);
    EXPECT_EQ(window.allocate(1, 0x080FF, true), 0x080FFu);
    EXPECT_EQ(window.allocate(1, 0x080FF, true), 0x080FEu);
    IovaDomain other(12, 0x08000);
    EXPECT_EQ(other.allocate(16, 0x080FF, true), 0x080F0u);
}

TEST(IovaDomain, NeverLeavesTheWindow) {
    IovaDomain window(12, 0x08000);
    for (u64 left = 256; left != 0; --left) EXPECT_EQ(window.allocate(1, 0x080FF, true), 0x08000 + left - 1);
    EXPECT_FALSE(window.allocate(1, 0x080FF, true));
    window.free(0x08042);
    EXPECT_EQ(window.allocate(1, 0x080FF, true), 0x08042u);
}

TEST(IovaDomain, GapAboveTheLastSearchIsFoundBeforeGivingUp) {
    IovaDomain domain(12, 0x10);
    for (u64 frame = 0x1F; frame >= 0x18; --frame) ASSERT_EQ(domain.allocate(1, 0x1F, true), frame);
    domain.free(0x1E);                                 // the search goes on from above
    EXPECT_EQ(domain.allocate(8, 0x1F, true), 0x10u);  // passes 0x1E, ends at the bottom
    EXPECT_EQ(domain.allocate(1, 0x1F, true), 0x1Eu);  // nothing below: once more from the top
    EXPECT_FALSE(domain.allocate(1, 0x1F, true));
}

TEST(IovaDomain, FailedSizeIsRefusedAtOnceUntilSomethingBelow4GiBIsFreed) {
    IovaDomain domain(12, 1, 0x20);  // requests below frame 0x20 count as 32-bit
    const u64 one = *domain.allocate(1, 0x1E, true);
    EXPECT_FALSE(domain.allocate(16, 0x1E, true)) << "no aligned place";
    EXPECT_FALSE(domain.allocate(16, 0x1D, false)) << "16 frames have just failed";
    EXPECT_TRUE(domain.allocate(15, 0x0F, false)) << "fewer are looked for";
    domain.free(one);
    EXPECT_FALSE(domain.allocate(16, 0x1E, false)) << "15 of 30 are left";
    EXPECT_TRUE(domain.allocate(15, 0x1E, false));
}

TEST(IovaDomain, ReserveIsIdempotentAndMerges) {
    IovaDomain domain(12, 1);
    domain.reserve(0xFFFF0, 0xFFFFF);
    domain.reserve(0xFFFF0, 0xFFFFF);
    domain.reserve(0xFFFE8, 0xFFFF3);
    EXPECT_TRUE(domain.contains(0xFFFE8));
    EXPECT_FALSE(domain.contains(0xFFFE7));
    EXPECT_EQ(domain.allocate(1, 0xFFFFF, true), 0xFFFE7u);
    domain.free(0xFFFE8);
    EXPECT_TRUE(domain.contains(0xFFFE8)) << "what is reserved is not freed";
}

TEST(IovaDomain, FreeingTheUnknownChangesNothing) {
    IovaDomain domain(12, 1);
    const u64 four = *domain.allocate(4, 0xFFFFF, true);
    domain.free(four + 1);
    domain.free(5);
    EXPECT_EQ(domain.allocated(), 4u);
    domain.free(four);
    domain.free(four);
    EXPECT_EQ(domain.allocated(), 0u);
}

/// 10^5 operations against a list of intervals: nothing overlaps, everything is aligned, inside, and found if it fits.
TEST(IovaDomain, RandomOperationsNeverOverlapAndFailOnlyWhenNothingFits) {
    constexpr u64 lowest = 0x10, highest = 0x3FF;
    IovaDomain domain(12, lowest, 0x200);
    std::map<u64, u64> held;
    u64 state = 12345;
    const auto random = [&state](u64 below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (state >> 33) % below;
    };
    const auto fits = [&](u64 frames, u64 limit) {
        u64 alignment = 1;
        while (alignment < frames) alignment *= 2;
        for (u64 first = alignment; first + frames - 1 <= limit; first += alignment) {
            if (first < lowest) continue;
            bool free = true;
            for (const auto& [begin, size] : held)
                if (first < begin + size && begin < first + frames) free = false;
            if (free) return true;
        }
        return false;
    };
    u64 failures = 0;
    for (int step = 0; step < 100'000; ++step) {
        if (random(100) < 55) {
            const u64 frames = 1 + random(24);
            const u64 limit = random(4) == 0 ? 0x1FF - random(16) : highest;
            const auto first = domain.allocate(frames, limit, true);
            if (!first) {
                ++failures;
                // A 32-bit search may refuse a size that failed since the last free without looking again.
                if (limit == highest && step % 50 == 0) {
                    ASSERT_FALSE(fits(frames, limit)) << step;
                }
                continue;
            }
            ASSERT_GE(*first, lowest);
            ASSERT_LE(*first + frames - 1, limit);
            u64 alignment = 1;
            while (alignment < frames) alignment *= 2;
            ASSERT_EQ(*first % alignment, 0u);
            const auto above = held.lower_bound(*first);
            if (above != held.end()) {
                ASSERT_LE(*first + frames, above->first);
            }
            if (above != held.begin()) {
                ASSERT_LE(std::prev(above)->first + std::prev(above)->second, *first);
            }
            held.emplace(*first, frames);
        } else if (!held.empty()) {
            auto victim = held.begin();
            std::advance(victim, static_cast<long>(random(held.size())));
            domain.free(victim->first);
            held.erase(victim);
        }
    }
    EXPECT_GT(failures, 0u);
    u64 sum = 0;
    for (const auto& [first, size] : held) sum += size;
    EXPECT_EQ(domain.allocated(), sum);
}

}  // namespace
}  // namespace smmusim::sw::iova
