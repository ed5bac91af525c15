// A TBU that is full makes the link wait: reads keep their credits until it takes them in.
#include <algorithm>

#include "platform/operations.hpp"
#include "platform/results/statistics_table.hpp"

namespace smmusim::platform {
namespace {

constexpr u64 reads = 32;
constexpr u32 credits = 4;
constexpr Time memory_latency = 2 * microsecond;

struct Course {
    u64 most = 0;    ///< reads on their way at one time: sent over the link and not answered
    u64 waited = 0;  ///< that found the TBU full
    Time took = 0;
};

/// A function with a tag for each read, a link with few credits for them, and a memory that is slow beside the link.
Course run_reads(u32 transactions) {
    PlatformConfig config;
    config.smmus[0].tbus[0].transactions = transactions;
    config.links[0].root_credits.NPH = credits;
    config.memory.latency = memory_latency;
    Platform platform{config};
    platform.mmio_write(0x4010000000 + (u64{8} << 12) + 4, 0x6, 2);  // memory space and bus master
    const auto statistic = [&](const char* name) {
        results::StatisticsTable table;
        platform.statistics(table);
        return table.find(name)->integer;
    };
    const u64 before = statistic("link0.up.packets");
    const Time start = platform.now();
    std::vector<sim::DmaHandle> operations;
    for (u64 index = 0; index < reads; ++index) {
        operations.push_back(read_of(ram + index * 64, 64));
        platform.submit(0, operations.back());
    }
    Course course;
    for (u64 done = 0; done < reads;) {
        platform.run(20 * nanosecond);
        const auto finished = std::count_if(operations.begin(), operations.end(),
                                            [](const sim::DmaHandle& operation) { return operation->done(); });
        done = static_cast<u64>(finished);
        course.most = std::max(course.most, statistic("link0.up.packets") - before - done);
    }
    for (const sim::DmaHandle& operation : operations) {
        EXPECT_EQ(operation->status, Status::Ok);
        course.took = std::max(course.took, operation->completed - start);
    }
    course.waited = statistic("smmu0.tbu0.room_wait_ns.count");
    return course;
}

TEST(BackPressure, FullTbuKeepsTheReadsInFrontOfItOnTheirCredits) {
    for (const u32 transactions : {1u, 3u}) {
        const Course course = run_reads(transactions);
        // In the TBU, on its credits, and one answer for each place on the way back.
        EXPECT_GE(course.most, transactions + credits);
        EXPECT_LE(course.most, transactions + credits + transactions);
        EXPECT_GE(course.took, reads / transactions * memory_latency);
        EXPECT_GT(course.waited, reads / 2);
    }
}

TEST(BackPressure, TbuWithoutBoundLetsEverythingThrough) {
    const Course course = run_reads(0);
    EXPECT_EQ(course.most, reads);
    EXPECT_LT(course.took, 2 * memory_latency);
    EXPECT_EQ(course.waited, 0u);
}

TEST(BackPressure, ResetForgetsWhatWaitedForRoom) {
    PlatformConfig config;
    config.smmus[0].tbus[0].transactions = 1;
    Platform platform{config};
    std::vector<sim::DmaHandle> operations;
    for (u64 index = 0; index < 4; ++index) {
        operations.push_back(read_of(ram + index * 64, 64));
        platform.submit({.stream_id = 8}, operations.back());
    }
    platform.run(nanosecond);
    platform.reset();
    for (const sim::DmaHandle& operation : operations) EXPECT_EQ(operation->status, Status::Timeout);
    platform.run_until_idle();
    EXPECT_EQ(platform.simulation().accesses().in_use(), 0u);
    for (unsigned round = 0; round < 3; ++round) {
        const auto again = read_of(ram, 64);
        platform.submit({.stream_id = 8}, again);
        platform.wait(again);
        EXPECT_EQ(again->status, Status::Ok);
    }
}

}  // namespace
}  // namespace smmusim::platform
