#include "sim/scheduler.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace smmusim::sim {

namespace {
constexpr u64 poll_interval = 4096;
constexpr auto runs_later = [](const auto& a, const auto& b) { return b.before(a); };
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

    // Most events lie within the horizon, behind the open bucket: they go to the front of their bucket's list.
    const u64 number = bucket_of(time);
    if (number - current_ - 1 >= bucket_count - 1) return insert_elsewhere(event, time, sequence_);
    const u64 slot = number % bucket_count;
    event.next = head_[slot];
    head_[slot] = &event;
    used_[slot / 64] |= u64{1} << (slot % 64);
    used_summary_ |= u64{1} << (slot / 64);
    return {&event, event.sequence};
}

Scheduler::Token Scheduler::grow_and_schedule(Time when, Function function, void* object, void* argument, Kind kind) {
    release(slab_.emplace_back());
    if (open_.size() < slab_.size()) open_.resize(2 * slab_.size());
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

/// Into the open bucket, or beyond the horizon.
Scheduler::Token Scheduler::insert_elsewhere(Event& event, Time time, u64 sequence) {
    const Key key{time, sequence, &event};
    if (bucket_of(key.time) > current_) {
        far_.push_back(key);
        std::push_heap(far_.begin(), far_.end(), runs_later);
        far_bucket_ = bucket_of(far_.front().time);
    } else {
        place(key);
    }
    return {&event, key.sequence};
}

/// Into the open bucket, in its place.
void Scheduler::place(const Key& key) {
    Key* const open = open_.data();
    std::size_t place = open_count_++;
    for (; place != 0 && open[place - 1].before(key); --place) open[place] = open[place - 1];
    open[place] = key;
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

/// The events of a bucket within the horizon, which is the open one from now on.
inline Scheduler::Event* Scheduler::take_list(u64 number) {
    current_ = number;
    const u64 slot = number % bucket_count;
    u64& word = used_[slot / 64];
    word &= ~(u64{1} << (slot % 64));
    if (word == 0) used_summary_ &= ~(u64{1} << (slot / 64));
    return std::exchange(head_[slot], nullptr);
}

void Scheduler::open(u64 number) {
    bool many = false;
    for (Event* event = take_list(number); event != nullptr;) {
        Event* const next = event->next;
        if (event->sequence == 0) {
            release(*event);
        } else {
            __builtin_prefetch(event->object);
            __builtin_prefetch(event->argument);
            // A few are put in their places one by one, many are sorted in the end.
            many = open_count_ >= few;
            if (many) open_[open_count_++] = {event->time, event->sequence, event};
            else place({event->time, event->sequence, event});
        }
        event = next;
    }
    while (far_bucket_ == number) {
        std::pop_heap(far_.begin(), far_.end(), runs_later);
        open_[open_count_++] = far_.back();
        far_.pop_back();
        far_bucket_ = far_.empty() ? no_bucket : bucket_of(far_.front().time);
        many = true;
    }
    if (many) std::sort(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(open_count_), runs_later);
}

/// The next event was cancelled: its entry is free again only now, so that the queue never names another.
void Scheduler::drop_cancelled() { release(*open_[--open_count_].event); }

Time Scheduler::next_time() {
    for (;;) {
        while (open_count_ != 0) {
            const Key& key = open_[open_count_ - 1];
            if (key.event->sequence != 0) return key.time;
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
    if (event.time > now_) now_ = event.time;  // advance_to() may have been here
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

void Scheduler::run(Time limit, Until until) {
    // What is scheduled for the end of time never happens.
    end_ = stop_ ? 0 : std::min(limit, end_of_time - 1) + 1;
    for (;;) {
        if (open_count_ != 0) {
            Event& event = *open_[open_count_ - 1].event;
            if (event.sequence == 0) [[unlikely]] {
                drop_cancelled();
                continue;
            }
            if (event.time >= end_ || ends(event, until)) return;
            --open_count_;
            execute(event);
            continue;
        }
        const u64 number = next_bucket();
        Event* const first = head_[number % bucket_count];
        if (number == far_bucket_ || first->next != nullptr) [[unlikely]] {
            if (number == no_bucket) return;
            open(number);
            continue;
        }
        // The only event of its bucket needs no order.
        if (first->sequence == 0) [[unlikely]] {
            release(*take_list(number));
            continue;
        }
        if (first->time >= end_ || ends(*first, until)) return;
        execute(*take_list(number));
    }
}

void Scheduler::fail(std::exception_ptr failure) {
    if (!failure_) failure_ = std::move(failure);
    stop();
}

std::exception_ptr Scheduler::take_failure() { return std::exchange(failure_, nullptr); }

}  // namespace smmusim::sim
