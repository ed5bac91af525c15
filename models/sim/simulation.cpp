#include "sim/simulation.hpp"

#include <algorithm>
#include <cassert>

#include "sim/access.hpp"

namespace smmusim::sim {

std::string Root::describe() const { return scope_.owner() + ": " + activity_; }

Simulation::Simulation() : accesses_(new AccessPool) {}

Simulation::~Simulation() { delete accesses_; }

void Waiters::grow() {
    places_.push_back(std::uintptr_t{free_} << 1 | 1);
    free_ = static_cast<u32>(places_.size() - 1);
}

std::string Simulation::waiting() const {
    std::string text;
    std::vector<const Waiter*> waiters;
    waiters_.visit([&](const Waiter& waiter) { waiters.push_back(&waiter); });
    std::sort(waiters.begin(), waiters.end(), [](const Waiter* a, const Waiter* b) { return a->order_ < b->order_; });
    for (const Waiter* waiter : waiters) text += waiter->describe() + "\n";
    for (const Reporter& reporter : reporters_) reporter.report(text);
    return text;
}

void Waiter::resume(void* object, void*) {
    Waiter& waiter = *static_cast<Waiter*>(object);
    waiter.token_ = {};
    Simulation& simulation = waiter.simulation_;
    simulation.waiters_.remove(std::exchange(waiter.place_, Waiters::nowhere));
    Root* const before = std::exchange(simulation.running_, waiter.root_);
    waiter.handle_.resume();  // may destroy the waiter
    simulation.running_ = before;
}

std::string Waiter::describe() const {
    return (root_ != nullptr ? root_->describe() : std::string("a call")) + " waits for " + std::string(resource_);
}

/// The coroutine that runs a task as an activity of its own and disappears with it.
struct Scope::Running {
    struct promise_type : Root, Pooled {
        promise_type(Scope& scope, const char* activity, Task<>&) : Root(scope, activity), scope_(&scope) {}
        Running get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() noexcept { scope_->simulation_.scheduler_.fail(std::current_exception()); }
        Scope* scope_;
    };
    std::coroutine_handle<promise_type> handle;

    static Running run(Scope&, const char*, Task<> task) { co_await task; }
};

void Scope::spawn(const char* activity, Task<> task) {
    const Running running = Running::run(*this, activity, std::move(task));
    Root& root = running.handle.promise();
    roots_.push_back(root);
    Root* const before = std::exchange(simulation_.running_, &root);
    running.handle.resume();
    simulation_.running_ = before;
}

void Scope::cancel() {
    while (!roots_.empty()) {
        assert(&roots_.front() != simulation_.running_);  // an activity cannot destroy the frame it runs in
        auto& promise = static_cast<Running::promise_type&>(roots_.front());
        std::coroutine_handle<Running::promise_type>::from_promise(promise).destroy();
    }
}

}  // namespace smmusim::sim
