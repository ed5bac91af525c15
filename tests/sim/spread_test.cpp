// Promises of the hash that fills the sets of a cache evenly.
#include "sim/spread.hpp"

#include <gtest/gtest.h>

#include <set>

namespace smmusim::sim {
namespace {

TEST(Spread, NeighbouringBitsAnywhereTakeEveryValueOfTheLowestOnes) {
    for (u32 bits = 1; bits <= 10; ++bits) {
        for (u32 low = 0; low + bits <= 32; ++low) {
            std::set<u64> sets;
            for (u64 key = 0; key < u64{1} << bits; ++key)
                sets.insert(spread(key << low | 0x1'2345'0000'0000) % (1u << bits));
            EXPECT_EQ(sets.size(), u64{1} << bits) << bits << " bits from " << low;
        }
    }
}

TEST(Spread, PairsTakeEveryValue) {
    for (u32 low = 0; low <= 5; ++low) {
        for (u32 high = 0; high <= 5; ++high) {
            std::set<u64> sets;
            for (u32 a = 0; a < 1u << low; ++a)
                for (u32 b = 0; b < 1u << high; ++b) sets.insert(spread(a, b) % (1u << (low + high)));
            EXPECT_EQ(sets.size(), u64{1} << (low + high)) << low << " and " << high;
        }
    }
}

TEST(Spread, ReversesBits) {
    EXPECT_EQ(reversed(1), 0x8000'0000u);
    EXPECT_EQ(reversed(0x1234'5678), 0x1E6A'2C48u);
}

}  // namespace
}  // namespace smmusim::sim
