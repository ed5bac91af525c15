// Promises of a window whose writes are messages before translation, as x86 has it.
#include "smmu/rules/rule_machine.hpp"

namespace smmusim::test::rule::message_window {
namespace {

constexpr u64 window = 0xFEE0'0000;

struct WindowMachine : RuleMachine {
    explicit WindowMachine(u64 size = 1 * MiB)
        : RuleMachine(WithConfig{}, [size](uarch::SmmuConfig& config) {
              config.message_window = {window, size};
          }) {
        root = set_up_stage1();
        bring_up();
    }
    u64 root;
};

TEST(SmmuMessageWindow, WritesPassUntranslatedWithoutAnyTable) {
    WindowMachine machine;
    machine.memory.log.clear();
    for (const u64 address : {window, window + 0x3000, window + 1 * MiB - 8}) {
        const Answer answer = machine.write(address);
        EXPECT_TRUE(answer.passed());
        EXPECT_EQ(answer.address, address);
        EXPECT_TRUE(answer.attributes.memory.is_device());
    }
    EXPECT_EQ(machine.memory.log.size(), 3u) << "no structure, no descriptor";
    EXPECT_EQ(machine.only_event(), RuleMachine::no_event);
}

TEST(SmmuMessageWindow, WhatTheTablesSayOfItDoesNotCount) {
    WindowMachine machine;
    machine.map(machine.root, window, RuleMachine::page, RuleMachine::page_attributes);
    EXPECT_EQ(machine.write(window).address, window);
    machine.write_cr0(0b1100);
    machine.write32(0x44, 1u << 31 | 1u << 20);  // GBPA.ABORT
    machine.run();
    EXPECT_EQ(machine.write(window).address, window);
}

TEST(SmmuMessageWindow, EndsWhereItEnds) {
    WindowMachine machine;
    EXPECT_TRUE(machine.write(window - 8).aborted());
    EXPECT_TRUE(machine.write(window + 1 * MiB).aborted());
}

TEST(SmmuMessageWindow, ReadsAreTranslated) {
    WindowMachine machine;
    EXPECT_TRUE(machine.read(window).aborted());
    machine.map(machine.root, window, RuleMachine::page, RuleMachine::page_attributes);
    EXPECT_EQ(machine.read(window).address, RuleMachine::page);
}

TEST(SmmuMessageWindow, IsNotThereUnlessTheMachineHasIt) {
    WindowMachine machine(0);
    EXPECT_TRUE(machine.write(window).aborted());
    EXPECT_EQ(machine.only_event(), 0x10u);
}

TEST(SmmuMessageWindow, MessagesDoNotOvertakeTheirData) {
    WindowMachine machine;
    Client data(machine.simulation), message(machine.simulation);
    machine.memory.log.clear();
    data.submit(machine.smmu.tbu(0), sim::Command::Write, RuleMachine::stream, RuleMachine::iova);  // a walk
    message.submit(machine.smmu.tbu(0), sim::Command::Write, RuleMachine::stream, window, 4);
    machine.run();
    std::vector<u64> writes;
    for (const auto& entry : machine.memory.log)
        if (entry.command == sim::Command::Write) writes.push_back(entry.address);
    EXPECT_EQ(writes, (std::vector<u64>{RuleMachine::page, window}));
}

TEST(SmmuMessageWindow, FunctionalAccessesAndInspectionsSeeItToo) {
    WindowMachine machine;
    arch::Request request;
    request.stream_id = RuleMachine::stream;
    request.address = window + 0x1000;
    request.write = true;
    request.read = false;
    EXPECT_EQ(machine.smmu.inspect(request).result.outcome.address, window + 0x1000);
    EXPECT_TRUE(machine.smmu.inspect(request).steps.empty());
}

}  // namespace
}  // namespace smmusim::test::rule::message_window
