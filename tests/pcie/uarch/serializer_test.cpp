// Promises of the wire: exact time, no drift.
#include "pcie/uarch/serializer.hpp"

#include <gtest/gtest.h>

namespace smmusim::pcie::uarch {
namespace {

TEST(Serializer, BurstTakesExactlyItsBytes) {
    const spec::ByteTime rate = spec::byte_time(3, 8, 256);
    Serializer wire(rate);
    u64 bytes = 0;
    for (u32 packet = 0; packet < 100'000; ++packet) {
        const u32 size = 20 + packet % 257;
        bytes += size;
        ASSERT_EQ(wire.transmit(0, size).end, rate.bytes(bytes));
    }
}

TEST(Serializer, PacketsFollowEachOtherWithoutGapOrOverlap) {
    Serializer wire(spec::byte_time(5, 16, 256));
    Time end = 0;
    for (u32 packet = 0; packet < 1000; ++packet) {
        const Serializer::Interval interval = wire.transmit(0, 24);
        EXPECT_EQ(interval.start, end);
        end = interval.end;
    }
    EXPECT_EQ(wire.free_at(), end);
}

TEST(Serializer, IdleWireStartsAtOnce) {
    Serializer wire(spec::byte_time(3, 8, 256));
    wire.transmit(0, 24);
    const Serializer::Interval interval = wire.transmit(1'000'000, 24);
    EXPECT_EQ(interval.start, 1'000'000u);
    EXPECT_EQ(interval.end, 1'000'000 + spec::byte_time(3, 8, 256).bytes(24));
}

}  // namespace
}  // namespace smmusim::pcie::uarch
