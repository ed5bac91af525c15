// Promises of one direction of a link: credits, waiting, fairness.
#include "pcie/uarch/link_direction.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace smmusim::pcie::uarch {
namespace {

struct TestSender final : Sender {
    std::function<void()> on_ready;
    u32 calls = 0;
    void link_ready() override {
        ++calls;
        if (on_ready) on_ready();
    }
};

struct Wire : testing::Test {
    LinkDirection& make(const CreditConfig& credits, Time credit_return = 40 * nanosecond) {
        config.credit_return = credit_return;
        config.propagation = 25 * nanosecond;
        direction = std::make_unique<LinkDirection>(simulation, "link0.up", config, credits);
        return *direction;
    }
    void run_to(Time when) {
        simulation.scheduler().run(when, sim::Scheduler::Until::Limit);
        simulation.scheduler().advance_to(when);
    }

    sim::Simulation simulation;
    LinkConfig config;
    std::unique_ptr<LinkDirection> direction;
};
using LinkDirectionTest = Wire;

TEST_F(LinkDirectionTest, PacketArrivesAfterItsBytesAndThePropagation) {
    LinkDirection& up = make({});
    const spec::Packet packet = spec::memory_write(0x1000, 256, false);
    const LinkDirection::Sent sent = up.send(packet, 1000);
    EXPECT_EQ(sent.start, 1000u);
    EXPECT_EQ(sent.arrival, 1000 + spec::byte_time(3, 8, 128).bytes(8 + 12 + 256) + 25 * nanosecond);
}

TEST_F(LinkDirectionTest, HeaderCreditsBoundPacketsOfTheirClassOnly) {
    CreditConfig credits;
    credits.PH = 2;
    LinkDirection& up = make(credits);
    const spec::Packet write = spec::memory_write(0, 4, false);
    up.send(write, 0);
    EXPECT_TRUE(up.affordable(write));
    up.send(write, 0);
    EXPECT_FALSE(up.affordable(write));
    EXPECT_TRUE(up.affordable(spec::memory_read(0, false)));
    EXPECT_TRUE(up.affordable(spec::completion()));
}

TEST_F(LinkDirectionTest, DataCreditsBoundPayloadInUnitsOfSixteenBytes) {
    CreditConfig credits;
    credits.PD = 20;
    LinkDirection& up = make(credits);
    up.send(spec::memory_write(0, 256, false), 0);  // 16 units
    EXPECT_TRUE(up.affordable(spec::memory_write(0, 64, false)));
    EXPECT_FALSE(up.affordable(spec::memory_write(0, 65, false)));
}

TEST_F(LinkDirectionTest, CreditIsBackOneReturnTimeAfterTheBufferIsFreeAndNotBefore) {
    CreditConfig credits;
    credits.NPH = 1;
    LinkDirection& up = make(credits);
    const spec::Packet read = spec::memory_read(0, false);
    up.send(read, 0);
    TestSender sender;
    Time woken = 0;
    sender.on_ready = [&] { woken = simulation.now(); };
    up.wait_for_credits(sender);
    up.give_back(read, 100 * nanosecond);
    run_to(140 * nanosecond - 1);
    EXPECT_FALSE(up.affordable(read));
    EXPECT_EQ(sender.calls, 0u);
    run_to(140 * nanosecond);
    EXPECT_TRUE(up.affordable(read));
    EXPECT_EQ(sender.calls, 1u);
    EXPECT_EQ(woken, 140 * nanosecond);
}

TEST_F(LinkDirectionTest, AnEarlierReturnAnnouncedLaterWakesTheWaiterEarlier) {
    CreditConfig credits;
    credits.PH = 2;
    LinkDirection& up = make(credits);
    const spec::Packet write = spec::memory_write(0, 4, false);
    up.send(write, 0);
    up.send(write, 0);
    TestSender sender;
    Time woken = 0;
    sender.on_ready = [&] { woken = simulation.now(); };
    up.wait_for_credits(sender);
    up.give_back(write, 500 * nanosecond);
    up.give_back(write, 100 * nanosecond);
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(woken, 140 * nanosecond);
}

TEST_F(LinkDirectionTest, CreditThatIsBackAtOnceWakesWhoWaits) {
    CreditConfig credits;
    credits.PH = 1;
    LinkDirection& up = make(credits, 0);
    const spec::Packet write = spec::memory_write(0, 4, false);
    up.send(write, 0);
    TestSender sender;
    up.wait_for_credits(sender);
    up.give_back(write, simulation.now());
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(sender.calls, 1u);
    EXPECT_TRUE(up.affordable(write));
}

TEST_F(LinkDirectionTest, CreditThatIsBackAlreadyWakesNobody) {
    CreditConfig credits;
    credits.PH = credits.NPH = 1;
    LinkDirection& up = make(credits);
    const spec::Packet write = spec::memory_write(0, 4, false), read = spec::memory_read(0, false);
    up.send(write, 0);
    up.send(read, 0);
    up.give_back(write, 0);
    run_to(50 * nanosecond);
    TestSender sender;
    up.wait_for_credits(sender);  // for that of the read
    run_to(90 * nanosecond);
    EXPECT_EQ(sender.calls, 0u);
    up.give_back(read, simulation.now());
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(sender.calls, 1u);
    EXPECT_EQ(simulation.now(), 130 * nanosecond);
}

TEST_F(LinkDirectionTest, LateCreditsOfBeforeAResetAreNoneBeyondThoseAdvertised) {
    CreditConfig credits;
    credits.PD = 8;
    LinkDirection& up = make(credits);
    const spec::Packet large = spec::memory_write(0, 128, false), small = spec::memory_write(0, 64, false);
    up.send(large, 0);
    up.reset();
    up.send(small, 0);
    up.give_back(large, simulation.now());
    up.give_back(small, simulation.now());
    run_to(simulation.now() + microsecond);
    EXPECT_TRUE(up.affordable(large));
    up.send(large, simulation.now());
    EXPECT_FALSE(up.affordable(spec::memory_write(0, 16, false)));
}

TEST_F(LinkDirectionTest, SendersThatWaitForTheWireTakeTurns) {
    LinkDirection& up = make({});
    const spec::Packet write = spec::memory_write(0, 256, false);
    std::vector<char> order;
    TestSender a, b;
    const auto sender = [&](TestSender& self, char name) {
        return [&, name] {
            order.push_back(name);
            EXPECT_LE(up.free_at(), simulation.now());
            up.send(write, simulation.now());
            if (order.size() < 8) up.wait_for_wire(self, 0);
        };
    };
    a.on_ready = sender(a, 'a');
    b.on_ready = sender(b, 'b');
    up.send(write, 0);
    up.wait_for_wire(a, 0);
    up.wait_for_wire(b, 0);
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(std::string(order.begin(), order.begin() + 8), "abababab");
}

TEST_F(LinkDirectionTest, ResetGivesAllCreditsBackAndWakesWaiters) {
    CreditConfig credits;
    credits.PH = 1;
    LinkDirection& up = make(credits);
    const spec::Packet write = spec::memory_write(0, 4, false);
    up.send(write, 0);
    TestSender sender;
    up.wait_for_credits(sender);
    up.reset();
    EXPECT_TRUE(up.affordable(write));
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(sender.calls, 1u);
    up.give_back(write, simulation.now());  // of before the reset
    run_to(simulation.now() + microsecond);
    EXPECT_TRUE(up.affordable(write));
    up.send(write, simulation.now());
    EXPECT_FALSE(up.affordable(write));
}

TEST_F(LinkDirectionTest, NobodyWaitingMeansNothingScheduled) {
    CreditConfig credits;
    credits.PH = 1;
    LinkDirection& up = make(credits);
    up.send(spec::memory_write(0, 4, false), 0);
    up.give_back(spec::memory_write(0, 4, false), 10);
    EXPECT_TRUE(simulation.scheduler().idle());
}

}  // namespace
}  // namespace smmusim::pcie::uarch
