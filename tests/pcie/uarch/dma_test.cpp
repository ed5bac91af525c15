// Promises of DMA: data, cutting, tags, pace, order, bus mastering, faults.
#include <gtest/gtest.h>

#include "pcie/uarch/rig.hpp"

namespace smmusim::pcie::uarch {
namespace {

TEST(Dma, WriteAndReadReachTheirBytes) {
    Rig rig;
    rig.bring_up();
    const auto write = rig.submit(rig.write(0x8000'0123, 5000, 7));
    rig.run();
    ASSERT_EQ(write->status, sim::Status::Ok);
    const auto read = rig.submit(rig.read(0x8000'0123, 5000));
    rig.run();
    ASSERT_EQ(read->status, sim::Status::Ok);
    EXPECT_EQ(read->data, write->data);
    const Statistics statistics = Statistics::of(rig.endpoint);
    EXPECT_EQ(statistics.values.at("dma.reads"), 1u);
    EXPECT_EQ(statistics.values.at("dma.writes"), 1u);
    EXPECT_EQ(statistics.values.at("dma.bytes"), 10'000u);
    EXPECT_EQ(statistics.values.at("dma.faults"), 0u);
    EXPECT_EQ(rig.simulation.accesses().in_use(), 0u);
}

TEST(Dma, WritesAreCutAtThePageThenAtMpsAndReadsAtMrrs) {
    EndpointConfig config;
    config.function.mps = 128;
    config.function.mrrs = 1024;
    Rig rig(config);
    rig.bring_up();
    rig.submit(rig.write(0x1F80, 512));
    rig.run();
    std::vector<std::pair<u64, u32>> seen;
    for (const auto& entry : rig.memory.log) seen.emplace_back(entry.address, entry.size);
    EXPECT_EQ(seen, (std::vector<std::pair<u64, u32>>{{0x1F80, 128}, {0x2000, 128}, {0x2080, 128}, {0x2100, 128}}));
    rig.memory.log.clear();
    seen.clear();
    rig.submit(rig.read(0x1F80, 2500));
    rig.run();
    for (const auto& entry : rig.memory.log) seen.emplace_back(entry.address, entry.size);
    EXPECT_EQ(seen, (std::vector<std::pair<u64, u32>>{{0x1F80, 128}, {0x2000, 1024}, {0x2400, 1024}, {0x2800, 324}}));
}

TEST(Dma, RequestsCarryTheIdentifiersOfTheRootComplexAndTheAttributesOfTheOperation) {
    RootComplexConfig complex;
    complex.iommu_map = {{0, 0x100, 0x10000, 0xFFFF}};
    complex.msi_map = {{0, 0x200, 0x10000, 0xFFFF}};
    EndpointConfig config;
    config.bdf = "0002:01:03.4";
    Rig rig(config, {}, complex);
    rig.bring_up();
    auto operation = rig.read(0x1000, 64);
    operation->attributes.substream_id = 0x12345;
    operation->attributes.privileged = true;
    operation->attributes.instruction = true;
    operation->attributes.secure = true;      // not the function's to say
    operation->attributes.device_id = 0xBAD;  // neither
    rig.submit(operation);
    rig.run();
    const sim::Attributes& seen = rig.memory.log.at(0).attributes;
    EXPECT_EQ(seen.requester_id, 0x2011Cu);
    EXPECT_EQ(seen.stream_id, 0x21Cu);
    EXPECT_EQ(seen.device_id, 0x31Cu);
    EXPECT_EQ(seen.substream_id, 0x12345u);
    EXPECT_TRUE(seen.privileged);
    EXPECT_TRUE(seen.instruction);
    EXPECT_FALSE(seen.secure);
    EXPECT_EQ(seen.transaction_class, sim::TransactionClass::Data);
}

TEST(Dma, HintsAreSentOnlyWhenTheFunctionMayUseThem) {
    Rig rig;
    rig.bring_up();
    const auto hints = [&] {
        rig.memory.log.clear();
        auto operation = rig.read(0x1000, 64);
        operation->attributes.relaxed_ordering = operation->attributes.no_snoop =
            operation->attributes.id_based_ordering = true;
        rig.submit(operation);
        rig.run();
        const sim::Attributes& seen = rig.memory.log.at(0).attributes;
        return std::array<bool, 3>{seen.relaxed_ordering, seen.no_snoop, seen.id_based_ordering};
    };
    EXPECT_EQ(hints(), (std::array<bool, 3>{true, true, false}));
    const u32 express = Rig::capability(rig.endpoint, 0x10);
    rig.endpoint.config_write(express + spec::express::device_control, 2, 0);
    rig.endpoint.config_write(express + spec::express::device_control_2, 2, spec::express::devctl2_id_based_ordering);
    EXPECT_EQ(hints(), (std::array<bool, 3>{false, false, true}));
}

TEST(Dma, WithoutBusMasteringNothingIsSentAndTheOperationEndsAtOnce) {
    Rig rig;
    bool called = false;
    auto operation = rig.write(0x1000, 64);
    operation->on_done = [&](sim::DmaOperation& done) { called = done.done(); };
    rig.submit(operation);
    EXPECT_TRUE(called);
    EXPECT_EQ(operation->status, sim::Status::Unsupported);
    EXPECT_EQ(operation->latency(), 0u);
    rig.run();
    EXPECT_TRUE(rig.memory.log.empty());
    EXPECT_EQ(Statistics::of(rig.endpoint).values.at("dma.faults"), 1u);
    EXPECT_EQ(Statistics::of(rig.link).values.at("up.packets"), 0u);
}

TEST(Dma, TurningBusMasteringOffDropsWhatHasNotLeft) {
    EndpointConfig config;
    config.function.tags = 1;
    Rig rig(config);
    rig.bring_up();
    const auto first = rig.submit(rig.read(0x1000, 64));
    const auto second = rig.submit(rig.read(0x2000, 64));
    rig.endpoint.config_write(spec::header::command, 2, 0);
    rig.run();
    EXPECT_EQ(first->status, sim::Status::Ok);  // was on its way
    EXPECT_EQ(second->status, sim::Status::Unsupported);
    EXPECT_EQ(rig.memory.reads(0x2000, 64), 0u);
    EXPECT_TRUE(rig.simulation.scheduler().idle());
}

TEST(Dma, OperationsThatAFunctionCannotSendAreRefused) {
    Rig rig;
    rig.bring_up();
    const auto refused = [&](auto change) {
        auto operation = rig.write(0x1000, 64);
        change(*operation);
        EXPECT_NE(Endpoint::problem(*operation), nullptr);
        EXPECT_THROW(rig.endpoint.submit(operation), std::invalid_argument);
    };
    refused([](sim::DmaOperation& o) { o.attributes.privileged = true; });
    refused([](sim::DmaOperation& o) { o.command = sim::Command::Read, o.attributes.instruction = true; });
    refused([](sim::DmaOperation& o) { o.attributes.substream_id = 1, o.attributes.instruction = true; });  // a write
    refused([](sim::DmaOperation& o) { o.attributes.substream_id = 1u << 20; });
    refused([](sim::DmaOperation& o) { o.size = 0, o.data.clear(); });
    refused([](sim::DmaOperation& o) { o.data.resize(63); });
    refused([](sim::DmaOperation& o) { o.address = ~u64{0} - 62; });
    refused([](sim::DmaOperation& o) { o.attributes.address_type = sim::AddressType::Translated; });
    refused([](sim::DmaOperation& o) { o.command = sim::Command::Atomic; });
    rig.run();
    EXPECT_TRUE(rig.memory.log.empty());
}

TEST(Dma, ReadIsDoneWhenItsLastCompletionIsThereAndNotBefore) {
    EndpointConfig endpoint;
    LinkConfig link;
    RootComplexConfig complex;
    Rig rig(endpoint, link, complex);
    rig.bring_up();
    const auto read = rig.submit(rig.read(0x1000, 64));
    const spec::ByteTime byte = spec::byte_time(3, 8, 256);
    const Time request = endpoint.transmit_latency + byte.bytes(20) + link.propagation + complex.request_latency;
    const Time answer =
        rig.memory.latency + complex.completion_latency + byte.bytes(84) + link.propagation + endpoint.receive_latency;
    rig.run_to(request + answer - 1);
    EXPECT_FALSE(read->done());
    rig.run_to(request + answer);
    EXPECT_TRUE(read->done());
    EXPECT_EQ(read->latency(), request + answer);
}

TEST(Dma, PostedWriteIsDoneWhenItsObserverSeesItWithoutAnAnswerOnTheLink) {
    EndpointConfig endpoint;
    LinkConfig link;
    RootComplexConfig complex;
    Rig rig(endpoint, link, complex);
    rig.bring_up();
    const auto write = rig.submit(rig.write(0x1000, 64));
    rig.run();
    const Time expected = endpoint.transmit_latency + spec::byte_time(3, 8, 256).bytes(20 + 64) + link.propagation +
                          complex.request_latency + rig.memory.latency;
    EXPECT_EQ(write->latency(), expected);
    EXPECT_EQ(Statistics::of(rig.link).values.at("down.packets"), 0u);
}

TEST(Dma, DroppedWriteIsTheObserversFault) {
    Rig rig;
    rig.bring_up();
    rig.memory.fail(0x2000, 0x1000, sim::Status::CompleterAbort);
    const auto dropped = rig.submit(rig.write(0x2000, 64));
    const auto partly = rig.submit(rig.write(0x1F00, 512));
    const auto fine = rig.submit(rig.write(0x3000, 64));
    rig.run();
    EXPECT_EQ(dropped->status, sim::Status::CompleterAbort);
    EXPECT_EQ(partly->status, sim::Status::CompleterAbort);
    EXPECT_EQ(fine->status, sim::Status::Ok);
    EXPECT_EQ(Statistics::of(rig.endpoint).values.at("dma.faults"), 2u);
    EXPECT_EQ(Statistics::of(rig.endpoint).values.at("dma.bytes"), 64u);
    // The function itself does not learn of it.
    EXPECT_EQ(rig.endpoint.config_read(spec::header::status, 2), spec::status::capability_list);
}

TEST(Dma, FailedReadHasNoDataAndLeavesItsMarkInTheStatusRegister) {
    Rig rig;
    rig.bring_up();
    rig.memory.fail(0x2000, 64, sim::Status::CompleterAbort);
    rig.memory.fail(0x3000, 64, sim::Status::Unsupported);
    const auto aborted = rig.submit(rig.read(0x2000, 64));
    rig.run();
    EXPECT_EQ(aborted->status, sim::Status::CompleterAbort);
    EXPECT_TRUE(aborted->data.empty());
    EXPECT_EQ(rig.endpoint.config_read(spec::header::status, 2) & 0xF000, spec::status::received_target_abort);
    const auto unsupported = rig.submit(rig.read(0x3000, 64));
    rig.run();
    EXPECT_EQ(unsupported->status, sim::Status::Unsupported);
    EXPECT_NE(rig.endpoint.config_read(spec::header::status, 2) & spec::status::received_master_abort, 0u);
    // Unsuccessful completions are headers without data.
    EXPECT_EQ(Statistics::of(rig.link).values.at("down.payload_bytes"), 0u);
}

TEST(Dma, DiscardedPartMakesTheWholeDiscardedButOk) {
    Rig rig;
    rig.bring_up();
    rig.memory.fail(0x2000, 64, sim::Status::Discarded);
    const auto write = rig.submit(rig.write(0x1FC0, 128));
    rig.run();
    EXPECT_EQ(write->status, sim::Status::Discarded);
    EXPECT_TRUE(sim::succeeded(write->status));
}

TEST(Dma, TagsBoundOutstandingReads) {
    EndpointConfig config;
    config.function.tags = 4;
    Rig rig(config);
    rig.bring_up();
    rig.memory.hold(0, ~u64{0});
    for (u64 i = 0; i < 10; ++i) rig.submit(rig.read(i * 64, 64));
    rig.run();
    EXPECT_EQ(rig.memory.held(), 4u);
    EXPECT_EQ(Statistics::of(rig.endpoint).values.at("dma.tags_in_use"), 4u);
    EXPECT_NE(rig.endpoint.config_read(Rig::capability(rig.endpoint, 0x10) + spec::express::device_status, 2) &
                  spec::express::devsta_transactions_pending,
              0u);
    EXPECT_NE(rig.simulation.waiting().find("4 of 4 tags in use"), std::string::npos) << rig.simulation.waiting();
    rig.memory.release();
    rig.run();
    EXPECT_EQ(Statistics::of(rig.endpoint).values.at("dma.latency_ns.count"), 10u);
    EXPECT_EQ(rig.endpoint.config_read(Rig::capability(rig.endpoint, 0x10) + spec::express::device_status, 2) &
                  spec::express::devsta_transactions_pending,
              0u);
    EXPECT_EQ(rig.simulation.waiting(), "");
}

TEST(Dma, DisablingExtendedTagsLeavesThirtyTwo) {
    EndpointConfig config;
    config.function.tags = 64;
    Rig rig(config);
    rig.bring_up();
    rig.memory.hold(0, ~u64{0});
    const u32 control = Rig::capability(rig.endpoint, 0x10) + spec::express::device_control;
    rig.endpoint.config_write(control, 2, rig.endpoint.config_read(control, 2) & ~spec::express::devctl_extended_tag);
    for (u64 i = 0; i < 100; ++i) rig.submit(rig.read(i * 64, 64));
    rig.run();
    EXPECT_EQ(rig.memory.held(), 32u);
    rig.memory.release();
    rig.run();
}

TEST(Dma, ThroughputOfFewTagsFollowsLittlesLaw) {
    for (const u32 tags : {1u, 2u, 4u, 8u}) {
        EndpointConfig config;
        config.function.tags = tags;
        Rig rig(config);
        rig.bring_up();
        rig.memory.latency = microsecond;
        const auto alone = rig.submit(rig.read(0, 64));
        rig.run();
        const Time round_trip = alone->latency();
        const Time start = rig.simulation.now();
        constexpr u64 reads = 400;
        for (u64 i = 0; i < reads; ++i) rig.submit(rig.read(i * 64, 64));
        rig.run();
        const double interval = static_cast<double>(rig.simulation.now() - start) / static_cast<double>(reads);
        EXPECT_NEAR(interval, static_cast<double>(round_trip) / tags, 0.01 * interval) << tags;
    }
}

TEST(Dma, IssueIntervalPacesPackets) {
    EndpointConfig config;
    config.issue_interval = 15'790;
    Rig rig(config);
    rig.bring_up();
    for (u64 i = 0; i < 10; ++i) rig.submit(rig.read(i * 64, 64));
    rig.run();
    for (std::size_t i = 1; i < rig.memory.log.size(); ++i)
        EXPECT_NEAR(static_cast<double>(rig.memory.log[i].at - rig.memory.log[i - 1].at), 15'790.0, 1.0);
}

TEST(Dma, ResetEndsOperationsWithATimeoutAndLateAnswersDoNoHarm) {
    Rig rig;
    rig.bring_up();
    rig.memory.hold(0, ~u64{0});
    u32 ended = 0;
    std::vector<sim::DmaHandle> operations{rig.read(0, 4096), rig.write(0, 4096), rig.read(0x9000, 64)};
    for (const auto& operation : operations) {
        operation->on_done = [&](sim::DmaOperation& done) { ended += done.status == sim::Status::Timeout; };
        rig.submit(operation);
    }
    rig.run();
    rig.endpoint.reset();
    EXPECT_EQ(ended, 3u);
    rig.complex.reset();
    rig.memory.release();
    rig.run();
    EXPECT_EQ(rig.simulation.accesses().in_use(), 0u);
    EXPECT_EQ(rig.simulation.waiting(), "");
    rig.bring_up();
    const auto again = rig.submit(rig.read(0, 64));
    rig.run();
    EXPECT_EQ(again->status, sim::Status::Ok);
}

TEST(Dma, LateAnswersOfBeforeAResetAreNotTakenForThoseAfterIt) {
    Rig rig;
    rig.bring_up();
    rig.memory.hold(0, ~u64{0});
    for (u64 page = 0; page < 3; ++page) {
        rig.submit(rig.read(page * 4096, 64));
        rig.submit(rig.write(page * 4096, 64));
    }
    rig.run();
    rig.endpoint.reset();
    rig.complex.reset();
    rig.bring_up();
    const auto read = rig.submit(rig.read(0x9000, 64));
    const auto write = rig.submit(rig.write(0xA000, 64));
    rig.run();
    EXPECT_NE(rig.simulation.waiting().find("port0: 2 requests of functions wait"), std::string::npos)
        << rig.simulation.waiting();
    rig.memory.release();
    rig.run();
    EXPECT_EQ(read->status, sim::Status::Ok);
    EXPECT_EQ(write->status, sim::Status::Ok);
    EXPECT_EQ(rig.simulation.waiting(), "");
    EXPECT_EQ(rig.simulation.accesses().in_use(), 0u);
}

TEST(Dma, LateAnswersOfBeforeAResetLeaveTheDataOfTheOperationAlone) {
    Rig rig;
    rig.bring_up();
    rig.memory.hold(0, ~u64{0});
    const auto read = rig.submit(rig.read(0x9000, 256));
    rig.run();
    rig.endpoint.reset();
    ASSERT_EQ(read->status, sim::Status::Timeout);
    read->data.assign(256, 0x5A);  // what its owner does with it now
    const u8* const place = read->data.data();
    rig.memory.release();
    rig.run();
    EXPECT_EQ(read->data, std::vector<u8>(256, 0x5A));
    EXPECT_EQ(read->data.data(), place);
}

TEST(Dma, OwnerMayLetGoOfAnOperationWhenItHearsOfItsEnd) {
    for (const bool bus_master : {false, true}) {
        Rig rig;
        if (bus_master) rig.bring_up();
        sim::DmaHandle only = rig.read(0, 64);
        const std::weak_ptr<sim::DmaOperation> seen = only;
        bool told = false;
        only->on_done = [&](sim::DmaOperation&) {
            only.reset();
            told = !seen.expired();
        };
        rig.endpoint.submit(only);
        rig.run();
        EXPECT_TRUE(told) << "it lives until this returns";
        EXPECT_TRUE(seen.expired());
    }
}

TEST(Dma, DestroyedMachineLeavesNothingBehind) {
    sim::Simulation simulation;
    test::FakeMemory memory(simulation);
    sim::DirectPort port(memory);
    {
        Link link(simulation, {}, "link0");
        RootComplex complex(simulation, {}, "pcie0", 0);
        Endpoint endpoint(simulation, {}, link);
        complex.attach(complex.add_port(link, port), endpoint);
        endpoint.config_write(spec::header::command, 2, 6);
        auto operation = std::make_shared<sim::DmaOperation>();
        operation->size = 64 * KiB;
        endpoint.submit(operation);
        simulation.scheduler().run(200 * nanosecond);
    }
    EXPECT_EQ(simulation.waiting(), "");
}

}  // namespace
}  // namespace smmusim::pcie::uarch
