// Promises of the CPU's data cache: what a load costs, and that it never returns anything but what memory holds.
#include "fake_cpu.hpp"

namespace smmusim::test {
namespace {

using sw::cpu::Cpu;
using sw::cpu::CpuConfig;
using sw::cpu::Loaded;

constexpr u64 line = 64;
constexpr Time cycle = 500;  // of 2 GHz, in picoseconds
constexpr Time at_hand = (1 + 3) * cycle;

CpuConfig with_lines(u32 count) {
    CpuConfig config;
    config.cache.entries = count;
    config.cache.ways = 0;
    return config;
}

class DataCache : public CpuFixture {
protected:
    DataCache() : CpuFixture(2, with_lines(4)) {}

    struct Timed {
        u64 value;
        Time took;
    };
    Timed load(u64 address, u32 on = 0) {
        return await([](Cpu& cpu, u64 from) -> Task<Timed> {
            const Time began = cpu.simulation().now();
            const Loaded loaded = co_await cpu.load(from);
            co_return Timed{loaded.value, cpu.simulation().now() - began};
        }(cpu(on), address));
    }
    void store(u64 address, u64 value, u32 on = 0) {
        await([](Cpu& cpu, u64 to, u64 what) -> Task<> {
            co_await cpu.store(to, what);
            co_await cpu.dma_wmb();
        }(cpu(on), address, value));
    }
    std::size_t reads() const { return memory.count(sim::Command::Read, ram, ram_size); }
};

TEST_F(DataCache, LoadOfALineAtHandTakesFourCyclesAndNoAccess) {
    memory.put<u64>(ram + 8, 7);
    EXPECT_GT(load(ram).took, memory.latency);
    const Timed second = load(ram + 8);
    EXPECT_EQ(second.value, 7u);
    EXPECT_EQ(second.took, at_hand);
    EXPECT_EQ(reads(), 1u);
}

TEST_F(DataCache, LineThatADeviceChangesIsNotAtHandAnyMore) {
    load(ram);
    memory.put<u64>(ram + 16, 5);
    const Timed missed = load(ram + 16);
    EXPECT_EQ(missed.value, 5u);
    EXPECT_GT(missed.took, memory.latency);
    EXPECT_EQ(load(ram + 16).took, at_hand);
}

TEST_F(DataCache, LineThatAnotherCpuChangesIsNotAtHandAnyMore) {
    load(ram, 0);
    store(ram, 9, 1);
    const Timed missed = load(ram, 0);
    EXPECT_EQ(missed.value, 9u);
    EXPECT_GT(missed.took, memory.latency);
}

TEST_F(DataCache, StoreBringsItsLineWhenItReachesMemory) {
    store(ram, 3);
    const Timed found = load(ram + 8);
    EXPECT_EQ(found.took, at_hand);
    EXPECT_EQ(load(ram).value, 3u);
    store(ram, 4);
    EXPECT_EQ(load(ram).took, at_hand) << "its own store does not take a line away";
    EXPECT_EQ(load(ram).value, 4u);
}

TEST_F(DataCache, KeepsAsManyLinesAsItHasTheLatestUsed) {
    for (u64 index = 0; index < 4; ++index) load(ram + index * line);
    EXPECT_EQ(load(ram).took, at_hand);
    load(ram + 4 * line);
    EXPECT_EQ(load(ram).took, at_hand);
    EXPECT_GT(load(ram + 1 * line).took, memory.latency);
}

TEST_F(DataCache, LineThatCannotBeReadIsNeverAtHand) {
    memory.fail(ram, 8);
    for (int attempt = 0; attempt < 2; ++attempt) {
        const Loaded loaded = await(cpu().load(ram));
        EXPECT_FALSE(loaded.ok());
    }
    EXPECT_EQ(reads(), 2u);
}

TEST_F(DataCache, LineOfWhichAPartCannotBeReadIsNeverAtHand) {
    memory.fail(ram, 8);
    for (int attempt = 0; attempt < 2; ++attempt) EXPECT_GT(load(ram + 8).took, memory.latency);
    store(ram, 1);
    EXPECT_FALSE(await(cpu().load(ram)).ok());
    EXPECT_GT(load(ram + 8).took, memory.latency);
}

TEST_F(DataCache, IsEmptyAfterAReset) {
    load(ram);
    cpu().reset();
    EXPECT_GT(load(ram).took, memory.latency);
}

class NoDataCache : public CpuFixture {};

TEST_F(NoDataCache, EveryLoadGoesToMemory) {
    for (int attempt = 0; attempt < 3; ++attempt) await(cpu().load(ram));
    EXPECT_EQ(memory.count(sim::Command::Read, ram, 8), 3u);
}

}  // namespace
}  // namespace smmusim::test
