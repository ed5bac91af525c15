// The way of a transaction from its look-up to its sending, as far as a TLB answers it and nothing is before it. Inline
// in whoever begins or continues it.
#pragma once

#include "smmu/uarch/tbu.hpp"

namespace smmusim::smmu::uarch {

/// A transaction as the translation procedure sees it.
[[gnu::always_inline]] inline arch::Request request_of(const sim::Access& access) {
    const sim::Attributes& attributes = access.attributes;
    arch::Request request;
    request.stream_id = attributes.stream_id;
    request.substream_id = attributes.substream_id;
    request.address = access.address;
    request.write = access.is_write();
    request.read = access.command != sim::Command::Write;
    request.instruction = attributes.instruction && !request.write;
    request.privileged = attributes.privileged;
    request.address_type = attributes.address_type;
    request.speculative = attributes.speculative;
    request.operation = attributes.cache_operation;
    request.no_write = attributes.no_write;
    if (request.address_type == sim::AddressType::TranslationRequest) [[unlikely]] {
        request.count = access.size / 8;
        // A translation request is a read.
        request.unsupported = request.write;
    }
    // Atomics are aligned and of a power of two up to 8 bytes.
    if (access.command == sim::Command::Atomic) [[unlikely]]
        request.unsupported |=
            !std::has_single_bit(access.size) || access.size > 8 || access.address % access.size != 0;
    request.memory = attributes.memory;
    return request;
}

// What is rare gets the request as a copy, so that the one of a hit need not be in memory.

/// Posted writes of a requester leave in order; a read does not pass an earlier write of its requester, but passes
/// earlier reads (PCIe ordering).
inline bool Tbu::behind_a_write(const Pending& pending) {
    const Lane::Writes& writes = pending.lane->writes;
    return !writes.empty() && writes.front().sequence < pending.sequence;
}

[[gnu::always_inline]] inline void Tbu::start(Pending& pending, const arch::Request& request) {
    const Time now = simulation_.now();
    const Time turn = accept_.enter(now);
    if (turn > now) [[unlikely]]
        wait_for_turn(pending, arch::Request(request), turn);
    else translate(pending, request, now);
}

[[gnu::always_inline]] inline void Tbu::translate(Pending& pending, const arch::Request& request, Time began) {
    arch::Passage passage;
    const Answer answer = look_up(pending, request, passage, simulation_.now());
    if (answer.found != Found::Nothing) [[likely]]
        hit_latency_.add(answer.at - began);
    if (answer.found == Found::Passage) [[likely]] {
        if (pending.recording || behind_a_write(pending)) [[unlikely]]
            pending.request = request;
        pass(pending, passage, answer.at);
        return;
    }
    pending.request = request;
    if (answer.found == Found::Outcome) ready(pending, found_, answer.at);
    else ask(pending, answer.at, began);
}

[[gnu::always_inline]] inline Tbu::Answer Tbu::look_up(Pending& pending, const arch::Request& request,
                                                       arch::Passage& passage, Time at) {
    if (!request.ordinary() || request.guessed_write() || !control_.enabled || arch::is_message(control_, request))
        [[unlikely]]
        return look_up_nothing(pending, arch::Request(request), at);
    pending.uses_translation = true;
    const arch::ContextPtr* const known = contexts_.find({request.stream_id, request.substream_id});
    if (known == nullptr) [[unlikely]] {
        pending.hit = Hit::Miss;
        return {Found::Nothing, clock_.after(at, utlb_cycles_ + tlb_cycles_)};
    }
    const arch::StreamContext& context = **known;
    // Most streams use a stage and override nothing.
    if ((!context.stage1 && !context.stage2) || arch::overrides(request, context.ste, id_)) [[unlikely]]
        return look_up_overridden(pending, context, arch::Request(request), at);
    return look_up_translation(pending, context, request, passage, at);
}

/// `effective`: after the overrides of the stream table, which change no memory attribute.
[[gnu::always_inline]] inline Tbu::Answer Tbu::look_up_translation(Pending& pending, const arch::StreamContext& context,
                                                                   const arch::Request& effective,
                                                                   arch::Passage& passage, Time at) {
    const u64 address = arch::canonical_address(context, effective.address);
    pending.address = address;
    pending.hit = Hit::Micro;
    const arch::Translation* found = utlb_.find(context.tags, address);
    at = clock_.after(at, utlb_cycles_ + (found != nullptr ? 0 : tlb_cycles_));
    if (found == nullptr) {
        pending.hit = Hit::Main;
        found = tlb_.find(context.tags, address);
    }
    // An entry that does not permit the access leaves the fault to a walk, which finds its exact record.
    if (found == nullptr || !found->permissions().allow(effective)) {
        pending.hit = Hit::Miss;
        return {Found::Nothing, at};
    }
    if (pending.missed) [[unlikely]]
        ++late_hits_;
    else ++(pending.hit == Hit::Micro ? utlb_hits_ : tlb_hits_);
    if (pending.hit == Hit::Main) {
        utlb_.insert(context.tags, address, *found);
    }
    pending.tags = context.tags;
    pending.tagged = true;
    pending.global = found->global;
    pending.reach = static_cast<u8>(found->reach());
    arch::apply(passage, context, arch::translated_attributes(effective.memory, context, *found, id_), effective,
                *found, address);
    return {Found::Passage, at};
}

[[gnu::always_inline]] inline void Tbu::pass(Pending& pending, const arch::Passage& passage, Time at) {
    sim::Access& access = *pending.access;
    access.address = passage.address;
    access.attributes.memory = passage.memory;
    access.attributes.cache_operation = passage.operation;
    access.attributes.privileged = passage.privileged;
    access.attributes.instruction = passage.instruction;
    pending.state = Pending::State::Ready;

    Lane& lane = *pending.lane;
    if (lane.writes.empty()) [[likely]] {
        send(pending, at);
        return;
    }
    if (behind_a_write(pending)) {
        pending.ready_at = at;
        if (!pending.write) lane.held_reads.emplace(pending.sequence, &pending);
        if (behind_stalled(pending)) unmark(pending);
        return;
    }
    ++lane.in_flight;  // the response may come at once, but the lane is used below
    const bool write = pending.write;
    if (write) lane.writes.pop_front();
    send(pending, at);
    if (write) send_released(lane);
    drop(lane);
}

[[gnu::always_inline]] inline void Tbu::send(Pending& pending, Time ready_at) {
    Lane& lane = *pending.lane;
    const Time from = std::max(ready_at, simulation_.now());
    const Time earliest = clock_.after(from, config_.send_latency);
    const Time at = std::max(earliest, lane.last_sent);
    lane.last_sent = at;
    sim::Access& access = *pending.access;
    if (pending.recording) [[unlikely]] {
        pending.ready_at = ready_at;
        pending.sending_from = from + (at - earliest);  // what lies before is waiting for its turn
        pending.sent_at = at;
        pending.output = access.address;
    }
    pending.state = Pending::State::Sent;
    access.scratch() = reinterpret_cast<u64>(&pending);
    if (access.has_journey()) [[unlikely]]
        access.journey()->leave(sim::Journey::Part::Smmu, at);
    access.push(*this);
    output_.send(access, at);
}

}  // namespace smmusim::smmu::uarch
