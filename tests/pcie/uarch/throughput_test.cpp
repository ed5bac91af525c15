// Promises of links: saturated throughput is the closed formula, to half a percent; credits bound it.
#include <gtest/gtest.h>

#include "pcie/uarch/rig.hpp"

namespace smmusim::pcie::uarch {
namespace {

constexpr u64 above = 0x1'0000'0000;  // four double words of header

struct Shape {
    u32 generation, width, mps, mrrs, size;
};

LinkConfig link_of(const Shape& shape) {
    LinkConfig link;
    link.generation = shape.generation;
    link.width = shape.width;
    link.root_credits = {};  // infinite
    link.device_credits = {};
    return link;
}
EndpointConfig endpoint_of(const Shape& shape) {
    EndpointConfig endpoint;
    endpoint.function.mps = shape.mps;
    endpoint.function.mrrs = shape.mrrs;
    endpoint.function.tags = 1024;
    return endpoint;
}

/// Gb/s of operations of one size, measured between the first and the last completion.
double measured(Rig& rig, bool write, u64 address, u32 size, u32 count) {
    rig.bring_up();
    Time first = 0, last = 0;
    u32 done = 0;
    for (u32 i = 0; i < count; ++i) {
        const u64 place = address + u64{i} * sim::align_up(size, 4096);
        auto operation = write ? rig.write(place, size) : rig.read(place, size);
        operation->on_done = [&](sim::DmaOperation& ended) {
            EXPECT_EQ(ended.status, sim::Status::Ok);
            if (++done == 1) first = ended.completed;
            last = ended.completed;
        };
        rig.submit(operation);
    }
    rig.run();
    EXPECT_EQ(done, count);
    return 8000.0 * size * (count - 1) / static_cast<double>(last - first);
}

double pieces(u32 size, u32 limit) { return (size + limit - 1) / limit; }

/// Raw rate without ACK, FC and skips, as published.
double packet_rate(const Shape& shape) {
    constexpr double lane[] = {2.0, 4.0, 8.0 * 128 / 130, 16.0 * 128 / 130, 32.0 * 128 / 130, 64.0 * 236 / 256};
    const double raw = lane[shape.generation - 1] * shape.width;
    if (shape.generation >= 6) return raw;
    const double interval = spec::update_interval(spec::generation(shape.generation), shape.width, shape.mps);
    return raw * (1 - 8 / interval - 8 / interval - 4.0 / 1538);
}

class Throughput : public testing::TestWithParam<Shape> {};

TEST_P(Throughput, OfWritesIsTheFormula) {
    const Shape shape = GetParam();
    Rig rig(endpoint_of(shape), link_of(shape));
    const double header = shape.generation >= 6 ? 16 : 24;
    const double wire = pieces(shape.size, shape.mps) * header + shape.size;
    const double expected = shape.size * packet_rate(shape) / wire;
    EXPECT_NEAR(measured(rig, true, above, shape.size, 1500), expected, 0.005 * expected);
}

TEST_P(Throughput, OfReadsIsTheFormula) {
    const Shape shape = GetParam();
    Rig rig(endpoint_of(shape), link_of(shape));
    const double framing = shape.generation >= 6 ? 0 : 8;
    const double sent = pieces(shape.size, shape.mrrs) * (16 + framing);
    const double received = pieces(shape.size, shape.mps) * (12 + framing) + shape.size;
    const double expected = shape.size * packet_rate(shape) / std::max(sent, received);
    EXPECT_NEAR(measured(rig, false, above, shape.size, 4000), expected, 0.005 * expected);
}

TEST_P(Throughput, OfReadsCutAtTheBoundaryIsTheFormula) {
    const Shape shape = GetParam();
    RootComplexConfig complex;
    complex.cut_at_rcb = true;
    Rig rig(endpoint_of(shape), link_of(shape), complex);
    const double framing = shape.generation >= 6 ? 0 : 8;
    const double received = pieces(shape.size, 64) * (12 + framing) + shape.size;
    const double sent = pieces(shape.size, shape.mrrs) * (16 + framing);
    const double expected = shape.size * packet_rate(shape) / std::max(sent, received);
    EXPECT_NEAR(measured(rig, false, above, shape.size, 4000), expected, 0.005 * expected);
}

INSTANTIATE_TEST_SUITE_P(Links, Throughput,
                         testing::Values(Shape{3, 8, 256, 512, 64}, Shape{3, 8, 256, 512, 128},
                                         Shape{3, 8, 256, 512, 256}, Shape{3, 8, 256, 512, 1024},
                                         Shape{4, 16, 256, 512, 64}, Shape{4, 16, 256, 512, 512},
                                         Shape{5, 16, 256, 512, 128}, Shape{5, 16, 512, 4096, 4096},
                                         Shape{1, 1, 128, 128, 128}, Shape{2, 4, 256, 256, 64},
                                         Shape{6, 8, 256, 512, 256}),
                         [](const auto& shape) {
                             return "Gen" + std::to_string(shape.param.generation) + "x" +
                                    std::to_string(shape.param.width) + "Mps" + std::to_string(shape.param.mps) +
                                    "Size" + std::to_string(shape.param.size);
                         });

TEST(ThroughputTable, PublishedExamples) {
    // Gb/s with MPS 256, MRRS 512, 64-bit addresses: write, read, read cut at 64 B.
    struct Row {
        u32 generation, width, size;
        double write, read, boundary;
    };
    for (const Row& row :
         {Row{3, 8, 64, 42.1, 44.1, 44.1}, Row{3, 8, 128, 48.8, 50.1, 44.1}, Row{3, 8, 256, 52.9, 53.7, 44.1},
          Row{4, 16, 64, 165, 173, 173}, Row{4, 16, 256, 208, 211, 173}, Row{5, 16, 128, 383, 393, 347}}) {
        const Shape shape{row.generation, row.width, 256, 512, row.size};
        Rig writes(endpoint_of(shape), link_of(shape));
        EXPECT_NEAR(measured(writes, true, above, row.size, 1500), row.write, 0.005 * row.write);
        Rig reads(endpoint_of(shape), link_of(shape));
        EXPECT_NEAR(measured(reads, false, above, row.size, 4000), row.read, 0.005 * row.read);
        RootComplexConfig old;
        old.cut_at_rcb = true;
        Rig cut(endpoint_of(shape), link_of(shape), old);
        EXPECT_NEAR(measured(cut, false, above, row.size, 4000), row.boundary, 0.005 * row.boundary);
    }
}

TEST(LinkOverhead, HighAddressesPasidAndEcrcCostFourBytesEach) {
    const auto wire_bytes = [](u64 address, bool pasid, bool ecrc) {
        LinkConfig link;
        link.ecrc = ecrc;
        Rig rig({}, link);
        rig.bring_up();
        auto operation = rig.write(address, 64);
        if (pasid) operation->attributes.substream_id = 5;
        rig.submit(operation);
        rig.run();
        return Statistics::of(rig.link).values.at("up.bytes");
    };
    EXPECT_EQ(wire_bytes(0x1000, false, false), 84u);
    EXPECT_EQ(wire_bytes(above, false, false), 88u);
    EXPECT_EQ(wire_bytes(0x1000, true, false), 88u);
    EXPECT_EQ(wire_bytes(0x1000, false, true), 88u);
    EXPECT_EQ(wire_bytes(above, true, true), 96u);
}

TEST(LinkCredits, BoundWritesToTheCreditRoundTrip) {
    // One header credit: a write each credit round trip, which is from sending to the credit's return.
    EndpointConfig endpoint;
    LinkConfig link;
    RootComplexConfig complex;
    link.root_credits.PH = 1;
    Rig rig(endpoint, link, complex);
    const Time loop = endpoint.transmit_latency + spec::byte_time(3, 8, 256).bytes(84) + link.propagation +
                      complex.request_latency + rig.memory.latency + link.credit_return;
    const double expected = 8000.0 * 64 / static_cast<double>(loop);
    EXPECT_NEAR(measured(rig, true, 0, 64, 200), expected, 0.005 * expected);
    Rig twice(
        endpoint,
        [&] {
            LinkConfig more = link;
            more.root_credits.PH = 2;
            return more;
        }(),
        complex);
    EXPECT_NEAR(measured(twice, true, 0, 64, 200), 2 * expected, 0.02 * expected);
}

TEST(LinkCredits, DataCreditsBoundWritesToo) {
    EndpointConfig endpoint;
    LinkConfig link;
    link.root_credits.PH = 0;
    link.root_credits.PD = 16;  // one full payload
    Rig rig(endpoint, link);
    rig.bring_up();
    rig.memory.hold(0, ~u64{0});
    for (u64 i = 0; i < 10; ++i) rig.submit(rig.write(i * 4096, 128));
    rig.run();
    EXPECT_EQ(rig.memory.held(), 2u);
    rig.memory.release();
    rig.run();
    EXPECT_EQ(Statistics::of(rig.endpoint).values.at("dma.latency_ns.count"), 10u);
    EXPECT_GT(Statistics::of(rig.link).values.at("up.credit_waits"), 0u);
}

TEST(LinkCredits, FiniteCompletionCreditsOnlySlowReadsDown) {
    LinkConfig link;
    link.device_credits.CplH = 1;
    link.device_credits.CplD = 16;
    Rig rig({}, link);
    rig.bring_up();
    const auto write = rig.submit(rig.write(0x5000, 4096, 3));
    const auto read = rig.submit(rig.read(0x5000, 4096));
    rig.run();
    EXPECT_EQ(read->status, sim::Status::Ok);
    EXPECT_EQ(read->data, write->data);
    EXPECT_GT(Statistics::of(rig.link).values.at("down.credit_waits"), 0u);
}

TEST(LinkCredits, TooFewForOnePayloadAreRefused) {
    sim::Simulation simulation;
    LinkConfig config;
    config.root_credits.PD = 8;
    Link link(simulation, config, "link0");
    EXPECT_THROW(Endpoint(simulation, {}, link), std::invalid_argument);
}

TEST(LinkConfigTest, ImpossibleLinksAreRefused) {
    sim::Simulation simulation;
    LinkConfig config;
    config.width = 3;
    EXPECT_THROW(Link(simulation, config, "link0"), std::invalid_argument);
    config.width = 8;
    config.generation = 7;
    EXPECT_THROW(Link(simulation, config, "link0"), std::invalid_argument);
}

}  // namespace
}  // namespace smmusim::pcie::uarch
