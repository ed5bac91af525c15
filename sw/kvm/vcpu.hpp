// A CPU of a guest: where it runs, and what wakes it.
#pragma once

#include "sw/its/vpe.hpp"

namespace smmusim::sw::kvm {

using sim::Task;

class Vcpu {
public:
    enum class State : u8 {
        Stopped,  ///< not scheduled; interrupts for it are kept
        Running,
        /// In WFI; its doorbell makes it run again where it ran. If that CPU is taken it is stopped instead.
        Blocked,
    };

    Vcpu(sim::Simulation& simulation, std::string name, its::VpeDriver& driver, its::Vpe& vpe,
         cpu::InterruptTable& guest, cpu::InterruptTable& host);
    ~Vcpu();
    Vcpu(const Vcpu&) = delete;
    Vcpu& operator=(const Vcpu&) = delete;

    /// KVM_RUN on this CPU: 0, -EBUSY (it runs, or another guest's does here), -EIO, -ETIMEDOUT. What came for it
    /// meanwhile is delivered now.
    Task<int> run(cpu::Cpu& cpu);
    /// The host takes the CPU away; nothing wakes the vCPU but another run(). -EINVAL: it does not run.
    Task<int> preempt();
    /// The end of it: it runs no more, and no doorbell of it is being answered. -EIO, -ETIMEDOUT.
    Task<int> stop();
    /// The guest waits for an interrupt (WFI): the CPU is free until one comes. -EINVAL: it does not run.
    Task<int> block();

    State state() const { return state_; }
    /// CPU that it runs on, or ran on last.
    u32 cpu() const { return vpe_.cpu; }
    const its::Vpe& vpe() const { return vpe_; }
    u64 doorbells() const { return doorbells_; }
    u64 wakeups() const { return wakeups_; }

private:
    Task<int> enter(cpu::Cpu& cpu);
    Task<int> leave(State next);
    Task<> on_doorbell(cpu::Cpu& cpu);

    cpu::Lock lock_;
    sim::Underway answering_;  ///< handlers of its doorbell
    its::VpeDriver& driver_;
    its::Vpe& vpe_;
    cpu::InterruptTable& guest_;
    cpu::InterruptTable& host_;
    cpu::Cpu* where_ = nullptr;  ///< while it runs
    State state_ = State::Stopped;
    u64 control_;  ///< ICH_VMCR_EL2 while it does not run
    u64 doorbells_ = 0;
    u64 wakeups_ = 0;
};

}  // namespace smmusim::sw::kvm
