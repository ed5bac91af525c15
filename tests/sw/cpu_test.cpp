// Promises of the CPU: what is visible when, what an interrupt does, what a lock keeps apart.
#include "fake_cpu.hpp"
#include "sw/cpu/page_pool.hpp"
#include "sw/cpu/poll.hpp"

namespace smmusim::test {
namespace {

using sw::cpu::Cpu;
using sw::cpu::CpuConfig;
using sw::cpu::Loaded;
using sw::cpu::MemoryModel;

class CpuTest : public CpuFixture {};

/// A device that reads a descriptor from memory when its doorbell is written.
class Fetcher final : public FakeDevice {
public:
    Fetcher(sim::Simulation& simulation, u64 base, FakeMemory& memory)
        : FakeDevice(simulation, base), memory_(memory) {}
    std::vector<u64> fetched;

private:
    u64 read_register(u64, u32) override { return fetched.size(); }
    void write_register(u64, u64 value, u32) override { fetched.push_back(memory_.u64_at(value)); }
    FakeMemory& memory_;
};

TEST_F(CpuTest, PlainStoreIsInvisibleUntilABarrier) {
    start([](Cpu& cpu) -> Task<> { co_await cpu.store(ram, 0x1234); }(cpu()));
    run(10 * nanosecond);
    EXPECT_EQ(memory.u64_at(ram), 0u);
    await(cpu().dma_wmb());
    EXPECT_EQ(memory.u64_at(ram), 0x1234u);
}

TEST_F(CpuTest, PlainStoreReachesMemoryAfterABoundedTime) {
    await([](Cpu& cpu) -> Task<int> {
        co_await cpu.store(ram, 7);
        co_return 0;
    }(cpu()));
    EXPECT_EQ(memory.u64_at(ram), 7u);  // idle is not reached with stores in the buffer
    const Time stored = 500;            // one cycle of 2 GHz
    ASSERT_EQ(memory.log.size(), 1u);
    EXPECT_EQ(memory.log[0].at, stored + cpu().config().drain_time);
}

TEST_F(CpuTest, DriverWithoutItsBarrierHandsTheDeviceAnOldDescriptor) {
    Fetcher device(simulation, 0x1000'0000, memory);
    bus.add(0x1000'0000, 4096, device);
    await([](Cpu& cpu) -> Task<int> {
        co_await cpu.store(ram, 0xABCD);
        co_await cpu.mmio_write_relaxed(0x1000'0000, ram);
        co_await cpu.store(ram, 0xEF);
        co_await cpu.mmio_write(0x1000'0000, ram);
        co_return 0;
    }(cpu()));
    const std::vector<u64> expected{0, 0xEF};
    EXPECT_EQ(device.fetched, expected);
}

TEST_F(CpuTest, StrongMemoryModelNeedsNoBarrier) {
    CpuConfig config;
    config.memory_model = MemoryModel::Strong;
    Cpu strong(simulation, 7, port, config, *interrupts[0]);
    Fetcher device(simulation, 0x1000'0000, memory);
    bus.add(0x1000'0000, 4096, device);
    await([](Cpu& on) -> Task<int> {
        co_await on.store(ram, 0xABCD);
        co_await on.mmio_write_relaxed(0x1000'0000, ram);
        co_return 0;
    }(strong));
    EXPECT_EQ(device.fetched, std::vector<u64>{0xABCD});
}

TEST_F(CpuTest, StoresBetweenTwoBarriersLeaveYoungestFirst) {
    await([](Cpu& cpu) -> Task<int> {
        co_await cpu.store(ram, 1);
        co_await cpu.store(ram + 64, 2);
        co_await cpu.dma_wmb();
        co_await cpu.store(ram + 128, 3);
        co_await cpu.dma_wmb();
        co_return 0;
    }(cpu()));
    ASSERT_EQ(memory.log.size(), 3u);
    EXPECT_EQ(memory.log[0].address, ram + 64);
    EXPECT_EQ(memory.log[1].address, ram);
    EXPECT_EQ(memory.log[2].address, ram + 128);
}

TEST_F(CpuTest, LoadSeesItsOwnStoresInEverySize) {
    memory.put<u64>(ram, 0x1111'2222'3333'4444);
    const auto [narrow, wide] = await([](Cpu& cpu) -> Task<std::pair<u64, u64>> {
        co_await cpu.store(ram + 2, 0xAB, 1);
        co_await cpu.store(ram + 4, 0x9999, 2);
        const Loaded byte = co_await cpu.load(ram + 2, 1);
        const Loaded all = co_await cpu.load(ram);
        std::pair<u64, u64> seen(byte.value, all.value);
        co_return seen;
    }(cpu()));
    EXPECT_EQ(narrow, 0xABu);
    EXPECT_EQ(wide, 0x1111'9999'33AB'4444u);
    EXPECT_EQ(memory.reads(ram, 8), 1u) << "a load that the buffer covers needs no bus";
    settle();
    EXPECT_EQ(memory.u64_at(ram), 0x1111'9999'33AB'4444u) << "bytes that were not stored stay";
}

TEST_F(CpuTest, LoadSeesAStoreThatIsJustDraining) {
    memory.hold(ram, 8);
    start([](Cpu& cpu) -> Task<> {
        co_await cpu.store(ram, 5);
        co_await cpu.dma_wmb();
    }(cpu()));
    run(5 * nanosecond);
    ASSERT_EQ(memory.held(), 1u);
    u64 seen = 0;
    start([](Cpu& cpu, u64& value) -> Task<> {
        const Loaded loaded = co_await cpu.load(ram);
        value = loaded.value;
    }(cpu(), seen));
    run(5 * nanosecond);
    memory.release();
    settle();
    EXPECT_EQ(seen, 5u);
}

TEST_F(CpuTest, NewerStoreIsNotOverwrittenByADrainThatBeganBefore) {
    memory.hold(ram, 8);
    start([](Cpu& cpu) -> Task<> {
        co_await cpu.store(ram, 1);
        co_await cpu.dma_wmb();
    }(cpu()));
    run(5 * nanosecond);
    start([](Cpu& cpu) -> Task<> {
        co_await cpu.store(ram, 2);
        co_await cpu.dma_wmb();
    }(cpu()));
    run(5 * nanosecond);
    EXPECT_EQ(memory.held(), 1u) << "the second drain waits for the first";
    memory.release();
    settle();
    EXPECT_EQ(memory.u64_at(ram), 2u);
}

TEST_F(CpuTest, FullStoreBufferDrainsItself) {
    CpuConfig config;
    config.store_buffer_entries = 2;
    Cpu small(simulation, 7, port, config, *interrupts[0]);
    start([](Cpu& on) -> Task<> {
        for (u64 word = 0; word < 3; ++word) co_await on.store(ram + 8 * word, word + 1);
    }(small));
    run(500 * nanosecond);  // less than the drain time
    EXPECT_EQ(memory.u64_at(ram + 8), 2u);
    EXPECT_EQ(memory.u64_at(ram + 16), 0u);
    settle();
}

TEST_F(CpuTest, BlocksCrossPagesAndSeeBufferedStores) {
    std::vector<u8> pattern(10'000);
    for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = static_cast<u8>(i * 7);
    const std::vector<u8> back = await([](Cpu& cpu, std::vector<u8> bytes) -> Task<std::vector<u8>> {
        co_await cpu.write_block(ram + 100, bytes);
        co_await cpu.store(ram + 104, 0xFF, 1);
        std::vector<u8> read(bytes.size());
        co_await cpu.read_block(ram + 100, read);
        co_return read;
    }(cpu(), pattern));
    pattern[4] = 0xFF;
    EXPECT_EQ(back, pattern);
    for (const auto& access : memory.log) EXPECT_LE(access.address % 4096 + access.size, 4096u);
}

TEST_F(CpuTest, BusErrorIsAValue) {
    const Loaded nothing = await(cpu().load(0x1000));
    EXPECT_FALSE(nothing.ok());
    EXPECT_EQ(nothing.status, sim::Status::Unsupported);
    EXPECT_EQ(await(cpu().mmio_write(0x1000, 1)), sim::Status::Unsupported);
}

TEST_F(CpuTest, PollEndsAtTheTimeoutAndNotBefore) {
    sw::cpu::PollPolicy policy{100 * nanosecond, 10 * microsecond};
    EXPECT_EQ(await(sw::cpu::poll(cpu(), policy, ram, 4, [](u64) { return false; })), -ETIMEDOUT);
    EXPECT_GE(simulation.now(), policy.timeout);
    EXPECT_LT(simulation.now(), policy.timeout * 9 / 8);
    EXPECT_EQ(await(sw::cpu::poll(cpu(), policy, 0, 4, [](u64) { return false; })), -EIO);
}

TEST_F(CpuTest, InterruptIsAcknowledgedHandledAndEndedInThatOrder) {
    sw::cpu::InterruptTable table;
    std::vector<u32> handled;
    table.add(8192, [&](Cpu& on, u32 intid) -> Task<> {
        handled.push_back(intid);
        EXPECT_TRUE(interrupts[0]->ended.empty());
        return on.work(100);
    });
    cpu().take_interrupts(&table);
    interrupts[0]->raise(8192);
    settle();
    EXPECT_EQ(handled, std::vector<u32>{8192});
    EXPECT_EQ(interrupts[0]->acknowledged, std::vector<u32>{8192});
    EXPECT_EQ(interrupts[0]->ended, std::vector<u32>{8192});
    EXPECT_EQ(table.unhandled, 0u);
}

TEST_F(CpuTest, HandlersOfOneCpuDoNotOverlapAndNoneIsLost) {
    sw::cpu::InterruptTable table;
    u32 running = 0, most = 0, count = 0;
    const auto body = [](Cpu& on, u32& now, u32& peak, u32& total) -> Task<> {
        peak = std::max(peak, ++now);
        co_await on.work(1000);
        --now;
        ++total;
    };
    for (const u32 intid : {40u, 41u, 42u})
        table.add(intid, [&](Cpu& on, u32) { return body(on, running, most, count); });
    cpu().take_interrupts(&table);
    interrupts[0]->raise(40);
    interrupts[0]->raise(41);
    run(600 * nanosecond);
    interrupts[0]->raise(42);
    settle();
    EXPECT_EQ(most, 1u);
    EXPECT_EQ(count, 3u);
}

TEST_F(CpuTest, UnknownInterruptIsEndedAndCounted) {
    sw::cpu::InterruptTable table;
    cpu().take_interrupts(&table);
    interrupts[0]->raise(77);
    settle();
    EXPECT_EQ(table.unhandled, 1u);
    EXPECT_EQ(interrupts[0]->ended, std::vector<u32>{77});
}

TEST_F(CpuTest, MaskedInterruptIsTakenAfterTheMaskEnds) {
    sw::cpu::InterruptTable table;
    Time handled = 0;
    table.add(40, [&](Cpu& on, u32) {
        handled = simulation.now();
        return on.work(0);
    });
    cpu().take_interrupts(&table);
    sw::cpu::Lock lock(simulation, "lock");
    start([](Cpu& on, sw::cpu::Lock& taken) -> Task<> {
        const auto guard = co_await taken.acquire_irqsave(on);
        co_await on.sleep(10 * microsecond);
    }(cpu(), lock));
    interrupts[0]->raise(40);
    run(9 * microsecond);
    EXPECT_EQ(handled, 0u);
    settle();
    EXPECT_GT(handled, 10 * microsecond);
}

TEST_F(CpuTest, WaitForInterruptReturnsWhenOneIsSignalled) {
    Time woken = 0;
    start([](Cpu& on, Time& at) -> Task<> {
        co_await on.wait_for_interrupt();
        at = on.simulation().now();
    }(cpu(), woken));
    run(5 * microsecond);
    EXPECT_EQ(woken, 0u);
    cpu().irq(true);
    settle();
    EXPECT_EQ(woken, 5 * microsecond);
}

TEST_F(CpuTest, LockIsGrantedInOrderOfArrival) {
    sw::cpu::Lock lock(simulation, "lock");
    std::vector<int> order;
    const auto contender = [](Cpu& on, sw::cpu::Lock& taken, std::vector<int>& seen, int who) -> Task<> {
        const auto guard = co_await taken.acquire();
        co_await on.work(10);
        seen.push_back(who);
    };
    for (int who = 0; who < 5; ++who) start(contender(cpu(static_cast<u32>(who) % 2), lock, order, who));
    settle();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(CpuTest, ResetInTheMiddleOfADrainLeavesNothingBehind) {
    memory.hold(ram, 4096);
    start([](Cpu& on) -> Task<> {
        co_await on.store(ram, 1);
        co_await on.dma_wmb();
    }(cpu()));
    run(5 * nanosecond);
    activities.cancel();
    cpu().reset();
    memory.release();
    await([](Cpu& on) -> Task<int> {
        co_await on.store(ram + 8, 2);
        co_await on.dma_wmb();
        co_return 0;
    }(cpu()));
    EXPECT_EQ(memory.u64_at(ram + 8), 2u);
    EXPECT_FALSE(cpu().stores_pending());
}

TEST(PagePool, IsFirstFitAlignedAndMergesWhatIsReleased) {
    sw::cpu::PagePool pool(0x1000, 0x10000);
    const u64 first = *pool.allocate(0x1000);
    const u64 second = *pool.allocate(0x2000, 0x2000);
    const u64 third = *pool.allocate(0x1000);
    EXPECT_EQ(first, 0x1000u);
    EXPECT_EQ(second, 0x2000u);
    EXPECT_EQ(third, 0x4000u);
    EXPECT_FALSE(pool.allocate(0x10000));
    pool.release(first);
    pool.release(third);
    pool.release(second);
    EXPECT_EQ(pool.used(), 0u);
    EXPECT_EQ(*pool.allocate(0x10000), 0x1000u) << "everything is one piece again";
}

}  // namespace
}  // namespace smmusim::test
