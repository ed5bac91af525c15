// Promises of messages: what is sent, when, and what becomes of it.
#include <gtest/gtest.h>

#include "pcie/uarch/rig.hpp"

namespace smmusim::pcie::uarch {
namespace {

/// A doorbell that keeps the journeys of the messages it gets.
struct Doorbell final : sim::Target {
    explicit Doorbell(sim::Simulation& owner) : simulation(owner) {}
    void receive(sim::Access& access, Time at) override {
        if (access.has_journey()) {
            journeys.push_back(access.journey());
            arrivals.push_back(at);
            data.push_back(access.value());
            attributes.push_back(access.attributes);
        }
        access.respond(sim::Status::Ok, at);
    }
    Time perform(sim::Access&) override { return 0; }
    void inspect(sim::Access&) override {}
    sim::Simulation& simulation;
    std::vector<std::shared_ptr<sim::Journey>> journeys;
    std::vector<Time> arrivals;
    std::vector<u64> data;
    std::vector<sim::Attributes> attributes;
};

struct Messages : testing::Test {
    Messages()
        : doorbell(simulation),
          port(doorbell),
          link(simulation, {}, "link0"),
          complex(simulation, {}, "pcie0", 0),
          endpoint(std::make_unique<Endpoint>(simulation, EndpointConfig{}, link)) {
        complex.attach(complex.add_port(link, port), *endpoint);
        endpoint->config_write(spec::header::bar0 + 8, 4, 0x2000'0000);
        endpoint->config_write(spec::header::command, 2, spec::command::memory | spec::command::bus_master);
    }
    void run() { simulation.scheduler().run(end_of_time); }
    /// Without time.
    void table(u64 offset, u64 value, u32 size = 4) {
        const auto access = simulation.accesses().make(sim::Command::Write, 0x2000'0000 + offset, size);
        access->set_value(value);
        complex.window().perform(*access);
    }
    void program(u32 vector, u64 address, u32 message, bool masked = false) {
        table(vector * 16, address, 8);
        table(vector * 16 + 8, message);
        table(vector * 16 + 12, masked);
    }
    void enable(u32 extra = 0) {
        endpoint->config_write(Rig::capability(*endpoint, 0x11) + spec::msix::control, 2,
                               spec::msix::control_enable | extra);
    }
    u64 statistic(const char* name) { return Statistics::of(*endpoint).values.at(name); }

    sim::Simulation simulation;
    Doorbell doorbell;
    sim::DirectPort port;
    Link link;
    RootComplex complex;
    std::unique_ptr<Endpoint> endpoint;
};
using Part = sim::Journey::Part;
using Outcome = sim::Journey::Outcome;

TEST_F(Messages, IsOneDoubleWordWithoutHintsOrPasid) {
    program(2, 0x0809'0040, 0xABCD);
    enable();
    EXPECT_EQ(endpoint->raise(2), arch::Raised::Message);
    run();
    ASSERT_EQ(doorbell.data, (std::vector<u64>{0xABCD}));
    const sim::Attributes& seen = doorbell.attributes.front();
    EXPECT_EQ(seen.transaction_class, sim::TransactionClass::Message);
    EXPECT_EQ(seen.requester_id, 8u);
    EXPECT_EQ(seen.stream_id, 8u);
    EXPECT_EQ(seen.device_id, 8u);
    EXPECT_FALSE(seen.has_substream());
    EXPECT_FALSE(seen.relaxed_ordering);
    EXPECT_FALSE(seen.no_snoop);
    EXPECT_EQ(seen.address_type, sim::AddressType::Untranslated);
    EXPECT_EQ(Statistics::of(link).values.at("up.bytes"), 24u);
}

TEST_F(Messages, JourneyBeginsWithTheFirstByteAndTheLinkEndsWhereTheRootComplexPassesItOn) {
    const EndpointConfig config;
    const RootComplexConfig root;
    program(0, 0x0809'0040, 1);
    enable();
    run();
    const Time raised = simulation.now();
    endpoint->raise(0);
    run();
    const sim::Journey& journey = *doorbell.journeys.at(0);
    EXPECT_EQ(journey.begin(), raised + config.transmit_latency);
    EXPECT_EQ(journey.spent(Part::Link),
              spec::byte_time(3, 8, 256).bytes(24) + LinkConfig{}.propagation + root.request_latency);
    EXPECT_EQ(doorbell.arrivals.at(0), journey.begin() + journey.spent(Part::Link));
}

TEST_F(Messages, DeliveredMessageAddsItsLatencyAndItsParts) {
    program(0, 0x0809'0040, 1);
    enable();
    endpoint->raise(0);
    run();
    sim::Journey& journey = *doorbell.journeys.at(0);
    const Time arrived = doorbell.arrivals.at(0);
    journey.enter(Part::Its, arrived);
    journey.leave(Part::Its, arrived + 100);
    journey.enter(Part::CpuInterface, arrived + 100);
    journey.leave(Part::CpuInterface, arrived + 130);
    journey.settle(Outcome::Delivered);
    journey.signal(arrived + 130);
    EXPECT_EQ(statistic("msi.sent"), 1u);
    EXPECT_EQ(statistic("msi.delivered"), 1u);
    EXPECT_EQ(statistic("msi.latency_ns.max"), arrived + 130 - journey.begin());
    EXPECT_EQ(statistic("msi.part.its_ns.max"), 100u);
    EXPECT_EQ(statistic("msi.part.cpu_interface_ns.max"), 30u);
    EXPECT_EQ(statistic("msi.part_sum_mismatches"), 0u);
    ASSERT_EQ(endpoint->messages().finished().size(), 1u);
    const FinishedJourney& kept = endpoint->messages().finished().front();
    EXPECT_EQ(kept.outcome, Outcome::Delivered);
    EXPECT_EQ(std::accumulate(kept.spent.begin(), kept.spent.end(), Time{0}), kept.end - kept.begin);
}

TEST_F(Messages, PartsThatDoNotSumAreCounted) {
    program(0, 0x0809'0040, 1);
    enable();
    endpoint->raise(0);
    run();
    doorbell.journeys.at(0)->settle(Outcome::Delivered);
    doorbell.journeys.at(0)->signal(doorbell.arrivals.at(0) + 1);
    EXPECT_EQ(statistic("msi.part_sum_mismatches"), 1u);
}

TEST_F(Messages, SentIsDeliveredCoalescedAndBlocked) {
    program(0, 0x0809'0040, 1);
    enable();
    for (int i = 0; i < 4; ++i) endpoint->raise(0);
    run();
    doorbell.journeys.at(0)->settle(Outcome::Delivered);
    doorbell.journeys.at(1)->settle(Outcome::Coalesced);
    doorbell.journeys.at(2)->settle(Outcome::Blocked);
    doorbell.journeys.at(2)->settle(Outcome::Delivered);  // the first call counts
    EXPECT_EQ(statistic("msi.blocked"), 1u);
    doorbell.journeys.clear();  // nobody settled the fourth
    EXPECT_EQ(statistic("msi.sent"), 4u);
    EXPECT_EQ(statistic("msi.delivered"), 1u);
    EXPECT_EQ(statistic("msi.coalesced"), 1u);
    EXPECT_EQ(statistic("msi.blocked"), 2u);
}

TEST_F(Messages, JourneyThatOutlivesItsEndpointIsHarmless) {
    program(0, 0x0809'0040, 1);
    enable();
    endpoint->raise(0);
    run();
    endpoint.reset();
    doorbell.journeys.at(0)->settle(Outcome::Delivered);
    doorbell.journeys.clear();
}

TEST_F(Messages, WithoutBusMasteringNothingIsSent) {
    program(0, 0x0809'0040, 1);
    enable();
    endpoint->config_write(spec::header::command, 2, spec::command::memory);
    endpoint->raise(0);
    run();
    EXPECT_TRUE(doorbell.journeys.empty());
    EXPECT_EQ(statistic("msi.sent"), 0u);
    EXPECT_EQ(statistic("msi.suppressed"), 1u);
}

TEST_F(Messages, UnmaskingThroughTheWindowSendsThePendingMessage) {
    program(7, 0x0809'0040, 70, true);
    enable();
    EXPECT_EQ(endpoint->raise(7), arch::Raised::Pending);
    run();
    EXPECT_TRUE(doorbell.data.empty());
    table(7 * 16 + 12, 0);
    run();
    EXPECT_EQ(doorbell.data, (std::vector<u64>{70}));
    EXPECT_EQ(statistic("msi.masked"), 1u);
    EXPECT_EQ(statistic("msi.sent"), 1u);
}

TEST_F(Messages, UnmaskedWithoutBusMasteringStaysPendingAndIsSentWhenItIsOn) {
    program(7, 0x0809'0040, 70, true);
    enable();
    endpoint->raise(7);
    endpoint->config_write(spec::header::command, 2, spec::command::memory);
    table(7 * 16 + 12, 0);
    run();
    EXPECT_TRUE(doorbell.data.empty());
    const auto pending =
        simulation.accesses().make(sim::Command::Read, 0x2000'0000 + arch::pending_array_offset(64), 8);
    complex.window().perform(*pending);
    EXPECT_EQ(pending->value(), u64{1} << 7);
    EXPECT_EQ(statistic("msi.suppressed"), 0u);
    endpoint->config_write(spec::header::command, 2, spec::command::memory | spec::command::bus_master);
    run();
    EXPECT_EQ(doorbell.data, (std::vector<u64>{70}));
}

TEST_F(Messages, ClearingTheFunctionMaskSendsWhatIsPendingInOrder) {
    for (u32 vector = 0; vector < 3; ++vector) program(vector, 0x0809'0040, 100 + vector);
    enable(spec::msix::control_function_mask);
    for (const u32 vector : {2u, 0u, 1u}) endpoint->raise(vector);
    enable();
    run();
    EXPECT_EQ(doorbell.data, (std::vector<u64>{100, 101, 102}));
}

TEST_F(Messages, LookingAtTheTableSendsNothing) {
    program(0, 0x0809'0040, 1, true);
    enable();
    endpoint->raise(0);
    const auto access = simulation.accesses().make(sim::Command::Write, 0x2000'000C, 4);
    access->set_value(0);
    complex.window().inspect(*access);
    run();
    EXPECT_TRUE(doorbell.data.empty());
}

TEST_F(Messages, VectorThatTheFunctionDoesNotHaveIsRefused) {
    EXPECT_THROW(endpoint->raise(64), std::invalid_argument);
    EXPECT_EQ(endpoint->raise(63), arch::Raised::Disabled);
}

TEST(MessageLogTest, KeepsTheLatestOnly) {
    MessageLog log(2);
    for (u32 vector = 0; vector < 5; ++vector) log.begin(vector, vector)->settle(Outcome::Coalesced);
    ASSERT_EQ(log.finished().size(), 2u);
    EXPECT_EQ(log.finished().front().vector, 3u);
    EXPECT_EQ(log.finished().back().vector, 4u);
}

}  // namespace
}  // namespace smmusim::pcie::uarch
