// Configuration of interrupts, and the messages that they send.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::chapter1_interrupts {
namespace {

using Change = RuleMachine::Change;

constexpr u64 doorbell = SmmuMachine::ram + 0x60'0000;
constexpr u64 illegal = 0xFF;

struct Source {
    u64 address, data, attributes;  ///< offsets of IRQ_CFG0 to 2
    u64 enable;
};
constexpr Source global_error{0x68, 0x70, 0x74, 0b001}, event_queue{0xB0, 0xB8, 0xBC, 0b100};

/// Every access is a fault, every source sends messages to a word of its own.
struct MessageMachine : RuleMachine {
    static constexpr u64 error_doorbell = doorbell, event_doorbell = doorbell + 0x1000;
    explicit MessageMachine(const Change& change = {}) : RuleMachine(change) {
        put_ste(SteBuilder());
        bring_up();
        write32(0x50, 0);
        run();
        configure(global_error, error_doorbell, 0x1111'2222, 0b11'1101);  // ISH, oWB iNC
        configure(event_queue, event_doorbell, 0x3333'4444, 0b10'0001);   // Device-nGnRE
        write32(0x50, 0b101);
        run();
        memory.log.clear();
    }
    void configure(const Source& source, u64 address, u64 data, u64 attributes) {
        write64(source.address, address);
        write32(source.data, data);
        write32(source.attributes, attributes);
    }
    void fail_command() {
        command(illegal);
        run_commands();
        EXPECT_TRUE(command_error_active());
    }
    void fault() { EXPECT_TRUE(read(page).aborted()); }
    u64 errors() { return inspect32(0x60); }
};

void expect_guarded(const Source& source) {
    RuleMachine machine;
    machine.write64(source.address, 0x00FF'FFFF'FFFF'FFFF);
    EXPECT_EQ(machine.read64(source.address), 0x00FF'FFFF'FFFF'FFFCu);  // ADDR 55:2
    machine.write32(source.data, 0x8765'4321);
    machine.write32(source.attributes, 0x3F);
    machine.write32(0x50, source.enable);
    for (const bool acknowledged : {false, true}) {
        if (acknowledged) machine.run();
        machine.write64(source.address, 0x4000);
        machine.write32(source.data, 1);
        machine.write32(source.attributes, 1);
        EXPECT_EQ(machine.read64(source.address), 0x00FF'FFFF'FFFF'FFFCu) << acknowledged;
        EXPECT_EQ(machine.read32(source.data), 0x8765'4321u) << acknowledged;
        EXPECT_EQ(machine.read32(source.attributes), 0x3Fu) << acknowledged;
    }
    machine.write32(0x50, 0);
    machine.run();
    machine.write64(source.address, 0x4000);
    machine.write32(source.data, 1);
    machine.write32(source.attributes, 2);
    EXPECT_EQ(machine.read64(source.address), 0x4000u);
    EXPECT_EQ(machine.read32(source.data), 1u);
    EXPECT_EQ(machine.read32(source.attributes), 2u);
}

TEST(SmmuInterruptRegisters, GerrorConfigurationIsGuardedByItsEnable) { expect_guarded(global_error); }
TEST(SmmuInterruptRegisters, EventQueueConfigurationIsGuardedByItsEnable) { expect_guarded(event_queue); }

TEST(SmmuInterruptRegisters, AreReservedWithoutMsi) {
    RuleMachine machine([](spec::Identification& id) { id.idr0.MSI = 0; });
    EXPECT_EQ(machine.read32(0x00) >> 13 & 1, 0u);
    for (const u64 offset : {0x68u, 0x6Cu, 0x70u, 0x74u, 0xB0u, 0xB4u, 0xB8u, 0xBCu, 0xD0u, 0xD4u, 0xD8u}) {
        machine.write32(offset, ~u64{0});
        EXPECT_EQ(machine.read32(offset), 0u) << offset;
    }
}

TEST(SmmuInterruptRegisters, DisablingWaitsForEarlierMessages) {
    MessageMachine machine;
    machine.memory.hold(MessageMachine::error_doorbell, 4);
    machine.fail_command();
    ASSERT_EQ(machine.memory.held(), 1u);
    machine.write32(0x50, 0b100);
    machine.run();
    EXPECT_EQ(machine.read32(0x54), 0b101u);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.read32(0x54), 0b100u);
}

TEST(SmmuMessages, GoToTheirAddress) {
    MessageMachine machine;
    machine.fail_command();
    EXPECT_EQ(machine.memory.writes(MessageMachine::error_doorbell, 4), 1u);
    EXPECT_EQ(machine.memory.writes(MessageMachine::event_doorbell, 4), 0u);
    machine.fault();
    EXPECT_EQ(machine.memory.writes(MessageMachine::event_doorbell, 4), 1u);
    for (const auto& entry : machine.memory.log) {
        if (entry.address == MessageMachine::error_doorbell || entry.address == MessageMachine::event_doorbell) {
            EXPECT_EQ(entry.size, 4u);
            EXPECT_EQ(entry.command, sim::Command::Write);
        }
    }
}

TEST(SmmuMessages, CarryTheirData) {
    MessageMachine machine;
    machine.fail_command();
    machine.fault();
    EXPECT_EQ(machine.memory.u64_at(MessageMachine::error_doorbell), 0x1111'2222u);
    EXPECT_EQ(machine.memory.u64_at(MessageMachine::event_doorbell), 0x3333'4444u);
}

TEST(SmmuMessages, HaveTheirAttributes) {
    MessageMachine machine;
    machine.fail_command();
    machine.fault();
    unsigned seen = 0;
    for (const auto& entry : machine.memory.log) {
        const sim::MemoryAttributes& memory = entry.attributes.memory;
        if (entry.address == MessageMachine::error_doorbell) {
            ++seen;
            EXPECT_EQ(memory.type, sim::MemoryType::Normal);
            EXPECT_EQ(memory.outer, sim::Cacheability::WriteBack);
            EXPECT_EQ(memory.inner, sim::Cacheability::NonCacheable);
            EXPECT_EQ(memory.shareability, sim::Shareability::InnerShareable);
        }
        if (entry.address == MessageMachine::event_doorbell) {
            ++seen;
            EXPECT_EQ(memory.type, sim::MemoryType::DeviceNGnRE);
        }
    }
    EXPECT_EQ(seen, 2u);
}

TEST(SmmuMessages, AddressZeroSendsNone) {
    MessageMachine machine;
    machine.write32(0x50, 0);
    machine.run();
    machine.write64(event_queue.address, 0);
    machine.write32(0x50, 0b101);
    machine.run();
    machine.fault();
    EXPECT_EQ(machine.memory.writes(0, 0x1000), 0u);
    EXPECT_EQ(machine.event_irq.pulses, 1u);
}

TEST(SmmuMessages, WirePulsesToo) {
    MessageMachine machine;
    machine.fail_command();
    machine.fault();
    EXPECT_EQ(machine.gerror_irq.pulses, 1u);
    EXPECT_EQ(machine.event_irq.pulses, 1u);
}

TEST(SmmuMessages, NeedTheirEnable) {
    MessageMachine machine;
    machine.write32(0x50, 0);
    machine.run();
    machine.fail_command();
    machine.fault();
    EXPECT_EQ(machine.memory.writes(doorbell, 0x2000), 0u);
}

TEST(SmmuMessages, RecordIsVisibleBeforeItsMessage) {
    MessageMachine machine;
    machine.memory.hold(SmmuMachine::evtq, 32);
    machine.fault();
    EXPECT_EQ(machine.memory.writes(MessageMachine::event_doorbell, 4), 0u);
    machine.memory.release();
    machine.run();
    EXPECT_EQ(machine.memory.writes(MessageMachine::event_doorbell, 4), 1u);
}

TEST(SmmuMessages, AbortRaisesItsError) {
    MessageMachine machine;
    machine.memory.fail(MessageMachine::event_doorbell, 4);
    machine.fault();
    EXPECT_EQ(machine.errors(), u64{1 << 5});
    EXPECT_EQ(machine.gerror_irq.pulses, 1u) << "which interrupts";
    // No further effect: records are still delivered.
    machine.fault();
    EXPECT_EQ(machine.events(), 2u);
    MessageMachine sync;
    sync.memory.fail(doorbell + 0x2000, 4);
    sync.command(cmd::sync | 1 << 12, doorbell + 0x2000);
    sync.command(cmd::sync);
    sync.run_commands();
    EXPECT_EQ(sync.errors(), u64{1 << 4});
    EXPECT_TRUE(sync.all_consumed());
}

TEST(SmmuMessages, AbortOfTheErrorMessageRaisesNoInterrupt) {
    MessageMachine machine;
    machine.memory.fail(MessageMachine::error_doorbell, 4);
    machine.fail_command();
    EXPECT_EQ(machine.errors(), u64{1 << 7 | 1 << 0});
    EXPECT_EQ(machine.gerror_irq.pulses, 1u);
    EXPECT_EQ(machine.memory.writes(MessageMachine::error_doorbell, 4), 1u);
}

TEST(SmmuGlobalErrors, MessageAbortsHaveTheirBits) {
    MessageMachine machine;
    machine.memory.fail(doorbell, 0x3000);
    machine.command(cmd::sync | 1 << 12, doorbell + 0x2000);
    machine.run_commands();
    EXPECT_EQ(machine.errors() >> 4 & 1, 1u) << "MSI_CMDQ_ABT_ERR";
    EXPECT_EQ(machine.errors() >> 7 & 1, 1u) << "MSI_GERROR_ABT_ERR, of the message about the first";
    machine.fault();
    EXPECT_EQ(machine.errors() >> 5 & 1, 1u) << "MSI_EVENTQ_ABT_ERR";
    EXPECT_EQ(machine.errors() & 0b0000'1111, 0u);
}

}  // namespace
}  // namespace smmusim::test::rule::chapter1_interrupts
