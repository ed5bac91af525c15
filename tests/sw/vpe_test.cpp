// Promises of the driver of virtual PEs: tables, residency, doorbells, and events that the host no longer sees.
#include "sw/its/vpe.hpp"
#include "fake_gic.hpp"

namespace smmusim::test {
namespace {

using sw::its::ItsDriver;
using sw::its::Vm;
using sw::its::Vpe;
using sw::msi::Source;
using sw::msi::Vector;
using Version = FakeRedistributors::Virtual;
using Opcodes = std::vector<u64>;

enum : u64 {
    MOVI = 0x01,
    CLEAR = 0x04,
    SYNC = 0x05,
    MAPD = 0x08,
    MAPTI = 0x0A,
    INV = 0x0C,
    DISCARD = 0x0F,
    VMOVI = 0x21,
    VMOVP = 0x22,
    VSYNC = 0x25,
    VMAPP = 0x29,
    VMAPTI = 0x2A,
    INVDB = 0x2E
};
constexpr u64 valid = u64{1} << 63;
constexpr u32 proxy = 0xFFFF;  // the last DeviceID of 16 bits

class VpeDriverTest : public CpuFixture, public testing::WithParamInterface<Version> {
protected:
    static constexpr u32 cpu_count = 4;
    static constexpr u32 most_vpes = 8;
    static constexpr std::array<u64, 2> bases{0x0B80'0000, 0x0BA0'0000};

    VpeDriverTest() : CpuFixture(cpu_count), pool(ram, 64 * MiB) {
        config.vpes = most_vpes;
        redistributors.version = GetParam();
        for (u32 index = 0; index < cpu_count; ++index)
            redistributors.values[index * redistributors.stride() + 0x14] = 6;
        bus.add(FakeDistributor::base, 0x1'0000, distributor);
        bus.add(FakeRedistributors::base, cpu_count * redistributors.stride(), redistributors);
        gic.emplace(sw::its::GicDescription{}, config, pool, std::vector<u32>{0, 1, 2, 3});
        for (const u64 base : bases) {
            its.push_back(std::make_unique<FakeIts>(simulation, base, memory, redistributors, interrupts));
            its.back()->number = static_cast<u32>(its.size()) + 2;
            if (GetParam() != Version::None) its.back()->make_virtual();
            bus.add(base, FakeIts::size, *its.back());
            drivers.push_back(std::make_unique<ItsDriver>(simulation, "its" + std::to_string(drivers.size()),
                                                          sw::its::ItsDescription{base}, config, *gic, pool));
        }
        driver.emplace(simulation, *gic, drivers, pool, config);
        boot();
    }
    void boot() {
        ASSERT_EQ(await(gic->init_distributor(cpu())), 0);
        for (u32 index = 0; index < cpu_count; ++index) ASSERT_EQ(await(gic->init_cpu(cpu(index))), 0);
        for (const auto& each : drivers) {
            ASSERT_EQ(await(each->init(cpu())), 0);
            for (u32 index = 0; index < cpu_count; ++index) ASSERT_EQ(await(each->map_collection(cpu(), index)), 0);
        }
        for (const auto& each : its) each->commands.clear();
        ASSERT_EQ(await(driver->init(cpu())), 0);
    }
    std::unique_ptr<Vm> create(u32 count) {
        auto made = await(driver->create_vm(cpu(), count));
        EXPECT_TRUE(made);
        return made ? std::move(*made) : nullptr;
    }
    /// Opcodes that the ITS was given by the operation.
    template <class Operation>
    Opcodes of(Operation operation, u32 which = 0) {
        for (const auto& each : its) each->commands.clear();
        operation();
        return its[which]->opcodes();
    }
    bool v4_1() const { return GetParam() == Version::V4_1; }
    bool heard(const Vpe& vpe) {
        return (memory.u8_at(redistributors.property_table(0) + vpe.doorbell - 8192) & 1) != 0;
    }

    sw::its::DriverConfig config;
    sw::cpu::PagePool pool;
    FakeDistributor distributor{simulation};
    FakeRedistributors redistributors{simulation, cpu_count};
    std::vector<std::unique_ptr<FakeIts>> its;
    std::optional<sw::its::GicDriver> gic;
    std::vector<std::unique_ptr<ItsDriver>> drivers;
    std::optional<sw::its::VpeDriver> driver;
};

INSTANTIATE_TEST_SUITE_P(Versions, VpeDriverTest, testing::Values(Version::V4_0, Version::V4_1),
                         [](const auto& version) { return version.param == Version::V4_0 ? "V4_0" : "V4_1"; });

class GicWithoutVirtualLpis : public VpeDriverTest {};
INSTANTIATE_TEST_SUITE_P(Version3, GicWithoutVirtualLpis, testing::Values(Version::None));

TEST_P(GicWithoutVirtualLpis, HasNoVpes) {
    EXPECT_FALSE(driver->available());
    EXPECT_EQ(await(driver->create_vm(cpu(), 1)).error(), -ENODEV);
}

TEST_P(VpeDriverTest, BringUpGivesEveryPartTheTableOfVpes) {
    EXPECT_TRUE(driver->available());
    const u64 first = its[0]->values[0x110], second = its[1]->values[0x110];
    EXPECT_EQ(first >> 63, 1u);
    constexpr u64 address = 0xFFFF'FFFF'0000;
    if (v4_1()) {
        EXPECT_EQ(first & address, second & address) << "all share one";
        for (u32 index = 0; index < cpu_count; ++index) {
            EXPECT_EQ(redistributors.vpropbaser(index) & address, first & address);
            EXPECT_EQ(redistributors.vpropbaser(index) >> 63, 1u);
            EXPECT_EQ(redistributors.vpropbaser(index) >> 53 & 3, first >> 8 & 3) << "the same page size";
            EXPECT_EQ(redistributors.vpropbaser(index) & 0x7F, first & 0xFF) << "and number of pages";
        }
        EXPECT_TRUE(its[0]->commands.empty());
    } else {
        EXPECT_NE(first & address, second & address) << "each has its own";
        EXPECT_EQ(its[0]->opcodes(), Opcodes{MAPD}) << "a device for the doorbells";
        EXPECT_EQ(its[0]->commands[0].device(), proxy);
    }
}

TEST_P(VpeDriverTest, VpesAreMappedOnEveryItsEachWithATableOfItsOwn) {
    for (u64 at = ram + 32 * MiB; at < ram + 34 * MiB; at += 8) memory.put<u64>(at, ~u64{0});
    std::unique_ptr<Vm> vm;
    const Opcodes first = of([&] { vm = create(2); });
    const Opcodes one = v4_1() ? Opcodes{VMAPP, VSYNC, INVDB, VSYNC} : Opcodes{VMAPP, VSYNC, MAPTI, SYNC};
    Opcodes both = one;
    both.insert(both.end(), one.begin(), one.end());
    EXPECT_EQ(first, both);
    EXPECT_EQ(its[1]->opcodes(), (Opcodes{VMAPP, VSYNC, VMAPP, VSYNC}));
    for (u32 index = 0; index < 2; ++index) {
        const Vpe& vpe = *vm->vpes[index];
        const auto& words = its[0]->commands[4 * index].words;
        EXPECT_EQ(words[1] >> 32 & 0xFFFF, vpe.id);
        EXPECT_EQ(words[2], valid | u64{index} << 16) << "one on each CPU";
        EXPECT_EQ(words[3], vpe.pending | 15);
        EXPECT_EQ(vpe.pending % (64 * KiB), 0u);
        for (u64 at = 0; at < 8 * KiB; at += 8) ASSERT_EQ(memory.u64_at(vpe.pending + at), 0u);
        EXPECT_EQ(words[1] & 0xFFFF'FFFF, v4_1() ? vpe.doorbell : 0u);
        EXPECT_EQ(words[0], v4_1() ? VMAPP | 0x300 | vm->properties : VMAPP) << "known to nobody yet, empty";
        EXPECT_EQ(heard(vpe), v4_1()) << "GICv4.1 rings only when asked";
    }
    EXPECT_NE(vm->vpes[0]->pending, vm->vpes[1]->pending);
    EXPECT_EQ(memory.u8_at(vm->properties), 0xA2u) << "vLPIs are disabled";
    EXPECT_EQ(its[1]->commands[0].words[0] & 0x300, 0u) << "to the second ITS the vPE is nothing new";
}

TEST_P(VpeDriverTest, VpeBecomesResidentAndLeavesOnlyWhenTheRedistributorIsReady) {
    const auto vm = create(5);
    Vpe& vpe = *vm->vpes[1];
    EXPECT_EQ(await(driver->make_resident(cpu(1), vpe)), 0);
    EXPECT_TRUE(vpe.resident);
    const u64 value = redistributors.vpendbaser(1);
    EXPECT_EQ(value >> 63, 1u);
    EXPECT_EQ(value >> 60 & 1, 0u) << "Dirty is waited for";
    if (v4_1()) {
        EXPECT_EQ(value & 0xFFFF, vpe.id);
        EXPECT_EQ(value >> 58 & 1, 1u) << "VGrp1En";
    } else {
        EXPECT_EQ(value & 0xFFFF'FFFF'0000, vpe.pending);
        EXPECT_EQ(redistributors.vpropbaser(1) & 0xFFFF'FFFF'F000, vm->properties);
        EXPECT_EQ(redistributors.vpropbaser(1) & 31, 15u);
    }
    EXPECT_EQ(await(driver->make_resident(cpu(1), *vm->vpes[0])), -EBUSY) << "one vPE on a CPU";
    EXPECT_EQ(await(driver->make_resident(cpu(2), vpe)), -EBUSY) << "one CPU for a vPE";
    EXPECT_EQ(await(driver->make_non_resident(cpu(2), vpe, false)), -EINVAL);
    redistributors.pending_last = true;
    EXPECT_EQ(await(driver->make_non_resident(cpu(1), vpe, false)), 0);
    EXPECT_EQ(redistributors.vpendbaser(1) >> 63, 0u);
    EXPECT_TRUE(vpe.pending_last);
    EXPECT_FALSE(vpe.resident);
    redistributors.pending_last = false;
    EXPECT_EQ(await(driver->make_resident(cpu(1), vpe)), 0);
    EXPECT_EQ(await(driver->make_non_resident(cpu(1), vpe, false)), 0);
    EXPECT_FALSE(vpe.pending_last);
    EXPECT_EQ(redistributors.written_while_dirty, 0u);
}

TEST_P(VpeDriverTest, DoorbellIsHeardOnlyWhileTheVpeWaits) {
    const auto vm = create(1);
    Vpe& vpe = *vm->vpes[0];
    const Opcodes entering = of([&] { EXPECT_EQ(await(driver->make_resident(cpu(0), vpe)), 0); });
    EXPECT_EQ(entering, v4_1() ? Opcodes{} : (Opcodes{INV, SYNC, CLEAR, SYNC})) << "an old one is forgotten";
    EXPECT_EQ(heard(vpe), v4_1());
    const Opcodes waiting = of([&] { EXPECT_EQ(await(driver->make_non_resident(cpu(0), vpe, true)), 0); });
    EXPECT_EQ(waiting, v4_1() ? Opcodes{} : (Opcodes{INV, SYNC}));
    EXPECT_TRUE(heard(vpe));
    EXPECT_EQ(redistributors.vpendbaser(0) >> 62 & 1, v4_1() ? 1u : 0u) << "GICR_VPENDBASER.Doorbell";
    EXPECT_EQ(await(driver->make_resident(cpu(0), vpe)), 0);
    EXPECT_EQ(await(driver->make_non_resident(cpu(0), vpe, false)), 0);
    EXPECT_EQ(redistributors.vpendbaser(0) >> 62 & 1, 0u);
    EXPECT_EQ(heard(vpe), v4_1());
}

TEST_P(VpeDriverTest, MovingAVpeTellsEveryItsUnderOneSequenceNumber) {
    const auto vm = create(1);
    Vpe& vpe = *vm->vpes[0];
    const Opcodes first = of([&] { EXPECT_EQ(await(driver->make_resident(cpu(3), vpe)), 0); });
    EXPECT_EQ(first, v4_1() ? (Opcodes{VMOVP, VSYNC}) : (Opcodes{VMOVP, VSYNC, MOVI, SYNC, INV, SYNC, CLEAR, SYNC}))
        << "a doorbell that waits moves along";
    EXPECT_EQ(its[1]->opcodes(), (Opcodes{VMOVP, VSYNC}));
    for (const auto& each : its) {
        EXPECT_EQ(each->commands[0].words[0] >> 32, 1u);
        EXPECT_EQ(each->commands[0].words[1], u64{vpe.id} << 32 | 0x18) << "ITSs 3 and 4";
        EXPECT_EQ(each->commands[0].words[2], u64{3} << 16);
    }
    EXPECT_EQ(vpe.cpu, 3u);
    EXPECT_EQ(redistributors.vpendbaser(3) >> 63, 1u);
    EXPECT_EQ(await(driver->make_non_resident(cpu(3), vpe, false)), 0);
    of([&] { EXPECT_EQ(await(driver->make_resident(cpu(2), vpe)), 0); });
    EXPECT_EQ(its[0]->commands[0].words[0] >> 32, 2u) << "the next number";
    EXPECT_EQ(await(driver->make_non_resident(cpu(2), vpe, false)), 0);
    const Opcodes staying = of([&] { EXPECT_EQ(await(driver->make_resident(cpu(2), vpe)), 0); });
    EXPECT_EQ(std::count(staying.begin(), staying.end(), VMOVP), 0);
}

TEST_P(VpeDriverTest, EventBecomesAVirtualLpiMovesAndIsTheHostsAgain) {
    const auto vm = create(2);
    Source source;
    source.device_id = 8;
    auto& vector = source.vectors.emplace_back(std::make_unique<Vector>());
    vector->source = &source;
    vector->cpu = 1;
    ASSERT_EQ(await(drivers[1]->allocate(cpu(), source, {vector.get()})), 0);
    ASSERT_EQ(await(drivers[1]->activate(cpu(), *vector)), 0);
    const auto route = [&](u32 vpe, u32 vintid) { return driver->route(*vm->vpes[vpe], vintid); };
    const auto forward = [&](std::optional<sw::msi::VirtualRoute> to) {
        return of([&] { EXPECT_EQ(await(drivers[1]->set_vcpu_affinity(cpu(), *vector, to)), 0); }, 1);
    };
    EXPECT_EQ(await(drivers[1]->set_vcpu_affinity(cpu(), *vector, std::nullopt)), -EINVAL) << "it is the host's";
    EXPECT_EQ(forward(route(0, 8200)), (Opcodes{DISCARD, SYNC, VMAPTI, INV, VSYNC}));
    const auto& mapped = its[1]->commands[2].words;
    EXPECT_EQ(mapped[1], u64{vm->vpes[0]->id} << 32 | vector->event);
    EXPECT_EQ(mapped[2], u64{v4_1() ? 1023 : vm->vpes[0]->doorbell} << 32 | 8200u);
    EXPECT_EQ(await(drivers[1]->set_affinity(cpu(), *vector, 2)).error(), -EINVAL) << "the guest decides";
    EXPECT_EQ(forward(route(1, 8200)), (Opcodes{VMOVI, VSYNC, VSYNC}));
    EXPECT_EQ(its[1]->commands[0].words[2], v4_1() ? 1023ull << 32 : u64{vm->vpes[1]->doorbell} << 32 | 1);
    EXPECT_EQ(its[1]->commands[1].words[1] >> 32, vm->vpes[0]->id) << "nothing is under way to the old vPE";
    EXPECT_EQ(forward(route(1, 8300)), (Opcodes{DISCARD, VSYNC, VMAPTI, INV, VSYNC}));
    EXPECT_EQ(forward(std::nullopt), (Opcodes{DISCARD, VSYNC, MAPTI, SYNC}));
    EXPECT_EQ(its[1]->commands[2].words[1] >> 32, vector->intid);
    EXPECT_FALSE(vector->forwarded);
    forward(route(0, 8200));
    EXPECT_EQ(of([&] { await(drivers[1]->deactivate(cpu(), *vector)); }, 1),
              (Opcodes{DISCARD, VSYNC, MAPTI, SYNC, INV, SYNC, DISCARD, SYNC}));
}

TEST_P(VpeDriverTest, GuestThatEndsLeavesNothing) {
    const u64 memory_before = pool.used();
    const u64 numbers = gic->lpis().numbers().available();
    auto vm = create(3);
    EXPECT_GT(pool.used(), memory_before);
    const Opcodes ending = of([&] { await(driver->destroy_vm(cpu(), *vm)); });
    EXPECT_EQ(std::count(ending.begin(), ending.end(), VMAPP), 3);
    EXPECT_EQ(its[0]->commands.back().words[2] >> 63, 0u) << "unmapped";
    EXPECT_EQ(its[1]->opcodes(), (Opcodes{VMAPP, VMAPP, VMAPP}));
    EXPECT_EQ(pool.used(), memory_before);
    EXPECT_EQ(gic->lpis().numbers().available(), numbers);
    EXPECT_EQ(create(1)->vpes[0]->id, 0u) << "the numbers are free again";
}

TEST_P(VpeDriverTest, MoreVpesThanTheTableHoldsAreRefusedAndNothingIsLeft) {
    const u64 memory_before = pool.used();
    const u64 numbers = gic->lpis().numbers().available();
    EXPECT_EQ(await(driver->create_vm(cpu(), most_vpes + 1)).error(), -ENOSPC);
    EXPECT_EQ(pool.used(), memory_before);
    EXPECT_EQ(gic->lpis().numbers().available(), numbers);
}

}  // namespace
}  // namespace smmusim::test
