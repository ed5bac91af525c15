// Promises to initiators and bridges of others.
#include "platform/tlm_bench.hpp"

namespace smmusim::tlm {
namespace {

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

}  // namespace
}  // namespace smmusim::tlm
