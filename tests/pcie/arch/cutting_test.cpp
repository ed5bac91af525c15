// Promises of cutting: requests at 4 KiB and at the limit, completions at the boundary.
#include "pcie/arch/cutting.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "pcie/arch/tags.hpp"
#include "pcie/spec/packet.hpp"

namespace smmusim::pcie::arch {
namespace {

std::vector<u32> requests(u64 address, u64 size, u32 limit) {
    std::vector<u32> pieces;
    for (; size != 0; address += pieces.back(), size -= pieces.back())
        pieces.push_back(first_request(address, size, limit));
    return pieces;
}
std::vector<u32> completions(u64 address, u64 size, u32 boundary) {
    std::vector<u32> pieces;
    for (; size != 0; address += pieces.back(), size -= pieces.back())
        pieces.push_back(first_completion(address, size, boundary));
    return pieces;
}
using Pieces = std::vector<u32>;

TEST(Cutting, RequestsAreCutAtFourKilobytesThenAtTheLimit) {
    EXPECT_EQ(requests(0x1000, 64, 256), (Pieces{64}));
    EXPECT_EQ(requests(0x1000, 600, 256), (Pieces{256, 256, 88}));
    EXPECT_EQ(requests(0x1F80, 600, 256), (Pieces{128, 256, 216}));
    EXPECT_EQ(requests(0x1FFC, 8, 4096), (Pieces{4, 4}));
    EXPECT_EQ(requests(0x1000, 8192, 4096), (Pieces{4096, 4096}));
}

TEST(Cutting, NoRequestCrossesAPageOrExceedsTheLimitInDoubleWords) {
    for (u64 address = 0; address < 4200; address += 37)
        for (const u64 size : {1u, 3u, 64u, 255u, 257u, 1000u, 9000u})
            for (const u32 limit : {128u, 256u, 512u, 4096u}) {
                u64 at = address, left = size;
                while (left != 0) {
                    const u32 piece = first_request(at, left, limit);
                    ASSERT_GT(piece, 0u);
                    ASSERT_LE(spec::payload_span(at, piece), limit);
                    ASSERT_EQ(at / 4096, (at + piece - 1) / 4096);
                    at += piece;
                    left -= piece;
                }
            }
}

TEST(Cutting, CompletionsEndAtTheReadCompletionBoundary) {
    EXPECT_EQ(completions(0x60, 200, 128), (Pieces{32, 128, 40}));
    EXPECT_EQ(completions(0x10, 200, 128), (Pieces{112, 88}));
    EXPECT_EQ(completions(0x40, 64, 64), (Pieces{64}));
    EXPECT_EQ(completions(0x00, 512, 256), (Pieces{256, 256}));
    EXPECT_EQ(completions(0x7C, 4, 64), (Pieces{4}));
}

TEST(Tags, EachIsHeldOnceAndTheLimitCounts) {
    TagPool pool(4);
    EXPECT_TRUE(pool.available(4));
    std::vector<u32> taken;
    for (int i = 0; i < 3; ++i) taken.push_back(pool.take());
    EXPECT_FALSE(pool.available(3));
    EXPECT_TRUE(pool.available(4));
    taken.push_back(pool.take());
    EXPECT_FALSE(pool.available(1024));
    std::sort(taken.begin(), taken.end());
    EXPECT_EQ(taken, (Pieces{0, 1, 2, 3}));
    pool.give_back(2);
    EXPECT_TRUE(pool.available(4));
    EXPECT_EQ(pool.take(), 2u);
}

}  // namespace
}  // namespace smmusim::pcie::arch
