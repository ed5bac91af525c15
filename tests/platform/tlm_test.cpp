// Promises at the edge to other people's TLM-2.0 modules.
#include <gtest/gtest.h>

#include <numeric>

#include "memory/ram.hpp"
#include "platform/foreign_modules.hpp"
#include "platform/sim_context.hpp"
#include "support/fake_memory.hpp"
#include "support/sender.hpp"
#include "tlm/module.hpp"

namespace smmusim::tlm {
namespace {

using sim::Scheduler;
using sim::Status;

constexpr u64 base = 0x40000000;

/// A kernel, a bridge, one module of ours with a port and a memory behind a socket.
struct Bench {
    platform::SimContext context;
    platform::SimContext::Use use{context};
    sim::Simulation simulation;
    KernelBridge bridge{"bridge", simulation};
    test::FakeMemory memory{simulation, 100 * nanosecond};
    Module device{"device", bridge};
    Module store{"store", bridge};
    InitiatorSocket& port() { return port_ != nullptr ? *port_ : *(port_ = &device.initiator("port")); }
    TargetSocket& target() { return target_ != nullptr ? *target_ : *(target_ = &store.target("target", memory)); }

    void run(Time limit = second, Scheduler::Until until = Scheduler::Until::Idle) { bridge.run(limit, until); }

private:
    InitiatorSocket* port_ = nullptr;  // a socket that exists must be bound
    TargetSocket* target_ = nullptr;
};

/// A target that sends everything on through a port: the test's sender towards a socket.
struct Through final : sim::Target {
    explicit Through(sim::Port& way) : port(way) {}
    void receive(sim::Access& access, Time at) override { port.send(access, at); }
    Time perform(sim::Access& access) override { return port.perform(access); }
    void inspect(sim::Access& access) override { port.inspect(access); }
    sim::Port& port;
};

u64 picoseconds(const sc_core::sc_time& time) { return time.value(); }

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
    EXPECT_EQ(first.access->foreign, nullptr);
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

struct ForeignBench : Bench {
    test::ForeignInitiator initiator{"initiator"};
    ForeignBench() { initiator.socket.bind(target().socket()); }
    test::ForeignInitiator::Job& add(::tlm::tlm_command command, u64 address, std::vector<unsigned char> data) {
        test::ForeignInitiator::Job job;
        job.command = command;
        job.address = address;
        job.data = std::move(data);
        initiator.jobs.push_back(std::move(job));
        return initiator.jobs.back();
    }
    void run_for(Time duration) { run(simulation.now() + duration, Scheduler::Until::Limit); }
};

TEST(ForeignInitiator, FourPhasesWithOneResponseAtATime) {
    ForeignBench bench;
    auto& write = bench.add(::tlm::TLM_WRITE_COMMAND, base, {1, 2, 3, 4});
    auto& read = bench.add(::tlm::TLM_READ_COMMAND, base + 1, {0, 0});
    bench.initiator.start = sc_core::sc_time(7, sc_core::SC_NS);
    bench.run_for(1 * microsecond);
    EXPECT_EQ(write.status, ::tlm::TLM_OK_RESPONSE);
    EXPECT_EQ(picoseconds(write.done), 107 * nanosecond);
    EXPECT_EQ(read.data, (std::vector<unsigned char>{2, 3}));
    // Ready together with the first, it waits for that one's END_RESP.
    EXPECT_EQ(picoseconds(read.done), 127 * nanosecond);
    EXPECT_EQ(bench.initiator.alive, 0);
    EXPECT_EQ(bench.simulation.accesses().in_use(), 0u);
}

TEST(ForeignInitiator, BurstsAreCutAtFourKilobytesAndErrorsReported) {
    ForeignBench bench;
    std::vector<unsigned char> data(10000);
    std::iota(data.begin(), data.end(), 0);
    auto& write = bench.add(::tlm::TLM_WRITE_COMMAND, base + 100, data);
    bench.memory.fail(base + 0x10000, 8, Status::Unsupported);
    auto& failing = bench.add(::tlm::TLM_WRITE_COMMAND, base + 0x10000 - 8000, std::vector<unsigned char>(9000));
    bench.run_for(1 * microsecond);
    EXPECT_EQ(write.status, ::tlm::TLM_OK_RESPONSE);
    EXPECT_EQ(failing.status, ::tlm::TLM_ADDRESS_ERROR_RESPONSE);
    std::vector<unsigned char> stored(10000);
    bench.memory.read(base + 100, stored.data(), stored.size());
    EXPECT_EQ(stored, data);
    for (const auto& entry : bench.memory.log) EXPECT_EQ(entry.address / 4096, (entry.address + entry.size - 1) / 4096);
}

TEST(ForeignInitiator, OnlyEnabledBytesAreTouched) {
    ForeignBench bench;
    bench.memory.put<u64>(base, 0x1111111111111111);
    auto& write = bench.add(::tlm::TLM_WRITE_COMMAND, base, {9, 9, 9, 9, 9, 9, 9, 9});
    write.byte_enable = {0xFF, 0};
    auto& read = bench.add(::tlm::TLM_READ_COMMAND, base, {7, 7, 7, 7});
    read.byte_enable = {0, 0, 0xFF, 0xFF};
    bench.run_for(1 * microsecond);
    EXPECT_EQ(bench.memory.u64_at(base), 0x1109110911091109u);
    EXPECT_EQ(read.data, (std::vector<unsigned char>{7, 7, 9, 0x11}));
    EXPECT_EQ(bench.memory.log.at(0).size, 1u);
}

TEST(ForeignInitiator, IllegalPayloadsGetTheErrorsOfTheStandard) {
    ForeignBench bench;
    auto& streaming = bench.add(::tlm::TLM_WRITE_COMMAND, base, {1, 2, 3, 4});
    streaming.streaming_width = 2;
    auto& empty = bench.add(::tlm::TLM_READ_COMMAND, base, {});
    auto& ignore = bench.add(::tlm::TLM_IGNORE_COMMAND, base, {1});
    bench.run_for(1 * microsecond);
    EXPECT_EQ(streaming.status, ::tlm::TLM_BURST_ERROR_RESPONSE);
    EXPECT_EQ(empty.status, ::tlm::TLM_GENERIC_ERROR_RESPONSE);
    EXPECT_EQ(ignore.status, ::tlm::TLM_OK_RESPONSE);
    EXPECT_TRUE(bench.memory.log.empty());
}

TEST(ForeignInitiator, HasTheAttributesOfItsSocketOrItsOwn) {
    ForeignBench bench;
    bench.target().foreign_attributes().stream_id = 99;
    bench.add(::tlm::TLM_WRITE_COMMAND, base, {1});
    bench.run_for(1 * microsecond);
    EXPECT_EQ(bench.memory.log.at(0).attributes.stream_id, 99u);

    ::tlm::tlm_generic_payload payload;
    AccessExtension extension;
    extension.attributes().stream_id = 7;
    payload.set_extension(&extension);
    unsigned char byte = 3;
    payload.set_command(::tlm::TLM_WRITE_COMMAND);
    payload.set_address(base + 5);
    payload.set_data_ptr(&byte);
    payload.set_data_length(1);
    payload.set_streaming_width(1);
    sc_core::sc_time delay(4, sc_core::SC_NS);
    bench.initiator.socket->b_transport(payload, delay);
    payload.clear_extension(&extension);
    EXPECT_EQ(payload.get_response_status(), ::tlm::TLM_OK_RESPONSE);
    EXPECT_EQ(picoseconds(delay), 104 * nanosecond);  // returned, not waited for
    EXPECT_EQ(bench.memory.u8_at(base + 5), 3);
}

TEST(ForeignInitiator, DebugTransportLooksWithoutTime) {
    ForeignBench bench;
    bench.memory.put<u64>(base, 0x0807060504030201);
    bench.memory.fail(base + 0x1000, 8);
    bench.run_for(1);
    std::vector<unsigned char> data(16);
    ::tlm::tlm_generic_payload payload;
    payload.set_command(::tlm::TLM_READ_COMMAND);
    payload.set_address(base);
    payload.set_data_ptr(data.data());
    payload.set_data_length(8);
    payload.set_streaming_width(8);
    EXPECT_EQ(bench.initiator.socket->transport_dbg(payload), 8u);
    EXPECT_EQ(data[7], 8);
    payload.set_address(base + 0x1000 - 8);
    payload.set_data_length(16);
    payload.set_streaming_width(16);
    EXPECT_EQ(bench.initiator.socket->transport_dbg(payload), 8u);  // as far as it goes
    EXPECT_EQ(bench.simulation.now(), 1u);
}

TEST(ForeignBridge, BetweenTwoOfOurPartsKeepsAttributesAndDecodesAddresses) {
    Bench bench;
    test::ForeignBridge between("between");
    between.offset = 0x1000;
    bench.port().socket().bind(between.in);
    between.out.bind(bench.target().socket());
    Through through(bench.port());
    test::Sender sender(bench.simulation, through);
    sender.attributes.stream_id = 42;
    bench.run(0, Scheduler::Until::Limit);
    const test::Sent& write = sender.write(base, 6);
    const test::Sent& read = sender.read(base, 8);
    bench.memory.fail(base + 0x3000, 8, Status::CompleterAbort);
    const test::Sent& failing = sender.read(base + 0x2000, 8);
    bench.run();
    EXPECT_EQ(bench.memory.u64_at(base + 0x1000), 6u);
    EXPECT_EQ(bench.memory.log.at(0).attributes.stream_id, 42u);
    EXPECT_EQ(write.at, 106 * nanosecond);
    EXPECT_EQ(read.access->value(), 6u);
    EXPECT_EQ(failing.status(), Status::CompleterAbort);
    const sim::AccessPtr look = sender.make(sim::Command::Read, base, 8);
    bench.port().inspect(*look);
    EXPECT_EQ(look->value(), 6u);
}

TEST(KernelBridge, FollowsAKernelThatSomebodyElseDrives) {
    ForeignBench bench;
    auto& write = bench.add(::tlm::TLM_WRITE_COMMAND, base, {1});
    bench.initiator.start = sc_core::sc_time(7, sc_core::SC_NS);
    sc_core::sc_start(sc_core::sc_time(106, sc_core::SC_NS));
    EXPECT_EQ(write.status, ::tlm::TLM_INCOMPLETE_RESPONSE);
    sc_core::sc_start(sc_core::sc_time(2, sc_core::SC_NS));
    EXPECT_EQ(write.status, ::tlm::TLM_OK_RESPONSE);
    EXPECT_EQ(picoseconds(write.done), 107 * nanosecond);
}

TEST(KernelBridge, ExceptionOfAnActivityArrivesWhereTheSimulationWasRun) {
    Bench bench;
    connect(bench.port(), bench.target());
    sim::Scope scope(bench.simulation, "test");
    const auto thrower = [](sim::Simulation& simulation) -> sim::Task<> {
        co_await simulation.delay(10);
        throw std::domain_error("from an activity");
    };
    scope.spawn("thrower", thrower(bench.simulation));
    const auto later = [](void* flag, void*) { *static_cast<bool*>(flag) = true; };
    bool ran = false;
    bench.simulation.scheduler().at(20, later, &ran);
    const auto direct = [](void*, void*) { throw std::range_error("from a call"); };
    bench.simulation.scheduler().at(15, direct, nullptr);
    EXPECT_THROW(bench.run(), std::domain_error);
    EXPECT_EQ(bench.simulation.now(), 10u);
    EXPECT_THROW(bench.run(), std::range_error);
    EXPECT_FALSE(ran);
    bench.run();
    EXPECT_TRUE(ran);
}

TEST(KernelBridge, RunStopsAtItsLimitAndMovesBothClocksThere) {
    Bench bench;
    connect(bench.port(), bench.target());
    std::vector<Time> ran;
    struct Note {
        sim::Simulation* simulation;
        std::vector<Time>* times;
    } note{&bench.simulation, &ran};
    const auto record = [](void* object, void*) {
        auto* const to = static_cast<Note*>(object);
        to->times->push_back(to->simulation->now());
    };
    for (const Time at : {Time{0}, Time{99}, Time{100}, Time{101}}) bench.simulation.scheduler().at(at, record, &note);
    bench.simulation.scheduler().at(100, record, &note, nullptr, Scheduler::Kind::Timer);
    bench.run(0, Scheduler::Until::Limit);
    EXPECT_EQ(ran.size(), 1u);
    bench.run(100, Scheduler::Until::Limit);
    EXPECT_EQ(ran, (std::vector<Time>{0, 99, 100, 100}));
    bench.run(100, Scheduler::Until::Limit);
    EXPECT_EQ(ran.size(), 4u);
    bench.run(5000, Scheduler::Until::Limit);
    EXPECT_EQ(ran.size(), 5u);
    EXPECT_EQ(bench.simulation.now(), 5000u);
    EXPECT_EQ(picoseconds(sc_core::sc_time_stamp()), 5000u);
}

/// A process of somebody else that does something every 10 ns for ever.
struct ForeignClock : sc_core::sc_module {
    SC_HAS_PROCESS(ForeignClock);
    explicit ForeignClock(const sc_core::sc_module_name& name) : sc_module(name) {
        SC_METHOD(tick);
        sensitive << event;
    }
    void tick() {
        ++ticks;
        event.notify(sc_core::sc_time(10, sc_core::SC_NS));
    }
    sc_core::sc_event event;
    unsigned int ticks = 0;
};

TEST(KernelBridge, ForeignActivityIsNeitherOvertakenNorKeepsUsFromBeingIdle) {
    Bench bench;
    connect(bench.port(), bench.target());
    ForeignClock clock("clock");
    struct Note {
        ForeignClock* clock;
        std::vector<std::pair<Time, unsigned int>> seen;
        sim::Simulation* simulation;
    } note{&clock, {}, &bench.simulation};
    const auto record = [](void* object, void*) {
        auto* const to = static_cast<Note*>(object);
        to->seen.emplace_back(to->simulation->now(), to->clock->ticks);
    };
    for (const Time at : {Time{9'999}, Time{10'001}, Time{25'000}, Time{100'500}})
        bench.simulation.scheduler().at(at, record, &note);
    bench.run();
    EXPECT_EQ(note.seen,
              (std::vector<std::pair<Time, unsigned int>>{{9'999, 1}, {10'001, 2}, {25'000, 3}, {100'500, 11}}));
    EXPECT_EQ(bench.simulation.now(), 100'500u);
}

TEST(SimContext, ManySimulationsInterleavedDoNotDisturbEachOther) {
    const auto& first = *sc_core::sc_get_curr_simcontext();
    struct Machine {
        platform::SimContext context;
        std::unique_ptr<sim::Simulation> simulation = std::make_unique<sim::Simulation>();
        std::unique_ptr<test::FakeMemory> memory = std::make_unique<test::FakeMemory>(*simulation, 100 * nanosecond);
        std::unique_ptr<KernelBridge> bridge;
        std::unique_ptr<Module> module;
        std::unique_ptr<Through> through;
        std::unique_ptr<test::Sender> sender;
        std::vector<Time> done;
        Machine() {
            const platform::SimContext::Use use(context);
            bridge = std::make_unique<KernelBridge>("bridge", *simulation);
            module = std::make_unique<Module>("module", *bridge);
            InitiatorSocket& port = module->initiator("port");
            connect(port, module->target("target", *memory));
            through = std::make_unique<Through>(port);
            sender = std::make_unique<test::Sender>(*simulation, *through);
        }
        ~Machine() {
            const platform::SimContext::Use use(context);
            sender.reset();
            module.reset();
            bridge.reset();
        }
        void step(Time duration) {
            const platform::SimContext::Use use(context);
            bridge->run(simulation->now() + duration, Scheduler::Until::Limit);
            done.push_back(sender->read(base, 8).at);
            const test::Sent& read = sender->read(base, 8);
            bridge->run(second, Scheduler::Until::Idle);
            done.push_back(read.at);
        }
    };
    std::vector<Time> expected;
    {
        Machine alone;
        for (int i = 0; i < 20; ++i) alone.step(1000);
        expected = alone.done;
    }
    std::vector<std::unique_ptr<Machine>> machines;
    for (int i = 0; i < 5; ++i) machines.push_back(std::make_unique<Machine>());
    for (int i = 0; i < 20; ++i)
        for (const auto& machine : machines) machine->step(1000);
    for (const auto& machine : machines) EXPECT_EQ(machine->done, expected);
    for (int i = 0; i < 200; ++i) Machine();
    EXPECT_EQ(&first, sc_core::sc_get_curr_simcontext());
}

}  // namespace
}  // namespace smmusim::tlm
