#include "smmu/arch/pmcg_counters.hpp"

#include <algorithm>
#include <bit>

namespace smmusim::smmu::arch {

using spec::MonitorEvent;
using spec::PmcgEvtyper;

namespace {

/// Calls `visitor(number)` for each counter of the bitmap.
template <class Visitor>
void for_each_counter(u64 counters, Visitor visitor) {
    for (; counters != 0; counters &= counters - 1) visitor(static_cast<u32>(std::countr_zero(counters)));
}

}  // namespace

PmcgCounters::PmcgCounters(const PmcgShape& shape) : shape_(shape), counters_(shape.counters) {}

void PmcgCounters::reset() {
    counters_.assign(counters_.size(), Counter{});
    running_ = false;
    enabled_ = interrupting_ = overflowed_ = 0;
    choose();
}

/// After a change of what is counted: which counters each event reaches.
void PmcgCounters::choose() {
    counting_ = {};
    // 10.5: a counter counts if CNTEN of it and CR.E are 1.
    for_each_counter(running_ ? enabled_ : 0, [&](u32 number) {
        const u64 event = counters_[number].type[PmcgEvtyper::EVENT];
        // An event that the group does not support never happens.
        if (event < counting_.size() && (shape_.events >> event & 1) != 0) counting_[event] |= u64{1} << number;
    });
    listening_ = 0;
    for (unsigned event = 1; event < spec::monitor_events; ++event)
        if (counting_[event] != 0) listening_ |= u64{1} << event;
}

void PmcgCounters::set_type(u32 counter, u64 value) {
    PmcgEvtyper type(value);
    // RES0 where the group cannot do it; with a shared filter it is that of counter 0 (10.5.2.2).
    if (!shape_.capture) type.set(PmcgEvtyper::OVFCAP, false);
    if (shape_.shared_filter && counter != 0) type.set(PmcgEvtyper::FILTER_SID_SPAN, false);
    counters_[counter].type = type;
    choose();
}

void PmcgCounters::set_stream(u32 counter, u64 value) {
    if (shape_.shared_filter && counter != 0) return;
    counters_[counter].stream = static_cast<u32>(value) & stream_mask();
}

void PmcgCounters::set_running(bool running) {
    running_ = running;
    choose();
}

void PmcgCounters::set_enabled(u64 counters) {
    enabled_ = counters & counter_mask();
    choose();
}

bool PmcgCounters::matches(u32 counter, u32 stream) const {
    const Counter& filter = counters_[shape_.shared_filter ? 0 : counter];
    // 10.4: without a span exactly this StreamID.
    if (!filter.type[PmcgEvtyper::FILTER_SID_SPAN]) return filter.stream == stream;
    // With a span the ones at the bottom and the zero above them are ignored; nothing but ones matches every stream.
    const unsigned ones = static_cast<unsigned>(std::countr_one(filter.stream));
    if (ones + 1 >= shape_.stream_bits) return true;
    return filter.stream >> (ones + 1) == stream >> (ones + 1);
}

bool PmcgCounters::advance(u64 cycle) {
    const u64 passed = cycle - cycle_;
    cycle_ = cycle;
    u64 wrapped = 0;
    for_each_counter(counting_[static_cast<unsigned>(MonitorEvent::Cycles)], [&](u32 number) {
        u64& value = counters_[number].value;
        if (passed > value_mask() - value) wrapped |= u64{1} << number;
        value = (value + passed) & value_mask();
    });
    return overflow(wrapped);
}

bool PmcgCounters::count(MonitorEvent event, u32 stream) {
    u64 wrapped = 0;
    for_each_counter(counting_[static_cast<unsigned>(event)], [&](u32 number) {
        if (!matches(number, stream)) return;
        u64& value = counters_[number].value;
        value = (value + 1) & value_mask();
        if (value == 0) wrapped |= u64{1} << number;
    });
    return overflow(wrapped);
}

std::optional<u64> PmcgCounters::next_overflow() const {
    std::optional<u64> next;
    for_each_counter(counting_[static_cast<unsigned>(MonitorEvent::Cycles)], [&](u32 number) {
        const u64 left = value_mask() - counters_[number].value;  // before the last one
        if (left >= ~u64{0} - cycle_) return;
        next = std::min(next.value_or(~u64{0}), cycle_ + left + 1);
    });
    return next;
}

bool PmcgCounters::overflow(u64 counters) {
    if (counters == 0) return false;
    overflows += static_cast<u64>(std::popcount(counters));
    // 10.2.1: whatever OVS was before, an overflow sets it, captures and interrupts.
    overflowed_ |= counters;
    bool captures_all = false;
    for_each_counter(counters, [&](u32 number) { captures_all |= counters_[number].type[PmcgEvtyper::OVFCAP]; });
    if (captures_all) capture();
    return (counters & interrupting_) != 0;
}

void PmcgCounters::capture() {
    if (!shape_.capture) return;
    ++captures;
    for (Counter& counter : counters_) counter.captured = counter.value;
}

}  // namespace smmusim::smmu::arch
