#include "sim/scheduler.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace smmusim::sim {

namespace {
constexpr u64 poll_interval = 4096;
constexpr auto runs_earlier = [](const auto* a, const auto* b) { return a->before(*b); };
constexpr auto lies_behind = [](const auto* a, const auto* b) { return a->time > b->time; };
}  // namespace

Scheduler::Scheduler() = default;

Scheduler::Token Scheduler::at(Time when, Function function, void* object, void* argument, Kind kind) {
    // What happens seldom is called last, with nothing to be kept for later.
    if (free_ == nullptr) [[unlikely]]
        return grow_and_schedule(when, function, object, argument, kind);
    Event& event = *free_;
    free_ = event.next;
    const Time time = when < now_ ? now_ : when;
    event.function = function;
    event.object = object;
    event.argument = argument;
    event.sequence = ++sequence_;
    event.time = time;
    event.kind = kind;
    if (kind == Kind::Timer) [[unlikely]]
        ++timers_;

    // Most events lie within the horizon, behind the open buckets: they go to the front of their bucket's list.
    const u64 number = bucket_of(time);
    if (number - current_ - 1 >= bucket_count - 1) return insert_elsewhere(event, sequence_);
    push_near(event, number % bucket_count);
    return {&event, event.sequence};
}

inline void Scheduler::push_near(Event& event, u64 slot) {
    event.next = head_[slot];
    head_[slot] = &event;
    used_[slot / 64] |= u64{1} << (slot % 64);
    used_summary_ |= u64{1} << (slot / 64);
}

Scheduler::Token Scheduler::grow_and_schedule(Time when, Function function, void* object, void* argument, Kind kind) {
    release(slab_.emplace_back());
    return at(when, function, object, argument, kind);
}

void Scheduler::cancel(Token token) {
    if (token && token.event_->sequence == token.sequence_) cancel(*token.event_);
}

void Scheduler::cancel_all(const void* object) {
    for (Event& event : slab_)
        if (event.sequence != 0 && event.object == object) cancel(event);
}

inline void Scheduler::cancel(Event& event) {
    event.sequence = 0;  // stays queued; skipped without moving the clock
    ++cancelled_;
    timers_ -= event.kind == Kind::Timer;
}

void Scheduler::clear() {
    for (Event& event : slab_) event.sequence = 0;
    cancelled_ = sequence_ - executed_;
    timers_ = 0;
}

/// Among those of the open buckets, or beyond the horizon.
Scheduler::Token Scheduler::insert_elsewhere(Event& event, u64 sequence) {
    const Token token{&event, sequence};
    if (bucket_of(event.time) > current_) {
        push_far(event);
        return token;
    }
    // Many may be scheduled for the same time, or one after the other: the search begins behind the latest, if it has
    // neither run nor been cancelled.
    Event* const latest = latest_ready_.event_;
    const bool behind = latest != nullptr && latest->sequence == latest_ready_.sequence_ && latest->before(event);
    const bool soon = link(event, behind ? &latest->next : &ready_);
    latest_ready_ = token;
    if (!soon) close_early();
    return token;
}

/// In its place in an ordered list, which begins at `place`; true if that is near.
inline bool Scheduler::link(Event& event, Event** place) {
    unsigned steps = 0;
    for (; *place != nullptr && (*place)->before(event); ++steps) place = &(*place)->next;
    event.next = *place;
    *place = &event;
    return steps <= few;
}

/// Too many are ready for each to be put in its place: those of buckets that were opened ahead go back there.
void Scheduler::close_early() {
    const u64 present = bucket_of(now_);
    if (present >= current_) return;
    // Where those buckets were, there may be events of a time that is beyond the horizon then.
    for (u64 ahead = std::min(current_ - present, bucket_count); ahead != 0; --ahead) {
        const u64 slot = (present + ahead) % bucket_count;
        for (Event* event = std::exchange(head_[slot], nullptr); event != nullptr;)
            push_far(*std::exchange(event, event->next));
        mark_empty(slot);
    }
    Event** place = &ready_;
    while (*place != nullptr && bucket_of((*place)->time) <= present) place = &(*place)->next;
    Event* event = std::exchange(*place, nullptr);
    current_ = present;
    while (event != nullptr) {
        Event& back = *event;
        event = event->next;
        const u64 number = bucket_of(back.time);
        if (number - current_ < bucket_count) push_near(back, number % bucket_count);
        else push_far(back);
    }
}

void Scheduler::push_far(Event& event) {
    far_.push_back(&event);
    std::push_heap(far_.begin(), far_.end(), lies_behind);
    far_bucket_ = bucket_of(far_.front()->time);
}

Scheduler::Event& Scheduler::pop_far() {
    std::pop_heap(far_.begin(), far_.end(), lies_behind);
    Event& event = *far_.back();
    far_.pop_back();
    far_bucket_ = far_.empty() ? no_bucket : bucket_of(far_.front()->time);
    return event;
}

/// Number of the next bucket that is not empty, or no_bucket.
inline u64 Scheduler::next_bucket() const {
    // Most often one of the next few.
    const u64 from = current_ + 1;
    const u64 near = used_[from % bucket_count / 64] >> (from % 64);
    if (near == 0) [[unlikely]]
        return distant_bucket();
    const u64 number = from + static_cast<u64>(std::countr_zero(near));
    if (number > far_bucket_) [[unlikely]]
        return far_bucket_;
    return number;
}

/// The same, when it is not in the rest of this word of the map: words are searched cyclically.
u64 Scheduler::distant_bucket() const {
    if (used_summary_ == 0) return far_bucket_;
    const u64 from = current_ + 1;
    const u64 from_word = from % bucket_count / 64;
    const u64 later = from_word == 63 ? 0 : used_summary_ & (~u64{0} << (from_word + 1));
    const u64 word = static_cast<u64>(std::countr_zero(later != 0 ? later : used_summary_));
    const u64 slot = word * 64 + static_cast<u64>(std::countr_zero(used_[word]));
    return std::min(from + (slot - from) % bucket_count, far_bucket_);
}

inline void Scheduler::mark_empty(u64 slot) {
    u64& word = used_[slot / 64];
    word &= ~(u64{1} << (slot % 64));
    if (word == 0) used_summary_ &= ~(u64{1} << (slot / 64));
}

/// The events of a bucket within the horizon, which is an open one from now on.
inline Scheduler::Event* Scheduler::take_list(u64 number) {
    current_ = number;
    const u64 slot = number % bucket_count;
    mark_empty(slot);
    return std::exchange(head_[slot], nullptr);
}

/// What an event needs: its object, and two lines of what it is about, which is its argument, or else the object.
inline void Scheduler::fetch(const Event& event) {
    const void* const about = event.argument != nullptr ? event.argument : event.object;
    __builtin_prefetch(event.object);
    __builtin_prefetch(about);
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(about) + 64));
}

/// Nothing is ready; the events of this bucket are from now on.
inline void Scheduler::open(u64 number) {
    Event* const first = take_list(number);
    if (far_bucket_ == number || first->next != nullptr || first->sequence == 0) [[unlikely]] {
        open_several(number, first);
        return;
    }
    fetch(*first);
    ready_ = first;
}

void Scheduler::open_several(u64 number, Event* first) {
    unsigned count = 0;
    for (Event* event = first; event != nullptr;) {
        Event* const next = event->next;
        if (event->sequence == 0) {
            release(*event);
        } else {
            fetch(*event);
            // A few are put in their places one by one, many are sorted in the end.
            if (++count <= few) {
                link(*event, &ready_);
            } else {
                event->next = ready_;
                ready_ = event;
            }
        }
        event = next;
    }
    bool many = count > few;
    while (far_bucket_ == number) {
        Event& event = pop_far();
        event.next = ready_;
        ready_ = &event;
        many = true;
    }
    if (many) sort_ready();
}

void Scheduler::sort_ready() {
    sorting_.clear();
    for (Event* event = ready_; event != nullptr; event = event->next) sorting_.push_back(event);
    std::sort(sorting_.begin(), sorting_.end(), runs_earlier);
    Event** place = &ready_;
    for (Event* const event : sorting_) {
        *place = event;
        place = &event->next;
    }
    *place = nullptr;
}

/// The next event was cancelled: its entry is free again only now, so that the queue never names another.
inline void Scheduler::drop_cancelled() {
    Event& event = *ready_;
    ready_ = event.next;
    release(event);
}

Time Scheduler::next_time() {
    for (;;) {
        while (ready_ != nullptr) {
            if (ready_->sequence != 0) return ready_->time;
            drop_cancelled();
        }
        const u64 number = next_bucket();
        if (number == no_bucket) return end_of_time;
        open(number);
    }
}

inline void Scheduler::execute(Event& event) {
    const Function function = event.function;
    void* const object = event.object;
    void* const argument = event.argument;
    if (event.kind == Kind::Timer) [[unlikely]]
        --timers_;
    event.sequence = 0;
    now_ = std::max(now_, event.time);  // advance_to() may have been here
    release(event);
    ++executed_;
    function(object, argument);
    if (executed_ % poll_interval == 0 && poll_ != nullptr) [[unlikely]]
        poll_(poll_object_, nullptr);
}

/// Nothing but timers is left: the next event is one of them then.
inline bool Scheduler::ends(const Event& next, Until until) const {
    return next.kind == Kind::Timer && idle() && until == Until::Idle;
}

/// Opens the next bucket, if it is close, when an event is about to run that leaves nothing ready: what runs after it
/// is known early, and the host's processor need not guess it.
inline void Scheduler::look_ahead() {
    const u64 from = current_ + 1;
    const u64 near = used_[from % bucket_count / 64] >> (from % 64) & near_buckets;
    if (near == 0) return;
    const u64 number = from + static_cast<u64>(std::countr_zero(near));
    if (number < far_bucket_) open(number);
}

void Scheduler::run(Time limit, Until until) {
    // What is scheduled for the end of time never happens.
    end_ = stop_ ? 0 : std::min(limit, end_of_time - 1) + 1;
    for (;;) {
        if (ready_ == nullptr) [[unlikely]] {
            const u64 number = next_bucket();
            if (number == no_bucket) return;
            open(number);
            continue;
        }
        Event& event = *ready_;
        if (event.sequence == 0) [[unlikely]] {
            drop_cancelled();
            continue;
        }
        if (event.time >= end_ || ends(event, until)) return;
        ready_ = event.next;
        if (ready_ == nullptr) look_ahead();
        execute(event);
    }
}

void Scheduler::fail(std::exception_ptr failure) {
    if (!failure_) failure_ = std::move(failure);
    stop();
}

std::exception_ptr Scheduler::take_failure() { return std::exchange(failure_, nullptr); }

}  // namespace smmusim::sim
