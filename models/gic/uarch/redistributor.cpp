#include "gic/uarch/redistributor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gic/spec/memory_attributes.hpp"
#include "sim/trace.hpp"

namespace smmusim::gic::uarch {

using arch::Candidate;
using sim::Journey;
using spec::PendBaser;
using spec::PropBaser;

namespace {

u8 mask_of(u8 priority_bits) { return static_cast<u8>(0xFF << (8 - priority_bits)); }

}  // namespace

Redistributor::Redistributor(const Surroundings& surroundings, const RedistributorConfig& config,
                             const arch::Redistributor::Identity& identity)
    : simulation_(surroundings.simulation),
      clock_(surroundings.clock),
      distributor_(surroundings.distributor),
      spi_journeys_(surroundings.spi_journeys),
      cpu_(surroundings.cpu_interface),
      counters_(surroundings.counters),
      config_(config),
      name_(fmt::format("gicr{}", identity.processor)),
      state_(identity, *this),
      physical_(simulation_, clock_, surroundings.memory, config_, name_, mask_of(identity.priority_bits),
                counters_.tables, *this),
      vpe_({simulation_, clock_, surroundings.memory, state_, *this, surroundings.virtual_cpu_interface,
            counters_.tables, counters_.virtual_machines},
           config_, name_, mask_of(identity.priority_bits)),
      scope_(simulation_, name_) {}

Redistributor::~Redistributor() { simulation_.scheduler().cancel(due_); }

void Redistributor::reset() {
    scope_.cancel();
    simulation_.scheduler().cancel(due_);
    due_ = {};
    forwarded_ = {};
    state_.reset();
    physical_.reset();
    vpe_.reset();
    maintenance_ = false;
}

// What is forwarded

arch::Groups Redistributor::groups() const {
    // 12.11, GICR_WAKER: asleep, nothing goes to the CPU interface.
    return state_.asleep() ? arch::Groups{0} : static_cast<arch::Groups>(distributor_.groups() & cpu_.groups());
}

Candidate Redistributor::best() const {
    const arch::Groups enabled = groups();
    if (enabled == 0) return {};
    Candidate best = distributor_.best(state_.affinity(), enabled);
    state_.bank().for_each(enabled, [&](const Candidate& candidate) { best = arch::first_of(best, candidate); });
    if ((enabled & arch::group1) != 0 && state_.lpis_enabled()) best = arch::first_of(best, physical_.lpis().best());
    return best;
}

Candidate Redistributor::find(u32 intid) const {
    const arch::Groups enabled = groups();
    if (spec::is_private(intid)) return state_.bank().find(intid, enabled);
    if (!spec::is_lpi(intid)) return distributor_.find(intid, state_.affinity(), enabled);
    if ((enabled & arch::group1) == 0 || !state_.lpis_enabled()) return {};
    return physical_.lpis().find(intid);
}

std::vector<Candidate> Redistributor::candidates() const {
    std::vector<Candidate> all;
    const arch::Groups enabled = groups();
    const auto add = [&](const Candidate& candidate) { all.push_back(candidate); };
    state_.bank().for_each(enabled, add);
    distributor_.bank().for_each(enabled, [&](const Candidate& candidate) {
        if (distributor_.affinity(candidate.intid) == state_.affinity()) add(candidate);
    });
    if ((enabled & arch::group1) != 0 && state_.lpis_enabled()) physical_.lpis().for_each_ready(add);
    std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.before(b); });
    return all;
}

void Redistributor::update() {
    const Candidate held = cpu_.held();
    if (held.valid() && !find(held.intid).valid()) {
        cpu_.withdraw();
        // The core may have been told, and have done something, within the call.
        if (cpu_.held().valid()) return;
    }
    const Candidate wanted = best();
    if (forwarded_ == wanted && due_) return;
    simulation_.scheduler().cancel(due_);
    due_ = {};
    forwarded_ = {};
    if (!wanted.valid() || wanted == cpu_.held()) return;
    forwarded_ = wanted;
    const Time when = clock_.after(simulation_.now(), config_.forward_cycles);
    if (when <= simulation_.now()) arrive();
    else due_ = simulation_.scheduler().at(when, &Redistributor::forward_due, this);
}

void Redistributor::forward_due(void* redistributor, void*) {
    auto& self = *static_cast<Redistributor*>(redistributor);
    self.due_ = {};
    self.arrive();
}

void Redistributor::arrive() { cpu_.offer(std::exchange(forwarded_, {})); }

void Redistributor::hurry() {
    if (!due_) return;
    simulation_.scheduler().cancel(due_);
    due_ = {};
    arrive();
}

std::shared_ptr<Journey>* Redistributor::journey(u32 intid) {
    if (spec::is_lpi(intid)) return physical_.lpis().journey(intid);
    return spec::is_private(intid) ? nullptr : spi_journeys_.spi_journey(intid);
}

void Redistributor::acknowledge(const Candidate& candidate) {
    if (spec::is_lpi(candidate.intid)) {
        // 4.8: an LPI has no active state; acknowledging it only makes it not pending.
        physical_.lpis().take(candidate.intid);
        update();
    } else if (spec::is_private(candidate.intid)) {
        state_.bank().acknowledge(candidate.intid);
        update();
    } else {
        distributor_.acknowledge(candidate.intid);
    }
}

void Redistributor::deactivate(u32 intid) {
    if (spec::is_private(intid)) {
        state_.bank().deactivate(intid);
        update();
    } else {
        distributor_.deactivate(intid);
    }
}

// Private interrupts

void Redistributor::drive_private(u32 intid, bool asserted) {
    state_.bank().drive(intid, asserted);
    update();
}

void Redistributor::pulse_private(u32 intid) {
    if (state_.bank().is_edge(intid)) state_.bank().assert_message(intid);
    update();
}

void Redistributor::send_sgi(u32 intid, u8 group) {
    // 12.2, ICC_SGI1R_EL1: only an SGI of the group of the register that was written.
    if (state_.bank().group_of(intid) != group) return;
    state_.bank().assert_message(intid);
    update();
}

// LPIs from the ITSs

void Redistributor::set_pending(u32 intid, std::shared_ptr<Journey> journey) {
    ++counters_.messages;
    if (journey) journey->enter(Journey::Part::Redistributor, simulation_.now());
    if (!keeps_lpis() || !state_.implements_lpi(intid)) {
        ++(state_.lpis_enabled() ? counters_.dropped_out_of_range : counters_.dropped_disabled);
        trace("dropped", intid);
        if (journey) journey->settle(Journey::Outcome::Blocked);
        return;
    }
    if (!physical_.add(intid, journey)) {
        ++counters_.coalesced;
        trace("was pending", intid);
        if (journey) journey->settle(Journey::Outcome::Coalesced);
        return;
    }
    trace("pending", intid);
    if (journey) journey->settle(Journey::Outcome::Delivered);
}

void Redistributor::clear_pending(u32 intid) {
    if (!keeps_lpis() || !physical_.lpis().contains(intid)) return;
    // The journey first goes back from the CPU interface, then ends here.
    if (cpu_.held().intid == intid) {
        physical_.lpis().forget_property(intid);
        update();
    }
    physical_.lpis().take(intid);
    update();
}

bool Redistributor::take_pending(u32 intid, std::shared_ptr<Journey>& journey) {
    if (!keeps_lpis() || !physical_.lpis().contains(intid)) return false;
    physical_.lpis().forget_property(intid);
    update();
    auto lpi = physical_.lpis().take(intid);
    if (!lpi) return false;
    ++counters_.moved;
    journey = std::move(lpi->journey);
    return true;
}

void Redistributor::lpis_enabled() {
    LpiTables tables;
    tables.properties = state_.properties()[PropBaser::Physical_Address];
    tables.property_attributes = spec::memory_attributes(state_.properties());
    tables.pending = state_.pending_table()[PendBaser::Physical_Address];
    tables.pending_attributes = spec::memory_attributes(state_.pending_table());
    tables.end = state_.lpi_end();
    // 12.11, GICR_PENDBASER.PTZ: software says that there is nothing to read.
    tables.empty = state_.pending_table()[PendBaser::PTZ];
    // That counts once: what the table holds later the redistributor itself has written.
    state_.forget_empty_table();
    physical_.open(tables);
}

void Redistributor::set_lpi(u32 intid, std::shared_ptr<Journey> journey) {
    if (physical_.scanning()) scope_.spawn("GICR_SETLPIR", set_when_scanned(intid, std::move(journey)));
    else set_pending(intid, std::move(journey));
}

sim::Task<> Redistributor::set_when_scanned(u32 intid, std::shared_ptr<Journey> journey) {
    co_await scanned();
    set_pending(intid, std::move(journey));
}

void Redistributor::clear_lpi(u32 intid) {
    if (physical_.scanning()) scope_.spawn("GICR_CLRLPIR", clear_when_scanned(intid));
    else clear_pending(intid);
}

sim::Task<> Redistributor::clear_when_scanned(u32 intid) {
    co_await scanned();
    clear_pending(intid);
}

void Redistributor::lpis_disabled() { scope_.spawn("write-back of the pending table", write_back()); }

sim::Task<> Redistributor::write_back() {
    co_await physical_.close();
    // 12.11, GICR_CTLR.RWP falls when memory holds the pending state.
    state_.write_back_done();
}

void Redistributor::drive_maintenance(bool asserted) {
    if (maintenance_ != asserted) drive_private(spec::maintenance_interrupt, maintenance_ = asserted);
}

void Redistributor::trace(const char* what, u32 intid) const {
    if (sim::Trace* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Irq))
        trace->line(sim::Trace::Kind::Irq, simulation_.now(), name_, fmt::format("LPI {} {}", intid, what));
}

void RedistributorCounters::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("messages", messages, "messages", "LPIs set pending by ITSs, found pending, or dropped");
    visit.counter("coalesced", coalesced, "messages", "of these found pending");
    visit.counter("moved", moved, "interrupts",
                  "pending LPIs that left for another redistributor, a message each there");
    visit.counter("dropped_disabled", dropped_disabled, "messages", "of these dropped: EnableLPIs was 0");
    visit.counter("dropped_out_of_range", dropped_out_of_range, "messages",
                  "of these dropped: INTID beyond GICR_PROPBASER.IDbits");
    visit.counter("property_hits", tables.property_hits, "look-ups", "configuration bytes found in a property cache");
    visit.counter("property_reads", tables.property_reads, "reads", "configuration bytes read from memory");
    visit.counter("property_failures", tables.property_failures, "reads", "of these refused by the bus");
    visit.counter("pending_reads", tables.pending_reads, "reads", "reads of pending tables");
    visit.counter("pending_writes", tables.pending_writes, "writes", "writes of pending tables");
    virtual_machines.statistics(visit);
}

}  // namespace smmusim::gic::uarch
