// Promises of main memory: latency, bandwidth, backing, sparse storage.
#include "memory/ram.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/sender.hpp"

namespace smmusim::memory {
namespace {

using sim::Status;

MemoryConfig small() {
    MemoryConfig config;
    config.size = 1 * MiB;
    config.latency = 100 * nanosecond;
    config.bandwidth = 512'000'000'000;  // 64 bytes in 1 ns
    return config;
}

u64 resident_bytes() {
    std::ifstream file("/proc/self/statm");
    u64 size = 0;
    u64 resident = 0;
    file >> size >> resident;
    return resident * static_cast<u64>(::sysconf(_SC_PAGESIZE));
}

TEST(Ram, ReadReturnsWhatWasWrittenAfterTheLatency) {
    sim::Simulation simulation;
    Ram ram(simulation, small());
    test::Sender sender(simulation, ram);
    const test::Sent& write = sender.write(0x40000100, 0x1122334455667788);
    const test::Sent& read = sender.read(0x40000100, 8);
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(write.status(), Status::Ok);
    EXPECT_EQ(write.at, 100 * nanosecond);
    EXPECT_EQ(read.access->value(), 0x1122334455667788u);
    EXPECT_EQ(read.at, 100 * nanosecond + 125);  // behind the 8 bytes of the write
}

TEST(Ram, BandwidthIsExactWithoutDrift) {
    sim::Simulation simulation;
    MemoryConfig config = small();
    config.bandwidth = 300'000'000'000;  // 64 bytes in 1706.67 ps
    Ram ram(simulation, config);
    test::Sender sender(simulation, ram);
    const test::Sent* last = nullptr;
    for (int i = 0; i < 3001; ++i) last = &sender.read(0x40000000, 64);
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(last->at, 100 * nanosecond + 3000u * 512 * 1'000'000'000'000u / 300'000'000'000u);
}

TEST(Ram, TransferLongerThanTheLatencyEndsWithItsLastByte) {
    sim::Simulation simulation;
    MemoryConfig config = small();
    config.bandwidth = 8'000'000'000;  // 1 byte in 1 ns
    Ram ram(simulation, config);
    test::Sender sender(simulation, ram);
    const test::Sent& read = sender.read(0x40000000, 4096);
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(read.at, 4096 * nanosecond);
}

TEST(Ram, AccessBeyondTheEndIsUnsupported) {
    sim::Simulation simulation;
    Ram ram(simulation, small());
    test::Sender sender(simulation, ram);
    const test::Sent& over = sender.read(0x40000000 + MiB - 4, 8);
    const test::Sent& below = sender.read(0x3FFFFFFC, 4);
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(over.status(), Status::Unsupported);
    EXPECT_EQ(below.status(), Status::Unsupported);
}

TEST(Ram, WriteTakesEffectOnArrivalNotBefore) {
    sim::Simulation simulation;
    Ram ram(simulation, small());
    test::Sender sender(simulation, ram);
    test::Sent sent;
    sent.access = sender.make(sim::Command::Write, 0x40000000, 8);
    sent.access->set_value(7);
    sent.access->push(sent);
    ram.receive(*sent.access, 500);
    simulation.scheduler().run(499);
    EXPECT_EQ(*ram.storage().at(0x40000000), 0);
    simulation.scheduler().run(500);
    EXPECT_EQ(*ram.storage().at(0x40000000), 7);
}

TEST(Ram, ResetDropsWhatIsUnderWayAndKeepsTheBytes) {
    sim::Simulation simulation;
    Ram ram(simulation, small());
    test::Sender sender(simulation, ram);
    *ram.storage().at(0x40000040) = 9;
    test::Sent sent;
    sent.access = sender.make(sim::Command::Write, 0x40000000, 8);
    sent.access->set_value(7);
    sent.access->push(sent);
    ram.receive(*sent.access, 500);
    ram.reset();
    simulation.scheduler().clear();
    simulation.accesses().drop_in_flight();
    simulation.scheduler().run(end_of_time);
    EXPECT_FALSE(sent.done);
    EXPECT_FALSE(sent.access->under_way());
    EXPECT_EQ(*ram.storage().at(0x40000000), 0);
    EXPECT_EQ(*ram.storage().at(0x40000040), 9);
}

TEST(Ram, MessageThatEndsInMemoryIsBlocked) {
    struct Observer final : sim::JourneyObserver {
        int blocked = 0;
        void settled(const sim::Journey& journey) override {
            if (journey.outcome() == sim::Journey::Outcome::Blocked) ++blocked;
        }
        void signalled(const sim::Journey&) override {}
    } observer;
    sim::Simulation simulation;
    Ram ram(simulation, small());
    test::Sender sender(simulation, ram);
    sim::AccessPtr access = sender.make(sim::Command::Write, 0x40000000, 4);
    access->set_journey(std::make_shared<sim::Journey>(observer, 0, 0));
    sender.send(std::move(access));
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(observer.blocked, 1);
}

TEST(Storage, GigabytesCostNothingUntilTouched) {
    const u64 before = resident_bytes();
    Storage storage({}, 0x40000000, 64 * GiB);
    *storage.at(0x40000000 + 63 * GiB) = 1;
    u64 pages = 0;
    storage.visit_pages([&](u64 address, std::span<const u8> page) {
        ++pages;
        EXPECT_EQ(address, 0x40000000 + 63 * GiB);
        EXPECT_EQ(page.size(), Storage::page_size);
    });
    EXPECT_EQ(pages, 1u);
    EXPECT_LT(resident_bytes() - before, 16 * MiB);
}

class EveryBacking : public testing::TestWithParam<Backing::Kind> {
protected:
    static constexpr u64 base = 0x2000'0000'0000;  // free in the process, also under sanitizers
    Backing backing() const {
        return {GetParam(),
                (std::filesystem::temp_directory_path() / ("smmusim-" + std::to_string(::getpid()))).string()};
    }
    ~EveryBacking() override { std::filesystem::remove(backing().path); }
};

TEST_P(EveryBacking, VisitsExactlyThePagesThatAreNotZeroInOrder) {
    Storage storage(backing(), base, 64 * MiB);
    *storage.at(base + 5 * MiB) = 1;
    *storage.at(base) = 2;
    *storage.at(base + 64 * MiB - 1) = 3;
    *storage.at(base + 7 * MiB) = 0;  // touched, still zero
    std::vector<u64> pages;
    storage.visit_pages([&](u64 address, std::span<const u8>) { pages.push_back(address); });
    EXPECT_EQ(pages, (std::vector<u64>{base, base + 5 * MiB, base + 64 * MiB - 4096}));
}

TEST_P(EveryBacking, ClearMakesEveryByteZero) {
    Storage storage(backing(), base, 4 * MiB);
    *storage.at(base + 4096) = 1;
    storage.clear();
    EXPECT_EQ(*storage.at(base + 4096), 0);
    u64 pages = 0;
    storage.visit_pages([&](u64, std::span<const u8>) { ++pages; });
    EXPECT_EQ(pages, 0u);
}

INSTANTIATE_TEST_SUITE_P(Storage, EveryBacking,
                         testing::Values(Backing::Kind::Anonymous, Backing::Kind::File, Backing::Kind::Fixed));

TEST(Storage, FileIsSharedWithOthers) {
    const std::string path =
        (std::filesystem::temp_directory_path() / ("smmusim-file-" + std::to_string(::getpid()))).string();
    {
        Storage one(Backing::parse("file:" + path), 0x1000, 16 * KiB);
        Storage other(Backing::parse("file:" + path), 0x1000, 16 * KiB);
        *one.at(0x2345) = 42;
        EXPECT_EQ(*other.at(0x2345), 42);
    }
    std::ifstream file(path, std::ios::binary);
    file.seekg(0x1345);
    EXPECT_EQ(file.get(), 42);
    std::filesystem::remove(path);
}

TEST(Storage, FixedMemoryMakesPointersAddresses) {
    constexpr u64 base = 0x2000'0000'0000;
    Storage storage({Backing::Kind::Fixed, {}}, base, 64 * KiB);
    *reinterpret_cast<u8*>(base + 100) = 5;
    EXPECT_EQ(*storage.at(base + 100), 5);
    EXPECT_THROW(Storage(Backing{Backing::Kind::Fixed, {}}, base, 64 * KiB), std::runtime_error);
}

TEST(Storage, BadBackingsAreRefusedWithTheChoices) {
    for (const char* text : {"", "file", "file:", "shared", "anonymous "}) {
        try {
            Backing::parse(text);
            ADD_FAILURE() << text;
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string(error.what()).find("anonymous, fixed or file:PATH"), std::string::npos);
        }
    }
    EXPECT_THROW(Storage({Backing::Kind::File, "/nonexistent/memory"}, 0, 4096), std::runtime_error);
    EXPECT_THROW(Storage({}, 0, 4097), std::invalid_argument);
    EXPECT_THROW(Storage({}, 0, 0), std::invalid_argument);
}

}  // namespace
}  // namespace smmusim::memory
