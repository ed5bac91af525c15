// Promises of line rates, framing and the update guide.
#include "pcie/spec/link_rate.hpp"

#include <gtest/gtest.h>

#include "pcie/spec/packet.hpp"

namespace smmusim::pcie::spec {
namespace {

TEST(LinkRate, UpdateIntervalReproducesTheSpecificationsTable) {
    constexpr u32 payloads[] = {128, 256, 512, 1024, 2048, 4096};
    constexpr u32 widths[] = {1, 4, 8, 16};
    constexpr u32 table[3][4][6] = {
        {{237, 416, 559, 1071, 2095, 4143},
         {73, 118, 154, 282, 538, 1050},
         {67, 107, 86, 150, 278, 534},
         {48, 72, 86, 150, 278, 534}},
        {{288, 467, 610, 1122, 2146, 4194},
         {124, 169, 205, 333, 589, 1101},
         {118, 158, 137, 201, 329, 585},
         {99, 123, 137, 201, 329, 585}},
        {{333, 512, 655, 1167, 2191, 4239},
         {169, 214, 250, 378, 634, 1146},
         {163, 203, 182, 246, 374, 630},
         {144, 168, 182, 246, 374, 630}},
    };
    for (u32 number = 1; number <= 5; ++number)
        for (u32 w = 0; w < 4; ++w)
            for (u32 p = 0; p < 6; ++p)
                EXPECT_EQ(update_interval(generation(number), widths[w], payloads[p]),
                          table[std::min(number, 3u) - 1][w][p])
                    << "Gen" << number << " x" << widths[w] << " MPS " << payloads[p];
}

TEST(LinkRate, RawRateIsTransfersTimesEncodingTimesLanes) {
    constexpr double gigabits[] = {2.0, 4.0, 7.877, 15.754, 31.508, 59.0};  // per lane
    for (u32 number = 1; number <= newest_generation; ++number)
        for (const u32 width : {1u, 2u, 4u, 8u, 16u}) {
            const ByteTime time = raw_byte_time(number, width);
            const double rate = 8000.0 * static_cast<double>(time.denominator) / static_cast<double>(time.numerator);
            EXPECT_NEAR(rate, gigabits[number - 1] * width, 0.0005 * rate);
        }
}

TEST(LinkRate, RateOfPacketsIsTheRawRateWithoutAcknowledgementsCreditUpdatesAndSkips) {
    struct Case {
        u32 generation, width, payload;
        double gigabits;
    };
    for (const Case& link : {Case{3, 8, 256, 57.9}, Case{4, 16, 256, 227.5}, Case{5, 16, 256, 454.9}}) {
        const ByteTime time = byte_time(link.generation, link.width, link.payload);
        const double rate = 8000.0 * static_cast<double>(time.denominator) / static_cast<double>(time.numerator);
        EXPECT_NEAR(rate, link.gigabits, 0.001 * rate);
    }
}

TEST(LinkRate, FlitModeHasNoOverheadBesidesTheFlit) {
    EXPECT_EQ(byte_time(6, 16, 256).numerator, raw_byte_time(6, 16).numerator);
    EXPECT_EQ(byte_time(6, 16, 256).denominator, raw_byte_time(6, 16).denominator);
    EXPECT_EQ(generation(6).framing_bytes(), 0u);
}

TEST(LinkRate, SerialisationTimesOfCommonPackets) {
    // Gen3 x8, raw: message 28 B, 64 B completion 84 B, 256 B write 280 B; Gen1 x1: message 112 ns.
    EXPECT_NEAR(static_cast<double>(raw_byte_time(3, 8).bytes(28)), 3'555, 5);
    EXPECT_NEAR(static_cast<double>(raw_byte_time(3, 8).bytes(84)), 10'664, 10);
    EXPECT_NEAR(static_cast<double>(raw_byte_time(3, 8).bytes(280)), 35'547, 20);
    EXPECT_EQ(raw_byte_time(1, 1).bytes(28), 112'000u);
}

TEST(Packet, WireBytesOfEachKind) {
    constexpr u64 low = 0x1000, high = 0x1'0000'0000;
    const u32 framing = generation(3).framing_bytes();
    EXPECT_EQ(framing + memory_read(low, false).header_bytes, 20u);
    EXPECT_EQ(framing + memory_read(high, false).header_bytes, 24u);
    EXPECT_EQ(framing + memory_read(high, true).header_bytes, 28u);
    EXPECT_EQ(framing + memory_write(low, 4, false).header_bytes + 4, 24u);
    EXPECT_EQ(framing + memory_write(high, 4, false).header_bytes + 4, 28u);
    EXPECT_EQ(framing + completion_with_data(0, 64).header_bytes, 20u);
}

TEST(Packet, BoundaryOfTheLongHeaderIsFourGigabytes) {
    EXPECT_EQ(memory_read(0xFFFF'FFFC, false).header_bytes, 12u);
    EXPECT_EQ(memory_read(0x1'0000'0000, false).header_bytes, 16u);
}

TEST(Packet, CreditsAreOneHeaderAndSixteenByteUnits) {
    EXPECT_EQ(memory_write(0, 4, false).data_credits(), 1u);
    EXPECT_EQ(memory_write(0, 16, false).data_credits(), 1u);
    EXPECT_EQ(memory_write(0, 17, false).data_credits(), 2u);
    EXPECT_EQ(memory_write(0, 256, true).data_credits(), 16u);
    EXPECT_EQ(memory_read(0, false).data_credits(), 0u);
    EXPECT_EQ(config_write().data_credits(), 1u);
    EXPECT_EQ(completion_with_data(0, 64).data_credits(), 4u);
    EXPECT_EQ(completion().data_credits(), 0u);
    EXPECT_EQ(Packet::header_credits(), 1u);
}

TEST(Packet, PayloadCountsDoubleWords) {
    EXPECT_EQ(payload_span(0, 1), 4u);
    EXPECT_EQ(payload_span(3, 2), 8u);
    EXPECT_EQ(payload_span(4, 8), 8u);
}

}  // namespace
}  // namespace smmusim::pcie::spec
