// Overflow, interrupts and capture of counter groups (IHI 0070, 10.2.1).
#include "smmu/pmcg/pmcg_machine.hpp"

namespace smmusim::test::rule::overflow {
namespace {

constexpr u64 doorbell = SmmuMachine::ram + 0x60'0000;
constexpr u64 all = ~u64{0};

/// Counter 0 of the TCU's group counts cycles and interrupts.
struct CycleMachine : PmcgMachine {
    explicit CycleMachine(const PmcgChange& change = {}) : PmcgMachine(change) { prepare(); }
    CycleMachine(WithConfig, const ConfigChange& change) : PmcgMachine(WithConfig{}, change) { prepare(); }

    /// It overflows in `cycles` cycles.
    void start_before_overflow(u64 cycles) {
        tcu.set_value(0, u64{0} - cycles);
        tcu.start(1);
    }
    Time now() const { return simulation.now(); }
    u64 pulses() const { return tcu_monitor_irq.pulses; }

private:
    void prepare() {
        tcu.configure(0, pmcg::cycles);
        tcu.write(pmcg::INTENSET0, 1, 8);
        tcu.write(pmcg::IRQ_CTRL, 1);
        run();
    }
};

/// The same with its interrupt as a message too.
struct MonitorMessageMachine : CycleMachine {
    explicit MonitorMessageMachine(const PmcgChange& change = {}) : CycleMachine(change) {
        tcu.write(pmcg::IRQ_CTRL, 0);
        run();
        tcu.write(pmcg::IRQ_CFG0, doorbell, 8);
        tcu.write(pmcg::IRQ_CFG1, 0x1234'5678);
        tcu.write(pmcg::IRQ_CFG2, 0b0000'0001);  // Device-nGnRE
        tcu.write(pmcg::IRQ_CTRL, 1);
        run();
    }
    void overflow() {
        start_before_overflow(10);
        run_to(now() + 10 * nanosecond);
        run();
    }
    u64 messages() const { return memory.writes(doorbell, 4); }
};

TEST(SmmuPmcgOverflow, OfCyclesComesAtItsCycleAndNotBefore) {
    for (const unsigned bits : {32u, 36u, 64u}) {
        CycleMachine machine([&](uarch::PmcgConfig& config) { config.counter_bits = static_cast<u8>(bits); });
        const Time start = machine.now();
        machine.start_before_overflow(1000);
        machine.run_to(start + 1000 * nanosecond - 1);
        EXPECT_EQ(machine.pulses(), 0u);
        EXPECT_EQ(machine.tcu.overflowed(), 0u);
        EXPECT_EQ(machine.tcu.value(0), sim::low_mask(bits));
        machine.run_to(start + 1000 * nanosecond);
        EXPECT_EQ(machine.pulses(), 1u) << bits;
        EXPECT_EQ(machine.tcu.overflowed(), 1u);
        EXPECT_EQ(machine.tcu.value(0), 0u);
    }
}

TEST(SmmuPmcgOverflow, FollowsAClockWhoseCyclesAreNoWholePicoseconds) {
    CycleMachine machine(RuleMachine::WithConfig{}, [](uarch::SmmuConfig& config) { config.clock = 600'000'000; });
    const sim::Clock clock(600'000'000);
    machine.run_to(clock.edge(100) + 1);
    machine.start_before_overflow(7);
    machine.run_to(clock.edge(107) - 1);
    EXPECT_EQ(machine.pulses(), 0u);
    machine.run_to(clock.edge(107));
    EXPECT_EQ(machine.pulses(), 1u);
}

TEST(SmmuPmcgOverflow, OfNarrowCountersRepeatsEveryTime) {
    CycleMachine machine([](uarch::PmcgConfig& config) { config.counter_bits = 32; });
    const Time start = machine.now();
    machine.start_before_overflow(5);
    const Time period = (u64{1} << 32) * nanosecond;
    machine.run_to(start + 5 * nanosecond + period - 1);
    EXPECT_EQ(machine.pulses(), 1u);
    machine.run_to(start + 5 * nanosecond + period);
    EXPECT_EQ(machine.pulses(), 2u) << "whatever OVS was";
    EXPECT_EQ(machine.tcu.overflowed(), 1u);
}

TEST(SmmuPmcgOverflow, DoesNotStopTheCounter) {
    CycleMachine machine;
    const Time start = machine.now();
    machine.start_before_overflow(5);
    machine.run_to(start + 12 * nanosecond);
    EXPECT_EQ(machine.tcu.value(0), 7u);
}

TEST(SmmuPmcgOverflow, MovesWithANewValue) {
    CycleMachine machine;
    const Time start = machine.now();
    machine.start_before_overflow(10);
    machine.run_to(start + 5 * nanosecond);
    machine.tcu.set_value(0, u64{0} - 100);
    machine.run_to(start + 105 * nanosecond - 1);
    EXPECT_EQ(machine.pulses(), 0u);
    machine.run_to(start + 105 * nanosecond);
    EXPECT_EQ(machine.pulses(), 1u);
}

TEST(SmmuPmcgOverflow, DoesNotComeToACounterThatWasStoppedOrCountsSomethingElse) {
    using Stop = void (*)(CycleMachine&);
    constexpr Stop stops[] = {[](CycleMachine& machine) { machine.tcu.stop(); },
                              [](CycleMachine& machine) { machine.tcu.write(pmcg::CNTENCLR0, 1, 8); },
                              [](CycleMachine& machine) { machine.tcu.write(pmcg::EVTYPER, pmcg::transaction); }};
    for (const Stop stop : stops) {
        CycleMachine machine;
        const Time start = machine.now();
        machine.start_before_overflow(10);
        machine.run_to(start + 9 * nanosecond);
        stop(machine);
        machine.run_to(start + microsecond);
        EXPECT_EQ(machine.pulses(), 0u);
        EXPECT_EQ(machine.tcu.value(0), all);
    }
}

TEST(SmmuPmcgOverflow, OfTheEarlierOfTwoCountersComesFirst) {
    CycleMachine machine;
    machine.tcu.configure(1, pmcg::cycles, pmcg::every_stream, u64{0} - 30);
    const Time start = machine.now();
    machine.tcu.set_value(0, u64{0} - 50);
    machine.tcu.start(0b11);
    machine.run_to(start + 30 * nanosecond);
    EXPECT_EQ(machine.tcu.overflowed(), 0b10u);
    machine.run_to(start + 50 * nanosecond - 1);
    EXPECT_EQ(machine.tcu.overflowed(), 0b10u);
    machine.run_to(start + 50 * nanosecond);
    EXPECT_EQ(machine.tcu.overflowed(), 0b11u);
    EXPECT_EQ(machine.pulses(), 1u) << "INTEN of counter 1 is clear";
}

TEST(SmmuPmcgOverflow, OfAnEventComesWithThatEvent) {
    for (const unsigned bits : {32u, 48u, 64u}) {
        PmcgMachine machine([&](uarch::PmcgConfig& config) { config.counter_bits = static_cast<u8>(bits); });
        machine.tbu.configure(0, pmcg::transaction, pmcg::every_stream, sim::low_mask(bits) - 1);
        machine.tbu.write(pmcg::INTENSET0, 1, 8);
        machine.tbu.write(pmcg::IRQ_CTRL, 1);
        machine.run();
        machine.tbu.start(1);
        machine.ask(8, 0x1000);
        EXPECT_EQ(machine.tbu.overflowed(), 0u);
        machine.ask(8, 0x1000);
        EXPECT_EQ(machine.tbu.value(0), 0u);
        EXPECT_EQ(machine.tbu.overflowed(), 1u);
        EXPECT_EQ(machine.tbu_monitor_irq.pulses, 1u);
        EXPECT_EQ(machine.tcu_monitor_irq.pulses, 0u) << "each group has its own interrupt";
    }
}

TEST(SmmuPmcgInterrupt, NeedsInten) {
    CycleMachine machine;
    machine.tcu.write(pmcg::INTENCLR0, 1, 8);
    machine.start_before_overflow(10);
    machine.run_to(machine.now() + 10 * nanosecond);
    EXPECT_EQ(machine.tcu.overflowed(), 1u);
    EXPECT_EQ(machine.pulses(), 0u);
}

TEST(SmmuPmcgInterrupt, NeedsIrqen) {
    CycleMachine machine;
    machine.tcu.write(pmcg::IRQ_CTRL, 0);
    machine.run();
    machine.start_before_overflow(10);
    machine.run_to(machine.now() + 10 * nanosecond);
    EXPECT_EQ(machine.tcu.overflowed(), 1u);
    EXPECT_EQ(machine.pulses(), 0u);
}

TEST(SmmuPmcgInterrupt, OfAnOverflowBeforeItsEnableNeverComes) {
    CycleMachine machine;
    machine.tcu.write(pmcg::INTENCLR0, 1, 8);
    machine.tcu.write(pmcg::IRQ_CTRL, 0);
    machine.run();
    machine.start_before_overflow(10);
    machine.run_to(machine.now() + 10 * nanosecond);
    machine.tcu.write(pmcg::INTENSET0, 1, 8);
    machine.tcu.write(pmcg::IRQ_CTRL, 1);
    machine.run();
    EXPECT_EQ(machine.pulses(), 0u);
}

TEST(SmmuPmcgInterrupt, DoesNotComeFromAWriteOfOvsset) {
    CycleMachine machine;
    machine.tcu.write(pmcg::EVTYPER, pmcg::cycles | pmcg::overflow_captures);
    machine.tcu.set_value(0, 5);
    machine.tcu.start(0);
    machine.tcu.write(pmcg::OVSSET0, 1, 8);
    EXPECT_EQ(machine.pulses(), 0u);
    EXPECT_EQ(machine.tcu.captured(0), 0u) << "and captures nothing";
}

TEST(SmmuPmcgMessage, CarriesAddressDataAttributesAndDevice) {
    MonitorMessageMachine machine([](uarch::PmcgConfig& config) { config.device_id = 77; });
    machine.overflow();
    EXPECT_EQ(machine.memory.u32_at(doorbell), 0x1234'5678u);
    ASSERT_EQ(machine.messages(), 1u);
    for (const auto& entry : machine.memory.log)
        if (entry.address == doorbell) {
            EXPECT_EQ(entry.size, 4u);
            EXPECT_EQ(entry.attributes.memory.type, sim::MemoryType::DeviceNGnRE);
            EXPECT_EQ(entry.attributes.device_id, 77u);
            EXPECT_EQ(entry.attributes.transaction_class, sim::TransactionClass::Message);
        }
    EXPECT_EQ(machine.pulses(), 1u) << "the wire pulses too";
}

TEST(SmmuPmcgMessage, IsSentOncePerOverflow) {
    MonitorMessageMachine machine;
    for (int times = 0; times < 3; ++times) machine.overflow();
    EXPECT_EQ(machine.messages(), 3u);
}

TEST(SmmuPmcgMessage, IsNotSentToAddressZero) {
    CycleMachine machine;
    machine.start_before_overflow(10);
    machine.run_to(machine.now() + microsecond);
    EXPECT_EQ(machine.memory.writes(0, 0x1000), 0u);
    EXPECT_EQ(machine.pulses(), 1u);
}

TEST(SmmuPmcgMessage, AbortSetsIrqAbtUntilTheNextEnable) {
    MonitorMessageMachine machine;
    machine.memory.fail(doorbell, 4);
    machine.overflow();
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_STATUS), 1u);
    machine.tcu.write(pmcg::IRQ_CTRL, 0);
    machine.run();
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_STATUS), 1u) << "disabling does not clear it";
    machine.tcu.write(pmcg::IRQ_CTRL, 1);
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_STATUS), 1u) << "nor does an enable that is not acknowledged";
    machine.run();
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_STATUS), 0u);
}

TEST(SmmuPmcgMessage, DisablingWaitsForEarlierMessages) {
    MonitorMessageMachine machine;
    machine.memory.hold(doorbell, 4);
    machine.overflow();
    ASSERT_EQ(machine.memory.held(), 1u);
    machine.tcu.write(pmcg::IRQ_CTRL, 0);
    machine.run();
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CTRLACK), 1u);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.tcu.read(pmcg::IRQ_CTRLACK), 0u);
}

TEST(SmmuPmcgCapture, ByWriteCopiesEveryCounterAtThatMoment) {
    PmcgMachine machine;
    machine.tbu.configure(0, pmcg::cycles);
    machine.tbu.configure(1, pmcg::transaction);
    machine.tbu.set_value(7, 99);  // not enabled, captured all the same
    machine.tbu.start(0b11);
    const Time start = machine.simulation.now();
    machine.ask(8, 0x1000);
    machine.run_to(start + microsecond);
    machine.tbu.write(pmcg::CAPR, 1);
    machine.ask(8, 0x1000);
    machine.run_to(start + 2 * microsecond);
    EXPECT_EQ(machine.tbu.captured(0), 1000u);
    EXPECT_EQ(machine.tbu.captured(1), 1u);
    EXPECT_EQ(machine.tbu.captured(7), 99u);
    EXPECT_EQ(machine.tbu.value(0), 2000u);
    EXPECT_EQ(machine.tbu.value(1), 2u);
    machine.tbu.write(pmcg::CAPR, 0);
    EXPECT_EQ(machine.tbu.captured(0), 1000u) << "a zero captures nothing";
}

TEST(SmmuPmcgCapture, OnOverflowHoldsTheValuesOfThatMoment) {
    PmcgMachine machine;
    machine.tbu.configure(0, pmcg::transaction | pmcg::overflow_captures, pmcg::every_stream, all - 1);
    machine.tbu.configure(1, pmcg::cycles);
    machine.tbu.start(0b11);
    const Time start = machine.simulation.now();
    machine.run_to(start + 50 * nanosecond);
    machine.ask(8, 0x1000);
    machine.run_to(start + 200 * nanosecond);
    EXPECT_EQ(machine.tbu.captured(1), 0u) << "no overflow yet";
    machine.ask(8, 0x1000);
    machine.run_to(start + 300 * nanosecond);
    machine.ask(8, 0x1000);
    EXPECT_EQ(machine.tbu.captured(0), 0u) << "its own value after the overflow";
    EXPECT_EQ(machine.tbu.captured(1), 200u);
    EXPECT_EQ(machine.tbu.value(0), 1u);
}

TEST(SmmuPmcgCapture, OnOverflowOfCyclesIsExactAndComesBeforeTheInterrupt) {
    /// Looks at the group when its interrupt comes.
    struct Look final : sim::InterruptInput {
        PmcgPort* group = nullptr;
        u64 captured = 0, value = 0, overflowed = 0;
        Time at = 0;
        sim::Simulation* simulation = nullptr;
        void pulse() override {
            at = simulation->now();
            captured = group->captured(1);
            value = group->value(0);
            overflowed = group->overflowed();
        }
        void drive(bool) override {}
    };
    sim::Simulation simulation;
    FakeMemory memory(simulation);
    sim::DirectPort port(memory);
    Look look;
    uarch::Smmu smmu(simulation, "smmu0", uarch::SmmuConfig{}, {&port}, port,
                     {nullptr, nullptr, nullptr, nullptr, nullptr, {&look}});
    PmcgPort group(simulation, smmu, 0);
    look.group = &group;
    look.simulation = &simulation;
    group.configure(0, pmcg::cycles | pmcg::overflow_captures, pmcg::every_stream, u64{0} - 500);
    group.configure(1, pmcg::cycles, pmcg::every_stream, 40);
    group.write(pmcg::INTENSET0, 1, 8);
    group.write(pmcg::IRQ_CTRL, 1);
    simulation.scheduler().run(end_of_time);
    const Time start = simulation.now();
    group.start();
    simulation.scheduler().run(start + microsecond, sim::Scheduler::Until::Limit);
    EXPECT_EQ(look.at, start + 500 * nanosecond);
    EXPECT_EQ(look.captured, 540u);
    EXPECT_EQ(look.value, 0u);
    EXPECT_EQ(look.overflowed, 1u);
}

TEST(SmmuPmcgCapture, DoesNotComeFromAnOverflowWithoutOvfcap) {
    CycleMachine machine;
    machine.start_before_overflow(10);
    machine.tcu.set_value(1, 5);
    machine.run_to(machine.now() + 20 * nanosecond);
    EXPECT_EQ(machine.tcu.overflowed(), 1u);
    EXPECT_EQ(machine.tcu.captured(1), 0u);
}

}  // namespace
}  // namespace smmusim::test::rule::overflow
