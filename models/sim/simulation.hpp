// One simulation: its scheduler, its running activities, and the knowledge of who waits for whom.
#pragma once

#include <boost/intrusive/list.hpp>
#include <coroutine>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scheduler.hpp"
#include "sim/task.hpp"

namespace smmusim::sim {

namespace intrusive = boost::intrusive;
using AutoUnlink = intrusive::link_mode<intrusive::auto_unlink>;

class AccessPool;
class Scope;
class Simulation;
class Trace;
class Waiter;

/// The coroutine frame at the bottom of an activity, listed in the scope that owns it.
class Root : public intrusive::list_base_hook<AutoUnlink> {
public:
    std::string describe() const;

protected:
    /// An exception leaves the activity: the simulation stops.
    void fail(std::exception_ptr failure) const noexcept;

private:
    friend class Scope;
    Scope* scope_ = nullptr;
    const char* activity_ = "";
};

/// A coroutine that nobody awaits: Scope::spawn() starts it, and it disappears when it is finished.
class [[nodiscard]] Activity {
public:
    struct promise_type : Root, Pooled {
        Activity get_return_object() { return Activity(Handle::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() noexcept { fail(std::current_exception()); }
    };
    using Handle = std::coroutine_handle<promise_type>;

    explicit Activity(Handle handle) : handle_(handle) {}
    Activity(Activity&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Activity& operator=(Activity&&) = delete;
    ~Activity() {
        if (handle_) handle_.destroy();
    }
    Handle release() { return std::exchange(handle_, nullptr); }

private:
    Handle handle_;
};

/// A device whose work is not all in coroutines: it says itself what its work in progress waits for.
class Reporter : public intrusive::list_base_hook<AutoUnlink> {
public:
    /// Appends a line for each thing that waits; nothing when idle.
    virtual void report(std::string& text) const = 0;

protected:
    explicit Reporter(Simulation& simulation);
    ~Reporter() = default;
};

/// Who waits, each at a place of its own: coming and going touches nobody else.
class Waiters {
public:
    static constexpr u32 nowhere = ~u32{0};

    u32 add(const Waiter& waiter) {
        if (free_ == nowhere) [[unlikely]]
            grow();
        const u32 place = free_;
        free_ = static_cast<u32>(places_[place] >> 1);
        places_[place] = reinterpret_cast<std::uintptr_t>(&waiter);
        return place;
    }
    void remove(u32 place) {
        places_[place] = std::uintptr_t{free_} << 1 | 1;
        free_ = place;
    }
    template <class Visitor>
    void visit(Visitor visitor) const {
        for (const std::uintptr_t entry : places_)
            if ((entry & 1) == 0) visitor(*reinterpret_cast<const Waiter*>(entry));
    }

private:
    void grow();

    std::vector<std::uintptr_t> places_;  ///< a waiter, or the next free place and a 1
    u32 free_ = nowhere;
};

/// Everything that belongs to one machine and to no device in particular.
class Simulation {
public:
    Simulation();
    ~Simulation();
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;

    Time now() const { return scheduler_.now(); }
    Scheduler& scheduler() { return scheduler_; }
    AccessPool& accesses() { return *accesses_; }

    /// Resumes a coroutine at `when`; see the awaitables below.
    auto until(Time when);
    auto delay(Time duration);

    /// One line for each activity that waits, the longest first: who, and for what; then what the reporters have to
    /// say.
    std::string waiting() const;

    /// The trace that decoded lines go to, or null.
    Trace* trace() const { return trace_; }
    void set_trace(Trace* trace) { trace_ = trace; }

private:
    friend class Reporter;
    friend class Waiter;
    friend class Scope;

    Scheduler scheduler_;
    AccessPool* accesses_;
    Waiters waiters_;
    u64 waits_ = 0;  ///< ever
    intrusive::list<Reporter, intrusive::constant_time_size<false>> reporters_;
    Root* running_ = nullptr;
    Trace* trace_ = nullptr;
};

/// Base of every awaitable: what it waits for, for whom, and how it is undone when the coroutine is destroyed.
class Waiter {
public:
    /// Hook of the queue of the resource that is waited for.
    intrusive::list_member_hook<AutoUnlink> queue_hook;

    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    std::string describe() const;
    Simulation& simulation() const { return simulation_; }

    /// Schedules the resumption; once per suspension.
    void wake(Time when) { token_ = simulation_.scheduler_.at(when, &Waiter::resume, this); }
    bool woken() const { return static_cast<bool>(token_); }

protected:
    /// `resource` must outlive the wait.
    Waiter(Simulation& simulation, std::string_view resource) : resource_(resource), simulation_(simulation) {}
    ~Waiter() {
        if (token_) simulation_.scheduler_.cancel(token_);
        if (place_ != Waiters::nowhere) simulation_.waiters_.remove(place_);
    }
    void suspend(std::coroutine_handle<> handle) {
        handle_ = handle;
        root_ = simulation_.running_;
        place_ = simulation_.waiters_.add(*this);
        order_ = ++simulation_.waits_;
    }
    /// Schedules a step of the wait itself, after which it goes on: to another step, a queue or the resumption.
    void proceed(Time when, Scheduler::Function step) { token_ = simulation_.scheduler_.at(when, step, this); }
    /// What is waited for now.
    void wait_for(std::string_view resource) { resource_ = resource; }
    static void resume(void* waiter, void*);

private:
    friend class Simulation;
    std::string_view resource_;
    Root* root_ = nullptr;
    u64 order_ = 0;  ///< of the beginnings of waits
    u32 place_ = Waiters::nowhere;
    std::coroutine_handle<> handle_;
    Simulation& simulation_;
    Scheduler::Token token_;
};

using WaitQueue =
    intrusive::list<Waiter,
                    intrusive::member_hook<Waiter, intrusive::list_member_hook<AutoUnlink>, &Waiter::queue_hook>,
                    intrusive::constant_time_size<false>>;

/// Waits until a point in time.
class Delay : public Waiter {
public:
    Delay(Simulation& simulation, Time when) : Waiter(simulation, "time"), when_(when) {}
    bool await_ready() const { return when_ <= simulation().now(); }
    void await_suspend(std::coroutine_handle<> handle) {
        suspend(handle);
        wake(when_);
    }
    void await_resume() const {}

private:
    Time when_;
};

inline Reporter::Reporter(Simulation& simulation) { simulation.reporters_.push_back(*this); }

inline auto Simulation::until(Time when) { return Delay(*this, when); }
inline auto Simulation::delay(Time duration) {
    return Delay(*this, duration < end_of_time - now() ? now() + duration : end_of_time);
}

/// The activities of one owner: destroying the scope destroys them, wherever they wait.
class Scope {
public:
    Scope(Simulation& simulation, std::string owner) : simulation_(simulation), owner_(std::move(owner)) {}
    ~Scope() { cancel(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    /// Starts an activity now, up to its first wait. An exception that escapes it stops the simulation and is
    /// rethrown by the simulation's driver.
    void spawn(const char* name, Activity activity);
    void spawn(const char* name, Task<> task);

    /// Destroys every activity, wherever it waits; not to be called by one of them.
    void cancel();
    bool empty() const { return roots_.empty(); }
    Simulation& simulation() const { return simulation_; }
    const std::string& owner() const { return owner_; }

private:
    Simulation& simulation_;
    std::string owner_;
    intrusive::list<Root, intrusive::constant_time_size<false>> roots_;
};

}  // namespace smmusim::sim
