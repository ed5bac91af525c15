// The order of everything that happens: events executed by (time, sequence), independent of SystemC.
#pragma once

#include <array>
#include <atomic>
#include <exception>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::sim {

/// Calendar queue of 4096 buckets of 4096 ps; events beyond its horizon wait in a heap.
/// Two events at the same time run in the order in which they were scheduled.
class Scheduler {
public:
    using Function = void (*)(void* object, void* argument);

    /// Names a scheduled event until it has run; cancelling a stale token does nothing.
    struct Token {
        u32 id = 0;
        u64 sequence = 0;
        explicit operator bool() const { return sequence != 0; }
    };

    enum class Kind : u8 {
        Work,   ///< keeps the simulation busy
        Timer,  ///< periodic; does not keep the simulation from being idle
    };

    Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// Schedules `function(object, argument)` at `when`; a time in the past means now, end_of_time never.
    Token at(Time when, Function function, void* object, void* argument = nullptr, Kind kind = Kind::Work) {
        const Time time = when < now_ ? now_ : when;
        if (free_ == none) grow();
        const u32 id = free_;
        Event& event = slab_[id];
        free_ = event.next;
        const u64 sequence = ++sequence_;
        event.function = function;
        event.object = object;
        event.argument = argument;
        event.sequence = sequence;
        event.time = time;
        event.kind = kind;
        work_ += kind == Kind::Work;

        // Most events lie within the horizon, behind the open bucket: they go to the front of their bucket's list.
        const u64 number = time >> bucket_shift;
        if (number - current_ - 1 < bucket_count - 1) {
            const u32 slot = static_cast<u32>(number % bucket_count);
            event.next = head_[slot];
            head_[slot] = id;
            used_[slot / 64] |= u64{1} << (slot % 64);
            used_summary_ |= u64{1} << (slot / 64);
        } else {
            insert_elsewhere({time, sequence, id});
        }
        return {id, sequence};
    }
    void cancel(Token token);
    /// Cancels everything: the reset of a whole machine.
    void clear();

    Time now() const { return now_; }
    u64 executed() const { return executed_; }
    bool idle() const { return work_ == 0; }

    /// Time of the earliest live event, or end_of_time.
    Time next_time();

    enum class Until : u8 {
        Idle,   ///< nothing but timers is left
        Limit,  ///< every event up to the limit has run, timers included
    };

    /// Runs events up to and including `limit`, until `until` is reached or stop() is called.
    /// The clock stays at the last event executed.
    void run(Time limit, Until until = Until::Idle);

    /// Brings the limit of the run that is under way forward: something else happens after `limit`.
    void shorten(Time limit) {
        if (limit < limit_) limit_ = limit;
    }

    /// Moves the clock forward when nothing happens before `when`.
    void advance_to(Time when) {
        if (when > now_) now_ = when;
    }

    /// Makes run() return after the current event, and at once until clear_stop() is called.
    void stop() { stop_ = true; }
    bool stopped() const { return stop_; }
    void clear_stop() { stop_ = false; }

    /// Keeps the first exception that escaped a root task and stops; the simulation's driver rethrows it.
    void fail(std::exception_ptr failure);
    std::exception_ptr take_failure();

    /// `poll` is called every few thousand events: Ctrl-C, wall-clock limits.
    void set_poll(Function poll, void* object) {
        poll_ = poll;
        poll_object_ = object;
    }

private:
    struct Event {
        Function function = nullptr;
        void* object = nullptr;
        void* argument = nullptr;
        u64 sequence = 0;  ///< 0: free or cancelled
        Time time = 0;
        u32 next = 0;
        Kind kind = Kind::Work;
    };
    struct Key {
        Time time;
        u64 sequence;
        u32 id;
        bool before(const Key& other) const {
            return time != other.time ? time < other.time : sequence < other.sequence;
        }
    };

    static constexpr unsigned bucket_shift = 12;
    static constexpr u32 bucket_count = 4096;
    static constexpr u32 none = ~u32{0};
    static constexpr std::size_t few = 24;

    void grow();
    void release(u32 id) {
        slab_[id].next = free_;
        free_ = id;
    }
    void insert_elsewhere(Key key);
    void place(Key key);
    void drop_cancelled();
    bool open_next();
    u64 next_bucket() const;
    void open(u64 number);

    std::vector<Event> slab_;
    u32 free_ = none;
    std::array<u32, bucket_count> head_{};
    std::array<u64, bucket_count / 64> used_{};
    u64 used_summary_ = 0;
    std::vector<Key> open_;  ///< room for every event: the open bucket, latest first, consumed from the back
    std::size_t open_count_ = 0;
    std::vector<Key> far_;  ///< heap, earliest on top
    u64 current_ = 0;       ///< number of the open bucket
    Time now_ = 0;
    u64 sequence_ = 0;
    u64 executed_ = 0;
    u64 work_ = 0;
    Time limit_ = end_of_time;
    bool stop_ = false;
    std::exception_ptr failure_;
    Function poll_ = nullptr;
    void* poll_object_ = nullptr;
};

}  // namespace smmusim::sim
