#include "sim/scheduler.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace smmusim::sim {

namespace {
constexpr u64 poll_interval = 4096;
}

Scheduler::Scheduler() { head_.fill(none); }

u32 Scheduler::allocate() {
    if (free_ == none) {
        slab_.emplace_back();
        return static_cast<u32>(slab_.size() - 1);
    }
    return std::exchange(free_, slab_[free_].next);
}

void Scheduler::release(u32 id) { slab_[id].next = std::exchange(free_, id); }

Scheduler::Token Scheduler::at(Time when, Function function, void* object, void* argument, Kind kind) {
    const Time time = std::max(when, now_);
    const u32 id = allocate();
    Event& event = slab_[id];
    event.function = function;
    event.object = object;
    event.argument = argument;
    event.sequence = ++sequence_;
    event.time = time;
    event.kind = kind;
    if (kind == Kind::Work) ++work_;

    const u64 number = time >> bucket_shift;
    if (number <= current_) {
        insert_open({time, event.sequence, id});
    } else if (number - current_ < bucket_count) {
        const u32 slot = static_cast<u32>(number % bucket_count);
        event.next = head_[slot];
        head_[slot] = id;
        used_[slot / 64] |= u64{1} << (slot % 64);
        used_summary_ |= u64{1} << (slot / 64);
    } else {
        far_.push_back({time, event.sequence, id});
        std::push_heap(far_.begin(), far_.end(), [](const Key& a, const Key& b) { return b.before(a); });
    }
    return {id, event.sequence};
}

void Scheduler::cancel(Token token) {
    if (!token) return;
    Event& event = slab_[token.id];
    if (event.sequence != token.sequence) return;
    event.sequence = 0;  // stays queued; skipped without moving the clock
    if (event.kind == Kind::Work) --work_;
}

void Scheduler::clear() {
    for (Event& event : slab_) event.sequence = 0;
    work_ = 0;
}

void Scheduler::insert_open(Key key) {
    auto place = open_.end();
    while (place != open_.begin() && (place - 1)->before(key)) --place;
    open_.insert(place, key);
}

u64 Scheduler::next_bucket() const {
    u64 best = far_.empty() ? ~u64{0} : far_.front().time >> bucket_shift;
    if (used_summary_ == 0) return best;
    // Slots are searched cyclically from the one after the open bucket.
    const u32 from = static_cast<u32>((current_ + 1) % bucket_count);
    const u32 from_word = from / 64;
    u32 slot = none;
    const u64 head_bits = used_[from_word] & (~u64{0} << (from % 64));
    if (head_bits) {
        slot = from_word * 64 + static_cast<u32>(std::countr_zero(head_bits));
    } else {
        const u64 later = from_word == 63 ? 0 : used_summary_ & (~u64{0} << (from_word + 1));
        const u64 words = later ? later : used_summary_;
        const u32 word = static_cast<u32>(std::countr_zero(words));
        slot = word * 64 + static_cast<u32>(std::countr_zero(used_[word]));
    }
    const u64 distance = (slot + bucket_count - from) % bucket_count;
    return std::min(best, current_ + 1 + distance);
}

void Scheduler::open(u64 number) {
    current_ = number;
    const u32 slot = static_cast<u32>(number % bucket_count);
    for (u32 id = head_[slot]; id != none;) {
        const u32 next = slab_[id].next;
        if (slab_[id].sequence != 0) open_.push_back({slab_[id].time, slab_[id].sequence, id});
        else release(id);
        id = next;
    }
    head_[slot] = none;
    used_[slot / 64] &= ~(u64{1} << (slot % 64));
    if (used_[slot / 64] == 0) used_summary_ &= ~(u64{1} << (slot / 64));
    const auto later = [](const Key& a, const Key& b) { return b.before(a); };
    while (!far_.empty() && far_.front().time >> bucket_shift == number) {
        std::pop_heap(far_.begin(), far_.end(), later);
        open_.push_back(far_.back());
        far_.pop_back();
    }
    std::sort(open_.begin(), open_.end(), later);
}

bool Scheduler::open_next(Time limit) {
    const u64 number = next_bucket();
    if (number == ~u64{0} || number > limit >> bucket_shift) return false;
    open(number);
    return true;
}

Time Scheduler::next_time() {
    for (;;) {
        while (!open_.empty()) {
            const Key& key = open_.back();
            // A cancelled event has sequence 0 in its slab entry: drop it here.
            if (slab_[key.id].sequence == key.sequence) return key.time;
            release(key.id);
            open_.pop_back();
        }
        if (!open_next(end_of_time)) return end_of_time;
    }
}

void Scheduler::run(Time limit, Until until) {
    limit_ = limit;
    while (!stop_ && (work_ != 0 || until == Until::Limit)) {
        const Time time = next_time();
        if (time == end_of_time || time > limit_) return;
        const Key key = open_.back();
        open_.pop_back();
        Event& event = slab_[key.id];
        const Function function = event.function;
        void* const object = event.object;
        void* const argument = event.argument;
        event.sequence = 0;
        release(key.id);
        if (event.kind == Kind::Work) --work_;
        now_ = std::max(now_, time);
        ++executed_;
        function(object, argument);
        if (poll_ != nullptr && executed_ % poll_interval == 0) poll_(poll_object_, nullptr);
    }
}

void Scheduler::fail(std::exception_ptr failure) {
    if (!failure_) failure_ = std::move(failure);
    stop_ = true;
}

std::exception_ptr Scheduler::take_failure() { return std::exchange(failure_, nullptr); }

}  // namespace smmusim::sim
