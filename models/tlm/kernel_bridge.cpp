#include "tlm/kernel_bridge.hpp"

#include <algorithm>
#include <stdexcept>

namespace smmusim::tlm {

using sim::Scheduler;

KernelBridge::KernelBridge(const sc_core::sc_module_name& name, sim::Simulation& simulation)
    : sc_core::sc_module(name), simulation_(simulation), event_("event") {
    if (sc_core::sc_get_time_resolution() != sc_core::sc_time(1, sc_core::SC_PS))
        throw std::runtime_error("the SystemC time resolution must be 1 ps");
    SC_METHOD(execute);
    sensitive << event_;
    dont_initialize();
}

Time KernelBridge::horizon() const {
    if (mode_ != Mode::Driven) return kernel_now_;
    if (simcontext()->pending_activity_at_current_time()) return kernel_now_;
    if (!sc_core::sc_pending_activity_at_future_time(simcontext())) return limit_;
    return std::min<Time>(limit_, kernel_now_ + sc_core::sc_time_to_pending_activity(simcontext()).value() - 1);
}

void KernelBridge::enter() {
    kernel_now_ = simcontext()->time_stamp().value();
    simulation_.scheduler().advance_to(kernel_now_);
}

void KernelBridge::execute() {
    kernel_now_ = simcontext()->time_stamp().value();
    if (mode_ == Mode::Held) return;
    running_ = true;
    Scheduler& scheduler = simulation_.scheduler();
    try {
        scheduler.run(horizon(), mode_ == Mode::Driven ? until_ : Scheduler::Until::Limit);
    } catch (...) {
        // An exception must not cross the kernel: run() rethrows it.
        scheduler.fail(std::current_exception());
    }
    running_ = false;
    leave();
}

void KernelBridge::leave() {
    Scheduler& scheduler = simulation_.scheduler();
    if (mode_ == Mode::Followed && scheduler.stopped() && sc_core::sc_is_running(simcontext())) {
        // Whoever drives the kernel learns of it in the kernel's own way.
        scheduler.clear_stop();
        if (const auto failure = scheduler.take_failure()) report(failure);
        else sc_core::sc_pause();
    }
    arm();
}

void KernelBridge::report(const std::exception_ptr& failure) {
    std::string text = "an activity failed";
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        text = error.what();
    } catch (...) {
    }
    SC_REPORT_ERROR("smmusim", text.c_str());
}

void KernelBridge::arm() {
    if (mode_ == Mode::Held) return;
    Scheduler& scheduler = simulation_.scheduler();
    if (mode_ == Mode::Driven) {
        const bool reached = until_ == Scheduler::Until::Idle && !busy();
        if (scheduler.stopped() || reached) {
            if (sc_core::sc_is_running(simcontext())) sc_core::sc_pause();
            return;
        }
        // Only timers are left, and a foreign module holds the rest: it will enter when it answers.
        if (until_ == Scheduler::Until::Idle && scheduler.idle()) return;
    }
    const Time next = scheduler.next_time();
    if (next == end_of_time || (mode_ == Mode::Driven && next > limit_)) return;
    event_.notify(delay_until(next));
}

void KernelBridge::start(Time duration, sc_core::sc_starvation_policy policy) {
    const Time longest = sc_core::sc_max_time().value() - kernel_now_;
    sc_core::sc_start(sc_core::sc_time::from_value(std::min(duration, longest)), policy);
    kernel_now_ = simcontext()->time_stamp().value();
}

void KernelBridge::require_outside_run() const {
    if (mode_ != Mode::Followed)
        throw std::logic_error("the simulation is running: a callback must not let time pass, reset or close");
}

void KernelBridge::run(Time limit, Scheduler::Until until) {
    require_outside_run();
    Scheduler& scheduler = simulation_.scheduler();
    if (auto failure = scheduler.take_failure()) std::rethrow_exception(failure);
    scheduler.clear_stop();
    drive(limit, until);
    arm();
    if (auto failure = scheduler.take_failure()) std::rethrow_exception(failure);
}

void KernelBridge::drive(Time limit, Scheduler::Until until) {
    struct Driving {
        Mode& mode;
        ~Driving() { mode = Mode::Followed; }
    } const driving{mode_};
    Scheduler& scheduler = simulation_.scheduler();
    kernel_now_ = simcontext()->time_stamp().value();
    mode_ = Mode::Driven;
    limit_ = limit;
    until_ = until;
    event_.notify(sc_core::SC_ZERO_TIME);
    if (limit > kernel_now_) {
        start(limit - kernel_now_, sc_core::SC_EXIT_ON_STARVATION);
    } else {
        // A run of no length is one delta cycle, and an event notified in it belongs to the next.
        while (simcontext()->pending_activity_at_current_time()) start(0, sc_core::SC_EXIT_ON_STARVATION);
    }

    if (until == Scheduler::Until::Limit && !scheduler.stopped()) scheduler.advance_to(limit);
    mode_ = Mode::Held;
    if (kernel_now_ < scheduler.now()) start(scheduler.now() - kernel_now_, sc_core::SC_RUN_TO_TIME);
}

}  // namespace smmusim::tlm
