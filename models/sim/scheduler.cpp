#include "sim/scheduler.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace smmusim::sim {

namespace {
constexpr u64 poll_interval = 4096;
}

Scheduler::Scheduler() { head_.fill(none); }

void Scheduler::grow() {
    slab_.emplace_back();
    release(static_cast<u32>(slab_.size() - 1));
    if (open_.size() < slab_.size()) open_.resize(2 * slab_.size());
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

namespace {
constexpr auto runs_later = [](const auto& a, const auto& b) { return b.before(a); };
}

/// Into the open bucket, or beyond the horizon.
void Scheduler::insert_elsewhere(Key key) {
    if (key.time >> bucket_shift > current_) {
        far_.push_back(key);
        std::push_heap(far_.begin(), far_.end(), runs_later);
        return;
    }
    place(key);
}

/// Into the open bucket, in its place.
void Scheduler::place(Key key) {
    Key* const open = open_.data();
    std::size_t place = open_count_++;
    for (; place != 0 && open[place - 1].before(key); --place) open[place] = open[place - 1];
    open[place] = key;
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
    bool many = false;
    for (u32 id = head_[slot]; id != none;) {
        Event& event = slab_[id];
        const u32 next = event.next;
        if (event.sequence == 0) {
            release(id);
        } else {
            __builtin_prefetch(event.object);
            __builtin_prefetch(event.argument);
            // A few are put in their places one by one, many are sorted in the end.
            many = open_count_ >= few;
            if (many) open_[open_count_++] = {event.time, event.sequence, id};
            else place({event.time, event.sequence, id});
        }
        id = next;
    }
    head_[slot] = none;
    used_[slot / 64] &= ~(u64{1} << (slot % 64));
    if (used_[slot / 64] == 0) used_summary_ &= ~(u64{1} << (slot / 64));
    while (!far_.empty() && far_.front().time >> bucket_shift == number) {
        std::pop_heap(far_.begin(), far_.end(), runs_later);
        open_[open_count_++] = far_.back();
        far_.pop_back();
        many = true;
    }
    if (many) std::sort(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(open_count_), runs_later);
}

bool Scheduler::open_next() {
    const u64 number = next_bucket();
    if (number == ~u64{0}) return false;
    open(number);
    return true;
}

/// The next event was cancelled: its entry is free again only now, so that the queue never names another.
void Scheduler::drop_cancelled() {
    release(open_[open_count_ - 1].id);
    --open_count_;
}

Time Scheduler::next_time() {
    for (;;) {
        while (open_count_ != 0) {
            const Key& key = open_[open_count_ - 1];
            if (slab_[key.id].sequence != 0) return key.time;
            drop_cancelled();
        }
        if (!open_next()) return end_of_time;
    }
}

void Scheduler::run(Time limit, Until until) {
    limit_ = std::min(limit, end_of_time - 1);  // what is scheduled for the end of time never happens
    while (!stop_ && (work_ != 0 || until == Until::Limit)) {
        if (open_count_ == 0) {
            if (!open_next()) return;
            continue;
        }
        const Key& key = open_[open_count_ - 1];
        Event& event = slab_[key.id];
        if (event.sequence == 0) {
            drop_cancelled();
            continue;
        }
        if (key.time > limit_) return;
        const Function function = event.function;
        void* const object = event.object;
        void* const argument = event.argument;
        work_ -= event.kind == Kind::Work;
        event.sequence = 0;
        if (key.time > now_) now_ = key.time;  // advance_to() may have been here
        release(key.id);
        --open_count_;
        ++executed_;
        function(object, argument);
        if (executed_ % poll_interval == 0 && poll_ != nullptr) poll_(poll_object_, nullptr);
    }
}

void Scheduler::fail(std::exception_ptr failure) {
    if (!failure_) failure_ = std::move(failure);
    stop_ = true;
}

std::exception_ptr Scheduler::take_failure() { return std::exchange(failure_, nullptr); }

}  // namespace smmusim::sim
