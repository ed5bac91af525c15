// Promises of a whole machine over time: runs, resets, foreign parts, plurals, mistakes.
#include "platform/operations.hpp"

namespace smmusim::platform {
namespace {

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

class ForeignMemory : public testing::Test {
protected:
    static constexpr u64 base = 0x0C00'0000;
    ForeignMemory() {
        const SimContext::Use use(platform.context());
        target = std::make_unique<test::ForeignTarget>("foreign_memory");
        platform.open_machine().open_window("foreign_memory", base, MiB).socket().bind(target->socket);
        platform.mmio_write(0x4010000000 + (u64{8} << 12) + 4, 0x6, 2);
    }
    ~ForeignMemory() {
        const SimContext::Use use(platform.context());
        target.reset();
    }
    Platform platform{PlatformConfig{}};
    std::unique_ptr<test::ForeignTarget> target;
};

TEST_F(ForeignMemory, FunctionReadsFromItWhatItHasWrittenThere) {
    for (const u64 size : {1u, 8u, 9u, 64u, 100u, 1000u}) {
        std::vector<u8> data(size);
        for (u64 place = 0; place < size; ++place) data[place] = static_cast<u8>(place + size);
        const auto write = write_of(base + 64, data);
        const auto read = read_of(base + 64, size);
        platform.submit(0, write);
        platform.submit(0, read);
        platform.wait(read);
        EXPECT_EQ(write->status, Status::Ok);
        EXPECT_EQ(read->status, Status::Ok);
        EXPECT_EQ(read->data, data) << size;
    }
}

TEST_F(ForeignMemory, AnswerAfterAResetLeavesTheDataOfTheOperationAlone) {
    target->latency = sc_core::sc_time(10, sc_core::SC_US);
    const auto read = read_of(base, 256);
    platform.submit(0, read);
    platform.run(5 * microsecond);
    ASSERT_FALSE(target->arrivals.empty());
    platform.reset();
    ASSERT_EQ(read->status, Status::Timeout);
    read->data.assign(256, 0x5A);  // what its owner does with it now
    platform.run(20 * microsecond);
    EXPECT_EQ(read->data, std::vector<u8>(256, 0x5A));
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
    expect([](auto& c) { c.links[0].root_credits.CplD = 15; },
           "link0.root_credits.CplD: 15 units cannot take a payload of 256 bytes");
    expect([](auto& c) { c.links[0].root_credits.CplD = 15; }, "write 16 or more");
    expect([](auto& c) { c.links[0].device_credits.PD = 7; }, "link0.device_credits.PD: 7 units");
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

TEST(Platform, CallbackThatLetsTimePassIsRefused) {
    Platform platform{PlatformConfig{}};
    const auto read = read_of(ram, 4);
    bool refused = false;
    read->on_done = [&](sim::DmaOperation&) {
        try {
            platform.run(1);
        } catch (const std::logic_error&) {
            refused = true;
        }
    };
    platform.submit({.stream_id = 8}, read);
    platform.wait(read);
    EXPECT_TRUE(refused);
    platform.run(1);
}

TEST(Platform, ForeignInitiatorGetsAnErrorForWhatAResetDrops) {
    Platform platform{PlatformConfig{}};
    std::unique_ptr<test::ForeignInitiator> initiator;
    {
        const SimContext::Use use(platform.context());
        initiator = std::make_unique<test::ForeignInitiator>("foreign_requester");
        initiator->socket.bind(platform.open_machine().open_ingress("from_foreign").socket());
        for (int i = 0; i < 2; ++i) {
            test::ForeignInitiator::Job job;
            job.command = ::tlm::TLM_WRITE_COMMAND;
            job.address = ram;
            job.data = {1, 2, 3, 4};
            initiator->jobs.push_back(job);
        }
    }
    platform.run(1 * nanosecond);  // on the way to memory
    platform.reset();
    platform.run(1 * microsecond);
    for (const auto& job : initiator->jobs) EXPECT_EQ(job.status, ::tlm::TLM_GENERIC_ERROR_RESPONSE);
    EXPECT_EQ(initiator->alive, 0);
    EXPECT_EQ(platform.simulation().accesses().in_use(), 0u);
    EXPECT_EQ(platform.memory().at(ram)[0], 0);
    const SimContext::Use use(platform.context());
    initiator.reset();
}

TEST(Platform, ListsGrowWithTheDefaultsOfTheirPlace) {
    const PlatformConfig config = load_platform(
        config::parse_yaml("{smmu1: {}, its1: {}, root_complex1: {}, link1: {root_complex: 1, smmu: 1}, cpu4: {}, "
                           "endpoint1: {}, endpoint2: {bdf: \"0001:00:01.0\", link: 1}}",
                           "test"));
    EXPECT_EQ(config.smmus.at(1).base, 0x0B000000u);
    EXPECT_EQ(config.smmus.at(1).interrupts.event, 110u);
    EXPECT_EQ(config.itss.at(1).base, 0x0B100000u);
    EXPECT_EQ(config.root_complexes.at(1).ecam, 0x4020000000u);
    EXPECT_EQ(config.cpus.size(), 5u);
    EXPECT_EQ(config.endpoints.at(1).bdf, "00:02.0");
    Platform platform{config};
    EXPECT_EQ(platform.machine().smmus.size(), 2u);
}

TEST(Platform, MistakeInAFileIsReportedWhereItStands) {
    try {
        load_platform(config::parse_yaml("endpoint0:\n  link: 3\n", "machine.yaml"));
        ADD_FAILURE();
    } catch (const config::ConfigError& error) {
        EXPECT_EQ(std::string(error.what()).substr(0, 17), "machine.yaml:2:9:") << error.what();
    }
    try {
        load_platform(config::parse_yaml("link0:\n  root_credits:\n    CplD: 15\n", "machine.yaml"));
        ADD_FAILURE();
    } catch (const config::ConfigError& error) {
        EXPECT_EQ(std::string(error.what()).substr(0, 18), "machine.yaml:3:11:") << error.what();
    }
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
