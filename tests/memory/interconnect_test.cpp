// Promises of the interconnect: decoding, order across targets, atomics under a lock on the line.
#include "memory/interconnect.hpp"

#include <gtest/gtest.h>

#include "support/fake_memory.hpp"
#include "support/sender.hpp"

namespace smmusim::memory {
namespace {

using sim::AtomicOperation;
using sim::Status;
using sim::TransactionClass;

constexpr u64 ram_base = 0x40000000;
constexpr u64 doorbell_base = 0x08000000;

/// Two targets: a memory and a doorbell, both 100 ns; the interconnect takes 10 ns there and 20 ns back.
struct Fabric {
    sim::Simulation simulation;
    test::FakeMemory ram{simulation, 100 * nanosecond};
    test::FakeMemory doorbell{simulation, 100 * nanosecond};
    sim::DirectPort to_ram{ram};
    sim::DirectPort to_doorbell{doorbell};
    Interconnect interconnect{simulation, config()};
    sim::Target& ingress = interconnect.add_ingress();
    test::Sender device{simulation, ingress};
    test::Sender cpu{simulation, interconnect.add_ingress()};

    Fabric() {
        interconnect.map("ram", ram_base, 1 * MiB, to_ram);
        interconnect.map("doorbell", doorbell_base, 64 * KiB, to_doorbell);
        device.attributes.requester_id = 8;
        cpu.attributes.transaction_class = TransactionClass::Cpu;
    }
    static InterconnectConfig config() {
        InterconnectConfig config;
        config.request_latency = 10 * nanosecond;
        config.response_latency = 20 * nanosecond;
        return config;
    }
    void run(Time limit = end_of_time) { simulation.scheduler().run(limit); }
};

TEST(Interconnect, AccessTakesRequestAndResponseLatency) {
    Fabric fabric;
    fabric.ram.put<u64>(ram_base + 8, 77);
    const test::Sent& read = fabric.device.read(ram_base + 8, 8);
    fabric.run();
    EXPECT_EQ(fabric.ram.log.at(0).at, 10 * nanosecond);
    EXPECT_EQ(read.at, 130 * nanosecond);
    EXPECT_EQ(read.access->value(), 77u);
}

TEST(Interconnect, HolesAndAccessesThatLeaveTheirRegionAreDecodeErrors) {
    Fabric fabric;
    const test::Sent& hole = fabric.device.read(0x1000, 8);
    const test::Sent& crossing = fabric.device.write(doorbell_base + 64 * KiB - 4, 1, 8);
    fabric.run();
    EXPECT_EQ(hole.status(), Status::Unsupported);
    EXPECT_EQ(hole.at, 30 * nanosecond);
    EXPECT_EQ(crossing.status(), Status::Unsupported);
    EXPECT_TRUE(fabric.doorbell.log.empty());
}

TEST(Interconnect, RegionsThatOverlapAreRefusedByName) {
    Fabric fabric;
    for (const auto& [base, size] : std::vector<std::pair<u64, u64>>{
             {ram_base, 1}, {ram_base - 1, 2}, {ram_base + MiB - 1, 2}, {0, ~u64{0}}, {ram_base - 8, 2 * MiB}}) {
        try {
            fabric.interconnect.map("other", base, size, fabric.to_ram);
            ADD_FAILURE() << base;
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string(error.what()).find("overlaps"), std::string::npos);
        }
    }
    EXPECT_THROW(fabric.interconnect.map("empty", 0, 0, fabric.to_ram), std::invalid_argument);
    EXPECT_THROW(fabric.interconnect.map("wrapping", ~u64{0}, 2, fabric.to_ram), std::invalid_argument);
    EXPECT_NO_THROW(fabric.interconnect.map("behind", ram_base + MiB, 4096, fabric.to_ram));
}

TEST(Ordering, MessageWaitsUntilTheDataIsVisible) {
    Fabric fabric;
    const Time data_latency = 5 * microsecond;
    fabric.ram.latency = data_latency;
    fabric.device.write(ram_base, 1);
    fabric.device.attributes.transaction_class = TransactionClass::Message;
    fabric.device.write(doorbell_base, 2, 4);
    const Time visible = 10 * nanosecond + data_latency;
    fabric.run(visible + 10 * nanosecond - 1);
    EXPECT_TRUE(fabric.doorbell.log.empty());
    fabric.run(visible + 10 * nanosecond);
    EXPECT_EQ(fabric.doorbell.log.size(), 1u);
}

TEST(Ordering, ReadDoesNotPassAnEarlierWriteToAnotherTarget) {
    Fabric fabric;
    fabric.ram.hold(ram_base, 8);
    fabric.device.write(ram_base, 1);
    const test::Sent& read = fabric.device.read(doorbell_base, 4);
    fabric.run();
    EXPECT_FALSE(read.done);
    EXPECT_TRUE(fabric.doorbell.log.empty());
    fabric.ram.release();
    fabric.run();
    EXPECT_TRUE(read.done);
}

TEST(Ordering, AccessesToOneTargetStreamWithoutWaiting) {
    Fabric fabric;
    fabric.device.write(ram_base, 1);
    fabric.device.write(ram_base + 64, 2);
    fabric.device.read(ram_base + 128, 8);
    fabric.run(10 * nanosecond);
    EXPECT_EQ(fabric.ram.log.size(), 3u);
}

TEST(Ordering, WriteDoesNotWaitForAnEarlierRead) {
    Fabric fabric;
    fabric.ram.hold(ram_base, 8);
    fabric.device.read(ram_base, 8);
    const test::Sent& write = fabric.device.write(doorbell_base, 2, 4);
    fabric.run();
    EXPECT_TRUE(write.done);
    fabric.ram.release();
    fabric.run();
}

TEST(Ordering, OtherRequestersAndOtherEntrancesDoNotWait) {
    Fabric fabric;
    fabric.ram.hold(ram_base, 8);
    fabric.device.write(ram_base, 1);
    fabric.device.attributes.requester_id = 9;
    const test::Sent& neighbour = fabric.device.write(doorbell_base, 2, 4);
    fabric.device.attributes.requester_id = sim::no_id;
    fabric.device.attributes.stream_id = 8;  // a StreamID is not a RequesterID
    const test::Sent& raw = fabric.device.write(doorbell_base, 2, 4);
    test::Sender elsewhere(fabric.simulation, fabric.interconnect.add_ingress());
    elsewhere.attributes.requester_id = 8;
    const test::Sent& other = elsewhere.write(doorbell_base, 2, 4);
    const test::Sent& cpu = fabric.cpu.write(doorbell_base, 3, 4);
    fabric.run();
    EXPECT_TRUE(neighbour.done);
    EXPECT_TRUE(raw.done);
    EXPECT_TRUE(other.done);
    EXPECT_TRUE(cpu.done);
    fabric.ram.release();
    fabric.run();
}

TEST(Ordering, LaterAccessToTheFirstTargetStaysBehindTheOneThatWaits) {
    Fabric fabric;
    fabric.ram.hold(ram_base, 8);
    fabric.device.write(ram_base, 1);
    fabric.device.write(doorbell_base, 2, 4);
    fabric.device.write(ram_base + 64, 3);
    fabric.run();
    EXPECT_EQ(fabric.ram.writes(ram_base + 64, 8), 0u);
    fabric.ram.release();
    fabric.run();
    ASSERT_EQ(fabric.ram.writes(ram_base + 64, 8), 1u);
    // It went when the doorbell's write was visible, not when it was sent.
    EXPECT_EQ(fabric.ram.log.back().at, fabric.doorbell.log.back().at + 110 * nanosecond);
}

TEST(Ordering, RelaxedWritePassesButTheMessageBehindItWaitsForAll) {
    Fabric fabric;
    fabric.ram.hold(ram_base, 8);
    fabric.device.write(ram_base, 1);
    fabric.device.attributes.relaxed_ordering = true;
    const test::Sent& relaxed = fabric.device.write(doorbell_base + 64, 2, 4);
    fabric.device.attributes.transaction_class = TransactionClass::Message;
    const test::Sent& message = fabric.device.write(doorbell_base, 3, 4);
    fabric.run();
    EXPECT_TRUE(relaxed.done);
    EXPECT_FALSE(message.done);  // though both targets have only one write left between them
    fabric.ram.release();
    fabric.run();
    EXPECT_TRUE(message.done);
}

TEST(Ordering, JourneyHoldsTheWaitForOrder) {
    struct Observer final : sim::JourneyObserver {
        void settled(const sim::Journey&) override {}
        void signalled(const sim::Journey&) override {}
    } observer;
    Fabric fabric;
    fabric.device.write(ram_base, 1);
    fabric.device.attributes.transaction_class = TransactionClass::Message;
    sim::AccessPtr access = fabric.device.make(sim::Command::Write, doorbell_base, 4);
    const auto journey = std::make_shared<sim::Journey>(observer, 0, 0);
    access->set_journey(journey);
    fabric.device.send(std::move(access));
    fabric.run();
    EXPECT_EQ(journey->spent(sim::Journey::Part::Interconnect), fabric.doorbell.log.at(0).at);
    EXPECT_EQ(fabric.doorbell.log.at(0).at, 120 * nanosecond);
}

TEST(Atomic, OperationsReturnTheOldValueAndStoreTheNew) {
    Fabric fabric;
    fabric.ram.put<u64>(ram_base, 10);
    const test::Sent& add = fabric.device.atomic(AtomicOperation::FetchAdd, ram_base, 5);
    fabric.run();
    EXPECT_EQ(add.access->value(), 10u);
    EXPECT_EQ(fabric.ram.u64_at(ram_base), 15u);
    const test::Sent& failing = fabric.device.atomic(AtomicOperation::CompareSwap, ram_base, 99, 14);
    fabric.run();
    EXPECT_EQ(failing.access->value(), 15u);
    EXPECT_EQ(fabric.ram.u64_at(ram_base), 15u);
    const test::Sent& matching = fabric.device.atomic(AtomicOperation::CompareSwap, ram_base, 99, 15);
    fabric.run();
    EXPECT_EQ(matching.access->value(), 15u);
    EXPECT_EQ(fabric.ram.u64_at(ram_base), 99u);
    const test::Sent& swap = fabric.device.atomic(AtomicOperation::Swap, ram_base + 4, 0xFFFFFFFF'00000001, 0, 4);
    fabric.run();
    EXPECT_EQ(swap.access->value(), 0u);
    EXPECT_EQ(fabric.ram.u64_at(ram_base), u64{1} << 32 | 99u);
}

TEST(Atomic, CarriesNoBitsIntoTheNeighbour) {
    Fabric fabric;
    fabric.ram.put<u64>(ram_base, 0x00000001'FFFFFFFF);
    fabric.device.atomic(AtomicOperation::FetchAdd, ram_base, 1, 0, 4);
    fabric.run();
    EXPECT_EQ(fabric.ram.u64_at(ram_base), 0x00000001'00000000u);
}

TEST(Atomic, ConcurrentIncrementsAllCount) {
    Fabric fabric;
    std::vector<const test::Sent*> sent;
    for (u32 requester = 0; requester < 16; ++requester) {
        fabric.device.attributes.requester_id = requester;
        sent.push_back(&fabric.device.atomic(AtomicOperation::FetchAdd, ram_base, 1));
    }
    fabric.run();
    EXPECT_EQ(fabric.ram.u64_at(ram_base), 16u);
    for (u64 index = 0; index < sent.size(); ++index) EXPECT_EQ(sent[index]->access->value(), index);
}

TEST(Atomic, PlainAccessesToTheLineWaitInOrderOfArrivalOthersPass) {
    Fabric fabric;
    fabric.ram.put<u64>(ram_base, 1);
    const test::Sent& add = fabric.device.atomic(AtomicOperation::FetchAdd, ram_base, 1);
    const test::Sent& write = fabric.cpu.write(ram_base, 100);
    const test::Sent& read = fabric.cpu.read(ram_base, 8);
    const test::Sent& neighbour = fabric.cpu.read(ram_base + 64, 8);
    const test::Sent& spanning = fabric.cpu.read(ram_base + 32, 128);
    fabric.run();
    EXPECT_EQ(add.access->value(), 1u);
    EXPECT_EQ(read.access->value(), 100u);
    EXPECT_EQ(neighbour.at, 130 * nanosecond);
    // Read and write of the atomic, then what waited.
    EXPECT_EQ(add.at, 230 * nanosecond);
    EXPECT_EQ(write.at, 340 * nanosecond);
    EXPECT_EQ(spanning.at, 340 * nanosecond);
    EXPECT_EQ(fabric.ram.u64_at(ram_base), 100u);
}

TEST(Atomic, WriteThatWaitsForTheLineIsNotOvertakenByItsOwnRequester) {
    Fabric fabric;
    fabric.cpu.atomic(AtomicOperation::FetchAdd, ram_base, 1);
    fabric.device.write(ram_base, 5);
    fabric.device.write(ram_base + 64, 6);
    fabric.run();
    std::vector<u64> order;
    for (const auto& entry : fabric.ram.log)
        if (entry.command == sim::Command::Write && entry.attributes.requester_id == 8) order.push_back(entry.address);
    EXPECT_EQ(order, (std::vector<u64>{ram_base, ram_base + 64}));
}

TEST(Atomic, MisalignedAtomicsAbortAndErrorsAreCarried) {
    Fabric fabric;
    fabric.ram.fail(ram_base + 0x1000, 8, Status::CompleterAbort);
    const test::Sent& misaligned = fabric.device.atomic(AtomicOperation::Swap, ram_base + 4, 1);
    const test::Sent& failing = fabric.device.atomic(AtomicOperation::Swap, ram_base + 0x1000, 1);
    fabric.run();
    EXPECT_EQ(misaligned.status(), Status::CompleterAbort);
    EXPECT_EQ(failing.status(), Status::CompleterAbort);
    // The lock is gone.
    const test::Sent& after = fabric.device.read(ram_base + 0x1008, 8);
    fabric.run();
    EXPECT_EQ(after.status(), Status::Ok);
}

TEST(Interconnect, FunctionalAccessesAnswerAtOnceWithTheUnloadedLatency) {
    Fabric fabric;
    fabric.ram.put<u64>(ram_base, 3);
    const sim::AccessPtr read = fabric.device.make(sim::Command::Read, ram_base, 8);
    EXPECT_EQ(fabric.ingress.perform(*read), 130 * nanosecond);
    EXPECT_EQ(read->value(), 3u);
    const sim::AccessPtr add = fabric.device.make(sim::Command::Atomic, ram_base, 8);
    add->operation = AtomicOperation::FetchAdd;
    add->operand = 4;
    EXPECT_EQ(fabric.ingress.perform(*add), 230 * nanosecond);
    EXPECT_EQ(add->value(), 3u);
    EXPECT_EQ(fabric.ram.u64_at(ram_base), 7u);
    const sim::AccessPtr hole = fabric.device.make(sim::Command::Read, 0x1000, 8);
    fabric.ingress.inspect(*hole);
    EXPECT_EQ(hole->status, Status::Unsupported);
    EXPECT_EQ(fabric.simulation.now(), 0u);
}

TEST(Interconnect, ResetForgetsWhatWaitsAndWorksAfterwards) {
    Fabric fabric;
    fabric.ram.hold(ram_base, 64);
    fabric.device.write(ram_base, 1);
    const test::Sent& message = fabric.device.write(doorbell_base, 2, 4);
    fabric.cpu.atomic(AtomicOperation::FetchAdd, ram_base, 1);
    const test::Sent& parked = fabric.cpu.read(ram_base, 8);
    fabric.run();
    const test::Sent& arriving = fabric.device.read(ram_base + 128, 8);
    fabric.interconnect.reset();
    fabric.simulation.scheduler().clear();
    fabric.simulation.accesses().drop_in_flight();
    fabric.run();
    for (const test::Sent* sent : {&message, &parked, &arriving}) {
        EXPECT_FALSE(sent->done);
        EXPECT_FALSE(sent->access->under_way());
    }
    EXPECT_TRUE(fabric.doorbell.log.empty());
    EXPECT_EQ(fabric.simulation.accesses().in_use(), 5u);  // those that the senders still hold
    const test::Sent& again = fabric.device.write(doorbell_base, 2, 4);
    const test::Sent& add = fabric.cpu.atomic(AtomicOperation::FetchAdd, ram_base + 64, 1);
    fabric.run();
    EXPECT_EQ(again.status(), Status::Ok);
    EXPECT_EQ(add.status(), Status::Ok);
}

/// Random traffic of four requesters to two targets against the rules themselves.
TEST(Ordering, RandomTrafficKeepsEveryRequestersOrderAndLosesNothing) {
    for (u64 seed = 1; seed <= 20; ++seed) {
        Fabric fabric;
        u64 random = seed * 0x9E3779B97F4A7C15u;
        const auto next = [&](u64 bound) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            return random % bound;
        };
        fabric.ram.latency = (next(50) + 1) * 10 * nanosecond;
        fabric.doorbell.latency = (next(50) + 1) * 10 * nanosecond;
        std::vector<const test::Sent*> sent;
        u64 sequence[4] = {};
        for (int i = 0; i < 300; ++i) {
            const u32 requester = static_cast<u32>(next(4));
            const u64 base = next(2) ? ram_base : doorbell_base;
            fabric.device.attributes.requester_id = requester;
            const u64 kind = next(8);
            if (kind == 0) sent.push_back(&fabric.device.read(base + next(8) * 64, 8));
            else if (kind == 1) sent.push_back(&fabric.cpu.atomic(AtomicOperation::FetchAdd, base + next(8) * 64, 1));
            else sent.push_back(&fabric.device.write(base + next(8) * 64, requester * 1000 + ++sequence[requester]));
            if (next(3) == 0) fabric.run(fabric.simulation.now() + next(200) * nanosecond);
        }
        fabric.run();
        for (const test::Sent* one : sent) ASSERT_EQ(one->status(), Status::Ok);
        // Within one requester, writes reach the targets in order, and one target's only after the other's are done.
        struct Arrival {
            Time at;
            Time done;
            bool ram;
        };
        for (u32 requester = 0; requester < 4; ++requester) {
            std::vector<Arrival> arrivals;
            for (const auto* target : {&fabric.ram, &fabric.doorbell})
                for (const auto& entry : target->log)
                    if (entry.attributes.requester_id == requester && entry.command == sim::Command::Write)
                        arrivals.push_back({entry.at, entry.at + target->latency, target == &fabric.ram});
            for (const Arrival& a : arrivals)
                for (const Arrival& b : arrivals)
                    ASSERT_TRUE(a.ram == b.ram || a.done <= b.at || b.done <= a.at) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace smmusim::memory
