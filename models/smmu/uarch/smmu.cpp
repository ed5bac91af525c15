#include "smmu/uarch/smmu.hpp"

#include <fmt/format.h>

#include "smmu/uarch/timed_environment.hpp"

namespace smmusim::smmu::uarch {

using sim::Status;

Smmu::Smmu(sim::Simulation& simulation, std::string name, const SmmuConfig& config,
           const std::vector<sim::Port*>& tbu_outputs, sim::Port& memory, const InterruptWires& wires)
    : simulation_(simulation),
      name_(std::move(name)),
      config_(config),
      clock_(config.clock),
      memory_(memory),
      registers_(config_.identification, *this),
      register_target_(simulation, name_, config_.base, config_.register_latency, registers_),
      drain_(simulation, name_),
      tcu_(simulation, name_ + ".tcu", config_.tcu, clock_, config_.identification, registers_, memory),
      interrupts_(simulation, name_ + ".interrupts", config_.device_id, registers_, memory, wires),
      stalls_(config_.identification.idr5.STALL_MAX),
      events_(simulation, name_ + ".evtq", config_.tcu, clock_, registers_, memory, interrupts_, *this),
      pages_(simulation, name_ + ".priq", config_.tcu, clock_, registers_, memory, interrupts_, *this),
      commands_(simulation, name_ + ".cmdq", config_.tcu, clock_, registers_, memory, *this),
      atc_progress_(simulation, name_ + ": ATC invalidations"),
      scope_(simulation, name_) {
    for (std::size_t index = 0; index < config_.tbus.size(); ++index) {
        TranslationService& service = *this;
        const TbuConfig& tbu = config_.tbus[index];
        const sim::Clock& clock = tbu.clock == 0 ? clock_ : tbu_clocks_.emplace_back(tbu.clock);
        tbus_.push_back(std::make_unique<Tbu>(simulation, fmt::format("{}.tbu{}", name_, index), tbu, clock, service,
                                              *tbu_outputs[index]));
        tbus_.back()->set_functional(
            [this](const arch::Request& request, bool effective) { return functional(request, effective); });
    }
    build_monitors(wires.monitors);
    if (config_.occupancy_windows != 0) {
        observe("tcu.walk_slots", tcu_.walk_slots());
        for (std::size_t index = 0; index < tbus_.size(); ++index)
            observe(fmt::format("tbu{}.translation_slots", index), tbus_[index]->translation_slots());
    }
    registers_.set_message_window(config_.message_window.base, config_.message_window.size);
    registers_.reset(config_.gbpa);
}

Smmu::~Smmu() = default;

void Smmu::observe(std::string name, sim::Slots& slots) {
    observed_.emplace_back(std::move(name), sim::Occupancy(config_.occupancy_windows));
    slots.observe(observed_.back().second);
}

std::vector<sim::SlotHistory> Smmu::occupancy() {
    std::vector<sim::SlotHistory> histories;
    for (auto& [name, use] : observed_) histories.push_back({name, use.windows(simulation_.now())});
    return histories;
}

void Smmu::build_monitors(const std::vector<sim::InterruptInput*>& wires) {
    using Event = spec::MonitorEvent;
    if (!config_.pmcg.present) return;
    const auto add = [&](EventTap& tap, const sim::Clock& clock, u64 events) {
        const std::size_t index = pmcgs_.size();
        sim::InterruptInput* const wire = index < wires.size() ? wires[index] : nullptr;
        const Pmcg::Surroundings surroundings{
            simulation_, clock, memory_, tap, wire, config_.register_latency, config_.update_latency};
        pmcgs_.push_back(std::make_unique<Pmcg>(surroundings, fmt::format("{}.pmcg{}", name_, index), config_.pmcg,
                                                config_.identification, events, config_.pmcg.base_of(index)));
    };
    // 10.3: events 6 and 7 exist with ATS. Group 0 sees every stream, as 10.2 recommends.
    const bool ats = config_.identification.idr0.ATS != 0;
    const u64 common = bit_of(Event::Cycles) | bit_of(Event::Transaction) | bit_of(Event::TlbMiss);
    add(tcu_.events, clock_,
        common | bit_of(Event::ConfigCacheMiss) | bit_of(Event::TransTableWalkAccess) |
            bit_of(Event::ConfigStructAccess) | (ats ? bit_of(Event::PcieAtsTransRq) : 0));
    for (const auto& tbu : tbus_)
        add(tbu->events, tbu->clock(), common | (ats ? bit_of(Event::PcieAtsTransPassed) : 0));
}

void Smmu::record(const arch::Outcome& outcome) { events_.record(outcome.fault.event); }

// Functional use.

bool Smmu::read_memory(const arch::Fetch& fetch, void* data) {
    const sim::AccessPtr access = own_access(simulation_.accesses(), sim::Command::Read, fetch);
    memory_.inspect(*access);
    if (access->status != Status::Ok) return false;
    std::memcpy(data, access->data(), fetch.size);
    return true;
}

arch::FetchedDescriptor Smmu::update_memory(const arch::Fetch& fetch, u64 expected, u64 desired) {
    const sim::AccessPtr access = own_access(simulation_.accesses(), sim::Command::Atomic, fetch);
    access->operation = sim::AtomicOperation::CompareSwap;
    access->compare = expected;
    access->operand = desired;
    memory_.perform(*access);
    arch::FetchedDescriptor before;
    before.ok = access->status == Status::Ok;
    if (before.ok) before.raw = access->value();
    return before;
}

Inspection Smmu::inspect(const arch::Request& request, bool cached, std::size_t tbu) {
    if (cached && registers_.control().enabled && tbu < tbus_.size()) {
        arch::ContextPtr context;
        if (const arch::Translation* known = tbus_[tbu]->peek(request, context)) {
            const arch::Request effective = arch::override_request(request, context->ste, config_.identification);
            if (known->permissions().allow(effective)) {
                Inspection inspection;
                const u64 address = arch::canonical_address(*context, request.address);
                inspection.result.outcome =
                    arch::proceed(*context, config_.identification, effective, at_address(*known, address));
                inspection.result.context = context;
                return inspection;
            }
        }
    }
    return walk_functionally(request, false);
}

arch::Explanation Smmu::explain(const arch::Request& request, const std::function<void(const arch::Fetch&)>& seen) {
    return arch::explain(config_.identification, registers_.control(), request,
                         [&](const arch::Fetch& fetch, void* data) {
                             if (seen) seen(fetch);
                             return read_memory(fetch, data);
                         });
}

Inspection Smmu::walk_functionally(const arch::Request& request, bool update) {
    arch::FunctionalEnvironment environment(
        config_.identification, registers_.control(),
        [this](const arch::Fetch& fetch, void* data) { return read_memory(fetch, data); });
    if (update)
        environment.set_update([this](const arch::Fetch& fetch, u64 expected, u64 desired) {
            return update_memory(fetch, expected, desired);
        });
    Inspection inspection;
    inspection.result = arch::translate_now(environment, request);
    inspection.steps = environment.steps();
    return inspection;
}

arch::Outcome Smmu::functional(const arch::Request& request, bool effective) {
    const arch::Outcome outcome = walk_functionally(request, effective).result.outcome;
    if (effective && outcome.recorded) record(outcome);
    return outcome;
}

void Smmu::reset() {
    scope_.cancel();
    commands_.reset();
    events_.reset();
    pages_.reset();
    interrupts_.reset();
    for (const auto& tbu : tbus_) tbu->reset();
    tcu_.reset();
    for (const auto& pmcg : pmcgs_) pmcg->reset();
    stalls_.reset();
    drain_.reset();
    atc_outstanding_.clear();
    control_updating_ = interrupts_updating_ = bypass_updating_ = false;
    registers_.reset(config_.gbpa);
}

void Smmu::statistics(sim::StatisticsVisitor& visit) {
    u64 transactions = 0;
    u64 misses = 0;
    for (const auto& tbu : tbus_) {
        transactions += tbu->transactions;
        misses += tbu->misses;
    }
    visit.gauge("transaction", transactions, "1", "client transactions of all TBUs");
    visit.gauge("tlb_miss", misses, "1", "transactions that no TLB of their TBU answered when they arrived");
    tcu_.statistics(visit);
    visit.enter("cmdq");
    commands_.statistics(visit);
    visit.leave();
    visit.enter("evtq");
    events_.statistics(visit);
    visit.leave();
    visit.enter("priq");
    pages_.statistics(visit);
    visit.leave();
    visit.enter("interrupts");
    interrupts_.statistics(visit);
    visit.leave();
    visit.counter("atc_invalidations", atc_invalidations_, "1", "ATC invalidations sent to requesters");
    visit.counter("page_responses", page_responses_, "1", "page responses sent to requesters");
    visit.counter("global_errors", global_errors_, "1", "activations of GERROR bits");
    for (std::size_t index = 0; index < tbus_.size(); ++index) {
        visit.enter(fmt::format("tbu{}", index));
        tbus_[index]->statistics(visit);
        visit.leave();
    }
    for (std::size_t index = 0; index < pmcgs_.size(); ++index) {
        visit.enter(fmt::format("pmcg{}", index));
        pmcgs_[index]->statistics(visit);
        visit.leave();
    }
}

}  // namespace smmusim::smmu::uarch
