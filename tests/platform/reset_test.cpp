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

}  // namespace
}  // namespace smmusim::platform
