// Resources that activities wait for: counted slots, signals, gates, pipelines.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "sim/occupancy.hpp"
#include "sim/simulation.hpp"

namespace smmusim::sim {

/// A number of equal places, granted first come, first served.
class Slots {
public:
    Slots(Simulation& simulation, std::string name, u64 capacity)
        : simulation_(simulation), name_(std::move(name)), capacity_(capacity), free_(capacity) {}
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;

    /// A granted place; giving it back wakes the longest waiting.
    class [[nodiscard]] Slot {
    public:
        Slot() = default;
        explicit Slot(Slots* slots) : slots_(slots) {}
        Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
        Slot& operator=(Slot&& other) noexcept {
            if (this != &other) {
                release();
                slots_ = std::exchange(other.slots_, nullptr);
            }
            return *this;
        }
        ~Slot() { release(); }
        void release() {
            if (slots_ != nullptr) std::exchange(slots_, nullptr)->give_back();
        }
        explicit operator bool() const { return slots_ != nullptr; }

    private:
        Slots* slots_ = nullptr;
    };

    /// Somebody who wants a place, and what happens as soon as it is granted.
    class Taker : public Waiter {
    protected:
        Taker(Slots& slots, Scheduler::Function granted)
            : Waiter(slots.simulation_, slots.name_), slots_(slots), on_granted_(granted) {}
        ~Taker() {
            if (granted_) slots_.give_back();
        }
        bool take_free() { return granted_ = slots_.grant_free(); }
        void queue() { slots_.queue_.push_back(*this); }
        Slot taken() {
            granted_ = false;
            return Slot(&slots_);
        }

    private:
        friend class Slots;
        Slots& slots_;
        Scheduler::Function on_granted_;
        bool granted_ = false;
    };

    class Take : public Taker {
    public:
        explicit Take(Slots& slots) : Taker(slots, &Waiter::resume) {}
        bool await_ready() { return take_free(); }
        void await_suspend(std::coroutine_handle<> handle) {
            suspend(handle);
            queue();
        }
        Slot await_resume() { return taken(); }
    };

    Take take() { return Take(*this); }
    /// One that is free now, or an empty one: for a hot path, which is spared what waiting needs.
    Slot try_take() { return Slot(grant_free() ? this : nullptr); }

    u64 capacity() const { return capacity_; }
    u64 in_use() const { return capacity_ - free_; }
    u64 peak() const { return peak_; }
    /// Time in use until now, summed over the places; whoever counts may set it back.
    Time& busy() {
        settle();
        return busy_;
    }
    const std::string& name() const { return name_; }
    /// Tells `occupancy` of every change from now on.
    void observe(Occupancy& occupancy) { occupancy_ = &occupancy; }

private:
    void settle() {
        busy_ += in_use() * (simulation_.now() - settled_);
        settled_ = simulation_.now();
    }
    void changed() {
        if (occupancy_ != nullptr) occupancy_->change(simulation_.now(), in_use());
    }
    bool grant_free() {
        if (free_ == 0 || !queue_.empty()) return false;
        grant();
        return true;
    }
    void grant() {
        settle();
        --free_;
        peak_ = std::max(peak_, in_use());
        changed();
    }
    void give_back() {
        settle();
        ++free_;
        if (queue_.empty()) {
            changed();
            return;
        }
        Taker& next = static_cast<Taker&>(queue_.front());
        queue_.pop_front();
        grant();
        next.granted_ = true;
        next.proceed(simulation_.now(), next.on_granted_);
    }

    Simulation& simulation_;
    std::string name_;
    u64 capacity_;
    u64 free_;
    u64 peak_ = 0;
    Time busy_ = 0;
    Time settled_ = 0;  ///< `busy_` is that of then
    WaitQueue queue_;
    Occupancy* occupancy_ = nullptr;
};

/// A name that somebody else keeps for as long as it is used.
struct BorrowedName {
    std::string_view text;
};

/// Something that happens; whoever waits at that moment goes on, in order of arrival.
class Signal {
public:
    Signal(Simulation& simulation, std::string name)
        : simulation_(simulation), own_name_(std::make_unique<std::string>(std::move(name))), name_(*own_name_) {}
    Signal(Simulation& simulation, BorrowedName name) : simulation_(simulation), name_(name.text) {}
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    class Wait : public Waiter {
    public:
        explicit Wait(Signal& signal) : Waiter(signal.simulation_, signal.name_), signal_(signal) {}
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> handle) {
            suspend(handle);
            signal_.queue_.push_back(*this);
        }
        void await_resume() const {}

    private:
        Signal& signal_;
    };

    Wait wait() { return Wait(*this); }
    void notify_all() {
        while (!queue_.empty()) {
            Waiter& next = queue_.front();
            queue_.pop_front();
            next.wake(simulation_.now());
        }
    }
    bool awaited() const { return !queue_.empty(); }

private:
    Simulation& simulation_;
    std::unique_ptr<const std::string> own_name_;
    std::string_view name_;
    WaitQueue queue_;
};

/// How many of something are under way; whoever waits goes on when none is.
class Underway {
public:
    Underway(Simulation& simulation, std::string name) : none_(simulation, std::move(name)) {}

    /// Counts as long as it lives.
    class [[nodiscard]] Mark {
    public:
        explicit Mark(Underway& all) : all_(all) { ++all_.count_; }
        Mark(const Mark&) = delete;
        Mark& operator=(const Mark&) = delete;
        ~Mark() {
            if (--all_.count_ == 0) all_.none_.notify_all();
        }

    private:
        Underway& all_;
    };

    bool any() const { return count_ != 0; }
    /// Returns when none is.
    Task<> none() {
        while (count_ != 0) co_await none_.wait();
    }

private:
    u64 count_ = 0;
    Signal none_;
};

/// A door: open lets everybody pass at once, closed holds them until it opens.
class Gate {
public:
    Gate(Simulation& simulation, std::string name, bool open = true)
        : signal_(simulation, std::move(name)), open_(open) {}

    void open() {
        open_ = true;
        signal_.notify_all();
    }
    void close() { open_ = false; }
    bool is_open() const { return open_; }
    Task<> pass() {
        while (!open_) co_await signal_.wait();
    }

private:
    Signal signal_;
    bool open_;
};

/// A pipeline that accepts one item per `interval` and delivers it `latency` later. Calls arrive in time order.
class Pipe {
public:
    Pipe() = default;
    Pipe(Time interval, Time latency) : interval_(interval), latency_(latency) {}

    /// Time at which an item that arrives at `at` leaves.
    Time enter(Time at) { return enter(at, interval_); }

    /// The same for an item that occupies the entrance for `occupied`.
    Time enter(Time at, Time occupied) {
        const Time start = std::max(at, free_at_);
        free_at_ = start + occupied;
        busy_ += occupied;
        return start + latency_;
    }
    Time latency() const { return latency_; }
    Time free_at() const { return free_at_; }
    Time busy() const { return busy_; }
    void reset() { free_at_ = 0; }

private:
    Time interval_ = 0;
    Time latency_ = 0;
    Time free_at_ = 0;
    Time busy_ = 0;
};

}  // namespace smmusim::sim
