// Promises of the queue in a ring.
#include "sim/ring.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "sim/types.hpp"

namespace smmusim::sim {
namespace {

TEST(Ring, KeepsItsOrderWhereverItGrows) {
    for (u64 taken = 0; taken < 20; ++taken) {  // the place in the ring where it begins
        Ring<std::unique_ptr<u64>> ring;
        for (u64 value = 0; value < taken; ++value) {
            append(ring, std::make_unique<u64>(value));
            ring.pop_front();
        }
        for (u64 value = 0; value < 100; ++value) append(ring, std::make_unique<u64>(value));
        for (u64 value = 0; value < 100; ++value) {
            ASSERT_EQ(*ring.front(), value);
            ring.pop_front();
        }
        EXPECT_TRUE(ring.empty());
    }
}

TEST(Ring, AllocatesNothingMoreOnceItHasHadItsLength) {
    Ring<u64> ring;
    for (u64 value = 0; value < 10; ++value) append(ring, value);
    const std::size_t room = ring.capacity();
    for (u64 value = 0; value < 1000; ++value) {
        ring.pop_front();
        append(ring, value);
    }
    EXPECT_EQ(ring.capacity(), room);
}

}  // namespace
}  // namespace smmusim::sim
