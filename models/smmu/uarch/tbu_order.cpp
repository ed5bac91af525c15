// From a translation to the response: in which order transactions leave, what stalls, what ends (IHI 0070, 3.12; PCI
// Express ordering).
#include "smmu/uarch/tbu_hit.hpp"

namespace smmusim::smmu::uarch {

using arch::Disposition;
using arch::Outcome;
using sim::Access;
using sim::Journey;
using sim::Status;

void Tbu::ready(Pending& pending, const Outcome& outcome, Time at) {
    if (outcome.disposition == Disposition::Stall) [[unlikely]] {
        if (control_.enabled) {
            stall(pending, outcome);
        } else {  // found before SMMUEN fell: nothing can stall any more (6.3.9)
            Outcome ended = outcome;
            ended.disposition = Disposition::Abort;
            ended.fault.event.set(spec::Event::Stall, false);
            terminate(pending, ended, at);
        }
        return;
    }
    if (outcome.disposition != Disposition::Proceed) [[unlikely]] {
        terminate(pending, outcome, at);
        return;
    }
    if (pending.request.address_type == sim::AddressType::Translated) {
        ++translated_passed_;
        events.report(spec::MonitorEvent::PcieAtsTransPassed, pending.request.stream_id);
    }
    pass(pending, outcome, at);
}

void Tbu::send_released(Lane& lane) {
    for (;;) {
        const u64 barrier = lane.writes.empty() ? ~u64{0} : lane.writes.front().sequence;
        while (!lane.held_reads.empty() && lane.held_reads.begin()->first < barrier) {
            Pending& read = *lane.held_reads.begin()->second;
            lane.held_reads.erase(lane.held_reads.begin());
            if (read.translate_again) retry(read);
            else send(read, read.ready_at);
        }
        if (lane.writes.empty() || lane.writes.front().state != Pending::State::Ready) return;
        Pending& write = lane.writes.front();
        if (write.translate_again) {
            retry(write);  // it sends itself, and what is behind it, when it is ready
            return;
        }
        lane.writes.pop_front();
        send(write, write.ready_at);
    }
}

void Tbu::terminate(Pending& pending, const Outcome& found, Time at) {
    ++aborted_;
    const Outcome outcome = found;
    if (outcome.recorded) service_.record(outcome);
    Access& access = *pending.access;
    Lane& lane = *pending.lane;
    const bool write = pending.write;
    pending.write_hook.unlink();
    ++lane.in_flight;  // the lane is used below
    answer(access, outcome);
    release(pending, at);
    if (access.has_journey()) {
        access.journey()->leave(Journey::Part::Smmu, at);
        access.journey()->settle(Journey::Outcome::Blocked);
    }
    access.respond(at);
    if (write) send_released(lane);
    drop(lane);
}

void Tbu::stall(Pending& pending, const Outcome& outcome) {
    ++stalled_;
    if (&outcome != &pending.outcome) pending.outcome = outcome;
    unmark(pending);  // nobody waits for it: it is translated again
    pending.tbu = this;
    pending.translate_again = false;
    pending.state = Pending::State::Stalled;
    if (pending.write) {
        ++pending.lane->stalled_writes;
        unmark_behind(*pending.lane);
    }
    service_.stall(pending);
}

void Tbu::retry(Pending& pending) {
    if (pending.state == Pending::State::Stalled && pending.write) --pending.lane->stalled_writes;
    const Time now = simulation_.now();
    if (pending.state == Pending::State::Stalled) {
        pending.spend(Stage::Stalled, now);
    } else {
        pending.spend(Stage::LookUp, std::min(pending.ready_at, now));
        pending.spend(Stage::Ordering, now);
    }
    pending.state = Pending::State::Translating;
    pending.translate_again = false;
    pending.stale = pending.tagged = pending.uses_translation = false;
    pending.outcome = {};
    pending.address = pending.request.address;
    start(pending, pending.request);
}

void Tbu::end_stalled(Pending& pending, Disposition disposition) {
    if (pending.write) --pending.lane->stalled_writes;
    pending.spend(Stage::Stalled, simulation_.now());
    pending.state = Pending::State::Translating;
    pending.outcome.disposition = disposition;
    pending.outcome.recorded = false;  // it has been, when it stalled
    terminate(pending, pending.outcome, simulation_.now());
}

bool Tbu::behind_stalled(const Pending& pending) {
    if (pending.lane->stalled_writes == 0) return false;
    for (const Pending& write : pending.lane->writes) {
        if (write.sequence >= pending.sequence) return false;
        if (write.state == Pending::State::Stalled) return true;
    }
    return false;
}

void Tbu::unmark(Pending& pending) {
    if (!pending.marked) return;
    pending.marked = false;
    pending.translate_again = true;
    service_.finished(simulation_.now());
}

void Tbu::unmark_behind(Lane& lane) {
    for (Pending& write : lane.writes)
        if (write.held() && behind_stalled(write)) unmark(write);
    for (const auto& [sequence, read] : lane.held_reads)
        if (behind_stalled(*read)) unmark(*read);
}

void Tbu::answer(Access& access, const Outcome& outcome) {
    switch (outcome.disposition) {
        case Disposition::RazWi:
            std::memset(access.data(), 0, access.size);
            access.status = Status::Discarded;
            return;
        case Disposition::Answer:
            // One entry, whatever was asked for (3.9.1): the others read as zero, which grants nothing.
            std::memset(access.data(), 0, access.size);
            if (access.size >= sim::TranslationEntry::bytes) outcome.entry.store(access.data());
            access.status = Status::Ok;
            return;
        case Disposition::Unsupported: access.status = Status::Unsupported; return;
        default: access.status = Status::CompleterAbort;
    }
}

void Tbu::drop(Lane& lane) {
    if (--lane.in_flight != 0) [[likely]]
        return;
    if (latest_lane_ == &lane) latest_lane_ = nullptr;
    lanes_.erase(u64{lane.key});
}

void Tbu::complete(Access& access, Time at) {
    Pending& pending = *reinterpret_cast<Pending*>(access.scratch());
    release(pending, at);
    access.respond(at);
}

void Tbu::release(Pending& pending, Time at) {
    if (pending.recording) [[unlikely]]
        keep_record(pending, at);
    if (pending.marked) [[unlikely]]
        service_.finished(at);
    pending.marked = false;
    drop(*pending.lane);
    pending.lane = nullptr;
    sim::append(ending_, {at, &pending});
    if (config_.transactions != 0) simulation_.scheduler().at(at, &Tbu::left, this, reinterpret_cast<void*>(resets_));
}

void Tbu::keep_record(Pending& pending, Time at) {
    TransactionRecord record;
    record.stream = pending.request.stream_id;
    record.substream = pending.request.substream_id;
    record.input = pending.request.address;
    record.write = pending.write;
    record.sent = pending.state == Pending::State::Sent;
    record.hit = pending.hit;
    record.status = pending.access->status;
    record.arrived = pending.arrived;
    record.responded = at;
    if (record.sent) {
        record.output = pending.output;
        pending.spend(Stage::LookUp, pending.ready_at);
        pending.spend(Stage::Ordering, pending.sending_from);
        pending.spend(Stage::Sending, pending.sent_at);
        pending.spend(Stage::Downstream, at);
    } else {
        pending.spend(Stage::LookUp, at);
    }
    record.stages = pending.stages;
    records_.push_back(record);
}

}  // namespace smmusim::smmu::uarch
