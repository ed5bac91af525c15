#include "smmu/uarch/tbu.hpp"

#include "smmu/uarch/tbu_hit.hpp"

namespace smmusim::smmu::uarch {

using arch::Disposition;
using arch::Outcome;
using arch::Request;
using arch::Translation;
using sim::Access;
using sim::Journey;
using sim::Status;

Tbu::Tbu(sim::Simulation& simulation, std::string name, const TbuConfig& config, const sim::Clock& clock,
         TranslationService& service, sim::Port& output)
    : simulation_(simulation),
      name_(std::move(name)),
      config_(config),
      clock_(clock),
      service_(service),
      control_(service.control()),
      id_(service.identification()),
      output_(output),
      translation_slots_(simulation, name_ + ".translation_slots", config.translation_slots),
      scope_(simulation, name_),
      accept_(clock.span(config.accept_interval), 0),
      utlb_(config.utlb),
      tlb_(config.tlb),
      contexts_(config.contexts),
      utlb_cycles_(utlb_.present() ? config.utlb_latency : 0),
      tlb_cycles_(tlb_.present() ? config.tlb_latency : 0),
      records_(config.records_kept) {}

Tbu::~Tbu() {
    for (const Pending& pending : pool_.all()) simulation_.scheduler().cancel(pending.token);
}

void Tbu::receive(Access& access, Time at) {
    if (access.has_journey()) [[unlikely]]
        access.journey()->enter(Journey::Part::Smmu, at);
    if (at <= simulation_.now()) take(access);
    else simulation_.scheduler().at(at, &Tbu::arrived, this, &access);
}

void Tbu::arrived(void* tbu, void* access) { static_cast<Tbu*>(tbu)->take(*static_cast<Access*>(access)); }

void Tbu::take(Access& access) {
    const Time now = simulation_.now();
    if (config_.transactions == 0) [[likely]] {
        accept(access, now);
    } else if (held_ == config_.transactions || !waiting_.empty()) {
        waiting_.push_back({&access, now});
    } else {
        ++held_;
        accept(access, now);
    }
}

void Tbu::left(void* object, void* reset_count) {
    Tbu& tbu = *static_cast<Tbu*>(object);
    if (reinterpret_cast<std::uintptr_t>(reset_count) != tbu.resets_) return;
    if (tbu.waiting_.empty()) {
        --tbu.held_;
        return;
    }
    const Waiting next = tbu.waiting_.front();
    tbu.waiting_.pop_front();
    tbu.room_wait_.add(tbu.simulation_.now() - next.arrived);
    tbu.accept(*next.access, next.arrived);
}

void Tbu::accept(Access& access, Time arrived) {
    access.accepted(simulation_.now());
    ++transactions;
    events.report(spec::MonitorEvent::Transaction, access.attributes.stream_id);
    Pending& pending = allocate();
    pending.access = &access;
    pending.lane = &lane_of(access.attributes);
    pending.sequence = ++sequence_;
    pending.address = access.address;
    pending.stream = access.attributes.stream_id;
    pending.substream = access.attributes.substream_id;
    pending.write = access.is_write();
    pending.recording = config_.records_kept != 0;
    if (pending.recording) [[unlikely]]
        pending.arrived = pending.accounted = arrived;
    ++pending.lane->in_flight;
    if (pending.write) pending.lane->writes.push_back(pending);
    if (access.attributes.address_type == sim::AddressType::TranslationRequest) [[unlikely]]
        ++translation_requests_;
    start(pending, request_of(access));
}

/// What is not for a TLB to answer, or for no table at all.
Tbu::Answer Tbu::look_up_nothing(Pending& pending, Request request, Time at) {
    if (!request.ordinary() || request.guessed_write()) {
        pending.uses_translation = control_.enabled;
        pending.hit = Hit::Miss;
        return {Found::Nothing, clock_.after(at, utlb_cycles_)};
    }
    pending.hit = Hit::Bypass;
    found_ = arch::is_message(control_, request) ? arch::pass_message(request)
                                                 : arch::bypass_by_gbpa(control_, id_, request);
    return {Found::Outcome, at};
}

Tbu::Answer Tbu::look_up_overridden(Pending& pending, const arch::StreamContext& context, Request request, Time at) {
    const Request effective = arch::override_request(request, context.ste, id_);
    if (!context.stage1 && !context.stage2) {
        pending.hit = Hit::Bypass;
        found_ = arch::bypass_by_ste(context, id_, effective);
        return {Found::Outcome, clock_.after(at, utlb_cycles_)};
    }
    found_ = {};
    found_.disposition = Disposition::Proceed;
    const Answer answer = look_up_translation(pending, context, effective, found_, at);
    return {answer.found == Found::Nothing ? Found::Nothing : Found::Outcome, answer.at};
}

void Tbu::wait_for_turn(Pending& pending, Request request, Time turn) {
    pending.request = request;
    pending.missed_at = simulation_.now();
    pending.token = simulation_.scheduler().at(turn, &Tbu::turn_came, this, &pending);
}

void Tbu::turn_came(void* tbu, void* object) {
    Pending& pending = *static_cast<Pending*>(object);
    static_cast<Tbu*>(tbu)->translate(pending, pending.request, pending.missed_at);
}

void Tbu::ask(Pending& pending, Time looked_up, Time began) {
    if (!std::exchange(pending.missed, true)) {
        ++misses;
        events.report(spec::MonitorEvent::TlbMiss, pending.stream);
    }
    pending.tbu = this;
    pending.missed_at = began;
    pending.ready_at = looked_up;
    pending.slot = translation_slots_.try_take();
    if (pending.slot) leave(pending);
    else scope_.spawn("translation", wait_for_slot(pending));
}

sim::Task<> Tbu::wait_for_slot(Pending& pending) {
    const Time asked = simulation_.now();
    pending.slot = co_await translation_slots_.take();
    const Time now = simulation_.now();
    slot_wait_.add(now - asked);
    // What the TLBs have learnt meanwhile serves it too.
    arch::Passage passage;
    const Answer answer = look_up(pending, pending.request, passage, now);
    if (answer.found == Found::Nothing) {
        leave(pending);
        co_return;
    }
    pending.slot.release();
    pending.spend(Stage::LookUp, std::min(pending.ready_at, now));
    pending.spend(Stage::TranslationSlot, now);
    hit_latency_.add(answer.at - pending.missed_at);
    if (answer.found == Found::Passage) pass(pending, passage, answer.at);
    else ready(pending, found_, answer.at);
}

void Tbu::leave(Pending& pending) {
    const Time from = std::max(pending.ready_at, simulation_.now());
    pending.spend(Stage::LookUp, pending.ready_at);
    pending.spend(Stage::TranslationSlot, from);
    cross_link(pending, from, &Tbu::arrived_at_tcu);
}

void Tbu::cross_link(Pending& pending, Time from, sim::Scheduler::Function next) {
    const Time at = clock_.after(from, config_.link_latency);
    if (at <= simulation_.now()) next(this, &pending);
    else pending.token = simulation_.scheduler().at(at, next, this, &pending);
}

void Tbu::arrived_at_tcu(void* tbu, void* object) {
    Tbu& self = *static_cast<Tbu*>(tbu);
    Pending& pending = *static_cast<Pending*>(object);
    pending.spend(Stage::Link, self.simulation_.now());
    self.service_.translate(pending);
}

void Tbu::answered(Pending& pending, arch::ContextPtr context) {
    pending.context = std::move(context);
    cross_link(pending, simulation_.now(), &Tbu::returned);
}

void Tbu::returned(void* tbu, void* object) {
    Tbu& self = *static_cast<Tbu*>(tbu);
    Pending& pending = *static_cast<Pending*>(object);
    const Time now = self.simulation_.now();
    pending.spend(Stage::Link, now);
    self.miss_latency_.add(now - pending.missed_at);
    const sim::Slots::Slot slot = std::move(pending.slot);  // free for others when all is done
    self.fill(pending, pending.context);
    pending.context.reset();
    pending.job.reset();
    self.ready(pending, pending.outcome, now);
}

void Tbu::keep(const arch::ContextPtr& context, const StreamKey& key) {
    const arch::ContextPtr* const known = contexts_.find(key);
    if (known == nullptr || *known != context) contexts_.insert(key, context);
}

void Tbu::fill(Pending& pending, const arch::ContextPtr& context) {
    const bool passes = pending.outcome.disposition == Disposition::Proceed && pending.outcome.translated;
    const Translation& translation = pending.outcome.translation;
    if (passes) {
        // Until it is finished an invalidation of its translation concerns it, of split-stage ATS as well.
        pending.tags = pending.job->tags;
        pending.tagged = true;
        pending.global = translation.global;
        pending.reach = static_cast<u8>(translation.reach());
    }
    if (context == nullptr || !pending.request.ordinary()) return;
    // Nor is anything kept while SMMUEN = 0.
    const bool keeps = !pending.stale && control_.enabled;
    if (keeps) keep(context, {pending.request.stream_id, pending.request.substream_id});
    pending.address = arch::canonical_address(*context, pending.request.address);
    if (!passes || !keeps) return;
    tlb_.insert(context->tags, pending.address, translation);
    utlb_.insert(context->tags, pending.address, translation);
}

Time Tbu::perform(Access& access) {
    const u64 address = access.address;
    const Outcome outcome = functional_(request_of(access), true);
    const Time own = clock_.span(utlb_cycles_ + tlb_cycles_ + config_.send_latency);
    if (outcome.disposition == Disposition::Proceed) {
        access.address = outcome.address;
        const Time beyond = output_.perform(access);
        access.address = address;
        return own + beyond;
    }
    answer(access, outcome);  // what would stall is aborted: nothing can wait here
    return own;
}

void Tbu::inspect(Access& access) {
    const u64 address = access.address;
    const Outcome outcome = functional_(request_of(access), false);
    if (outcome.disposition != Disposition::Proceed) {
        answer(access, outcome);
        return;
    }
    access.address = outcome.address;
    output_.inspect(access);
    access.address = address;
}

void Tbu::invalidate(const arch::TranslationScope& scope) {
    utlb_.invalidate(scope);
    tlb_.invalidate(scope);
}

void Tbu::invalidate(const arch::ConfigurationScope& scope) {
    // A context joins an entry and a descriptor: either invalidates it.
    contexts_.erase_if([&](const StreamKey& key, const arch::ContextPtr&) {
        return scope.covers_descriptor(key.stream, key.substream == sim::no_id ? 0 : key.substream);
    });
}

const Translation* Tbu::peek(const Request& request, arch::ContextPtr& context) {
    const arch::ContextPtr* const known = contexts_.peek({request.stream_id, request.substream_id});
    if (known == nullptr) return nullptr;
    context = *known;
    const u64 address = arch::canonical_address(*context, request.address);
    if (const Translation* found = utlb_.peek(context->tags, address)) return found;
    return tlb_.peek(context->tags, address);
}

void Tbu::reset() {
    scope_.cancel();
    waiting_.clear();
    held_ = 0;
    ++resets_;
    ending_.clear();
    lanes_.clear();
    latest_lane_ = nullptr;
    for (Pending& pending : pool_.all()) {
        simulation_.scheduler().cancel(pending.token);
        pending.lane = nullptr;
        pending.slot.release();
        pending.context.reset();
        pending.job.reset();
    }
    pool_.give_back_all();
    records_.clear();
    accept_.reset();
    utlb_.clear();
    tlb_.clear();
    contexts_.clear();
}

void Tbu::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("transaction", transactions, "1", "client transactions");
    visit.counter("tlb_miss", misses, "1", "transactions that no TLB of this TBU answered when they arrived");
    visit.counter("utlb_hit", utlb_hits_, "1", "transactions that the micro TLB answered");
    visit.counter("tlb_hit", tlb_hits_, "1", "transactions that the main TLB answered");
    visit.counter("late_hit", late_hits_, "1",
                  "misses that a TLB answered after all, when they had waited for a translation slot or stalled");
    visit.counter("pcie_ats_trans_rq", translation_requests_, "1", "translation requests");
    visit.counter("pcie_ats_trans_passed", translated_passed_, "1", "translated transactions that were let through");
    visit.counter("stalled", stalled_, "1", "stalls of transactions, repeated ones included");
    visit.counter("aborted", aborted_, "1", "transactions terminated by the SMMU");
    visit.latency("room_wait_ns", room_wait_, "waiting for the TBU to have room, of transactions that found it full");
    visit.latency("slot_wait_ns", slot_wait_, "waiting for a translation slot, of misses that found none free");
    visit.latency("hit_latency_ns", hit_latency_, "acceptance to translation, without the TCU");
    visit.latency("miss_latency_ns", miss_latency_, "acceptance to the TCU's answer, waiting for slots included");
    visit.gauge("tlb_entries", tlb_.size(), "1", "valid entries of the main TLB");
}

}  // namespace smmusim::smmu::uarch
