// Mutual exclusion between activities; first come, first served.
#pragma once

#include "sw/cpu/cpu.hpp"

namespace smmusim::sw::cpu {

class Lock {
public:
    using Guard = sim::Slots::Slot;

    /// Held with interrupts masked on one CPU: a handler on that CPU cannot start and wait for the lock for ever.
    class IrqGuard {
    public:
        IrqGuard(Cpu::InterruptMask mask, Guard guard) : mask_(std::move(mask)), guard_(std::move(guard)) {}
        void release() { guard_.release(); }

    private:
        Cpu::InterruptMask mask_;
        Guard guard_;  ///< given back before interrupts are unmasked
    };

    Lock(sim::Simulation& simulation, std::string name) : slots_(simulation, std::move(name), 1) {}

    auto acquire() { return slots_.take(); }
    Task<IrqGuard> acquire_irqsave(Cpu& cpu) {
        Cpu::InterruptMask mask(cpu);
        Guard guard = co_await slots_.take();
        co_return IrqGuard(std::move(mask), std::move(guard));
    }
    bool held() const { return slots_.in_use() != 0; }

private:
    sim::Slots slots_;
};

}  // namespace smmusim::sw::cpu
