// Promises of the doorbells of SPIs besides the distributor's own: MBI alias, frames of clusters, message window.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

/// All of them; every SPI is an edge of group 1, enabled and routed to CPU 0.
struct FrameMachine : Machine {
    static GicConfig everything() {
        GicConfig config;
        config.mbi.present = config.multi_frame.present = config.message_window.present = true;
        return config;
    }
    FrameMachine() : Machine(everything()) {
        start_cpus();
        for (u32 intid = 32; intid < 288; ++intid) set_d(0x6000 + 8 * intid, 0, 8);
        for (u32 word = 1; word < 9; ++word) set_d(0x0100 + 4 * word, 0xFFFF'FFFF);
        for (u32 word = 2; word < 18; ++word) set_d(0x0C00 + 4 * word, 0xAAAA'AAAA);
    }
    uarch::Frame& named(const std::string& name) {
        for (const auto& each : gic.message_frames())
            if (each->name() == name) return *each;
        throw std::runtime_error("no frame " + name);
    }
    sim::Status send(const std::string& name, u64 offset, u64 value, u32 size = 4, u32 device = 9) {
        uarch::Frame& target = named(name);
        writer.write(target, target.base() + offset, size, value, device);
        run();
        return writer.status;
    }
    std::vector<u32> pending() { return cpu().pending(); }
};

TEST(MessageFrames, AreThereOnlyIfTheMachineHasThem) {
    Machine machine;
    EXPECT_TRUE(machine.gic.message_frames().empty());
    FrameMachine all;
    std::vector<std::string> names;
    for (const auto& frame : all.gic.message_frames()) names.push_back(frame->name());
    EXPECT_EQ(names, (std::vector<std::string>{"mbi", "msi_frame0", "msi_frame1", "message_window"}));
}

TEST(MessageFrames, OfClustersAreOnePerClusterTheLastMayBeSmaller) {
    GicConfig config;
    config.multi_frame.present = true;
    config.multi_frame.cluster_cpus = 3;
    Machine machine(config);
    EXPECT_EQ(machine.gic.message_frames().size(), 2u);
    EXPECT_EQ(machine.gic.message_frames()[1]->base(), 0x0805'0000u);
}

TEST(MessageFrames, TypeNamesTheirSpis) {
    FrameMachine m;
    constexpr u64 valid = 1u << 31, clears = 1u << 30;
    EXPECT_EQ(m.read(m.named("mbi"), 0x0803'0004), valid | clears | 208u << 16 | 32u);
    EXPECT_EQ(m.read(m.named("msi_frame0"), 0x0804'0004), valid | clears | 240u << 16 | 8u);
    EXPECT_EQ(m.read(m.named("msi_frame1"), 0x0805'0004), valid | clears | 248u << 16 | 8u);
    EXPECT_EQ(m.read(m.named("mbi"), 0x0803'0FCC), 0x43Bu);
}

TEST(MessageFrames, WriteRaisesTheNamedSpi) {
    FrameMachine m;
    m.send("mbi", 0x40, 210);
    m.send("msi_frame1", 0x40, 255);
    EXPECT_EQ(m.pending(), (std::vector<u32>{210, 255}));
}

TEST(MessageFrames, AnyRequesterRaisesAnySpiOfTheFrameButNoOther) {
    FrameMachine m;
    for (const u32 intid : {207u, 208u, 239u, 240u, 20u, 8192u}) m.send("mbi", 0x40, intid, 4, intid);
    for (const u32 intid : {239u, 247u, 248u}) m.send("msi_frame0", 0x40, intid, 4, intid);
    EXPECT_EQ(m.pending(), (std::vector<u32>{208, 239, 247}));
}

TEST(MessageFrames, ClearTakesBackWhatWasNotAcknowledged) {
    FrameMachine m;
    m.send("mbi", 0x40, 210);
    m.send("mbi", 0x48, 207);
    m.send("mbi", 0x48, 210);
    EXPECT_TRUE(m.pending().empty());
}

TEST(MessageFrames, SixteenBitsAreEnoughEightAreNot) {
    FrameMachine m;
    EXPECT_EQ(m.send("mbi", 0x40, 211, 2), sim::Status::Ok);
    EXPECT_EQ(m.send("mbi", 0x40, 212, 1), sim::Status::Discarded);
    EXPECT_EQ(m.pending(), (std::vector<u32>{211}));
}

TEST(MessageFrames, HaveNoOtherRegisterOfTheDistributor) {
    FrameMachine m;
    EXPECT_EQ(m.send("mbi", 0x100, ~u64{0}), sim::Status::Discarded);
    EXPECT_EQ(m.read(m.named("mbi"), 0x0803'0100), 0u);
}

TEST(MessageWindow, AddressNamesTheCpuAndDataTheVector) {
    FrameMachine m;
    m.send("message_window", 0x0000, 32);
    m.send("message_window", 0x0000, 39);
    m.send("message_window", 0x3000, 33);
    EXPECT_EQ(m.pending(), (std::vector<u32>{256, 263, 256 + 3 * 8 + 1}));
}

TEST(MessageWindow, VectorsThatACpuHasNotRaiseNothing) {
    FrameMachine m;
    for (const u64 data : {31u, 40u, 0u, 0xFFu, 0x720u}) m.send("message_window", 0, data);  // the last one: no fixed one
    m.send("message_window", 0x4000, 32);                                                     // there is no CPU 4
    EXPECT_TRUE(m.pending().empty());
}

TEST(MessageWindow, OtherWritesAndReadsAreDiscarded) {
    FrameMachine m;
    EXPECT_EQ(m.send("message_window", 0x0004, 32), sim::Status::Discarded);
    EXPECT_EQ(m.send("message_window", 0x0000, 32, 2), sim::Status::Discarded);
    EXPECT_EQ(m.read(m.named("message_window"), 0xFEE0'0000), 0u);
    EXPECT_EQ(m.last_status, sim::Status::Discarded);
    EXPECT_TRUE(m.pending().empty());
}

}  // namespace
}  // namespace smmusim::gic::test
