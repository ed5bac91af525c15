// The order of everything that happens: events executed by (time, sequence), independent of SystemC.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <exception>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::sim {

/// Calendar queue of 4096 buckets of 1024 ps; events beyond its horizon wait in a heap.
/// Two events at the same time run in the order in which they were scheduled.
class Scheduler {
public:
    using Function = void (*)(void* object, void* argument);

    enum class Kind : u8 {
        Work,   ///< keeps the simulation busy
        Timer,  ///< periodic; does not keep the simulation from being idle
    };

private:
    struct Event;

public:
    /// Names a scheduled event until it has run; cancelling a stale token does nothing.
    class Token {
    public:
        Token() = default;
        explicit operator bool() const { return sequence_ != 0; }
        /// Identity of the place that the event had; a later event may have the same.
        const void* place() const { return event_; }

    private:
        friend class Scheduler;
        Token(Event* event, u64 sequence) : event_(event), sequence_(sequence) {}
        Event* event_ = nullptr;
        u64 sequence_ = 0;
    };

    Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// Schedules `function(object, argument)` at `when`; a time in the past means now, end_of_time never.
    Token at(Time when, Function function, void* object, void* argument = nullptr, Kind kind = Kind::Work);
    void cancel(Token token);
    /// Cancels every event of `object`, which dies or starts anew. Takes time for each place that events have had.
    void cancel_all(const void* object);
    /// Cancels everything: the reset of a whole machine.
    void clear();

    Time now() const { return now_; }
    u64 executed() const { return executed_; }
    /// Nothing but timers is scheduled.
    bool idle() const { return sequence_ == executed_ + cancelled_ + timers_; }

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
        if (limit < end_) end_ = limit + 1;
    }

    /// Moves the clock forward when nothing happens before `when`.
    void advance_to(Time when) {
        if (when > now_) now_ = when;
    }

    /// Makes run() return after the current event, and at once until clear_stop() is called.
    void stop() {
        stop_ = true;
        end_ = 0;
    }
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
    struct alignas(64) Event {  // one line of the host's cache
        Event* next = nullptr;  ///< in its bucket, ready, or free
        Function function = nullptr;
        void* object = nullptr;
        void* argument = nullptr;
        u64 sequence = 0;  ///< 0: free or cancelled
        Time time = 0;
        Kind kind = Kind::Work;
        bool before(const Event& other) const {
            return time != other.time ? time < other.time : sequence < other.sequence;
        }
    };

    static constexpr unsigned bucket_shift = 10;
    static constexpr u64 bucket_count = 4096;
    static constexpr u64 no_bucket = ~u64{0};
    static constexpr unsigned few = 24;
    static constexpr u64 near_buckets = 0xFF;  ///< those that look_ahead() opens, as bits
    static u64 bucket_of(Time time) { return time >> bucket_shift; }

    Token grow_and_schedule(Time when, Function function, void* object, void* argument, Kind kind);
    void release(Event& event) {
        event.next = free_;
        free_ = &event;
    }
    void cancel(Event& event);
    Token insert_elsewhere(Event& event, u64 sequence);
    void push_near(Event& event, u64 slot);
    void push_far(Event& event);
    Event& pop_far();
    static bool link(Event& event, Event** place);
    void close_early();
    void drop_cancelled();
    u64 next_bucket() const;
    u64 distant_bucket() const;
    void mark_empty(u64 slot);
    Event* take_list(u64 number);
    static void fetch(const Event& event);
    void open(u64 number);
    void open_several(u64 number, Event* first);
    void sort_ready();
    void look_ahead();
    void execute(Event& event);
    bool ends(const Event& next, Until until) const;

    std::deque<Event> slab_;
    Event* free_ = nullptr;
    std::array<Event*, bucket_count> head_{};
    std::array<u64, bucket_count / 64> used_{};
    u64 used_summary_ = 0;
    Event* ready_ = nullptr;       ///< the events of opened buckets, in order
    Token latest_ready_;           ///< the last of them that was scheduled
    u64 far_bucket_ = no_bucket;   ///< of the earliest beyond the horizon
    std::vector<Event*> far_;      ///< heap by time, earliest on top
    std::vector<Event*> sorting_;  ///< of sort_ready()
    u64 current_ = 0;              ///< number of the bucket that was opened last
    Time now_ = 0;
    u64 sequence_ = 0;
    u64 executed_ = 0;
    u64 cancelled_ = 0;
    u64 timers_ = 0;          ///< scheduled now
    Time end_ = end_of_time;  ///< of the run: events before it happen
    bool stop_ = false;
    std::exception_ptr failure_;
    Function poll_ = nullptr;
    void* poll_object_ = nullptr;
};

}  // namespace smmusim::sim
