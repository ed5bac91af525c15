#include "sim/simulation.hpp"

#include <algorithm>
#include <cassert>

#include "sim/access.hpp"

namespace smmusim::sim {

std::string Root::describe() const { return scope_->owner() + ": " + activity_; }

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

void Root::fail(std::exception_ptr failure) const noexcept {
    scope_->simulation().scheduler().fail(std::move(failure));
}

void Scope::spawn(const char* name, Activity activity) {
    const Activity::Handle handle = activity.release();
    Root& root = handle.promise();
    root.scope_ = this;
    root.activity_ = name;
    roots_.push_back(root);
    Root* const before = std::exchange(simulation_.running_, &root);
    handle.resume();
    simulation_.running_ = before;
}

namespace {
Activity run(Task<> task) { co_await task; }
}  // namespace

void Scope::spawn(const char* name, Task<> task) { spawn(name, run(std::move(task))); }

void Scope::cancel() {
    while (!roots_.empty()) {
        assert(&roots_.front() != simulation_.running_);  // an activity cannot destroy the frame it runs in
        auto& promise = static_cast<Activity::promise_type&>(roots_.front());
        Activity::Handle::from_promise(promise).destroy();
    }
}

}  // namespace smmusim::sim
