// Promises of the GIC and ITS driver: bring-up, tables, and the commands of every operation.
#include "fake_gic.hpp"
#include "sw/its/its.hpp"

namespace smmusim::test {
namespace {

using sw::its::GicDriver;
using sw::its::ItsDriver;
using sw::msi::Source;
using sw::msi::Vector;

enum : u64 {
    MOVI = 0x01,
    SYNC = 0x05,
    MAPD = 0x08,
    MAPC = 0x09,
    MAPTI = 0x0A,
    INV = 0x0C,
    INVALL = 0x0D,
    DISCARD = 0x0F
};

class ItsDriverTest : public CpuFixture {
protected:
    static constexpr u32 cpu_count = 4;
    static constexpr u64 its_base = 0x0808'0000;

    ItsDriverTest() : CpuFixture(cpu_count), pool(ram, 64 * MiB) {
        bus.add(FakeDistributor::base, 0x1'0000, distributor);
        bus.add(FakeRedistributors::base, cpu_count * FakeRedistributors::frame, redistributors);
        bus.add(its_base, FakeIts::size, its);
        gic = std::make_unique<GicDriver>(sw::its::GicDescription{}, sw::its::DriverConfig{}, pool,
                                          std::vector<u32>{0, 1, 2, 3});
        make_its({});
    }
    void make_its(sw::its::DriverConfig config) {
        driver = std::make_unique<ItsDriver>(simulation, "its0", sw::its::ItsDescription{its_base}, config, *gic, pool);
    }
    void boot() {
        ASSERT_EQ(await(gic->init_distributor(cpu())), 0);
        for (u32 index = 0; index < cpu_count; ++index) ASSERT_EQ(await(gic->init_cpu(cpu(index))), 0);
        ASSERT_EQ(await(driver->init(cpu())), 0);
        for (u32 index = 0; index < cpu_count; ++index) ASSERT_EQ(await(driver->map_collection(cpu(), index)), 0);
        boot_commands = its.opcodes();
        its.commands.clear();
    }
    /// Allocated vectors of a function.
    std::vector<Vector*> allocate(Source& source, u32 count, int expected = 0) {
        std::vector<Vector*> vectors;
        for (u32 index = 0; index < count; ++index) {
            auto& vector = source.vectors.emplace_back(std::make_unique<Vector>());
            vector->source = &source;
            vector->index = index;
            vectors.push_back(vector.get());
        }
        EXPECT_EQ(await(driver->allocate(cpu(), source, vectors)), expected);
        return vectors;
    }
    Source function(u32 device_id, u32 events = 1) {
        Source source;
        source.device_id = device_id;
        source.events = events;
        return source;
    }

    sw::cpu::PagePool pool;
    FakeDistributor distributor{simulation};
    FakeRedistributors redistributors{simulation, cpu_count};
    FakeIts its{simulation, its_base, memory, redistributors, interrupts};
    std::unique_ptr<GicDriver> gic;
    std::unique_ptr<ItsDriver> driver;
    std::vector<u64> boot_commands;
};

TEST_F(ItsDriverTest, BringUpEnablesEverythingOnceItsTablesExist) {
    boot();
    EXPECT_EQ(distributor.value(0) & 0x12, 0x12u) << "ARE and group 1";
    for (u32 index = 0; index < cpu_count; ++index) {
        EXPECT_TRUE(redistributors.lpis(index));
        EXPECT_EQ(redistributors.values[index * FakeRedistributors::frame + 0x14], 0u) << "awake";
        EXPECT_EQ(redistributors.property_table(index), redistributors.property_table(0)) << "one table for all";
        EXPECT_EQ(redistributors.values[index * FakeRedistributors::frame + 0x70] & 31, 15u);
        EXPECT_EQ(interrupts[index]->written.at(static_cast<u8>(sw::cpu::SystemRegister::ICC_PMR_EL1)), 0xF0u);
        EXPECT_EQ(interrupts[index]->written.at(static_cast<u8>(sw::cpu::SystemRegister::ICC_IGRPEN1_EL1)), 1u);
        for (u32 other = 0; other < index; ++other)
            EXPECT_NE(redistributors.values[index * FakeRedistributors::frame + 0x78],
                      redistributors.values[other * FakeRedistributors::frame + 0x78]);
    }
    EXPECT_EQ(memory.u8_at(redistributors.property_table(0)), 0xA2u) << "priority 0xA0, RES1, disabled";
    EXPECT_EQ(boot_commands.size(), 16u);
    for (std::size_t at = 0; at < boot_commands.size(); at += 4) {
        EXPECT_EQ(boot_commands[at], MAPC);
        EXPECT_EQ(boot_commands[at + 1], SYNC);
        EXPECT_EQ(boot_commands[at + 2], INVALL);
        EXPECT_EQ(boot_commands[at + 3], SYNC);
    }
    EXPECT_EQ(its.collections, (std::map<u64, u64>{{0, 0}, {1, 1}, {2, 2}, {3, 3}}));
}

TEST_F(ItsDriverTest, MachineWithoutGicV3IsRefused) {
    distributor.absent = true;
    EXPECT_EQ(await(gic->init_distributor(cpu())), -ENODEV);
}

TEST_F(ItsDriverTest, TablesAreNegotiatedByReadback) {
    its.largest_page = 1;
    its.shareable = false;
    redistributors.shareable = false;
    boot();
    EXPECT_EQ(its.values[0x100] >> 8 & 3, 1u) << "16 KiB pages";
    EXPECT_EQ(its.values[0x100] >> 59 & 7, 1u) << "not shareable: not cacheable";
    EXPECT_EQ(its.values[0x80] >> 59 & 7, 1u);
    EXPECT_EQ(redistributors.values[0x70] >> 7 & 7, 1u);
    EXPECT_EQ(its.values[0x100] >> 63, 1u);
    EXPECT_EQ(((its.values[0x100] & 0xFF) + 1) * 16 * KiB, 512 * KiB) << "2^16 entries of 8 bytes";
}

TEST_F(ItsDriverTest, SharedInterruptIsRoutedConfiguredAndEnabled) {
    boot();
    EXPECT_EQ(await(gic->enable_spi(cpu(), 106, true, 2)), 0);
    EXPECT_TRUE(distributor.enabled(106));
    EXPECT_FALSE(distributor.enabled(107));
    EXPECT_TRUE(distributor.edge(106));
    EXPECT_FALSE(distributor.edge(105));
    EXPECT_EQ(distributor.route(106), 2u);
    EXPECT_EQ(await(gic->enable_spi(cpu(), 8192, true, 0)), -EINVAL);
    EXPECT_EQ(await(gic->enable_spi(cpu(), 106, true, 9)), -EINVAL);
}

TEST_F(ItsDriverTest, CommandsOfEveryOperation) {
    boot();
    Source source = function(8, 2);
    const auto vectors = allocate(source, 2);
    EXPECT_EQ(its.opcodes(), (std::vector<u64>{MAPD}));
    EXPECT_EQ(its.commands[0].words[1] & 31, 0u) << "two events need one bit";
    EXPECT_EQ(vectors[0]->intid, 8192u);
    EXPECT_EQ(vectors[1]->intid, 8193u);
    EXPECT_EQ(vectors[1]->event, 1u);
    const auto commands_of = [&](auto operation) {
        its.commands.clear();
        operation();
        return its.opcodes();
    };
    vectors[0]->cpu = 1;
    EXPECT_EQ(commands_of([&] { EXPECT_EQ(await(driver->activate(cpu(), *vectors[0])), 0); }),
              (std::vector<u64>{MAPTI, SYNC, INV, SYNC}));
    EXPECT_EQ(its.commands[1].words[2] >> 16, 1u) << "the redistributor of CPU 1";
    EXPECT_EQ(memory.u8_at(redistributors.property_table(0)), 0xA3u);
    EXPECT_EQ(commands_of([&] { EXPECT_TRUE(await(driver->set_affinity(cpu(), *vectors[0], 3))); }),
              (std::vector<u64>{MOVI, SYNC}));
    EXPECT_EQ(its.commands[1].words[2] >> 16, 1u) << "SYNC where the event leaves";
    EXPECT_EQ(vectors[0]->cpu, 3u);
    EXPECT_TRUE(commands_of([&] { EXPECT_TRUE(await(driver->set_affinity(cpu(), *vectors[0], 3))); }).empty());
    EXPECT_EQ(await(driver->set_affinity(cpu(), *vectors[0], 4)).error(), -EINVAL);
    EXPECT_EQ(commands_of([&] { await(driver->deactivate(cpu(), *vectors[0])); }),
              (std::vector<u64>{INV, SYNC, DISCARD, SYNC}));
    EXPECT_EQ(memory.u8_at(redistributors.property_table(0)), 0xA2u);
    EXPECT_TRUE(commands_of([&] { await(driver->release(cpu(), *vectors[0])); }).empty());
    EXPECT_EQ(commands_of([&] { await(driver->release(cpu(), *vectors[1])); }), (std::vector<u64>{MAPD}));
    EXPECT_EQ(its.commands[0].words[2] >> 63, 0u) << "unmapped with the last event";
    EXPECT_EQ(gic->lpis().numbers().available(), 65536u - 8192);
}

TEST_F(ItsDriverTest, InterruptTranslationTableIsSizedAlignedAndZeroed) {
    for (u64 at = ram; at < ram + 8 * MiB; at += 8) memory.put<u64>(at, ~u64{0});
    boot();
    Source source = function(8, 33);
    allocate(source, 1);
    EXPECT_EQ(its.commands[0].words[1] & 31, 5u) << "33 events: 64";
    const u64 table = its.tables.at(8);
    EXPECT_EQ(table % 256, 0u);
    for (u64 at = 0; at < 64 * 8; at += 8) EXPECT_EQ(memory.u64_at(table + at), 0u);
    Source zero = function(0, 1);
    allocate(zero, 1);
    EXPECT_EQ(its.commands[1].words[1] & 31, 4u) << "DeviceID 0 gets 32 at least";
}

TEST_F(ItsDriverTest, DeviceBeyondTheFlatTableIsRefused) {
    sw::its::DriverConfig config;
    config.device_table_bytes = 64 * KiB;
    make_its(config);
    boot();
    Source inside = function(8191), outside = function(8192);
    allocate(inside, 1);
    allocate(outside, 1, -ENOSPC);
    EXPECT_EQ(its.devices.size(), 1u);
}

TEST_F(ItsDriverTest, LargeDeviceTableGetsTwoLevelsAndPagesAsDevicesCome) {
    for (u64 at = ram; at < ram + 2 * MiB; at += 8) memory.put<u64>(at, ~u64{0});
    its.two_levels = true;
    its.device_bits = 20;
    boot();
    const u64 baser = its.values[0x100];
    EXPECT_EQ(baser >> 62, 3u) << "valid and indirect";
    EXPECT_EQ(baser & 0xFF, 0u) << "one page of 64 KiB: 8192 entries, each a page of 8192 devices";
    const u64 level1 = baser & 0xFFFF'FFFF'0000;
    Source low = function(8), high = function(0xFFFFF), neighbour = function(16);
    allocate(low, 1);
    allocate(high, 1);
    allocate(neighbour, 1);
    EXPECT_EQ(its.devices.size(), 3u);
    u32 pages = 0;
    for (u64 index = 0; index < 8192; ++index) {
        const u64 entry = memory.u64_at(level1 + index * 8);
        if (entry == 0) continue;
        ++pages;
        EXPECT_TRUE(index == 0 || index == 0xFFFFF / 8192) << index;
        EXPECT_EQ(entry >> 63, 1u);
        const u64 page = entry & 0xF'FFFF'FFFF'0000;
        for (u64 at = page; at < page + 64 * KiB; at += 512) EXPECT_EQ(memory.u64_at(at), 0u);
    }
    EXPECT_EQ(pages, 2u);
}

TEST_F(ItsDriverTest, LpisThatRunOutLeaveNothingAllocated) {
    distributor.id_bits = 14;
    boot();
    Source first = function(8, 8192), second = function(16, 2);
    const auto vectors = allocate(first, 8192);
    allocate(second, 2, -ENOSPC);
    EXPECT_EQ(its.devices.count(16), 0u) << "unmapped again";
    await(driver->release(cpu(), *vectors[5]));
    await(driver->release(cpu(), *vectors[6]));
    Source third = function(24, 2);
    EXPECT_EQ(allocate(third, 2)[0]->intid, 8192u + 5);
}

TEST_F(ItsDriverTest, SharedDeviceIdHasOneTableForAllItsFunctions) {
    boot();
    Source one = function(8, 6), other = function(8, 6);
    one.shared = other.shared = true;
    const auto first = allocate(one, 2), second = allocate(other, 4);
    EXPECT_EQ(its.opcodes(), (std::vector<u64>{MAPD}));
    EXPECT_EQ(second[0]->event, 2u) << "events do not collide";
    for (Vector* vector : first) await(driver->release(cpu(), *vector));
    for (Vector* vector : second) await(driver->release(cpu(), *vector));
    EXPECT_EQ(its.opcodes(), (std::vector<u64>{MAPD})) << "never unmapped";
}

TEST_F(ItsDriverTest, CommandQueueWrapsTwice) {
    boot();
    Source source = function(8, 1);
    const auto vectors = allocate(source, 1);
    EXPECT_EQ(await(driver->activate(cpu(), *vectors[0])), 0);
    its.commands.clear();
    for (u32 move = 0; move < 2500; ++move)
        ASSERT_TRUE(await(driver->set_affinity(cpu(move % 4), *vectors[0], (move + 1) % 4)));
    EXPECT_EQ(its.commands.size(), 5000u);
    EXPECT_GT(driver->queue().commands(), 2u * 2048);
    EXPECT_EQ(its.devices.at(8).at(0).cpu, 0u);
}

TEST_F(ItsDriverTest, QueueThatDoesNotMoveIsWaitedFor) {
    boot();
    Source source = function(8, 1);
    const auto vectors = allocate(source, 1);
    its.paused = true;
    bool done = false;
    start([](ItsDriver& on, sw::cpu::Cpu& who, Vector& vector, bool& finished) -> Task<> {
        co_await on.activate(who, vector);
        finished = true;
    }(*driver, cpu(), *vectors[0], done));
    run(500 * microsecond);
    EXPECT_FALSE(done);
    its.resume();
    settle();
    EXPECT_TRUE(done);
}

TEST_F(ItsDriverTest, SilentItsIsATimeout) {
    boot();
    its.paused = true;
    EXPECT_EQ(await(driver->map_collection(cpu(), 0)), -ETIMEDOUT);
}

TEST_F(ItsDriverTest, CommandThatStallsTheItsIsSkippedAndReportedToItsIssuer) {
    boot();
    Source source = function(8, 2);
    const auto vectors = allocate(source, 2);
    its.refused = MAPTI;
    EXPECT_EQ(await(driver->activate(cpu(), *vectors[0])), -EIO);
    EXPECT_EQ(driver->queue().stalls(), 1u);
    EXPECT_EQ(await(driver->activate(cpu(1), *vectors[1])), 0) << "the queue goes on";
    EXPECT_EQ(its.devices.at(8).count(1), 1u);
}

TEST_F(ItsDriverTest, StallIsReportedToTheIssuerAlsoWhenAnotherCpuRepairsIt) {
    boot();
    Source source = function(8, 2);
    const auto vectors = allocate(source, 2);
    its.refused = MAPTI;
    int error[2] = {1, 1};
    const auto activate = [](ItsDriver& on, sw::cpu::Cpu& who, Vector& vector, int& result) -> Task<> {
        result = co_await on.activate(who, vector);
    };
    start(activate(*driver, cpu(0), *vectors[0], error[0]));
    start(activate(*driver, cpu(1), *vectors[1], error[1]));
    settle();
    EXPECT_EQ(error[0], -EIO);
    EXPECT_EQ(error[1], 0);
}

TEST_F(ItsDriverTest, DoorbellIsTheTranslationRegister) {
    boot();
    ASSERT_EQ(driver->doorbells().size(), 1u);
    EXPECT_EQ(driver->doorbells()[0].address, 0x0809'0040u);
    EXPECT_TRUE(driver->isolates_sources());
    Source source = function(8, 4);
    const auto vectors = allocate(source, 4);
    EXPECT_EQ(driver->compose(*vectors[3]), (sw::msi::Message{0x0809'0040, 3}));
}

}  // namespace
}  // namespace smmusim::test
