// Promises of the CPU interface: masks, priorities, acknowledge, end, and the latency of signalling.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

/// Edge-triggered SPIs from 64 on, enabled, with the given priorities, for CPU 0.
void prepare(Machine& m, const std::vector<u8>& priorities) {
    m.start_cpus();
    m.set_d(0x0C00 + 4 * 4, 0xAAAA'AAAA);
    m.set_d(0x0100 + 2 * 4, 0xFFFF'FFFF);
    for (std::size_t index = 0; index < priorities.size(); ++index)
        m.write(m.gic.distributor(), Machine::gicd + 0x400 + 64 + index, priorities[index], 1);
}

TEST(CpuInterface, NamesAreTheArchitectedOnes) {
    Machine m;
    u64 value = 0;
    EXPECT_TRUE(m.cpu().read("ICC_CTLR_EL1", value));
    EXPECT_EQ(value >> 8 & 7, 4u) << "five priority bits";
    EXPECT_EQ(m.icc("ICC_SRE_EL1"), 7u);
    EXPECT_FALSE(m.cpu().read("ICC_PMR", value));
    EXPECT_FALSE(m.cpu().write("GICC_PMR", 0));
}

TEST(CpuInterface, ResetMasksEverything) {
    Machine m;
    prepare(m, {0x10});
    m.icc("ICC_PMR_EL1", 0, 0);
    m.gic.input(64).pulse();
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 1023u);
    EXPECT_EQ(m.icc("ICC_HPPIR1_EL1"), 64u);
}

TEST(CpuInterface, PriorityMustBeBelowTheMask) {
    Machine m;
    prepare(m, {0x80});
    m.icc("ICC_PMR_EL1", 0x80, 0);
    m.gic.input(64).pulse();
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    m.icc("ICC_PMR_EL1", 0x88, 0);
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
    m.icc("ICC_PMR_EL1", 0x80, 0);
    EXPECT_FALSE(m.cores[0]->line);
}

TEST(CpuInterface, MaskHasTheImplementedBits) {
    Machine m;
    m.icc("ICC_PMR_EL1", 0xFF, 0);
    EXPECT_EQ(m.icc("ICC_PMR_EL1"), 0xF8u);
}

TEST(CpuInterface, GroupMustBeEnabled) {
    Machine m;
    prepare(m, {0x80});
    m.icc("ICC_IGRPEN1_EL1", 0, 0);
    m.gic.input(64).pulse();
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    m.icc("ICC_IGRPEN1_EL1", 1, 0);
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
}

TEST(CpuInterface, GroupZeroIsTheFastInterrupt) {
    Machine m;
    prepare(m, {0x80});
    m.set_d(0x0080 + 8, 0xFFFF'FFFE);
    m.icc("ICC_IGRPEN0_EL1", 1, 0);
    m.gic.input(64).pulse();
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_TRUE(m.cores[0]->fast_line);
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 1023u);
    EXPECT_EQ(m.icc("ICC_IAR0_EL1"), 64u);
    EXPECT_FALSE(m.cores[0]->fast_line);
    m.icc("ICC_EOIR0_EL1", 64, 0);
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0xFFu);
}

TEST(CpuInterface, OnlyAMoreUrgentGroupPriorityPreempts) {
    Machine m;
    prepare(m, {0x80, 0x80, 0x40});
    m.gic.input(64).pulse();
    m.run();
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 64u);
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0x80u);
    EXPECT_EQ(m.icc("ICC_AP1R0_EL1"), 1u << (0x80 >> 3));
    m.gic.input(65).pulse();
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
    m.gic.input(66).pulse();
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 66u);
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0x40u);
    m.icc("ICC_EOIR1_EL1", 66, 0);
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0x80u);
    m.icc("ICC_EOIR1_EL1", 64, 0);
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0xFFu);
    m.run();
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 65u);
}

TEST(CpuInterface, BinaryPointWidensWhatIsEqual) {
    Machine m;
    prepare(m, {0x80, 0x88, 0x78});
    m.icc("ICC_BPR1_EL1", 5, 0);  // bits [7:5] count
    EXPECT_EQ(m.icc("ICC_BPR1_EL1"), 5u);
    m.gic.input(65).pulse();
    m.run();
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 65u);
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0x80u);
    m.gic.input(64).pulse();
    m.run();
    EXPECT_FALSE(m.cores[0]->line) << "more urgent, but of the same group priority";
    m.gic.input(66).pulse();
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
}

TEST(CpuInterface, BinaryPointCountsFromItsOwnBit) {
    Machine m;
    prepare(m, {0xA8, 0x98});
    m.icc("ICC_BPR1_EL1", 5, 0);
    m.gic.input(64).pulse();
    m.run();
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 64u);
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0xA0u) << "bits [7:5] of group 1";
    m.gic.input(65).pulse();
    m.run();
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 65u) << "0x80 is more urgent than 0xA0";
}

TEST(CpuInterface, BinaryPointsHaveMinima) {
    Machine m;
    m.icc("ICC_BPR0_EL1", 0, 0);
    m.icc("ICC_BPR1_EL1", 0, 0);
    EXPECT_EQ(m.icc("ICC_BPR0_EL1"), 2u);
    EXPECT_EQ(m.icc("ICC_BPR1_EL1"), 3u);
    m.icc("ICC_CTLR_EL1", 1, 0);
    m.icc("ICC_BPR0_EL1", 4, 0);
    EXPECT_EQ(m.icc("ICC_BPR1_EL1"), 5u) << "the common binary point";
}

TEST(CpuInterface, EndOfASpecialIntidIsIgnored) {
    Machine m;
    prepare(m, {0x80});
    m.gic.input(64).pulse();
    m.run();
    m.icc("ICC_IAR1_EL1");
    m.icc("ICC_EOIR1_EL1", 1023, 0);
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0x80u);
}

TEST(CpuInterface, EoiModeSeparatesDropFromDeactivation) {
    Machine m;
    prepare(m, {0x80});
    m.icc("ICC_CTLR_EL1", 2, 0);
    m.gic.input(64).pulse();
    m.run();
    EXPECT_EQ(m.icc("ICC_IAR1_EL1"), 64u);
    m.gic.input(64).pulse();
    m.icc("ICC_EOIR1_EL1", 64, 0);
    m.run();
    EXPECT_EQ(m.icc("ICC_RPR_EL1"), 0xFFu);
    EXPECT_FALSE(m.cores[0]->line) << "still active";
    m.icc("ICC_DIR_EL1", 64, 0);
    m.run();
    EXPECT_TRUE(m.cores[0]->line);
}

TEST(CpuInterface, LpiHasNoActiveState) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.icc("ICC_CTLR_EL1", 2, 0);
    m.doorbell(1, 0);
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), Machine::lpi(1, 0));
    m.doorbell(1, 0);
    m.run();
    m.cpu().end(Machine::lpi(1, 0));
    m.run();
    EXPECT_TRUE(m.cores[0]->line) << "no deactivation is needed";
}

TEST(CpuInterface, SignalsAfterForwardingAndItsOwnLatencyAndFallsAtOnce) {
    Machine m;
    prepare(m, {0x80});
    const Time begin = m.now();
    m.gic.input(64).pulse();
    m.run_until(begin + 8 * nanosecond - 1);
    EXPECT_FALSE(m.cores[0]->line);
    m.run_until(begin + 8 * nanosecond);
    EXPECT_TRUE(m.cores[0]->line);
    m.run_until(begin + 20 * nanosecond);
    EXPECT_EQ(m.cpu().read(spec::Icc::IAR1), 64u);
    EXPECT_EQ(m.cores[0]->falls, std::vector<Time>{begin + 20 * nanosecond});
}

TEST(CpuInterface, ALaterMoreUrgentInterruptTakesThePlaceOfOneNotAcknowledged) {
    Machine m;
    prepare(m, {0x80, 0x40});
    m.gic.input(64).pulse();
    m.run();
    m.gic.input(65).pulse();
    // In time: the more urgent one is still on its way.
    EXPECT_EQ(m.cpu().read(spec::Icc::HPPIR1), 64u);
    m.run();
    EXPECT_EQ(m.cores[0]->falls.size(), 0u) << "the line stays asserted";
    EXPECT_EQ(m.cpu().read(spec::Icc::IAR1), 65u);
    m.cpu().write(spec::Icc::EOIR1, 65);
    m.run();
    EXPECT_EQ(m.cpu().read(spec::Icc::IAR1), 64u);
}

TEST(CpuInterface, TimedReadDoesNotSeeWhatIsOnItsWayAFunctionalOneDoes) {
    Machine m;
    prepare(m, {0x80, 0x80});
    m.gic.input(64).pulse();
    EXPECT_EQ(m.cpu().read(spec::Icc::IAR1), 1023u);
    EXPECT_EQ(m.cpu().pending(), std::vector<u32>{64});
    EXPECT_EQ(m.cpu().acknowledge(), 64u);
    m.cpu().end(64);
    m.gic.input(65).pulse();
    EXPECT_EQ(m.cpu().acknowledge(), 65u);
    m.run();
    EXPECT_FALSE(m.cores[0]->line);
}

TEST(CpuInterface, CoreMayAcknowledgeWithinTheCall) {
    class Eager final : public uarch::InterruptLine {
    public:
        explicit Eager(uarch::CpuInterface& cpu) : cpu_(cpu) {}
        void irq(bool asserted) override {
            if (!asserted) return;
            taken.push_back(static_cast<u32>(cpu_.read(spec::Icc::IAR1)));
            cpu_.write(spec::Icc::EOIR1, taken.back());
        }
        std::vector<u32> taken;

    private:
        uarch::CpuInterface& cpu_;
    };
    Machine m;
    Eager core(m.cpu());
    prepare(m, {0x80, 0x80, 0x40});
    m.cpu().connect(core);
    for (const u32 intid : {64u, 65u, 66u}) m.gic.input(intid).pulse();
    m.run();
    EXPECT_EQ(core.taken, (std::vector<u32>{66, 64, 65}));
}

// Journeys

TEST(Journey, PartsSumToTheWholeForEveryMessage) {
    Machine m;
    m.start();
    m.map(1, 8);
    // Some find a handler running, some find others in front of them.
    std::vector<std::shared_ptr<sim::Journey>> journeys;
    for (u32 event = 0; event < 8; ++event) {
        journeys.push_back(std::make_shared<sim::Journey>(m.observer, event, m.now()));
        m.configure_lpi(Machine::lpi(1, event), static_cast<u8>(0xE1 - 16 * event));
        m.doorbell(1, event, journeys.back());
        m.run_until(m.now() + 37'123);
    }
    for (u32 handled = 0; handled < 8;) {
        const u32 intid = static_cast<u32>(m.cpu().read(spec::Icc::IAR1));
        m.run_until(m.now() + 83'001);
        if (intid == 1023) continue;
        m.cpu().write(spec::Icc::EOIR1, intid);
        ++handled;
    }
    m.run();
    EXPECT_EQ(m.observer.ends.size(), 8u);
    for (const auto& journey : journeys) {
        EXPECT_EQ(journey->outcome(), sim::Journey::Outcome::Delivered);
        Time sum = 0;
        for (std::size_t part = 0; part < sim::Journey::parts; ++part)
            sum += journey->spent(static_cast<sim::Journey::Part>(part));
        EXPECT_EQ(sum, journey->end() - journey->begin()) << journey->vector();
    }
}

TEST(Journey, WarmMessageHasThePartsOfItsLatencies) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.doorbell(1, 0);
    m.run();
    m.cpu().acknowledge();
    m.cpu().end(Machine::lpi(1, 0));
    const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.doorbell(1, 0, journey);
    m.run();
    EXPECT_EQ(journey->spent(sim::Journey::Part::Its), 28 * nanosecond);
    EXPECT_EQ(journey->spent(sim::Journey::Part::Redistributor), 8 * nanosecond);
    EXPECT_EQ(journey->spent(sim::Journey::Part::CpuInterface), 3 * nanosecond);
    EXPECT_EQ(journey->end() - journey->begin(), 39 * nanosecond);
}

TEST(Journey, WaitingBelongsToThePartThatHolds) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.icc("ICC_PMR_EL1", 0, 0);
    const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.doorbell(1, 0, journey);
    m.run_until(m.now() + microsecond);
    m.icc("ICC_PMR_EL1", 0xF0, 0);
    m.run();
    EXPECT_EQ(journey->spent(sim::Journey::Part::Redistributor), 108 * nanosecond);
    EXPECT_EQ(journey->end() - journey->begin(), microsecond + 3 * nanosecond);
    EXPECT_EQ(journey->spent(sim::Journey::Part::CpuInterface),
              microsecond + 3 * nanosecond - (328 + 108) * nanosecond);
}

TEST(Journey, MessageThatMadeRoomForAMoreUrgentOneIsStillWhole) {
    Machine m;
    m.start();
    m.map(1, 2);
    m.configure_lpi(Machine::lpi(1, 1), 0x41);
    m.icc("ICC_PMR_EL1", 0, 0);  // held at the CPU interface, not signalled
    const auto first = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.doorbell(1, 0, first);
    m.run();
    m.run_until(m.now() + 777);
    const auto second = std::make_shared<sim::Journey>(m.observer, 1, m.now());
    m.doorbell(1, 1, second);
    m.run();
    m.run_until(m.now() + 333);
    m.icc("ICC_PMR_EL1", 0xF0, 0);
    m.run();
    EXPECT_EQ(m.cpu().read(spec::Icc::IAR1), Machine::lpi(1, 1));
    m.cpu().write(spec::Icc::EOIR1, Machine::lpi(1, 1));
    m.run();
    ASSERT_EQ(m.observer.ends.size(), 2u);
    for (const auto& journey : {first, second}) {
        Time sum = 0;
        for (std::size_t part = 0; part < sim::Journey::parts; ++part)
            sum += journey->spent(static_cast<sim::Journey::Part>(part));
        EXPECT_EQ(sum, journey->end() - journey->begin()) << journey->vector();
    }
}

TEST(Journey, MovedMessageIsStillWhole) {
    Machine m;
    m.start();
    m.map(1, 1);
    m.execute({mapc(2, 2), sync(2)});
    m.icc("ICC_PMR_EL1", 0, 0);
    const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.doorbell(1, 0, journey);
    m.run();
    m.execute({about(ItsCommand::Code::MOVI, 1, 0, 2), sync(0)});
    ASSERT_EQ(m.observer.ends.size(), 1u);
    Time sum = 0;
    for (std::size_t part = 0; part < sim::Journey::parts; ++part)
        sum += journey->spent(static_cast<sim::Journey::Part>(part));
    EXPECT_EQ(sum, journey->end() - journey->begin());
    EXPECT_EQ(m.cores[2]->rises, std::vector<Time>{journey->end()});
}

TEST(Journey, MessageSpiIsStampedByRedistributorAndCpuInterface) {
    Machine m;
    prepare(m, {0x80});
    const auto journey = std::make_shared<sim::Journey>(m.observer, 0, m.now());
    m.writer.write(m.gic.distributor(), Machine::gicd + 0x40, 4, 64, 9, journey);
    m.run();
    EXPECT_EQ(journey->spent(sim::Journey::Part::Redistributor), 5 * nanosecond);
    EXPECT_EQ(journey->spent(sim::Journey::Part::CpuInterface), 3 * nanosecond);
    EXPECT_EQ(journey->end() - journey->begin(), 8 * nanosecond);
}

}  // namespace
}  // namespace smmusim::gic::test
