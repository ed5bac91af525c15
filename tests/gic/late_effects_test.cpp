// What commands promise about what is under way when they are executed, at every moment: messages, tables that are
// being read, configuration that another redistributor remembers.
#include "gic/guest_machine.hpp"

namespace smmusim::gic::test::late_effects {
namespace {

// Its bit lies near the end of the pending table.
constexpr u32 device = 1775;
const u32 moved_lpi = Machine::lpi(device, 0);
constexpr u8 switched_on = 0xA1, switched_off = 0xA0;

/// An LPI whose configuration CPU 1 remembers, and that CPU 0 has now.
struct MovedLpi : Machine {
    MovedLpi() {
        start();
        map(device, 1, 1, switched_on);
        execute({mapc(0, 0)});
        doorbell(device, 0);
        run();
        EXPECT_EQ(cpu(1).acknowledge(), moved_lpi);
        icc("ICC_EOIR1_EL1", moved_lpi, 1);
        execute({about(ItsCommand::Code::MOVI, device, 0, 0), sync(1), sync(0)});
    }
};

TEST(LateEffects, ConfigurationThatIsInvalidatedIsRememberedByNoRedistributor) {
    const std::vector<ItsCommand> invalidations[] = {
        {about(ItsCommand::Code::INV, device, 0)},
        {invall(0)},
        {about(ItsCommand::Code::DISCARD, device, 0), sync(0), mapti(device, 0, moved_lpi, 0)}};
    for (const auto& commands : invalidations) {
        MovedLpi m;
        m.configure_lpi(moved_lpi, switched_off);
        m.execute(commands);
        m.execute({sync(0), about(ItsCommand::Code::MOVI, device, 0, 1), sync(0), sync(1)});
        ASSERT_EQ(m.error(), 0u);
        m.doorbell(device, 0);
        m.run();
        EXPECT_FALSE(m.cores[1]->line);
        EXPECT_EQ(m.cpu(1).acknowledge(), spec::spurious);
    }
}

/// EnableLPIs becomes 1 while memory says that an LPI is pending; commands come `delay` later.
struct ScannedLpi : Machine {
    explicit ScannedLpi(Time delay) {
        start();
        map(device, 1, 0, switched_on);
        execute({mapc(1, 1)});
        set_r(0, 0x0000, 0);
        run();
        memory.put<u8>(pending_tables + moved_lpi / 8, 1 << moved_lpi % 8);
        set_lpi_tables(0);
        set_r(0, 0x0000, 1);
        run_until(now() + delay);
    }
    std::vector<u32> pending(u32 of) { return cpu(of).pending(); }
};
constexpr Time scan_time = 30 * 100 * nanosecond;

TEST(LateEffects, CommandsFindWhatTheScanOfThePendingTableIsAboutToFind) {
    const std::vector<u32> none, it{moved_lpi};
    for (Time delay = 0; delay < scan_time; delay += 170 * nanosecond) {
        ScannedLpi cleared(delay), discarded(delay), moved(delay), all_moved(delay);
        cleared.execute({about(ItsCommand::Code::CLEAR, device, 0), sync(0)});
        EXPECT_EQ(cleared.pending(0), none) << delay;
        discarded.execute({about(ItsCommand::Code::DISCARD, device, 0), sync(0)});
        EXPECT_EQ(discarded.pending(0), none) << delay;
        moved.execute({about(ItsCommand::Code::MOVI, device, 0, 1), sync(0), sync(1)});
        EXPECT_EQ(moved.pending(0), none) << delay;
        EXPECT_EQ(moved.pending(1), it) << delay;
        all_moved.execute({movall(0, 1), sync(0), sync(1)});
        EXPECT_EQ(all_moved.pending(0), none) << delay;
        EXPECT_EQ(all_moved.pending(1), it) << delay;
    }
}

TEST(LateEffects, MessageDuringTheScanIsOneInterruptWithWhatTheTableHolds) {
    // It arrives before the scan gets there.
    for (Time delay = 0; delay < scan_time * 2 / 3; delay += 170 * nanosecond) {
        ScannedLpi m(delay);
        m.doorbell(device, 0);
        u32 taken = 0;
        for (unsigned step = 0; step < 100; ++step) {
            m.run_until(m.now() + 50 * nanosecond);
            if (m.cpu(0).acknowledge() != moved_lpi) continue;
            ++taken;
            m.icc("ICC_EOIR1_EL1", moved_lpi, 0);
        }
        EXPECT_EQ(taken, 1u) << delay;
    }
}

TEST(LateEffects, MessageDuringTheScanIsKeptWhenLpisAreDisabledMeanwhile) {
    Machine m;
    m.start();
    m.map(device, 1, 0, switched_on);
    m.set_r(0, 0x0000, 0);
    m.run();
    m.set_lpi_tables(0);
    m.set_r(0, 0x0000, 1);
    m.doorbell(device, 0);
    m.run_until(m.now() + scan_time / 2);
    m.set_r(0, 0x0000, 0);
    m.run();
    EXPECT_EQ(m.memory.u8_at(Machine::pending_tables + moved_lpi / 8), 1u << moved_lpi % 8);
}

TEST(LateEffects, RegistersSetAndClearLpisInOrderDuringTheScan) {
    GicConfig config;
    config.redistributor.direct_lpi = true;
    for (const bool set_last : {false, true}) {
        Machine m(config);
        m.start_cpus();
        m.configure_lpi(moved_lpi, switched_on);
        m.set_lpi_tables(0);
        m.set_r(0, 0x0000, 1);
        constexpr u32 set = 0x40, clear = 0x48;
        for (const u32 where : {set_last ? clear : set, set_last ? set : clear}) {
            m.set_r(0, where, moved_lpi, 8);
            m.run_until(m.now() + 10 * nanosecond);
        }
        m.run();
        EXPECT_EQ(m.cpu(0).pending().size(), set_last ? 1u : 0u);
    }
}

TEST(LateEffects, PtzIsAboutTheTableAsItWasAndNotAboutWhatTheRedistributorWrites) {
    Machine m;
    m.start();  // PTZ = 1
    m.map(device, 1, 0, switched_on);
    m.doorbell(device, 0);
    m.run();
    for (const u64 enable : {0u, 1u}) {
        m.set_r(0, 0x0000, enable);
        m.run();
    }
    EXPECT_EQ(m.cpu(0).pending(), std::vector<u32>{moved_lpi});
}

TEST(LateEffects, WriteWithoutADeviceIdIsOfNoDevice) {
    ItsConfig config;
    config.device_bits = 32;
    Machine m({}, config);
    m.start_cpus();
    m.enable_lpis();
    m.start_its();
    m.set_s(0x0000, 0, 4);
    m.run();
    m.set_s(0x0100, Machine::device_table | u64{1} << 63 | u64{1} << 62 | 2 << 8 | 127);
    const u64 page = 0x4900'0000, per_page = 64 * KiB / 8;
    m.set_s(0x0000, 1, 4);
    m.memory.put<u64>(Machine::device_table + sim::no_id / per_page * 8, page | u64{1} << 63);
    m.configure_lpi(8192, switched_on);
    m.execute({mapc(0, 0), mapd(sim::no_id, Machine::itts, 4), mapti(sim::no_id, 0, 8192, 0), sync(0)});
    ASSERT_EQ(m.error(), 0u);
    m.doorbell(sim::no_id, 0);
    m.run();
    EXPECT_TRUE(m.cpu(0).pending().empty());
}

class LateVirtualEffects : public testing::TestWithParam<spec::Version> {
protected:
    static constexpr u32 first = 8208, count = 8;  ///< of vPE 0, in one byte of its pending table

    /// Events 2 to 9 are those.
    static void map_many(GuestMachine& m) {
        std::vector<ItsCommand> commands;
        for (u32 index = 0; index < count; ++index)
            commands.push_back(vmapti(GuestMachine::device, 2 + index, 0, first + index, GuestMachine::doorbell0));
        commands.push_back(vsync(0));
        m.execute(commands);
    }
    static u8 byte(GuestMachine& m) { return m.memory.u8_at(GuestMachine::pending_table(0) + first / 8); }
};

TEST_P(LateVirtualEffects, NoInterruptIsLostWhenAVpeMoves) {
    for (Time early = 0; early < 800 * nanosecond; early += 80 * nanosecond)
        for (Time late = 0; late < 900 * nanosecond; late += 60 * nanosecond) {
            GuestMachine m(GetParam());
            map_many(m);
            for (u32 index = 0; index < count / 2; ++index) m.doorbell(GuestMachine::device, 2 + index);
            m.run_until(m.now() + early);
            m.submit({vmovp(0, 1), vsync(0)});
            m.run_until(m.now() + late);
            for (u32 index = count / 2; index < count; ++index) m.doorbell(GuestMachine::device, 2 + index);
            m.run();
            EXPECT_EQ(byte(m), 0xFFu) << early << " " << late;
        }
}

TEST_P(LateVirtualEffects, MemoryOfAVpeIsFreeWhenItIsUnmapped) {
    for (Time delay = 0; delay < 600 * nanosecond; delay += 20 * nanosecond) {
        GuestMachine m(GetParam());
        map_many(m);
        for (u32 index = 0; index < count; ++index) m.doorbell(GuestMachine::device, 2 + index);
        m.run_until(m.now() + delay);
        ItsCommand unmap = m.mapped(0, 0);
        unmap.set(ItsCommand::V, false);
        const u64 before = m.creadr();
        m.submit({unmap});
        while (m.creadr() == before) m.run_until(m.now() + nanosecond);
        m.memory.put<u8>(GuestMachine::pending_table(0) + first / 8, 0);
        m.run();
        EXPECT_EQ(byte(m), 0u) << delay;
    }
}

INSTANTIATE_TEST_SUITE_P(Versions, LateVirtualEffects, testing::Values(spec::Version::V4_0, spec::Version::V4_1));

}  // namespace
}  // namespace smmusim::gic::test::late_effects
