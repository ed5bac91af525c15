// Promises of the list registers, by which a hypervisor gives interrupts to its guest.
#include "gic/machine.hpp"

namespace smmusim::gic::test {
namespace {

constexpr u64 pending = u64{1} << 62;
constexpr u64 active = u64{1} << 63;
constexpr u64 hardware = u64{1} << 61;
constexpr u64 group1 = u64{1} << 60;
constexpr u64 tell_end = u64{1} << 41;
constexpr u64 priority(u64 value) { return value << 48; }

class ListRegister : public testing::Test {
protected:
    ListRegister() {
        m.start_cpus();
        m.icc("ICH_HCR_EL2", 1, 0);
        m.icc("ICV_PMR_EL1", 0xF0, 0);
        m.icc("ICV_IGRPEN1_EL1", 1, 0);
    }
    u64 take() { return m.icc("ICV_IAR1_EL1"); }
    void end(u64 intid) { m.icc("ICV_EOIR1_EL1", intid, 0); }
    Machine m;
};

TEST_F(ListRegister, GivesTheGuestItsInterruptByPriority) {
    m.icc("ICH_LR0_EL2", pending | group1 | priority(0x80) | 40, 0);
    m.icc("ICH_LR3_EL2", pending | group1 | priority(0x40) | 27, 0);
    m.run();
    EXPECT_TRUE(m.cores[0]->virtual_line);
    EXPECT_FALSE(m.cores[0]->line);
    EXPECT_EQ(take(), 27u);
    EXPECT_EQ(take(), 1023u) << "less urgent than what runs";
    end(27);
    EXPECT_EQ(take(), 40u);
}

TEST_F(ListRegister, BecomesActiveAndEnds) {
    m.icc("ICH_LR0_EL2", pending | group1 | priority(0x80) | 40, 0);
    EXPECT_EQ(m.icc("ICH_ELRSR_EL2"), 0xEu);
    EXPECT_EQ(take(), 40u);
    EXPECT_EQ(m.icc("ICH_LR0_EL2"), active | group1 | priority(0x80) | 40);
    end(40);
    EXPECT_EQ(m.icc("ICH_LR0_EL2") >> 62, 0u);
    EXPECT_EQ(m.icc("ICH_ELRSR_EL2"), 0xFu);
    m.icc("ICH_LR1_EL2", pending | group1 | priority(0x80) | 8192, 0);
    EXPECT_EQ(take(), 8192u);
    EXPECT_EQ(m.icc("ICH_LR1_EL2") >> 62, 0u) << "an LPI is never active";
}

TEST_F(ListRegister, EndOfAHardwareInterruptDeactivatesThePhysicalOne) {
    m.set_d(0x0C08, 2u << 16);  // INTID 40 is edge-triggered
    m.set_d(0x0104, 1u << 8);
    m.icc("ICC_CTLR_EL1", 2, 0);  // EOImode: the host only drops the priority
    m.gic.input(40).pulse();
    m.run();
    EXPECT_EQ(m.cpu().acknowledge(), 40u);
    m.cpu().end(40);
    EXPECT_EQ(m.d(0x0304), 1u << 8) << "active";
    m.icc("ICH_LR0_EL2", pending | hardware | group1 | priority(0x80) | u64{40} << 32 | 50, 0);
    EXPECT_EQ(take(), 50u);
    end(50);
    EXPECT_EQ(m.d(0x0304), 0u);
}

TEST_F(ListRegister, NeedsItsEnable) {
    m.icc("ICH_HCR_EL2", 0, 0);
    m.icc("ICH_LR0_EL2", pending | group1 | priority(0x80) | 40, 0);
    m.run();
    EXPECT_FALSE(m.cores[0]->virtual_line);
    EXPECT_EQ(take(), 1023u);
    m.icc("ICH_HCR_EL2", 1, 0);
    m.run();
    EXPECT_TRUE(m.cores[0]->virtual_line);
}

TEST_F(ListRegister, VmcrIsTheGuestsState) {
    EXPECT_EQ(m.icc("ICH_VMCR_EL2"), 0xF0u << 24 | 2u << 21 | 3u << 18 | 1u << 3 | 1u << 1);
    m.icc("ICH_VMCR_EL2", 0x80u << 24 | 4u << 21 | 5u << 18 | 1u << 9 | 1u, 0);
    EXPECT_EQ(m.icc("ICV_PMR_EL1"), 0x80u);
    EXPECT_EQ(m.icc("ICV_BPR0_EL1"), 4u);
    EXPECT_EQ(m.icc("ICV_BPR1_EL1"), 5u);
    EXPECT_EQ(m.icc("ICV_IGRPEN0_EL1"), 1u);
    EXPECT_EQ(m.icc("ICV_IGRPEN1_EL1"), 0u);
    EXPECT_EQ(m.icc("ICV_CTLR_EL1") >> 1 & 1, 1u) << "EOImode";
    EXPECT_EQ(m.icc("ICH_VTR_EL2") & 0x1F, 3u) << "four list registers";
    EXPECT_EQ(m.icc("ICH_VTR_EL2") >> 20 & 1, 1u) << "a GICv3 injects nothing by itself";
}

TEST_F(ListRegister, MaintenanceInterruptTellsWhy) {
    const auto asserted = [&] { return (m.r(0, 0x10200) >> 25 & 1) != 0; };
    EXPECT_FALSE(asserted());
    m.icc("ICH_HCR_EL2", 1 | 1 << 3, 0);
    EXPECT_EQ(m.icc("ICH_MISR_EL2"), 1u << 3) << "nothing pending";
    EXPECT_TRUE(asserted());
    m.icc("ICH_LR0_EL2", pending | group1 | tell_end | priority(0x80) | 40, 0);
    EXPECT_FALSE(asserted());
    m.icc("ICH_HCR_EL2", 1 | 1 << 1, 0);
    EXPECT_EQ(m.icc("ICH_MISR_EL2"), 1u << 1) << "one list register in use";
    m.icc("ICH_HCR_EL2", 1 | 1 << 2, 0);
    EXPECT_FALSE(asserted());
    EXPECT_EQ(take(), 40u);
    end(40);
    EXPECT_EQ(m.icc("ICH_MISR_EL2"), 1u) << "an end that was to be told";
    EXPECT_EQ(m.icc("ICH_EISR_EL2"), 1u);
    m.icc("ICH_LR0_EL2", 0, 0);
    EXPECT_FALSE(asserted());
    m.icc("ICH_LR0_EL2", pending | group1 | priority(0x80) | 41, 0);
    EXPECT_EQ(take(), 41u);
    m.icc("ICH_LR0_EL2", 0, 0);  // the hypervisor needs its place
    end(41);
    EXPECT_EQ(m.icc("ICH_HCR_EL2") >> 27, 1u) << "EOIcount";
    EXPECT_EQ(m.icc("ICH_MISR_EL2"), 1u << 2);
    EXPECT_TRUE(asserted());
}

}  // namespace
}  // namespace smmusim::gic::test
