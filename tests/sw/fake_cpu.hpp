// CPUs on a fake bus, with an interrupt controller of two lists, and a way to run software to its result.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>

#include "fake_bus.hpp"
#include "sw/cpu/lock.hpp"

namespace smmusim::test {

using sim::Task;

/// The CPU interface of one CPU: pending interrupts first come, first served.
class FakeInterrupts final : public sw::cpu::SystemRegisters {
public:
    void connect(sw::cpu::Cpu& cpu) { cpu_ = &cpu; }
    void raise(u32 intid) {
        pending_.push_back(intid);
        cpu_->irq(true);
    }
    /// A virtual interrupt for the guest that runs here.
    void raise_virtual(u32 intid) {
        virtual_pending_.push_back(intid);
        cpu_->virtual_irq(true);
    }
    u64 read(sw::cpu::SystemRegister which) override {
        if (which == sw::cpu::SystemRegister::ICV_IAR1_EL1) return acknowledge_virtual();
        if (which == sw::cpu::SystemRegister::ICH_VMCR_EL2) return written[static_cast<u8>(which)];
        if (which != sw::cpu::SystemRegister::ICC_IAR1_EL1) return 0;
        if (pending_.empty()) return 1023;
        const u32 intid = pending_.front();
        pending_.pop_front();
        acknowledged.push_back(intid);
        if (pending_.empty()) cpu_->irq(false);
        return intid;
    }
    void write(sw::cpu::SystemRegister which, u64 value) override {
        if (which == sw::cpu::SystemRegister::ICC_EOIR1_EL1) ended.push_back(static_cast<u32>(value));
        else written[static_cast<u8>(which)] = value;
    }

    std::vector<u32> acknowledged;
    std::vector<u32> ended;
    std::map<u8, u64> written;

private:
    u32 acknowledge_virtual() {
        if (virtual_pending_.empty()) return 1023;
        const u32 intid = virtual_pending_.front();
        virtual_pending_.pop_front();
        if (virtual_pending_.empty()) cpu_->virtual_irq(false);
        return intid;
    }
    sw::cpu::Cpu* cpu_ = nullptr;
    std::deque<u32> pending_;
    std::deque<u32> virtual_pending_;
};

inline constexpr u64 ram = 0x4000'0000;
inline constexpr u64 ram_size = 256 * MiB;

/// CPUs and memory.
class CpuFixture : public testing::Test {
protected:
    explicit CpuFixture(u32 count = 2, sw::cpu::CpuConfig config = {})
        : bus(simulation), memory(simulation), port(bus) {
        bus.add(ram, ram_size, memory);
        for (u32 index = 0; index < count; ++index) {
            interrupts.push_back(std::make_unique<FakeInterrupts>());
            cpus.push_back(std::make_unique<sw::cpu::Cpu>(simulation, index, port, config, *interrupts.back()));
            interrupts.back()->connect(*cpus.back());
        }
    }

    sw::cpu::Cpu& cpu(u32 index = 0) { return *cpus[index]; }

    /// Starts an activity.
    void start(Task<> task) { activities.spawn("test", std::move(task)); }
    void run(Time duration) {
        const Time until = simulation.now() + duration;
        simulation.scheduler().run(until, sim::Scheduler::Until::Limit);
        simulation.scheduler().advance_to(until);
        rethrow();
    }
    void settle() {
        simulation.scheduler().run(end_of_time);
        rethrow();
    }
    /// Runs a task to its result; the test fails if it never ends.
    template <class T>
    T await(Task<T> task) {
        std::optional<T> result;
        activities.spawn("test", keep(std::move(task), result));
        settle();
        EXPECT_TRUE(result.has_value()) << simulation.waiting();
        if (!result) throw std::runtime_error("a task did not end");
        return std::move(*result);
    }
    void await(Task<> task) {
        bool done = false;
        activities.spawn("test", mark(std::move(task), done));
        settle();
        EXPECT_TRUE(done) << simulation.waiting();
    }

    sim::Simulation simulation;
    FakeBus bus;
    FakeMemory memory;
    sim::DirectPort port;
    std::vector<std::unique_ptr<FakeInterrupts>> interrupts;
    std::vector<std::unique_ptr<sw::cpu::Cpu>> cpus;
    sim::Scope activities{simulation, "test"};

private:
    template <class T>
    static Task<> keep(Task<T> task, std::optional<T>& result) {
        result.emplace(co_await task);
    }
    static Task<> mark(Task<> task, bool& done) {
        co_await task;
        done = true;
    }
    void rethrow() {
        if (auto failure = simulation.scheduler().take_failure()) std::rethrow_exception(failure);
    }
};

}  // namespace smmusim::test
