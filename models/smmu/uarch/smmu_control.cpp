// How registers come into force, and what commands do to the whole SMMU (IHI 0070, 6.3.9 and chapter 4).
#include <fmt/format.h>

#include "sim/trace.hpp"
#include "smmu/uarch/smmu.hpp"

namespace smmusim::smmu::uarch {

using arch::Disposition;
using spec::Cr0;
using spec::InterruptSource;

// Updates. Each takes effect an update latency after the write, and not before what it ends has ended.

void Smmu::control_update_requested() {
    if (std::exchange(control_updating_, true)) return;
    scope_.spawn("an update of CR0", update_control());
}

sim::Task<> Smmu::update_control() {
    while (registers_.control_pending()) {
        co_await simulation_.delay(config_.update_latency);
        const Cr0 before = registers_.in_force();
        const Cr0 after = registers_.requested();
        const auto falls = [&](sim::Bit enable) { return before[enable] && !after[enable]; };
        if (falls(Cr0::SMMUEN)) {
            // New transactions bypass, nothing can stall any more, and what has stalled ends. No structure is read once
            // this is acknowledged.
            registers_.end_translation();
            for (Pending* pending : stalls_.all()) end_stall(*pending, Disposition::Abort);
            co_await tcu_.quiet();
        }
        // 6.3.9: a queue is off when its index is stable and what was committed is visible.
        if (falls(Cr0::CMDQEN)) co_await commands_.stop();
        if (falls(Cr0::EVENTQEN)) co_await events_.idle();
        if (falls(Cr0::PRIQEN) || falls(Cr0::SMMUEN)) co_await pages_.idle();
        registers_.acknowledge(after);
        commands_.stopped();
    }
    control_updating_ = false;
}

void Smmu::interrupt_update_requested() {
    if (std::exchange(interrupts_updating_, true)) return;
    scope_.spawn("an update of IRQ_CTRL", update_interrupts());
}

sim::Task<> Smmu::update_interrupts() {
    while (registers_.interrupts_requested() != registers_.interrupts_in_force()) {
        co_await simulation_.delay(config_.update_latency);
        const u64 after = registers_.interrupts_requested();
        const u64 falling = registers_.interrupts_in_force() & ~after;
        // 6.3.17: a source is off when its earlier messages are complete.
        if (spec::IrqCtrl(falling)[spec::IrqCtrl::GERROR_IRQEN])
            co_await interrupts_.settled(InterruptSource::GlobalError);
        if (spec::IrqCtrl(falling)[spec::IrqCtrl::EVENTQ_IRQEN]) co_await interrupts_.settled(InterruptSource::Event);
        if (spec::IrqCtrl(falling)[spec::IrqCtrl::PRIQ_IRQEN]) co_await interrupts_.settled(InterruptSource::Pri);
        registers_.acknowledge_interrupts(after);
    }
    interrupts_updating_ = false;
}

void Smmu::bypass_update_requested() {
    if (std::exchange(bypass_updating_, true)) return;
    scope_.spawn("an update of GBPA", update_bypass());
}

sim::Task<> Smmu::update_bypass() {
    co_await simulation_.delay(config_.update_latency);
    registers_.update_bypass();
    bypass_updating_ = false;
}

void Smmu::address_translation_requested() {
    scope_.spawn("an address translation operation", run_address_operation());
}

sim::Task<> Smmu::run_address_operation() {
    const spec::GatosPar result = co_await tcu_.operate(registers_.address_operation());
    registers_.finish_address_operation(result);
}

bool Smmu::dormant() const {
    for (const auto& tbu : tbus_)
        if (!tbu->dormant()) return false;
    return tcu_.dormant();
}

void Smmu::global_error_raised(spec::GlobalError error) {
    ++global_errors_;
    if (auto* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Event))
        trace->line(sim::Trace::Kind::Event, simulation_.now(), name_,
                    fmt::format("GERROR bit {}", static_cast<unsigned>(error)));
    // The abort of its own message raises no further one (3.18).
    if (error != spec::GlobalError::MsiGerrorAbt) interrupts_.raise(InterruptSource::GlobalError);
}

// Invalidation.

/// Everything in flight that the invalidation covers is kept from filling caches, and CMD_SYNC waits for it; what is
/// held behind a stalled transaction is translated again instead.
template <class Scope>
void Smmu::mark(const Scope& scope) {
    for (const auto& tbu : tbus_) {
        tbu->for_each_in_flight(
            [&](Pending& pending) {
                if (!pending.covered(scope)) return;
                pending.stale = true;
                if (pending.job != nullptr) pending.job->stale = true;
                if (pending.held() && Tbu::behind_stalled(pending)) {
                    pending.translate_again = true;
                    return;
                }
                if (pending.marked) return;
                pending.marked = true;
                drain_.mark();
            },
            [&](Pending& pending, Time at) {
                if (pending.covered(scope)) drain_.until(at);
            });
    }
}

void Smmu::invalidate(const arch::ConfigurationScope& scope) {
    mark(scope);
    tcu_.invalidate(scope);
    for (const auto& tbu : tbus_) tbu->invalidate(scope);
}

void Smmu::invalidate(const arch::TranslationScope& scope) {
    mark(scope);
    tcu_.invalidate(scope);
    for (const auto& tbu : tbus_) tbu->invalidate(scope);
}

void Smmu::prefetch(const arch::Prefetch& prefetch) {
    // Without effect while the SMMU is off (6.3.9).
    if (registers_.control().enabled) scope_.spawn("a prefetch", tcu_.prefetch(prefetch));
}

sim::Task<bool> Smmu::synchronise() {
    const bool answered = co_await atc_settled();
    if (!answered) co_return false;
    co_await drain_.wait();
    // Messages of earlier CMD_SYNCs are complete; events of transactions terminated before are visible or discarded.
    co_await interrupts_.settled(InterruptSource::Sync);
    co_await events_.settled();
    co_return true;
}

// Stalls.

void Smmu::stall(Pending& pending) {
    if (!stalls_.admit(pending)) return;  // recorded when a tag is free
    spec::Event event = pending.outcome.fault.event;
    event.set(spec::Event::STAG, pending.tag);
    events_.record(event);
}

void Smmu::end_stall(Pending& pending, Disposition disposition) {
    stalls_.remove(pending);
    pending.tbu->end_stalled(pending, disposition);
}

void Smmu::room_for_stalls() {
    // Whatever changed since they stalled counts: they are translated again (3.5.3).
    for (Pending* pending : stalls_.take_unrecorded()) pending->tbu->retry(*pending);
}

void Smmu::resume(const arch::Resume& resume) {
    Pending* const pending = stalls_.find(resume.tag);
    // Only a stall that software can have seen is a target (4.6.1).
    if (pending == nullptr || pending->request.stream_id != resume.stream || !pending->recorded_stall) return;
    if (resume.retry) {
        stalls_.remove(*pending);
        pending->tbu->retry(*pending);
    } else {
        const bool abort = resume.abort || config_.identification.idr0.TERM_MODEL == 1;
        end_stall(*pending, abort ? Disposition::Abort : Disposition::RazWi);
    }
    if (events_.writable()) room_for_stalls();  // a tag is free
}

void Smmu::terminate_stalls(u32 stream) {
    for (Pending* pending : stalls_.all())
        if (pending->request.stream_id == stream) end_stall(*pending, Disposition::Abort);
    if (events_.writable()) room_for_stalls();
}

// ATS and PRI.

void Smmu::invalidate(const sim::AtcInvalidation& invalidation) {
    if (!registers_.control().enabled) return;  // ignored (4.5.1)
    ++atc_invalidations_;
    if (requesters_ == nullptr) return;
    const u64 ticket = ++atc_ticket_;
    atc_outstanding_.insert(ticket);
    requesters_->invalidate(invalidation, *this, ticket);
}

void Smmu::atc_invalidated(u64 ticket) {
    atc_outstanding_.erase(ticket);
    atc_progress_.notify_all();
}

sim::Task<bool> Smmu::atc_settled() {
    const u64 last = atc_ticket_;
    const auto pending = [&] { return !atc_outstanding_.empty() && *atc_outstanding_.begin() <= last; };
    if (!pending()) co_return true;
    const sim::Scheduler::Token timer = simulation_.scheduler().at(
        simulation_.now() + config_.atc_timeout,
        [](void* self, void*) { static_cast<Smmu*>(self)->atc_progress_.notify_all(); }, this);
    const Time limit = simulation_.now() + config_.atc_timeout;
    while (pending()) {
        if (simulation_.now() >= limit) {
            // Given up: a later CMD_SYNC does not wait for them again.
            atc_outstanding_.clear();
            co_return false;
        }
        co_await atc_progress_.wait();
    }
    simulation_.scheduler().cancel(timer);
    co_return true;
}

void Smmu::respond(const sim::PageResponse& response) {
    if (registers_.control().enabled) answer(response);  // else ignored (4.5.2)
}

void Smmu::answer(const sim::PageResponse& response) {
    ++page_responses_;
    if (requesters_ != nullptr) requesters_->respond(response);
}

void Smmu::page_hint(const sim::PageRequest& request, u8 pages) {
    if (registers_.control().enabled) events_.record(arch::page_hint(request, pages));
}

sim::Task<PageRequestService::ResponsePasid> Smmu::response_pasid(u32 stream) {
    const arch::Checked<arch::StreamContext> entry = co_await tcu_.entry(stream);
    if (!entry) co_return ResponsePasid{};
    co_return ResponsePasid{true, entry.value.ste[spec::Ste::PPAR]};
}

}  // namespace smmusim::smmu::uarch
