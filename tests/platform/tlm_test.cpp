// Promises of our own sockets at the edge to other people's TLM-2.0 modules.
#include "platform/tlm_bench.hpp"

namespace smmusim::tlm {
namespace {

TEST(Tlm, OurPartsTalkThroughSocketsWithExactTimes) {
    Bench bench;
    connect(bench.port(), bench.target());
    Through through(bench.port());
    test::Sender sender(bench.simulation, through);
    bench.run(50, Scheduler::Until::Limit);
    const test::Sent& write = sender.write(base, 0xABCD);
    const test::Sent& read = sender.read(base, 8);
    bench.run();
    EXPECT_EQ(write.status(), Status::Ok);
    EXPECT_EQ(read.access->value(), 0xABCDu);
    EXPECT_EQ(read.at, 50 + 100 * nanosecond);
    EXPECT_FALSE(bench.bridge.busy());
}

TEST(Tlm, StatusesOfOurPartsSurviveTheWay) {
    Bench bench;
    connect(bench.port(), bench.target());
    Through through(bench.port());
    test::Sender sender(bench.simulation, through);
    for (const Status status : {Status::Discarded, Status::CompleterAbort, Status::Unsupported, Status::Poisoned}) {
        bench.memory.repair();
        bench.memory.fail(base, 8, status);
        const test::Sent& read = sender.read(base, 8);
        bench.run();
        EXPECT_EQ(read.status(), status);
    }
}

TEST(Tlm, AttributesTravelInTheExtension) {
    Bench bench;
    connect(bench.port(), bench.target());
    Through through(bench.port());
    test::Sender sender(bench.simulation, through);
    sender.attributes.stream_id = 42;
    sender.attributes.device_id = 43;
    sender.write(base, 1);
    bench.run();
    EXPECT_EQ(bench.memory.log.at(0).attributes.stream_id, 42u);
    EXPECT_EQ(bench.memory.log.at(0).attributes.device_id, 43u);
}

TEST(Tlm, ForeignTargetInFourPhasesAcceptsOneRequestAtATime) {
    Bench bench;
    test::ForeignTarget foreign("foreign");
    bench.port().socket().bind(foreign.socket);
    Through through(bench.port());
    test::Sender sender(bench.simulation, through);
    const test::Sent& first = sender.write(base, 0x1122);
    const test::Sent& second_write = sender.write(base + 8, 0x3344);
    const test::Sent& read = sender.read(base, 8);
    bench.run();
    EXPECT_EQ(first.status(), Status::Ok);
    EXPECT_EQ(read.access->value(), 0x1122u);
    ASSERT_EQ(foreign.arrivals.size(), 3u);
    EXPECT_EQ(picoseconds(foreign.arrivals[1]), 5 * nanosecond);
    EXPECT_EQ(picoseconds(foreign.arrivals[2]), 10 * nanosecond);
    EXPECT_EQ(first.at, 55 * nanosecond);
    EXPECT_EQ(second_write.at, 60 * nanosecond);
    EXPECT_EQ(read.at, 65 * nanosecond);
    EXPECT_EQ(bench.simulation.now(), 65 * nanosecond);
    EXPECT_EQ(picoseconds(sc_core::sc_time_stamp()), 65 * nanosecond);
    EXPECT_FALSE(bench.bridge.busy());
}

TEST(Tlm, DelaysAreRelativeToTheKernelsTimeNotToOurs) {
    Bench bench;
    test::ForeignTarget foreign("foreign");
    bench.port().socket().bind(foreign.socket);
    sim::Scope scope(bench.simulation, "test");
    std::vector<Time> done;
    const auto activity = [](sim::Simulation& simulation, sim::Port& port, std::vector<Time>& times) -> sim::Task<> {
        for (int i = 0; i < 3; ++i) {
            co_await simulation.delay(777);  // the bridge runs ahead: the kernel is still where it was
            const sim::AccessPtr access = simulation.accesses().make(sim::Command::Read, base, 8);
            co_await sim::transfer(simulation, port, *access);
            times.push_back(simulation.now());
        }
    };
    bench.run(0, Scheduler::Until::Limit);
    scope.spawn("reads", activity(bench.simulation, bench.port(), done));
    bench.run();
    EXPECT_EQ(done, (std::vector<Time>{777 + 55000, 2 * 777 + 2 * 55000, 3 * 777 + 3 * 55000}));
}

TEST(Tlm, TargetWithoutDebugTransportCannotBeLookedAt) {
    Bench bench;
    test::EarlyTarget foreign("foreign");
    bench.port().socket().bind(foreign.socket);
    Through through(bench.port());
    test::Sender sender(bench.simulation, through);
    bench.run(0, Scheduler::Until::Limit);
    const sim::AccessPtr look = sender.make(sim::Command::Read, base, 8);
    bench.port().inspect(*look);
    EXPECT_EQ(look->status, Status::Unsupported);
}

TEST(Tlm, EarlyCompletionIsUnderstoodInBothForms) {
    for (const bool by_phase : {false, true}) {
        Bench bench;
        test::EarlyTarget foreign("foreign");
        foreign.by_phase = by_phase;
        bench.port().socket().bind(foreign.socket);
        Through through(bench.port());
        test::Sender sender(bench.simulation, through);
        bench.run(0, Scheduler::Until::Limit);
        const test::Sent& write = sender.write(base, 1);
        const test::Sent& read = sender.read(base, 8);
        bench.run();
        EXPECT_EQ(write.status(), Status::Ok);
        EXPECT_EQ(write.at, 30 * nanosecond);
        EXPECT_EQ(read.status(), Status::Unsupported);
        EXPECT_EQ(foreign.ended, by_phase ? 2u : 0u);
    }
}

TEST(Tlm, PayloadThatAForeignModuleStillHoldsIsNotReused) {
    Bench bench;
    test::ForeignTarget foreign("foreign");
    foreign.keep_payloads = true;
    bench.port().socket().bind(foreign.socket);
    Through through(bench.port());
    test::Sender sender(bench.simulation, through);
    const test::Sent& first = sender.write(base, 1);
    bench.run();
    EXPECT_EQ(first.access->foreign(), nullptr);
    const test::Sent& second_write = sender.write(base, 2);
    bench.run();
    EXPECT_EQ(second_write.status(), Status::Ok);
}

TEST(Tlm, AbandonedAccessFinishesItsWayThroughAForeignTarget) {
    Bench bench;
    test::ForeignTarget foreign("foreign");
    bench.port().socket().bind(foreign.socket);
    bench.run(0, Scheduler::Until::Limit);
    auto scope = std::make_unique<sim::Scope>(bench.simulation, "test");
    const auto activity = [](sim::Simulation& simulation, sim::Port& port) -> sim::Task<> {
        const sim::AccessPtr access = simulation.accesses().make(sim::Command::Write, base, 8);
        access->set_value(5);
        co_await sim::transfer(simulation, port, *access);
    };
    scope->spawn("write", activity(bench.simulation, bench.port()));
    bench.run(20 * nanosecond, Scheduler::Until::Limit);
    scope.reset();
    bench.run();
    EXPECT_EQ(foreign.bytes[base], 5);
    EXPECT_EQ(bench.simulation.accesses().in_use(), 0u);
}

}  // namespace
}  // namespace smmusim::tlm
