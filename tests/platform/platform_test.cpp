// Promises of a whole machine: addresses, accesses of CPUs and raw requesters, time, reset, plurals.
#include "platform/platform.hpp"

#include <gtest/gtest.h>

#include "platform/config/parameters.hpp"
#include "platform/config/source.hpp"
#include "platform/foreign_modules.hpp"
#include "platform/results/digest.hpp"

namespace smmusim::platform {
namespace {

using sim::Status;

constexpr u64 ram = 0x40000000;

sim::DmaHandle read_of(u64 address, u64 size) {
    auto operation = std::make_shared<sim::DmaOperation>();
    operation->address = address;
    operation->size = size;
    return operation;
}
sim::DmaHandle write_of(u64 address, std::vector<u8> data) {
    auto operation = read_of(address, data.size());
    operation->command = sim::Command::Write;
    operation->data = std::move(data);
    return operation;
}

TEST(Platform, PresetIsTheDefaultMachine) {
    const PlatformConfig preset = load_platform(config::load_preset("presets/virt.yaml"));
    PlatformConfig preset_copy = preset;
    PlatformConfig fresh;
    const auto listed = config::parameters(preset_copy);
    const auto defaults = config::parameters(fresh);
    ASSERT_EQ(listed.size(), defaults.size());
    for (std::size_t i = 0; i < listed.size(); ++i) EXPECT_EQ(listed[i].value, defaults[i].value) << listed[i].path;
}

TEST(Platform, AddressesAreThoseOfTheDefaultMachine) {
    Platform platform{PlatformConfig{}};
    const memory::AddressMap& map = platform.machine().interconnect->address_map();
    const auto at = [&](u64 address) {
        const memory::Region* const region = map.find(address, 4);
        return region == nullptr ? std::string("nothing") : region->name;
    };
    EXPECT_EQ(at(0x08000000), "gicd");
    EXPECT_EQ(at(0x08020000), "gicv2m");
    EXPECT_EQ(at(0x08080000), "its0_frames");
    EXPECT_EQ(at(0x08090040), "its0_frames");
    EXPECT_EQ(at(0x080A0000), "gicr");
    EXPECT_EQ(at(0x09050000), "smmu0_registers");
    EXPECT_EQ(at(0x10000000), "root_complex0_memory32");
    EXPECT_EQ(at(0x40000000), "memory");
    EXPECT_EQ(at(0xBFFFFFFC), "memory");
    EXPECT_EQ(at(0xC0000000), "nothing");
    EXPECT_EQ(at(0x4010000000), "root_complex0_ecam");
    EXPECT_EQ(at(0x8000000000), "root_complex0_memory64");
    EXPECT_EQ(at(0x1000), "nothing");
}

TEST(Platform, CpuLoadsAndStoresReachMemoryAndDevicesInTime) {
    Platform platform{PlatformConfig{}};
    platform.mmio_write(ram + 16, 0x1122334455667788, 8);
    EXPECT_EQ(platform.mmio_read(ram + 18, 2, 3), 0x5566u);
    EXPECT_EQ(platform.memory().at(ram + 16)[0], 0x88);
    const Time before = platform.now();
    platform.mmio_read(ram, 4);
    const auto& config = platform.config();
    EXPECT_EQ(platform.now() - before,
              config.interconnect.request_latency + config.memory.latency + config.interconnect.response_latency);
    EXPECT_EQ(platform.mmio_read(0x09050000 + 0x20, 4), 0u);  // SMMU_CR0
    EXPECT_NE(platform.mmio_read(0x08000000 + 0x4, 4), 0u);   // GICD_TYPER
    EXPECT_NE(platform.mmio_read(0x08080000 + 0x8, 8), 0u);   // GITS_TYPER
    EXPECT_NE(platform.mmio_read(0x080A0000 + 0x8, 8) + 1, 0u);
    EXPECT_EQ(platform.mmio_read(0x09050000 + 0x2, 4), 0u);  // misaligned: RAZ
    EXPECT_THROW(platform.mmio_read(ram, 3), std::invalid_argument);
    EXPECT_THROW(platform.mmio_read(ram, 4, 4), std::invalid_argument);
    EXPECT_THROW(platform.mmio_read(ram + 4094, 4), std::invalid_argument);
}

TEST(Platform, EcamShowsTheFunctionAndAllOnesElsewhere) {
    Platform platform{PlatformConfig{}};
    const u64 function = 0x4010000000 + (u64{8} << 12);
    EXPECT_EQ(platform.mmio_read(function, 4), 0x0001'1DEDu);
    EXPECT_EQ(platform.mmio_read(0x4010000000 + (u64{16} << 12), 4), 0xFFFFFFFFu);
}

TEST(Platform, AddressThatNothingDecodesIsABusError) {
    Platform platform{PlatformConfig{}};
    for (const u64 address : {u64{0x1000}, u64{0xC0000000}, u64{0x10000000}}) {
        try {
            platform.mmio_read(address, 4);
            ADD_FAILURE() << address;
        } catch (const BusError& error) {
            EXPECT_EQ(error.address(), address);
            EXPECT_EQ(error.size(), 4u);
            EXPECT_FALSE(error.write());
        }
    }
    EXPECT_THROW(platform.mmio_write(0x1000, 0, 8), BusError);
}

TEST(Platform, RawRequesterReachesMemoryThroughTheSmmuInBypass) {
    Platform platform{PlatformConfig{}};
    std::vector<u8> data(9000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<u8>(i * 7);
    const auto write = write_of(ram + 100, data);
    platform.submit({.stream_id = 8}, write);
    platform.wait(write);
    EXPECT_EQ(write->status, Status::Ok);
    const auto read = read_of(ram + 100, data.size());
    platform.submit({.stream_id = 9}, read);
    platform.wait(read);
    EXPECT_EQ(read->data, data);
    EXPECT_GT(read->latency(), platform.config().memory.latency);
    results::StatisticsTable table;
    platform.statistics(table);
    EXPECT_EQ(table.find("smmu0.transaction")->integer, 6u);  // cut at 4 KiB only
    EXPECT_EQ(table.find("requester0_0.bytes")->integer, 18000u);
}

TEST(Platform, RawRequesterToAHoleIsUnsupportedWithoutEvent) {
    Platform platform{PlatformConfig{}};
    const auto read = read_of(0x1000, 4);
    platform.submit({.stream_id = 8}, read);
    platform.wait(read);
    EXPECT_EQ(read->status, Status::Unsupported);
    EXPECT_TRUE(read->data.empty());
    EXPECT_TRUE(platform.events().empty());
}

TEST(Platform, MachineWithoutSmmuIsValid) {
    PlatformConfig config;
    config.smmus.clear();
    Platform platform{config};
    const auto write = write_of(ram, {1, 2, 3});
    platform.submit({.stream_id = 8}, write);
    platform.wait(write);
    EXPECT_EQ(platform.memory().at(ram)[2], 3);
    EXPECT_THROW(platform.mmio_read(0x09050000, 4), BusError);
    EXPECT_THROW(platform.submit({.smmu = 1}, read_of(ram, 1)), std::invalid_argument);
}

TEST(Platform, WhatCannotBeSentIsRefused) {
    Platform platform{PlatformConfig{}};
    EXPECT_THROW(platform.submit({}, read_of(ram, 0)), std::invalid_argument);
    EXPECT_THROW(platform.submit({}, read_of(~u64{0} - 2, 8)), std::invalid_argument);
    EXPECT_THROW(platform.submit({.instruction = true}, write_of(ram, {1})), std::invalid_argument);
    EXPECT_THROW(platform.submit({.tbu = 1}, read_of(ram, 1)), std::invalid_argument);
    EXPECT_THROW(platform.submit(1, read_of(ram, 1)), std::invalid_argument);
}

TEST(Platform, EndpointWithBusMasteringOffSendsNothing) {
    Platform platform{PlatformConfig{}};
    const auto read = read_of(ram, 64);
    platform.submit(0, read);
    platform.wait(read);
    EXPECT_EQ(read->status, Status::Unsupported);
    EXPECT_EQ(read->latency(), 0u);
}

TEST(Platform, EndpointReadsAndWritesOverItsLink) {
    Platform platform{PlatformConfig{}};
    platform.mmio_write(0x4010000000 + (u64{8} << 12) + 4, 0x6, 2);  // memory space and bus master
    platform.memory().at(ram + 4096)[0] = 77;
    const auto read = read_of(ram + 4096, 1000);
    platform.submit(0, read);
    platform.wait(read);
    ASSERT_EQ(read->status, Status::Ok);
    EXPECT_EQ(read->data[0], 77);
    const auto write = write_of(ram + 8192, std::vector<u8>(500, 5));
    platform.submit(0, write);
    platform.wait(write);
    EXPECT_EQ(write->status, Status::Ok);
    EXPECT_EQ(platform.memory().at(ram + 8192)[499], 5);
}

TEST(Platform, ResetEndsWhatIsUnderWayAndKeepsMemoryAndTime) {
    Platform platform{PlatformConfig{}};
    platform.memory().at(ram)[0] = 1;
    platform.mmio_write(0x4010000000 + (u64{8} << 12) + 4, 0x6, 2);
    const auto raw = read_of(ram, 64);
    const auto dma = read_of(ram, 64);
    const auto late_write = write_of(ram + 4096, {9});
    platform.submit({.stream_id = 8}, raw);
    platform.submit({.stream_id = 8}, late_write);
    platform.submit(0, dma);
    platform.run(5 * nanosecond);
    const Time before = platform.now();
    platform.reset();
    EXPECT_EQ(raw->status, Status::Timeout);
    EXPECT_EQ(dma->status, Status::Timeout);
    platform.run_until_idle();
    EXPECT_GE(platform.now(), before);
    EXPECT_EQ(platform.memory().at(ram)[0], 1);
    EXPECT_EQ(platform.memory().at(ram + 4096)[0], 0);
    EXPECT_EQ(platform.simulation().accesses().in_use(), 0u);
    EXPECT_EQ(platform.mmio_read(0x4010000000 + (u64{8} << 12) + 4, 2), 0u);  // bus mastering is off again
    const auto again = read_of(ram, 4);
    platform.submit({.stream_id = 8}, again);
    platform.wait(again);
    EXPECT_EQ(again->status, Status::Ok);
    platform.reset(true);
    EXPECT_EQ(platform.memory().at(ram)[0], 0);
}

TEST(Platform, RunForADurationEndsExactlyThen) {
    Platform platform{PlatformConfig{}};
    platform.run(1234567);
    EXPECT_EQ(platform.now(), 1234567u);
    platform.run(0);
    EXPECT_EQ(platform.now(), 1234567u);
    platform.run_until_idle();
    EXPECT_EQ(platform.now(), 1234567u);
    EXPECT_TRUE(platform.idle());
}

TEST(Platform, OperationThatCannotFinishIsBlockedAndSaysWhy) {
    Platform platform{PlatformConfig{}};
    struct Silent : sc_core::sc_module, ::tlm::tlm_fw_transport_if<> {
        explicit Silent(const sc_core::sc_module_name& name) : sc_module(name), socket("socket") { socket.bind(*this); }
        ::tlm::tlm_target_socket<> socket;
        ::tlm::tlm_sync_enum nb_transport_fw(::tlm::tlm_generic_payload&, ::tlm::tlm_phase&,
                                             sc_core::sc_time&) override {
            return ::tlm::TLM_ACCEPTED;
        }
        void b_transport(::tlm::tlm_generic_payload&, sc_core::sc_time&) override {}
        unsigned int transport_dbg(::tlm::tlm_generic_payload&) override { return 0; }
        bool get_direct_mem_ptr(::tlm::tlm_generic_payload&, ::tlm::tlm_dmi&) override { return false; }
    };
    std::unique_ptr<Silent> module;
    {
        const SimContext::Use use(platform.context());
        module = std::make_unique<Silent>("silent");
        platform.open_machine().open_window("silent", 0x0C000000, 4096).socket().bind(module->socket);
    }
    const auto read = read_of(0x0C000000, 4);
    platform.submit({.stream_id = 8}, read);
    try {
        platform.wait(read);
        ADD_FAILURE();
    } catch (const Blocked& blocked) {
        EXPECT_NE(std::string(blocked.what()).find("requester0_0: read of 4 bytes at 0xc000000"), std::string::npos)
            << blocked.what();
    }
    EXPECT_THROW(platform.mmio_read(0x0C000000, 4), Blocked);
    EXPECT_FALSE(read->done());
    EXPECT_EQ(platform.mmio_read(ram, 4), 0u);  // the rest of the machine goes on
    const SimContext::Use use(platform.context());
    platform.reset();
    module.reset();
}

TEST(Platform, ForeignMemoryAndForeignInitiatorJoinTheMachine) {
    Platform platform{PlatformConfig{}};
    std::unique_ptr<test::ForeignTarget> target;
    std::unique_ptr<test::ForeignInitiator> initiator;
    {
        const SimContext::Use use(platform.context());
        target = std::make_unique<test::ForeignTarget>("foreign_memory");
        platform.open_machine().open_window("foreign_memory", 0x0C000000, MiB).socket().bind(target->socket);
        initiator = std::make_unique<test::ForeignInitiator>("foreign_requester");
        tlm::TargetSocket& tbu = platform.open_machine().open_tbu("from_foreign", 0, 0);
        tbu.foreign_attributes().stream_id = 77;
        initiator->socket.bind(tbu.socket());
        test::ForeignInitiator::Job job;
        job.command = ::tlm::TLM_WRITE_COMMAND;
        job.address = 0x0C000010;
        job.data = {1, 2, 3, 4};
        initiator->jobs.push_back(job);
        initiator->start = sc_core::sc_time(1, sc_core::SC_US);
    }
    platform.run(10 * microsecond);
    EXPECT_EQ(initiator->jobs.at(0).status, ::tlm::TLM_OK_RESPONSE);
    EXPECT_EQ(platform.mmio_read(0x0C000010, 4), 0x04030201u);
    const SimContext::Use use(platform.context());
    initiator.reset();
    target.reset();
}

TEST(Platform, PluralsAreBuiltAndReachable) {
    PlatformConfig config;
    config.smmus.push_back(SmmuPlace::at(1));
    config.itss.push_back(PlatformConfig::its_at(1));
    config.root_complexes.push_back(RootComplexPlace::at(1));
    LinkPlace link;
    link.root_complex = 1;
    link.smmu = 1;
    config.links.push_back(link);
    auto endpoint = PlatformConfig::endpoint_at(1);
    endpoint.bdf = "0001:00:01.0";
    endpoint.link = 1;
    config.endpoints.push_back(endpoint);
    Platform platform{config};
    EXPECT_EQ(platform.mmio_read(0x0B000020, 4), 0u);
    EXPECT_NE(platform.mmio_read(0x0B100008, 8), 0u);
    EXPECT_EQ(platform.mmio_read(0x4020000000 + (u64{8} << 12), 4), 0x0001'1DEDu);
    platform.mmio_write(0x4020000000 + (u64{8} << 12) + 4, 0x6, 2);
    const auto write = write_of(ram, {1, 2, 3});
    platform.submit(1, write);
    platform.wait(write);
    EXPECT_EQ(write->status, Status::Ok);
    results::StatisticsTable table;
    platform.statistics(table);
    EXPECT_EQ(table.find("smmu0.transaction")->integer, 0u);
    EXPECT_EQ(table.find("smmu1.transaction")->integer, 1u);
    EXPECT_EQ(table.find("endpoint.0001_00_01_0.dma.writes")->integer, 1u);
}

TEST(Platform, MistakesOfTheUserStopBeforeTimeZeroWithCauseAndFix) {
    const auto message = [](auto change) -> std::string {
        PlatformConfig config;
        change(config);
        try {
            Platform platform{config};
        } catch (const config::ConfigError& error) {
            return error.what();
        }
        return "accepted";
    };
    const auto expect = [&](auto change, const char* part) {
        const std::string text = message(change);
        EXPECT_NE(text.find(part), std::string::npos) << text;
    };
    expect([](auto& c) { c.endpoints.push_back(c.endpoints[0]); }, "00:01.0 is endpoint0 already");
    expect([](auto& c) { c.links[0].smmu = 1; }, "there is no smmu1");
    expect([](auto& c) { c.links[0].tbu = 1; }, "smmu0 has no tbu1");
    expect([](auto& c) { c.endpoints[0].link = 3; }, "there is no link3");
    expect([](auto& c) { c.endpoints[0].bdf = "0001:00:01.0"; }, "not in segment 0");
    expect([](auto& c) { c.smmus[0].base = 0x40000000; }, "overlaps memory");
    expect([](auto& c) { c.smmus[0].interrupts.pri = c.smmus[0].interrupts.event; }, "smmu0.interrupts.event");
    expect([](auto& c) { c.smmus[0].interrupts.sync = 150; }, "GICv2m");
    expect([](auto& c) { c.cpus.clear(); }, "needs a CPU");
    expect([](auto& c) { c.memory.backing = "disk"; }, "anonymous, fixed or file:PATH");
    expect(
        [](auto& c) {
            c.endpoints.push_back(PlatformConfig::endpoint_at(1));
            c.root_complexes[0].iommu_map = {{0, 5, 0x10000, 0}};
        },
        "StreamID 0x5");
}

TEST(Platform, ManyMachinesInterleavedGiveTheSameDigest) {
    const auto step = [](Platform& platform, int round) {
        const auto write = write_of(ram + static_cast<u64>(round) * 64, std::vector<u8>(64, static_cast<u8>(round)));
        platform.submit({.stream_id = static_cast<u32>(round % 3)}, write);
        platform.wait(write);
        platform.mmio_read(ram + static_cast<u64>(round) * 64, 8);
        platform.run(100);
    };
    const auto digest = [](Platform& platform) {
        results::StatisticsTable table;
        platform.statistics(table);
        return results::digest_of(table, platform.events());
    };
    u64 alone = 0;
    {
        Platform platform{PlatformConfig{}};
        for (int round = 0; round < 10; ++round) step(platform, round);
        alone = digest(platform);
    }
    std::vector<std::unique_ptr<Platform>> platforms;
    for (int i = 0; i < 4; ++i) platforms.push_back(std::make_unique<Platform>(PlatformConfig{}));
    for (int round = 0; round < 10; ++round)
        for (const auto& platform : platforms) step(*platform, round);
    for (const auto& platform : platforms) EXPECT_EQ(digest(*platform), alone);
}

TEST(Platform, PollAndItsExceptionReachTheRun) {
    Platform platform{PlatformConfig{}};
    sim::Scope scope(platform.simulation(), "test");
    const auto spin = [](sim::Simulation& simulation) -> sim::Task<> {
        for (;;) co_await simulation.delay(1000);
    };
    scope.spawn("spin", spin(platform.simulation()));
    int polls = 0;
    platform.set_poll([&] {
        if (++polls == 3) throw std::runtime_error("interrupted");
    });
    EXPECT_THROW(platform.run_until_idle(), std::runtime_error);
    EXPECT_EQ(polls, 3);
    platform.set_poll(nullptr);
    platform.run(10'000'000);
}

}  // namespace
}  // namespace smmusim::platform
