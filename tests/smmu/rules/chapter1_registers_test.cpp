// The register map: sizes, halves, undefined offsets, guards, reset values.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter1_registers {
namespace {

constexpr u64 smmuen = 1 << 0, eventqen = 1 << 2, cmdqen = 1 << 3;
constexpr u64 all_ones = ~u64{0};

TEST(SmmuRegisters, AlignedWordsReachEvery32BitRegister) {
    RuleMachine machine;
    machine.write32(0x28, 0x123);
    machine.write32(0x88, 0x207);
    machine.write32(0x100AC, 3);
    EXPECT_EQ(machine.read32(0x28), 0x123u);
    EXPECT_EQ(machine.read32(0x88), 0x207u);
    EXPECT_EQ(machine.read32(0x100AC), 3u);
}

TEST(SmmuRegisters, HalvesOfA64BitRegisterAreIndependent) {
    RuleMachine machine;
    machine.write64(0x80, 0x0012'3456'789A'BCC0);
    EXPECT_EQ(machine.read32(0x80), 0x789A'BCC0u);
    EXPECT_EQ(machine.read32(0x84), 0x0012'3456u);
    machine.write32(0x84, 0x0077'0001);
    EXPECT_EQ(machine.read64(0x80), 0x0077'0001'789A'BCC0u);
    machine.write32(0x80, 0x1000);
    EXPECT_EQ(machine.read64(0x80), 0x0077'0001'0000'1000u);
}

TEST(SmmuRegisters, MisalignedAndWrongSizedAccessesReadZeroAndChangeNothing) {
    RuleMachine machine;
    machine.write32(0x28, 0x345);
    machine.write32(0x2C, 0b10);
    for (const u32 size : {1u, 2u}) {
        machine.write_sized(0x28, size, 0xFF);
        EXPECT_EQ(machine.read_sized(0x28, size), 0u) << size;
    }
    machine.write_sized(0x2A, 4, all_ones);
    EXPECT_EQ(machine.read_sized(0x2A, 4), 0u);
    machine.write64(0x28, all_ones);  // two 32-bit registers at once
    EXPECT_EQ(machine.read64(0x28), 0u);
    machine.write_sized(0x84, 8, all_ones);
    EXPECT_EQ(machine.read32(0x28), 0x345u);
    EXPECT_EQ(machine.read32(0x2C), 0b10u);
    EXPECT_EQ(machine.read64(0x80), 0u);
}

TEST(SmmuRegisters, UndefinedOffsetsAreRazWiInBothPages) {
    RuleMachine machine;
    for (const u64 offset : {0x38u, 0x4Cu, 0x58u, 0x8Cu, 0xE0u, 0x200u, 0xE00u, 0x1000u, 0x3FFCu, 0x10020u, 0x1FFFCu}) {
        machine.write32(offset, all_ones);
        EXPECT_EQ(machine.read32(offset), 0u) << offset;
    }
}

TEST(SmmuRegisters, IdBlockNamesThePart) {
    RuleMachine machine;
    // PIDR4 to 7, PIDR0 to 3, CIDR0 to 3: one byte each.
    constexpr std::array block{0x04, 0x00, 0x00, 0x00, 0x84, 0xB4, 0xF0, 0x10, 0x0D, 0xF0, 0x05, 0xB1};
    for (u64 index = 0; index < block.size(); ++index) {
        const u64 offset = 0xFD0 + index * 4;
        EXPECT_EQ(machine.read32(offset), static_cast<u64>(block[index])) << offset;
        machine.write32(offset, all_ones);
        EXPECT_EQ(machine.read32(offset), static_cast<u64>(block[index])) << offset;
    }
}

TEST(SmmuRegisters, RegistersOfPageOneAreAliasedOrAbsentInPageZero) {
    RuleMachine machine;
    machine.write64(0xA0, SmmuMachine::evtq | 4);
    machine.write32(0x100A8, 5);
    machine.write32(0x100AC, 6);
    const u64 producer = machine.read32(0xA8), consumer = machine.read32(0xAC);
    EXPECT_TRUE((producer == 0 && consumer == 0) || (producer == 5 && consumer == 6));
    machine.write32(0xA8, 7);
    EXPECT_EQ(machine.read32(0x100A8), producer == 0 ? 5u : 7u);
}

TEST(SmmuRegisters, WritesOfReadOnlyRegistersAreIgnored) {
    RuleMachine machine;
    for (const u64 offset : {0x00u, 0x04u, 0x08u, 0x0Cu, 0x10u, 0x14u, 0x18u, 0x1Cu, 0x24u, 0x40u, 0x54u, 0x60u}) {
        const u64 before = machine.read32(offset);
        machine.write32(offset, ~before & 0xFFFF'FFFF);
        machine.run();
        EXPECT_EQ(machine.read32(offset), before) << offset;
    }
}

TEST(SmmuRegisters, RegistersOfTheSecureStateAreRazWi) {
    RuleMachine machine;
    for (u64 offset = 0x8000; offset < 0x8200; offset += 4) {
        machine.write32(offset, all_ones);
        EXPECT_EQ(machine.read32(offset), 0u) << offset;
    }
    EXPECT_EQ(machine.read32(0x8004) >> 31, 0u) << "SECURE_IMPL";
}

TEST(SmmuRegisters, RegistersOfAbsentFeaturesAreRazWi) {
    RuleMachine machine;
    // S2PII, MPAMIDR, GMPAM, GBPMPAM, VATOS_SEL, IDR6, DPT_BASE, DPT_BASE_CFG, DPT_CFG_FAR, ECMDQ control pages.
    for (const u64 offset : {0x30u, 0x34u, 0x130u, 0x138u, 0x13Cu, 0x180u, 0x190u, 0x200u, 0x204u, 0x208u, 0x210u,
                             0x214u, 0x4000u, 0x4008u, 0x400Cu}) {
        machine.write32(offset, all_ones);
        EXPECT_EQ(machine.read32(offset), 0u) << offset;
    }
}

TEST(SmmuRegisters, ControlAndErrorRegistersAreZeroAfterReset) {
    RuleMachine machine;
    for (const u64 offset : {0x20u, 0x24u, 0x40u, 0x50u, 0x54u, 0x60u, 0x64u})
        EXPECT_EQ(machine.read32(offset), 0u) << offset;
    EXPECT_EQ(machine.read32(0x44) >> 31, 0u) << "GBPA.Update";
}

TEST(SmmuRegisters, ResetStopsEverythingThatWasEnabled) {
    RuleMachine machine;
    machine.bring_up();
    machine.write32(0x44, 1u << 31 | 1 << 20);
    machine.run();
    machine.simulation.scheduler().clear();
    machine.smmu.reset();
    for (const u64 offset : {0x20u, 0x24u, 0x50u, 0x54u, 0x60u, 0x64u}) EXPECT_EQ(machine.read32(offset), 0u) << offset;
    EXPECT_EQ(machine.read32(0x44), 0x1000u) << "the configured value";
}

TEST(SmmuRegisters, EveryQueueRegisterKeepsItsFieldsAndNothingElse) {
    RuleMachine machine;
    for (const u64 base : {0x90u, 0xA0u}) {
        machine.write64(base, all_ones);
        // RA or WA 62, ADDR 55:5, LOG2SIZE 4:0.
        EXPECT_EQ(machine.read64(base), 0x40FF'FFFF'FFFF'FFFFu) << base;
    }
    machine.write64(0x80, all_ones);
    EXPECT_EQ(machine.read64(0x80), 0x40FF'FFFF'FFFF'FFC0u);  // RA 62, ADDR 55:6
    machine.write32(0x88, all_ones);
    EXPECT_EQ(machine.read32(0x88), 0x3'07FFu);  // FMT 17:16, SPLIT 10:6, LOG2SIZE 5:0
    machine.write32(0x28, all_ones);
    EXPECT_EQ(machine.read32(0x28), 0xFFFu);
    machine.write32(0x100AC, all_ones);
    EXPECT_EQ(machine.read32(0x100AC), 0x800F'FFFFu);  // OVACKFLG 31, RD 19:0
}

// Guards.

struct Guarded {
    const char* name;
    u64 offset;
    u32 size;
    u64 first;
    u64 second;
    u64 enable;
};
void PrintTo(const Guarded& guarded, std::ostream* out) { *out << guarded.name; }

class GuardedRegister : public testing::TestWithParam<Guarded> {
protected:
    u64 value() { return machine.read_sized(GetParam().offset, GetParam().size); }
    void write(u64 value) { machine.write_sized(GetParam().offset, GetParam().size, value); }
    RuleMachine machine;
};

TEST_P(GuardedRegister, TakesAWriteWhileDisabled) {
    write(GetParam().first);
    EXPECT_EQ(value(), GetParam().first);
    write(GetParam().second);
    EXPECT_EQ(value(), GetParam().second);
}

TEST_P(GuardedRegister, IgnoresAWriteWhileEnabled) {
    write(GetParam().first);
    machine.write_cr0(GetParam().enable);
    write(GetParam().second);
    EXPECT_EQ(value(), GetParam().first);
    machine.write_cr0(0);
    write(GetParam().second);
    EXPECT_EQ(value(), GetParam().second);
}

TEST_P(GuardedRegister, IgnoresAWriteUntilDisablingIsAcknowledged) {
    write(GetParam().first);
    machine.write_cr0(GetParam().enable);
    machine.write32(0x20, 0);  // not in force yet
    ASSERT_EQ(machine.read32(0x24), GetParam().enable);
    write(GetParam().second);
    EXPECT_EQ(value(), GetParam().first);
    machine.run();
    ASSERT_EQ(machine.read32(0x24), 0u);
    write(GetParam().second);
    EXPECT_EQ(value(), GetParam().second);
}

INSTANTIATE_TEST_SUITE_P(Registers, GuardedRegister,
                         testing::Values(Guarded{"CR1.TABLE", 0x28, 4, 0x540, 0xA80, smmuen},
                                         Guarded{"CR1.QUEUE by CMDQEN", 0x28, 4, 0x15, 0x2A, cmdqen},
                                         Guarded{"CR1.QUEUE by EVENTQEN", 0x28, 4, 0x15, 0x2A, eventqen},
                                         Guarded{"CR2", 0x2C, 4, 0b01, 0b10, smmuen},
                                         Guarded{"STRTAB_BASE", 0x80, 8, 0x5000'0040, 0x6000'0080, smmuen},
                                         Guarded{"STRTAB_BASE high half", 0x84, 4, 0x12, 0x34, smmuen},
                                         Guarded{"STRTAB_BASE_CFG", 0x88, 4, 0x1'0208, 0x0'0189, smmuen},
                                         Guarded{"CMDQ_BASE", 0x90, 8, 0x5000'0004, 0x6000'0005, cmdqen},
                                         Guarded{"EVENTQ_BASE", 0xA0, 8, 0x5000'0004, 0x6000'0005, eventqen},
                                         Guarded{"EVENTQ_PROD", 0x100A8, 4, 0x0, 0x1, eventqen}));

TEST(SmmuRegisters, CommandConsumerIndexIsGuardedByTheQueueEnable) {
    RuleMachine machine;
    machine.write64(0x90, SmmuMachine::cmdq | 4);
    machine.write32(0x98, 3);
    machine.write32(0x9C, 3);
    EXPECT_EQ(machine.read32(0x9C), 3u);
    machine.write_cr0(cmdqen);
    machine.write32(0x9C, 1);
    machine.run();
    EXPECT_EQ(machine.read32(0x9C), 3u);
}

TEST(SmmuRegisters, TableFieldsOfCr1StayWritableWhileOnlyQueuesAreEnabled) {
    RuleMachine machine;
    machine.write32(0x28, 0x555);
    machine.write_cr0(cmdqen | eventqen);
    machine.write32(0x28, 0xAAA);
    EXPECT_EQ(machine.read32(0x28), 0xA95u);  // TABLE_* 11:6 new, QUEUE_* 5:0 old
    machine.write_cr0(0);
    machine.write_cr0(smmuen);
    machine.write32(0x28, 0x56A);
    EXPECT_EQ(machine.read32(0x28), 0xAAAu);  // TABLE_* old, QUEUE_* new
}

TEST(SmmuRegisters, ProducerIndexOfTheCommandQueueIsNeverGuarded) {
    RuleMachine machine;
    machine.bring_up();
    machine.command(cmd::sync);
    machine.ring();
    EXPECT_EQ(machine.read32(0x98), 1u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter1_registers
