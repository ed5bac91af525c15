// Promises of a machine that is reset under load: nothing is left over that holds what comes after.
#include "platform/operations.hpp"
#include "platform/traffic.hpp"

namespace smmusim::platform {
namespace {

constexpr u64 function = 0x4010000000 + (u64{8} << 12);

/// Many reads and writes of the first function.
struct Load {
    explicit Load(Platform& platform) {
        platform.mmio_write(function + 4, 0x6, 2);  // memory space and bus master
        TrafficPlan plan;
        plan.base = ram;
        plan.window = MiB;
        plan.size = 512;
        plan.count = 200;
        plan.outstanding = 32;
        reads = platform.start_traffic(0, plan);
        plan.command = sim::Command::Write;
        plan.base = ram + MiB;
        writes = platform.start_traffic(0, plan);
    }
    std::shared_ptr<Traffic> reads, writes;
};

/// Time for the load, from now on.
Time time_of_load(Platform& platform) {
    const Load load(platform);
    platform.wait(*load.reads);
    platform.wait(*load.writes);
    EXPECT_EQ(load.reads->faults() + load.writes->faults(), 0u);
    return std::max(load.reads->elapsed(), load.writes->elapsed());
}

void expect_same_time_after_resets(const PlatformConfig& config) {
    Platform platform{config};
    for (Time moment = nanosecond; moment < 4 * microsecond; moment += 97 * nanosecond) {
        const Load interrupted(platform);
        platform.run(moment);
        platform.reset();
        EXPECT_TRUE(interrupted.reads->done() && interrupted.writes->done());
        EXPECT_EQ(platform.waiting(), "");
        Platform fresh{config};
        fresh.run(platform.now());  // where the clocks of the machine stand in their cycles
        ASSERT_EQ(time_of_load(platform), time_of_load(fresh)) << "after a reset " << moment << " ps into the load";
    }
}

TEST(ResetUnderLoad, LeavesNobodyWaitingForTheWire) { expect_same_time_after_resets({}); }

TEST(ResetUnderLoad, LeavesNobodyWaitingForCredits) {
    PlatformConfig config;
    config.links[0].root_credits.PH = 2;
    config.links[0].root_credits.NPH = 2;
    config.links[0].device_credits.CplH = 1;
    expect_same_time_after_resets(config);
}

/// A second function on a link of its own reads and writes memory of the first, whose completions lack credits.
PlatformConfig two_functions() {
    PlatformConfig config;
    config.links.push_back(config.links[0]);
    config.links[0].root_credits.CplH = 1;
    config.links[0].root_credits.CplD = 16;
    config.links[0].credit_return = 500 * nanosecond;
    config.endpoints.push_back(PlatformConfig::endpoint_at(1));
    config.endpoints[1].link = 1;
    return config;
}

TEST(ResetUnderLoad, LeavesNoAnswerOfRegistersBehind) {
    Platform platform{two_functions()};
    constexpr u64 bar = 0x1000'0000;
    const auto bring_up = [&] {
        platform.mmio_write(function + 0x10, bar, 4);
        platform.mmio_write(function + 4, 0x6, 2);
        platform.mmio_write(function + 0x8004, 0x6, 2);
    };
    for (Time moment = nanosecond; moment < 4 * microsecond; moment += 131 * nanosecond) {
        bring_up();
        std::vector<sim::DmaHandle> operations;
        for (u64 place = 0; place < 16; ++place) {
            operations.push_back(read_of(bar + 64 * place, 64));
            operations.push_back(write_of(bar + 64 * place, std::vector<u8>(64, 1)));
        }
        for (const sim::DmaHandle& operation : operations) platform.submit(1, operation);
        platform.run(moment);
        platform.reset();
        for (const sim::DmaHandle& operation : operations) ASSERT_TRUE(operation->done());
        ASSERT_EQ(platform.simulation().accesses().in_use(), 0u) << moment;
        bring_up();
        platform.mmio_write(bar, 0x1234, 4);
        ASSERT_EQ(platform.mmio_read(bar, 4), 0x1234u) << moment;
        const auto read = read_of(bar, 64);
        platform.submit(1, read);
        platform.wait(read);
        ASSERT_EQ(read->status, Status::Ok) << moment;
        ASSERT_EQ(platform.waiting(), "");
    }
}

TEST(ResetUnderLoad, EndsTrafficOfRawRequestersAsAWhole) {
    PlatformConfig config;
    config.smmus[0].tbus.push_back(config.smmus[0].tbus[0]);
    Platform platform{config};
    TrafficPlan plan;
    plan.base = ram;
    plan.window = MiB;
    plan.count = 1000;
    plan.outstanding = 8;
    for (u64 round = 0; round < 3; ++round) {
        const auto first = platform.start_traffic({.stream_id = 8}, plan);
        const auto second = platform.start_traffic({.stream_id = 9, .tbu = 1}, plan);
        platform.run(200 * nanosecond);
        ASSERT_FALSE(first->done() || second->done());
        platform.reset();
        EXPECT_TRUE(first->done() && second->done());
        EXPECT_EQ(platform.waiting(), "");
        platform.run_until_idle();
        EXPECT_EQ(platform.simulation().accesses().in_use(), 0u);
        const auto whole = platform.start_traffic({.stream_id = 8}, plan);
        platform.wait(*whole);
        EXPECT_EQ(whole->faults(), 0u);
    }
}

TEST(ResetUnderLoad, EndsWhatIsSubmittedWhileItIsUnderWay) {
    Platform platform{PlatformConfig{}};
    platform.mmio_write(function + 4, 0x6, 2);
    for (const bool by_function : {true, false}) {
        const auto dropped = read_of(ram, 64);
        const auto follower = read_of(ram, 64);
        dropped->on_done = [&](sim::DmaOperation&) { platform.submit({.stream_id = 8}, follower); };
        if (by_function) platform.submit(0, dropped);
        else platform.submit({.stream_id = 8}, dropped);
        platform.run(nanosecond);
        platform.reset();
        EXPECT_EQ(dropped->status, Status::Timeout);
        EXPECT_EQ(follower->status, Status::Timeout);
    }
}

}  // namespace
}  // namespace smmusim::platform
