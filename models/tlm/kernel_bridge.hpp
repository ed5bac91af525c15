// Lets the scheduler decide order and the SystemC kernel carry time: one SC_METHOD that runs ahead of the kernel.
#pragma once

#include <exception>
#include <systemc>

#include "sim/simulation.hpp"

namespace smmusim::tlm {

/// Executes the scheduler's events up to the kernel's next foreign activity, then notifies its one event.
/// Driven by run(), it may run ahead as far as nobody else in the kernel acts; when somebody else drives the kernel,
/// it executes no further than the kernel's now: slower, with the same order.
class KernelBridge final : public sc_core::sc_module {
public:
    SC_HAS_PROCESS(KernelBridge);
    KernelBridge(const sc_core::sc_module_name& name, sim::Simulation& simulation);

    sim::Simulation& simulation() const { return simulation_; }

    /// Runs up to and including `limit`, until `until` is reached or the scheduler is stopped; rethrows what escaped
    /// from an activity. The kernel's time and the scheduler's are equal afterwards. Throws std::logic_error when
    /// called from inside a run.
    void run(Time limit, sim::Scheduler::Until until);
    /// Throws std::logic_error inside a run.
    void require_outside_run() const;

    /// True while something of ours is scheduled or is with a foreign module.
    bool busy() const { return !simulation_.scheduler().idle() || foreign_outstanding_ != 0; }

    /// The kernel's time; delays of TLM calls are relative to it, never to the scheduler's.
    Time kernel_now() const { return kernel_now_; }
    Time absolute(const sc_core::sc_time& delay) const { return kernel_now_ + delay.value(); }
    sc_core::sc_time delay_until(Time at) const {
        return at > kernel_now_ ? sc_core::sc_time::from_value(at - kernel_now_) : sc_core::SC_ZERO_TIME;
    }

    /// Every entry from outside the bridge's own process goes through here: brings the clocks together, wakes the
    /// bridge for what the entry has scheduled, and keeps exceptions for run().
    template <class Action>
    void entered(Action&& action) {
        if (running_) {
            action();
            return;
        }
        enter();
        try {
            action();
        } catch (...) {
            simulation_.scheduler().fail(std::current_exception());
        }
        leave();
    }

    /// After each call into a foreign module, which may have notified something in the kernel.
    void called_foreign() {
        if (running_) simulation_.scheduler().shorten(horizon());
    }
    void foreign_started() { ++foreign_outstanding_; }
    void foreign_finished() { --foreign_outstanding_; }

private:
    void start_of_simulation() override { event_.notify(sc_core::SC_ZERO_TIME); }
    void execute();
    void enter();
    void leave();
    static void report(const std::exception_ptr& failure);
    void arm();
    void drive(Time limit, sim::Scheduler::Until until);
    void start(Time duration, sc_core::sc_starvation_policy policy);
    Time horizon() const;

    enum class Mode : u8 {
        Followed,  ///< somebody else drives the kernel
        Driven,    ///< inside run()
        Held,      ///< the kernel catches up; nothing is executed
    };

    sim::Simulation& simulation_;
    sc_core::sc_event event_;
    Mode mode_ = Mode::Followed;
    bool running_ = false;
    Time limit_ = 0;
    sim::Scheduler::Until until_ = sim::Scheduler::Until::Limit;
    Time kernel_now_ = 0;
    u64 foreign_outstanding_ = 0;
};

}  // namespace smmusim::tlm
