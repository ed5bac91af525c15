// Promises of guests that take interrupts without the host, on whole machines with GICv4.0 and 4.1.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "scenarios/engine/runner.hpp"
#include "support/temporary_folder.hpp"

namespace smmusim::scenarios {
namespace {

namespace fs = std::filesystem;

class DirectInterrupts : public testing::TestWithParam<const char*> {
protected:
    /// A guest with two CPUs and a function with four vectors, then `steps`.
    Outcome run(const std::string& steps, const std::string& base = "its0: {base: 0x0B800000}") {
        const support::TemporaryFolder folder;
        const fs::path file = folder / "s.yaml";
        std::ofstream(file) << "name: vlpi\nplatform: {base: presets/virt.yaml, gic: {version: " << GetParam() << "}"
                            << (base.empty() ? "" : ", ") << base << "}\ndevices: [{name: nic}]\nrun:\n  steps:\n"
                            << "    - boot\n    - guest: {name: vm}\n"
                            << "    - register_window: {guest: vm, iova: 0x08000000, size: 1MiB}\n"
                            << "    - attach: {guest: vm, device: nic}\n"
                            << "    - enable_msix: {guest: vm, device: nic, vectors: 4}\n"
                            << "    - create_vcpus: {guest: vm, count: 2}\n"
                            << "    - map_vlpi: {guest: vm, device: nic, first: 0, count: 2, vcpu: 0, vintid: 8192}\n"
                            << "    - map_vlpi: {guest: vm, device: nic, first: 2, count: 2, vcpu: 1, vintid: 8194}\n"
                            << steps << "expect:\n  - no_faults\n  - {stat: its0.command_errors, eq: 0}\n";
        RunOptions options;
        options.out = (folder / "out").string();
        return run_scenario(file, options);
    }
    static std::string text(const Outcome& outcome) {
        std::string all = outcome.error;
        for (const Verdict& verdict : outcome.verdicts)
            if (!verdict.passed) all += "\n" + verdict.expectation + "; found " + verdict.actual;
        return all;
    }
    void passes(const std::string& steps) {
        const Outcome outcome = run(steps);
        EXPECT_EQ(outcome.ending, Ending::Passed) << text(outcome);
    }
};

INSTANTIATE_TEST_SUITE_P(Versions, DirectInterrupts, testing::Values("4.0", "4.1"),
                         [](const auto& version) { return version.param == std::string("4.0") ? "V4_0" : "V4_1"; });

TEST_P(DirectInterrupts, GuestWithSeveralMessagesWaitingIsWokenOnceAndTakesAll) {
    // The second message comes while the host answers the doorbell of the first.
    passes(R"(
    - guest_memory: {guest: vm, name: buffer, address: 0x50000000, size: 64KiB}
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 0}
    - block_vcpu: {guest: vm, vcpu: 0}
    - dma: {device: nic, buffer: buffer, count: 2, vectors: 2, in_flight: 2}
    - check:
        - {stat: run.nic.handled, eq: 2}
        - {stat: run.vm.wakeups, eq: 1}
        - {stat: run.vm.direct, eq: 2}
        - {stat: run.vm.injected, eq: 0}
        - {stat: gicr.virtual.direct, eq: 0}
)");
}

TEST_P(DirectInterrupts, GuestDoesNotWaitWhileSomethingIsPending) {
    passes(R"(
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 0}
    - preempt_vcpu: {guest: vm, vcpu: 0}
    - enable_vlpi: {guest: vm, device: nic, first: 0, count: 1, enabled: false}
    - raise: {device: nic, vector: 0, wait: false}
    - raise: {device: nic, vector: 1, wait: false}
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 0}
    - block_vcpu: {guest: vm, vcpu: 0}
    - check: [{stat: run.nic.handled, eq: 1}, {stat: run.vm.doorbells, eq: 0}]
    # What is disabled wakes nobody; once enabled it is delivered when the guest runs.
    - enable_vlpi: {guest: vm, device: nic, first: 0, count: 1}
    - raise: {device: nic, vector: 1}
    - check: [{stat: run.nic.handled, eq: 3}, {stat: run.vm.doorbells, eq: 1}, {stat: run.vm.wakeups, eq: 1}]
)");
}

TEST_P(DirectInterrupts, GuestWhoseCpuIsTakenRunsWhenItGetsOne) {
    passes(R"(
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 2}
    - block_vcpu: {guest: vm, vcpu: 0}
    - run_vcpu: {guest: vm, vcpu: 1, cpu: 2}
    - raise: {device: nic, vector: 0, wait: false}
    - raise: {device: nic, vector: 2}
    - check:
        - {stat: run.vm.doorbells, eq: 1}
        - {stat: run.vm.wakeups, eq: 0}
        - {stat: run.nic.handled, eq: 1}
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 3}
    - check:
        - {stat: run.nic.handled, eq: 2}
        - {stat: cpu3.virtual_interrupts, eq: 1}
        - {stat: run.nic.wrong_cpu, eq: 0}
)");
}

TEST_P(DirectInterrupts, VectorsMayGoWhileTheyAreTheGuests) {
    passes(R"(
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 0}
    - raise: {device: nic, vector: 0}
    - disable_msix: {device: nic}
    - enable_msix: {guest: vm, device: nic, vectors: 2}
    - raise: {device: nic, vector: 0}
    - check: [{stat: run.vm.direct, eq: 1}, {stat: run.vm.injected, eq: 1}]
    - map_vlpi: {guest: vm, device: nic, first: 0, count: 2, vcpu: 0, vintid: 9000}
    - raise: {device: nic, vector: 1}
    - unmap_vlpi: {guest: vm, device: nic, first: 0, count: 2}
    - raise: {device: nic, vector: 1}
    - check: [{stat: run.vm.direct, eq: 2}, {stat: run.vm.injected, eq: 2}]
)");
}

TEST_P(DirectInterrupts, CpusMayGoAtAnyPointOfTheAnswerToTheirDoorbell) {
    for (unsigned delay = 0; delay <= 6000; delay += 200) {
        SCOPED_TRACE(delay);
        passes(R"(
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 1}
    - block_vcpu: {guest: vm, vcpu: 0}
    - raise: {device: nic, vector: 0, wait: false}
    - wait: {duration: )" +
               std::to_string(delay) + R"(ns}
    - destroy_vcpus: {guest: vm}
    - wait: {duration: 20us}
    - raise: {device: nic, vector: 0}
    - check: [{stat: run.vm.injected, eq: 1}]
)");
    }
}

TEST_P(DirectInterrupts, GuestOfAnotherItsIsTheSame) {
    const std::string steps = R"(
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 0}
    - raise: {device: nic, vector: 0}
    - preempt_vcpu: {guest: vm, vcpu: 0}
    - raise: {device: nic, vector: 0, wait: false}
    - run_vcpu: {guest: vm, vcpu: 0, cpu: 3}
    - raise: {device: nic, vector: 1}
    - check:
        - {stat: run.nic.handled, eq: 3}
        - {stat: cpu3.virtual_interrupts, eq: 2}
        - {stat: its0.commands, gt: 0}
        - {stat: its1.commands, gt: 0}
        - {stat: its1.command_errors, eq: 0}
)";
    const Outcome outcome = run(steps, "its0: {base: 0x0B800000}, its1: {base: 0x0BA00000}");
    EXPECT_EQ(outcome.ending, Ending::Passed) << text(outcome);
}

TEST_P(DirectInterrupts, ItsThatDoesNotFitIsRefusedWithAPlaceThatIsFree) {
    const Outcome outcome = run("    - run_vcpu: {guest: vm, vcpu: 0, cpu: 0}\n", "");
    if (GetParam() == std::string("4.0")) {
        EXPECT_EQ(outcome.ending, Ending::Passed) << text(outcome);
        return;
    }
    EXPECT_EQ(outcome.ending, Ending::BadInput);
    EXPECT_NE(outcome.error.find("its 192 KiB at 0x8080000 reach into the redistributors"), std::string::npos)
        << outcome.error;
    EXPECT_NE(outcome.error.find("0x0B800000"), std::string::npos) << "where the other tests have it";
}

TEST(DirectInterruptsWithoutGicV4, AreRefused) {
    const support::TemporaryFolder folder;
    const fs::path file = folder / "s.yaml";
    std::ofstream(file) << "name: v3\nplatform: {base: presets/virt.yaml}\nrun:\n  steps:\n    - boot\n"
                        << "    - guest: {name: vm}\n    - create_vcpus: {guest: vm, count: 1}\n";
    RunOptions options;
    options.out = (folder / "out").string();
    const Outcome outcome = run_scenario(file, options);
    EXPECT_EQ(outcome.ending, Ending::Failed);
    EXPECT_NE(outcome.error.find("create_vcpus: No such device"), std::string::npos) << outcome.error;
}

}  // namespace
}  // namespace smmusim::scenarios
