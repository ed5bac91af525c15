// Promises of the root complex: ECAM, the window to BARs, what nobody claims, reset through registers.
#include "pcie/uarch/root_complex.hpp"

#include <gtest/gtest.h>

#include "pcie/uarch/rig.hpp"

namespace smmusim::pcie::uarch {
namespace {

constexpr u64 function_base = Rig::ecam_base + 0x8 * 4096;  // 00:01.0

TEST(Ecam, AbsentFunctionsReadAllOnes) {
    Rig rig;
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), Rig::ecam_base, 4), 0xFFFF'FFFFu);
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), Rig::ecam_base + 0x9 * 4096, 2), 0xFFFFu);
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), Rig::ecam_base + MiB + 0x8 * 4096, 1), 0xFFu);
    EXPECT_EQ(rig.bus_write(rig.complex.ecam(), Rig::ecam_base, 4, 0), sim::Status::Ok);
}

TEST(Ecam, PresentFunctionAnswersThroughTheLink) {
    Rig rig;
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), function_base, 2), EndpointConfig{}.function.vendor_id);
    EXPECT_EQ(Statistics::of(rig.link).values.at("down.packets"), 1u);
    EXPECT_EQ(Statistics::of(rig.link).values.at("up.packets"), 1u);
    rig.bus_write(rig.complex.ecam(), function_base + spec::header::command, 2, 6);
    EXPECT_EQ(rig.endpoint.config_read(spec::header::command, 2), 6u);
}

TEST(Ecam, BarIsSizedByWritingOnes) {
    Rig rig;
    const u64 bar = function_base + spec::header::bar0;
    rig.bus_write(rig.complex.ecam(), bar, 4, ~0u);
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), bar, 4), 0xFFFF'0000u);
    rig.bus_write(rig.complex.ecam(), bar, 4, Rig::bar0);
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), bar, 4), Rig::bar0);
}

TEST(Ecam, AccessesThatNoConfigurationRequestCanMakeAreIgnored) {
    Rig rig;
    sim::Status status{};
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), function_base, 8, &status), 0u);
    EXPECT_EQ(status, sim::Status::Discarded);
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), function_base + 1, 2, &status), 0u);
    EXPECT_EQ(status, sim::Status::Discarded);
}

TEST(Ecam, ReadTakesItsWayThereAndBackAndNotLess) {
    EndpointConfig endpoint;
    LinkConfig link;
    RootComplexConfig complex;
    Rig rig(endpoint, link, complex);
    Rig::Bus bus;
    rig.send(bus, rig.complex.ecam(), sim::Command::Read, function_base, 4);
    rig.run();
    const spec::ByteTime byte = spec::byte_time(3, 8, 256);
    EXPECT_EQ(bus.completed, complex.request_latency + byte.bytes(20) + link.propagation +
                                 rig.endpoint.access_latency() + byte.bytes(24) + link.propagation +
                                 complex.completion_latency);
}

TEST(Window, RegistersBehindABarAreReadAndWritten) {
    Rig rig;
    rig.bring_up();
    EXPECT_EQ(rig.bus_write(rig.complex.window(), Rig::bar0 + 0x20, 8, 0x1122'3344'5566'7788), sim::Status::Ok);
    EXPECT_EQ(rig.bus_read(rig.complex.window(), Rig::bar0 + 0x24, 4), 0x1122'3344u);
    sim::Status status{};
    EXPECT_EQ(rig.bus_read(rig.complex.window(), Rig::bar0 + 0x1000, 4, &status), 0u);
    EXPECT_EQ(status, sim::Status::Discarded);
}

TEST(Window, AddressThatNobodyClaimsIsUnsupported) {
    Rig rig;
    sim::Status status{};
    rig.bus_read(rig.complex.window(), Rig::bar0, 4, &status);  // BARs not programmed
    EXPECT_EQ(status, sim::Status::Unsupported);
    rig.bring_up();
    EXPECT_EQ(rig.bus_write(rig.complex.window(), Rig::bar0 + 64 * KiB, 4, 0), sim::Status::Unsupported);
    rig.endpoint.config_write(spec::header::command, 2, spec::command::bus_master);
    rig.bus_read(rig.complex.window(), Rig::bar0, 4, &status);  // decoding off
    EXPECT_EQ(status, sim::Status::Unsupported);
}

TEST(Window, PostedWriteIsAnsweredWhenItHasTakenEffect) {
    Rig rig;
    rig.bring_up();
    Rig::Bus bus;
    rig.send(bus, rig.complex.window(), sim::Command::Write, Rig::bar0, 4, 0x55);
    while (!bus.done()) {
        const auto access = rig.simulation.accesses().make(sim::Command::Read, Rig::bar0, 4);
        rig.complex.window().inspect(*access);
        ASSERT_EQ(access->value(), 0u);
        rig.run_to(rig.simulation.scheduler().next_time());
    }
    const auto access = rig.simulation.accesses().make(sim::Command::Read, Rig::bar0, 4);
    rig.complex.window().inspect(*access);
    EXPECT_EQ(access->value(), 0x55u);
    EXPECT_EQ(Statistics::of(rig.link).values.at("up.packets"), 0u);
}

TEST(Window, ReadDoesNotPassAnEarlierWrite) {
    LinkConfig link;
    link.device_credits.PH = 1;
    Rig rig({}, link);
    rig.bring_up();
    Rig::Bus first, second, read;
    rig.send(first, rig.complex.window(), sim::Command::Write, Rig::bar0, 4, 1);
    rig.send(second, rig.complex.window(), sim::Command::Write, Rig::bar0, 4, 2);
    rig.send(read, rig.complex.window(), sim::Command::Read, Rig::bar0, 4);
    rig.run();
    EXPECT_EQ(read.access->value(), 2u);
}

TEST(Window, WritePassesAReadThatLacksCredits) {
    LinkConfig link;
    link.device_credits.NPH = 1;
    link.credit_return = 5 * microsecond;
    Rig rig({}, link);
    rig.bring_up();
    Rig::Bus first, second, write;
    rig.send(first, rig.complex.window(), sim::Command::Read, Rig::bar0, 4);
    rig.send(second, rig.complex.window(), sim::Command::Read, Rig::bar0, 4);
    rig.send(write, rig.complex.window(), sim::Command::Write, Rig::bar0, 4, 9);
    rig.run();
    EXPECT_LT(write.completed, second.completed);
    EXPECT_EQ(second.access->value(), 9u);
}

TEST(Window, FunctionalAccessTakesNoTimeAndTellsTheUnloadedLatency) {
    Rig rig;
    rig.bring_up();
    const auto access = rig.simulation.accesses().make(sim::Command::Write, Rig::bar0, 4);
    access->set_value(5);
    const Time latency = rig.complex.window().perform(*access);
    EXPECT_EQ(access->status, sim::Status::Ok);
    EXPECT_GT(latency, rig.endpoint.access_latency());
    EXPECT_EQ(rig.simulation.now(), 0u);
    EXPECT_TRUE(rig.simulation.scheduler().idle());
}

TEST(FunctionReset, ThroughDeviceControlDropsWorkAndIsAnswered) {
    Rig rig;
    rig.bring_up();
    rig.memory.hold(0, ~u64{0});
    const auto read = rig.submit(rig.read(0x1000, 64));
    rig.run();
    const u64 control = function_base + Rig::capability(rig.endpoint, 0x10) + spec::express::device_control;
    EXPECT_EQ(rig.bus_write(rig.complex.ecam(), control, 2, 0x8000), sim::Status::Ok);
    EXPECT_EQ(read->status, sim::Status::Timeout);
    EXPECT_EQ(rig.endpoint.config_read(spec::header::command, 2), 0u);
    rig.memory.release();
    rig.run();
    EXPECT_EQ(rig.simulation.accesses().in_use(), 0u);
}

TEST(FunctionReset, ThroughDeviceControlKeepsThePayloadThatSoftwareHasSet) {
    EndpointConfig config;
    config.function.mps = 512;
    Rig rig(config);
    const u32 control = Rig::capability(rig.endpoint, 0x10) + spec::express::device_control;
    rig.endpoint.config_write(control, 2, 0);
    ASSERT_EQ(rig.endpoint.max_payload(), 128u);
    EXPECT_EQ(rig.bus_write(rig.complex.ecam(), function_base + control, 2, 0x8000), sim::Status::Ok);
    EXPECT_EQ(rig.endpoint.max_payload(), 128u);
    rig.endpoint.reset();
    EXPECT_EQ(rig.endpoint.max_payload(), 512u);
}

TEST(RootComplexTest, ResetEndsRegisterAccessesUnderWayWhereverTheyAre) {
    for (Time when = 0; when < 500 * nanosecond; when += 20 * nanosecond) {
        Rig rig;
        rig.bring_up();
        Rig::Bus config, memory;
        rig.send(config, rig.complex.ecam(), sim::Command::Read, function_base, 4);
        rig.send(memory, rig.complex.window(), sim::Command::Write, Rig::bar0, 4, 1);
        rig.run_to(when);
        const bool under_way = !config.done();
        rig.endpoint.reset();
        rig.complex.reset();
        if (under_way) {
            EXPECT_EQ(config.access->status, sim::Status::Timeout) << when;
        }
        rig.run();
        ASSERT_TRUE(config.done());
        ASSERT_TRUE(memory.done());
        EXPECT_EQ(rig.simulation.waiting(), "");
        rig.bring_up();
        EXPECT_EQ(rig.bus_read(rig.complex.ecam(), function_base, 2), EndpointConfig{}.function.vendor_id);
    }
}

TEST(RootComplexTest, ResetEndsRegisterReadsThatWaitForCreditsInTheFunction) {
    LinkConfig link;
    link.root_credits.CplH = 1;
    link.credit_return = 10 * microsecond;
    Rig rig({}, link);
    rig.bring_up();
    std::array<Rig::Bus, 3> reads;
    for (Rig::Bus& read : reads) rig.send(read, rig.complex.ecam(), sim::Command::Read, function_base, 4);
    rig.run_to(5 * microsecond);
    ASSERT_TRUE(reads[0].done());
    ASSERT_FALSE(reads[1].done());
    rig.endpoint.reset();
    rig.complex.reset();
    EXPECT_EQ(reads[1].access->status, sim::Status::Timeout);
    EXPECT_EQ(reads[2].access->status, sim::Status::Timeout);
    rig.run();
    EXPECT_EQ(rig.bus_read(rig.complex.ecam(), function_base, 2), EndpointConfig{}.function.vendor_id);
}

TEST(RootComplexTest, TwoFunctionsAtOneAddressAreRefused) {
    Rig rig;
    Endpoint twin(rig.simulation, {}, rig.link);
    EXPECT_THROW(rig.complex.attach(rig.root, twin), std::invalid_argument);
}

TEST(RootComplexTest, ImpossibleBoundaryIsRefused) {
    sim::Simulation simulation;
    RootComplexConfig config;
    config.rcb = 96;
    EXPECT_THROW(RootComplex(simulation, config, "pcie0", 0), std::invalid_argument);
}

}  // namespace
}  // namespace smmusim::pcie::uarch
