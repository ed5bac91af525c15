// Registers of the performance monitor counter groups (IHI 0070, 10.5).
#include "smmu/pmcg/pmcg_machine.hpp"

namespace smmusim::test::rule::registers {
namespace {

using uarch::PmcgConfig;
constexpr u64 all = ~u64{0};

TEST(SmmuPmcgRegisters, CfgrSaysWhatTheGroupIs) {
    PmcgMachine machine;
    EXPECT_EQ(machine.tcu.read(pmcg::CFGR), 7u | 63u << 8 | 1u << 21 | 1u << 22);
    EXPECT_EQ(machine.tbu.read(pmcg::CFGR), machine.tcu.read(pmcg::CFGR));
    PmcgMachine other([](PmcgConfig& config) {
        config.counters = 64;
        config.counter_bits = 36;
        config.msi = config.capture = false;
        config.relocated = true;
        config.filter = uarch::StreamFilter::Group;
    });
    EXPECT_EQ(other.tcu.read(pmcg::CFGR), 63u | 35u << 8 | 1u << 20 | 1u << 23);
}

TEST(SmmuPmcgRegisters, ThereIsAGroupOfTheTcuAndOneOfEachTbu) {
    PmcgMachine machine(RuleMachine::WithConfig{}, [](uarch::SmmuConfig& config) { config.pmcg.base = 0x0C00'0000; });
    ASSERT_EQ(machine.smmu.pmcg_count(), 2u);
    EXPECT_EQ(machine.smmu.pmcg(0).base(), 0x0C00'0000u);
    EXPECT_EQ(machine.smmu.pmcg(1).base(), 0x0C02'0000u);
    sim::Simulation simulation;
    FakeMemory memory(simulation);
    sim::DirectPort port(memory);
    uarch::SmmuConfig without;
    without.pmcg.present = false;
    EXPECT_EQ(uarch::Smmu(simulation, "smmu0", without, {&port}, port, {}).pmcg_count(), 0u);
}

TEST(SmmuPmcgRegisters, CountersOf32BitsAreFourBytesApart) {
    PmcgMachine machine([](PmcgConfig& config) { config.counter_bits = 32; });
    for (u32 counter = 0; counter < 8; ++counter) machine.tcu.write(pmcg::EVCNTR + 4 * counter, 0xF000'0000 + counter);
    for (u32 counter = 0; counter < 8; ++counter)
        EXPECT_EQ(machine.tcu.read(pmcg::EVCNTR + 4 * counter), 0xF000'0000 + counter);
    EXPECT_EQ(machine.tcu.read(pmcg::EVCNTR, 8), 0u) << "two registers at once";
    EXPECT_EQ(machine.tcu.read(pmcg::EVCNTR + 4 * 8), 0u);
}

TEST(SmmuPmcgRegisters, WiderCountersAreEightBytesApart) {
    PmcgMachine machine;
    for (u32 counter = 0; counter < 8; ++counter)
        machine.tcu.write(pmcg::EVCNTR + 8 * counter, 0xF000'0000'0000'0000 + counter, 8);
    for (u32 counter = 0; counter < 8; ++counter)
        EXPECT_EQ(machine.tcu.read(pmcg::EVCNTR + 8 * counter, 8), 0xF000'0000'0000'0000 + counter);
    machine.tcu.write(pmcg::EVCNTR + 4, 0x1234'5678);
    EXPECT_EQ(machine.tcu.read(pmcg::EVCNTR, 8), 0x1234'5678'0000'0000u) << "halves are independent";
}

TEST(SmmuPmcgRegisters, BitsAboveTheCounterSizeAreRes0) {
    for (const unsigned bits : {36u, 40u, 44u, 48u, 64u}) {
        PmcgMachine machine([&](PmcgConfig& config) { config.counter_bits = static_cast<u8>(bits); });
        machine.tcu.write(pmcg::EVCNTR, all, 8);
        EXPECT_EQ(machine.tcu.read(pmcg::EVCNTR, 8), sim::low_mask(bits));
    }
}

TEST(SmmuPmcgRegisters, CountersThatAreNotThereAreRes0) {
    PmcgMachine machine([](PmcgConfig& config) { config.counters = 3; });
    for (const u64 offset : {pmcg::EVCNTR + 8 * 3, pmcg::EVCNTR + 8 * 63}) {
        machine.tcu.write(offset, all, 8);
        EXPECT_EQ(machine.tcu.read(offset, 8), 0u);
    }
    for (const u64 offset : {pmcg::EVTYPER + 4 * 3, pmcg::EVTYPER + 4 * 63, pmcg::SMR + 4 * 3, pmcg::SMR + 4 * 63}) {
        machine.tcu.write(offset, all);
        EXPECT_EQ(machine.tcu.read(offset), 0u);
    }
    for (const u64 offset : {pmcg::CNTENSET0, pmcg::INTENSET0, pmcg::OVSSET0}) {
        machine.tcu.write(offset, all, 8);
        EXPECT_EQ(machine.tcu.read(offset, 8), 0b111u);
    }
    machine.tcu.write(pmcg::CAPR, 1);
    EXPECT_EQ(machine.tcu.read(pmcg::SVR + 8 * 3, 8), 0u);
}

TEST(SmmuPmcgRegisters, BitmapsAreSetAndClearedByOnesInEitherHalf) {
    PmcgMachine machine([](PmcgConfig& config) { config.counters = 64; });
    const std::pair<u64, u64> pairs[] = {{pmcg::CNTENSET0, pmcg::CNTENCLR0},
                                         {pmcg::INTENSET0, pmcg::INTENCLR0},
                                         {pmcg::OVSSET0, pmcg::OVSCLR0}};
    for (const auto& [set, clear] : pairs) {
        machine.tcu.write(set, 0x8000'0000'0000'0005, 8);
        machine.tcu.write(set + 4, 0x2);
        EXPECT_EQ(machine.tcu.read(set, 8), 0x8000'0002'0000'0005u);
        EXPECT_EQ(machine.tcu.read(clear, 8), 0x8000'0002'0000'0005u) << "both read the same";
        machine.tcu.write(clear, 0x1);
        EXPECT_EQ(machine.tcu.read(set, 8), 0x8000'0002'0000'0004u) << "the other half is not written";
        machine.tcu.write(clear + 4, 0x8000'0000);
        EXPECT_EQ(machine.tcu.read(clear + 4), 0x2u);
        machine.tcu.write(clear, all, 8);
        EXPECT_EQ(machine.tcu.read(set, 8), 0u);
    }
}

TEST(SmmuPmcgRegisters, EvtyperHoldsEventSpanAndOvfcap) {
    PmcgMachine machine;
    machine.tcu.write(pmcg::EVTYPER, 0xFFFF'FFFF);
    EXPECT_EQ(machine.tcu.read(pmcg::EVTYPER), 0xA000'FFFFu) << "no Secure, Realm or MPAM filters";
}

TEST(SmmuPmcgRegisters, SmrHasTheBitsOfAStreamId) {
    for (const unsigned bits : {8u, 16u, 32u}) {
        PmcgMachine machine(RuleMachine::WithConfig{}, [&](uarch::SmmuConfig& config) {
            config.identification.idr1.SIDSIZE = static_cast<u8>(bits);
        });
        machine.tcu.write(pmcg::SMR + 4, 0xFFFF'FFFF);
        EXPECT_EQ(machine.tcu.read(pmcg::SMR + 4), sim::low_mask(bits));
    }
}

TEST(SmmuPmcgRegisters, FiltersOfOtherCountersAreRes0WithOneFilterForTheGroup) {
    PmcgMachine machine([](PmcgConfig& config) { config.filter = uarch::StreamFilter::Group; });
    for (u32 counter = 0; counter < 8; ++counter) {
        machine.tcu.write(pmcg::EVTYPER + 4 * counter, 0xFFFF'FFFF);
        machine.tcu.write(pmcg::SMR + 4 * counter, 0x1234);
        EXPECT_EQ(machine.tcu.read(pmcg::EVTYPER + 4 * counter), counter == 0 ? 0xA000'FFFFu : 0x8000'FFFFu);
        EXPECT_EQ(machine.tcu.read(pmcg::SMR + 4 * counter), counter == 0 ? 0x1234u : 0u);
    }
}

TEST(SmmuPmcgRegisters, CaptureIsRes0WhereItIsNotSupported) {
    PmcgMachine machine([](PmcgConfig& config) { config.capture = false; });
    machine.tcu.write(pmcg::EVTYPER, 0xFFFF'FFFF);
    EXPECT_EQ(machine.tcu.read(pmcg::EVTYPER), 0x2000'FFFFu);
    machine.tcu.set_value(0, 5);
    machine.tcu.write(pmcg::CAPR, 1);
    EXPECT_EQ(machine.tcu.captured(0), 0u);
}

TEST(SmmuPmcgRegisters, CaprReadsAsZeroAndShadowsAreReadOnly) {
    PmcgMachine machine;
    machine.tcu.set_value(0, 5);
    machine.tcu.write(pmcg::CAPR, 1);
    EXPECT_EQ(machine.tcu.read(pmcg::CAPR), 0u);
    machine.tcu.write(pmcg::SVR, all, 8);
    EXPECT_EQ(machine.tcu.captured(0), 5u);
}

TEST(SmmuPmcgRegisters, MessagesAreRes0WhereTheyAreNotSupported) {
    PmcgMachine machine([](PmcgConfig& config) { config.msi = false; });
    machine.tcu.write(pmcg::IRQ_CFG0, all, 8);
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CFG0, 8), 0u);
    for (const u64 offset : {pmcg::IRQ_CFG1, pmcg::IRQ_CFG2}) {
        machine.tcu.write(offset, all);
        EXPECT_EQ(machine.tcu.read(offset), 0u);
    }
}

TEST(SmmuPmcgRegisters, MessageConfigurationIsGuardedByIrqen) {
    PmcgMachine machine;
    machine.tcu.write(pmcg::IRQ_CFG0, all, 8);
    machine.tcu.write(pmcg::IRQ_CFG1, 0x8765'4321);
    machine.tcu.write(pmcg::IRQ_CFG2, 0xFFFF'FFFF);
    const auto expect_kept = [&](const char* when) {
        machine.tcu.write(pmcg::IRQ_CFG0, 0x4000, 8);
        machine.tcu.write(pmcg::IRQ_CFG1, 1);
        machine.tcu.write(pmcg::IRQ_CFG2, 1);
        EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CFG0, 8), 0x00FF'FFFF'FFFF'FFFCu) << when;
        EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CFG1), 0x8765'4321u) << when;
        EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CFG2), 0x3Fu) << when;
    };
    machine.tcu.write(pmcg::IRQ_CTRL, 1);
    expect_kept("before the enable is acknowledged");
    machine.run();
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CTRLACK), 1u);
    expect_kept("while enabled");
    machine.tcu.write(pmcg::IRQ_CTRL, 0);
    expect_kept("before the end is acknowledged");
    machine.run();
    machine.tcu.write(pmcg::IRQ_CFG0, 0x4000, 8);
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CFG0, 8), 0x4000u);
}

TEST(SmmuPmcgRegisters, IrqCtrlIsAcknowledgedAfterTheUpdateLatency) {
    PmcgMachine machine;
    const Time start = machine.simulation.now();
    machine.tcu.write(pmcg::IRQ_CTRL, 1);
    machine.run_to(start + 10 * nanosecond - 1);
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CTRLACK), 0u);
    machine.run_to(start + 10 * nanosecond);
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CTRLACK), 1u);
}

TEST(SmmuPmcgRegisters, RegistersOfOtherStatesAreRazWi) {
    PmcgMachine machine;
    for (const u64 offset : {pmcg::SCR, u64{0xE40}, pmcg::ROOTCR, u64{0xE6C}, u64{0xE74}, u64{0xE78}}) {
        machine.tcu.write(offset, all);
        EXPECT_EQ(machine.tcu.read(offset), 0u) << offset;
    }
}

TEST(SmmuPmcgRegisters, AidrIsThatOfTheSmmu) {
    for (const unsigned minor : {0u, 1u, 2u, 3u}) {
        PmcgMachine machine(RuleMachine::WithConfig{}, [&](uarch::SmmuConfig& config) {
            config.identification.aidr.ArchMinorRev = static_cast<u8>(minor);
        });
        EXPECT_EQ(machine.tcu.read(pmcg::AIDR), minor);
    }
}

TEST(SmmuPmcgRegisters, IdBlockNamesAPerformanceMonitorOfAnSmmu) {
    PmcgMachine machine;
    EXPECT_EQ(machine.tcu.read(0xFB8), 0u) << "PMAUTHSTATUS";
    EXPECT_EQ(machine.tcu.read(0xFBC), 0x4770'2A56u) << "PMDEVARCH";
    EXPECT_EQ(machine.tcu.read(0xFCC), 0x56u) << "PMDEVTYPE";
    const u64 component = machine.tcu.read(0xFF0) | machine.tcu.read(0xFF4) << 8 | machine.tcu.read(0xFF8) << 16 |
                          machine.tcu.read(0xFFC) << 24;
    EXPECT_EQ(component, 0xB105'900Du);
    // The designer is Arm in PIDR and IIDR alike, the part number is the same.
    const u64 peripheral = machine.tcu.read(0xFE0) | machine.tcu.read(0xFE4) << 8 | machine.tcu.read(0xFE8) << 16;
    EXPECT_EQ(peripheral >> 12 & 0x7F, 0x3Bu);
    EXPECT_EQ(machine.tcu.read(0xFD0), 4u);
    EXPECT_EQ(machine.tcu.read(pmcg::IIDR) & 0xFFF, 0x43Bu);
    EXPECT_EQ(machine.tcu.read(pmcg::IIDR) >> 20, peripheral & 0xFFF);
}

TEST(SmmuPmcgRegisters, CeidNamesWhatThePartCanCount) {
    PmcgMachine machine;
    EXPECT_EQ(machine.tcu.read(pmcg::CEID0, 8), 0b0111'1111u);
    EXPECT_EQ(machine.tbu.read(pmcg::CEID0, 8), 0b1000'0111u);
    EXPECT_EQ(machine.tcu.read(pmcg::CEID1, 8), 0u);
    PmcgMachine without(RuleMachine::WithConfig{}, [](uarch::SmmuConfig& config) {
        config.identification.idr0.ATS = config.identification.idr0.PRI = 0;
    });
    EXPECT_EQ(without.tcu.read(pmcg::CEID0, 8), 0b11'1111u);
    EXPECT_EQ(without.tbu.read(pmcg::CEID0, 8), 0b111u);
}

TEST(SmmuPmcgRegisters, RelocatedRegistersAreInPageOneAndNowhereElse) {
    const u64 movable[] = {pmcg::EVCNTR, pmcg::OVSSET0};
    for (const bool relocated : {false, true}) {
        PmcgMachine machine([&](PmcgConfig& config) { config.relocated = relocated; });
        const u64 here = relocated ? pmcg::page1 : 0, there = relocated ? 0 : pmcg::page1;
        for (const u64 offset : movable) {
            machine.tcu.write(there + offset, 0x7, 8);
            EXPECT_EQ(machine.tcu.read(here + offset, 8), 0u) << offset;
            machine.tcu.write(here + offset, 0x5, 8);
            EXPECT_EQ(machine.tcu.read(here + offset, 8), 0x5u) << offset;
            EXPECT_EQ(machine.tcu.read(there + offset, 8), 0u) << offset;
        }
        machine.tcu.write(there + pmcg::CAPR, 1);
        EXPECT_EQ(machine.tcu.read(here + pmcg::SVR, 8), 0u);
        machine.tcu.write(here + pmcg::CAPR, 1);
        EXPECT_EQ(machine.tcu.read(here + pmcg::SVR, 8), 0x5u);
        EXPECT_EQ(machine.tcu.read(there + pmcg::SVR, 8), 0u);
        machine.tcu.write(there + pmcg::OVSCLR0, 0x5, 8);
        EXPECT_EQ(machine.tcu.read(here + pmcg::OVSCLR0, 8), 0x5u);
        machine.tcu.write(here + pmcg::OVSCLR0, 0x5, 8);
        EXPECT_EQ(machine.tcu.read(here + pmcg::OVSCLR0, 8), 0u);
        EXPECT_NE(machine.tcu.read(pmcg::CFGR), 0u) << "the others stay in page 0";
        EXPECT_EQ(machine.tcu.read(pmcg::page1 + pmcg::CFGR), 0u);
    }
}

TEST(SmmuPmcgRegisters, ReadOnlyAndUndefinedOffsetsIgnoreWrites) {
    PmcgMachine machine;
    for (const u64 offset : {pmcg::CFGR, pmcg::IIDR, pmcg::CEID0, pmcg::IRQ_CTRLACK, pmcg::IRQ_STATUS, pmcg::AIDR,
                             u64{0xFBC}, u64{0xFF0}}) {
        const u64 before = machine.tcu.read(offset);
        machine.tcu.write(offset, ~before);
        EXPECT_EQ(machine.tcu.read(offset), before) << offset;
    }
    for (const u64 offset : {u64{0x200}, u64{0x500}, u64{0x900}, u64{0xB00}, u64{0xC08}, u64{0x1000}, u64{0x1E00}}) {
        machine.tcu.write(offset, all);
        EXPECT_EQ(machine.tcu.read(offset), 0u) << offset;
    }
    EXPECT_EQ(machine.tcu.read(pmcg::CFGR + 1, 1), 0u) << "a byte";
    EXPECT_EQ(machine.tcu.read(pmcg::CFGR, 8), 0u) << "two registers at once";
}

TEST(SmmuPmcgRegisters, ResetStopsCountingAndInterrupts) {
    PmcgMachine machine;
    machine.tcu.configure(0, pmcg::cycles, pmcg::every_stream, all - 10);
    machine.tcu.write(pmcg::INTENSET0, 1, 8);
    machine.tcu.write(pmcg::IRQ_CTRL, 1);
    machine.run();
    machine.tcu.start(1);
    machine.smmu.reset();
    EXPECT_EQ(machine.tcu.read(pmcg::CR), 0u);
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CTRL), 0u);
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CTRLACK), 0u);
    EXPECT_EQ(machine.tcu.read(pmcg::CNTENSET0, 8), 0u);
    machine.run_to(machine.simulation.now() + microsecond);
    EXPECT_EQ(machine.tcu_monitor_irq.pulses, 0u);
}

}  // namespace
}  // namespace smmusim::test::rule::registers
