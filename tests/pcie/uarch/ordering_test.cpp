// Promises of order: posted before posted, no read before an earlier write, posted past reads that cannot go.
#include <gtest/gtest.h>

#include "pcie/uarch/rig.hpp"

namespace smmusim::pcie::uarch {
namespace {

std::vector<u64> addresses(const Rig& rig) {
    std::vector<u64> result;
    for (const auto& entry : rig.memory.log) result.push_back(entry.address);
    return result;
}

TEST(Ordering, PostedWritesArriveInOrder) {
    Rig rig;
    rig.bring_up();
    for (u64 i = 0; i < 200; ++i) rig.submit(rig.write(i * 0x100, 1 + i % 250));
    rig.run();
    const auto seen = addresses(rig);
    ASSERT_EQ(seen.size(), 200u);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Ordering, ReadDoesNotPassAnEarlierWriteEvenIfOnlyTheWriteLacksCredits) {
    LinkConfig link;
    link.root_credits.PH = 1;
    Rig rig({}, link);
    rig.bring_up();
    rig.memory.hold(0x1000, 4);
    rig.submit(rig.write(0x1000, 4));
    rig.submit(rig.write(0x2000, 4));  // no credit until the first is visible
    const auto read = rig.submit(rig.read(0x3000, 4));
    rig.run();
    EXPECT_EQ(addresses(rig), (std::vector<u64>{0x1000}));
    EXPECT_FALSE(read->done());
    rig.memory.release();
    rig.run();
    EXPECT_EQ(addresses(rig), (std::vector<u64>{0x1000, 0x2000, 0x3000}));
}

TEST(Ordering, WritePassesReadsThatLackATag) {
    EndpointConfig config;
    config.function.tags = 1;
    Rig rig(config);
    rig.bring_up();
    rig.memory.hold(0x1000, 64);
    rig.submit(rig.read(0x1000, 64));
    rig.submit(rig.read(0x2000, 64));
    const auto write = rig.submit(rig.write(0x3000, 64));
    rig.run();
    EXPECT_TRUE(write->done());
    EXPECT_EQ(addresses(rig), (std::vector<u64>{0x1000, 0x3000}));
    rig.memory.release();
    rig.run();
    EXPECT_EQ(addresses(rig), (std::vector<u64>{0x1000, 0x3000, 0x2000}));
}

TEST(Ordering, ReadThatLacksATagIsCountedOnceHoweverOftenItIsLookedAt) {
    EndpointConfig config;
    config.function.tags = 1;
    Rig rig(config);
    rig.bring_up();
    rig.memory.hold(0x1000, 64);
    for (u64 i = 0; i < 3; ++i) rig.submit(rig.read(0x1000 + i * 64, 64));
    for (u64 i = 0; i < 10; ++i) rig.submit(rig.write(0x2000 + i * 64, 64));
    rig.run();
    EXPECT_EQ(Statistics::of(rig.endpoint).values.at("dma.tag_waits"), 1u);
    rig.memory.release();
    rig.run();
    EXPECT_EQ(Statistics::of(rig.endpoint).values.at("dma.tag_waits"), 2u);
}

TEST(Ordering, WritePassesReadsThatLackCredits) {
    LinkConfig link;
    link.root_credits.NPH = 1;
    link.credit_return = microsecond;
    Rig rig({}, link);
    rig.bring_up();
    rig.submit(rig.read(0x1000, 64));
    rig.submit(rig.read(0x2000, 64));
    rig.submit(rig.write(0x3000, 64));
    rig.run();
    EXPECT_EQ(addresses(rig), (std::vector<u64>{0x1000, 0x3000, 0x2000}));
}

TEST(Ordering, ReadsAndWritesThatAllCanGoKeepTheOrderOfSubmission) {
    Rig rig;
    rig.bring_up();
    for (u64 i = 0; i < 20; ++i) rig.submit(i % 2 == 0 ? rig.read(i * 0x100, 64) : rig.write(i * 0x100, 64));
    rig.run();
    const auto seen = addresses(rig);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Ordering, MessageStaysBehindTheWritesAndDoesNotWaitForReads) {
    EndpointConfig config;
    config.issue_interval = 100 * nanosecond;
    Rig rig(config);
    rig.bring_up();
    rig.program(0, 0xF000, 1);
    rig.enable_msix();
    rig.memory.log.clear();
    for (u64 i = 0; i < 5; ++i) rig.submit(rig.read(0x1000 + i * 64, 64));
    rig.submit(rig.write(0x2000, 512));
    rig.endpoint.raise(0);
    for (u64 i = 0; i < 5; ++i) rig.submit(rig.read(0x3000 + i * 64, 64));
    rig.run();
    const auto seen = addresses(rig);
    const auto position = [&](u64 address) { return std::find(seen.begin(), seen.end(), address) - seen.begin(); };
    EXPECT_EQ(position(0xF000), position(0x2100) + 1);
    EXPECT_LT(position(0xF000), position(0x3000));

    rig.memory.log.clear();
    for (u64 i = 0; i < 5; ++i) rig.submit(rig.read(0x1000 + i * 64, 64));
    rig.endpoint.raise(0);
    rig.run();
    EXPECT_EQ(addresses(rig).at(1), 0xF000u);  // only the read that had left is ahead
}

TEST(Ordering, FunctionsOnOneLinkShareItFairly) {
    Rig rig;
    EndpointConfig second_config;
    second_config.bdf = "00:01.1";
    Endpoint second(rig.simulation, second_config, rig.link);
    rig.complex.attach(rig.root, second);
    rig.bring_up();
    second.config_write(spec::header::command, 2, spec::command::bus_master);
    rig.submit(rig.write(0x10000, 32 * 256));
    second.submit(rig.write(0x20000, 32 * 256));
    rig.run();
    ASSERT_EQ(rig.memory.log.size(), 64u);
    u32 from_first = 0;
    for (std::size_t i = 0; i < 32; ++i) from_first += rig.memory.log[i].attributes.requester_id == 0x8;
    EXPECT_NEAR(from_first, 16, 1);
}

TEST(Ordering, SeveralLinksToOnePortPassOnInOrderOfTime) {
    Rig rig;
    Link slow(
        rig.simulation,
        [] {
            LinkConfig c;
            c.generation = 1, c.width = 1;
            return c;
        }(),
        "link1");
    EndpointConfig config;
    config.bdf = "01:00.0";
    Endpoint behind_slow(rig.simulation, config, slow);
    rig.complex.attach(rig.complex.add_port(slow, rig.port), behind_slow);
    rig.bring_up();
    behind_slow.config_write(spec::header::command, 2, spec::command::bus_master);
    behind_slow.submit(rig.write(0x10000, 2048));
    rig.submit(rig.write(0x20000, 2048));
    rig.run();
    std::vector<Time> arrivals;
    for (const auto& entry : rig.memory.log) arrivals.push_back(entry.at);
    EXPECT_EQ(arrivals.size(), 16u);
    EXPECT_TRUE(std::is_sorted(arrivals.begin(), arrivals.end()));
    EXPECT_EQ(rig.memory.log.back().attributes.requester_id, 0x100u);
}

TEST(Ordering, RegisterReadPushesTheDevicesEarlierWrites) {
    Rig rig;
    rig.bring_up();
    rig.memory.hold(0x1000, 64);
    const auto write = rig.submit(rig.write(0x1000, 64));
    rig.run();
    Rig::Bus bus;
    rig.send(bus, rig.complex.window(), sim::Command::Read, Rig::bar0, 4);
    rig.run();
    EXPECT_FALSE(bus.done());
    EXPECT_NE(rig.simulation.waiting().find("wait for 1 earlier writes"), std::string::npos);
    rig.memory.release();
    rig.run();
    ASSERT_TRUE(bus.done());
    EXPECT_GE(bus.completed, write->completed);
}

/// Four writes leave one by one, for lack of credits; meanwhile a register is read.
struct WritesThatLackCredits {
    WritesThatLackCredits() : rig({}, few_credits()) {
        rig.bring_up();
        for (u64 i = 0; i < 4; ++i) rig.submit(rig.write(0x1000 + i * 64, 64));
        rig.send(bus, rig.complex.window(), sim::Command::Read, Rig::bar0, 4);
        rig.run_to(3 * microsecond / 2);
    }
    static LinkConfig few_credits() {
        LinkConfig link;
        link.root_credits.PH = 1;
        link.credit_return = microsecond;
        return link;
    }
    Rig rig;
    Rig::Bus bus;
};

TEST(Ordering, CompletionDoesNotPassEarlierWritesThatLackCredits) {
    WritesThatLackCredits course;
    EXPECT_FALSE(course.bus.done());
    // Later ones do not hold it.
    for (u64 i = 0; i < 4; ++i) course.rig.submit(course.rig.write(0x2000 + i * 64, 64));
    course.rig.run();
    ASSERT_TRUE(course.bus.done());
    const auto& log = course.rig.memory.log;
    ASSERT_EQ(log.size(), 8u);
    EXPECT_GE(course.bus.completed, log[3].at);
    EXPECT_LT(course.bus.completed, log[4].at);
}

TEST(Ordering, CompletionGoesWhenTheWritesAheadOfItAreDropped) {
    const auto expect_answer = [](auto drop) {
        WritesThatLackCredits course;
        ASSERT_FALSE(course.bus.done());
        drop(course.rig);
        course.rig.run();
        EXPECT_TRUE(course.bus.done());
        EXPECT_EQ(course.bus.access->status, sim::Status::Ok);
        EXPECT_LT(course.rig.memory.log.size(), 4u);
    };
    expect_answer([](Rig& rig) { rig.endpoint.config_write(spec::header::command, 2, spec::command::memory); });
    expect_answer([](Rig& rig) {
        const u32 control = Rig::capability(rig.endpoint, 0x10) + spec::express::device_control;
        rig.endpoint.config_write(control, 2, 0x8000);
    });
}

}  // namespace
}  // namespace smmusim::pcie::uarch
