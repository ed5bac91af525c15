#include "smmu/uarch/smmu.hpp"

#include <fmt/format.h>

#include "sim/trace.hpp"
#include "smmu/uarch/timed_environment.hpp"

namespace smmusim::smmu::uarch {

using sim::Access;
using sim::Status;

Smmu::Smmu(sim::Simulation& simulation, std::string name, const SmmuConfig& config,
           const std::vector<sim::Port*>& tbu_outputs, sim::Port& memory, const InterruptWires& wires)
    : simulation_(simulation),
      name_(std::move(name)),
      config_(config),
      clock_(config.clock),
      memory_(memory),
      registers_(config_.identification, *this),
      register_target_(*this),
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
        tbus_.push_back(std::make_unique<Tbu>(simulation, fmt::format("{}.tbu{}", name_, index), config_.tbus[index],
                                              clock_, service, *tbu_outputs[index]));
        tbus_.back()->set_functional(
            [this](const arch::Request& request, bool effective) { return functional(request, effective); });
    }
    registers_.reset(config_.gbpa);
}

Smmu::~Smmu() = default;

// Registers.

void Smmu::RegisterTarget::receive(Access& access, Time at) {
    if (at <= smmu_.simulation_.now()) answer(access);
    else smmu_.simulation_.scheduler().at(at, &RegisterTarget::arrived, this, &access);
}

void Smmu::RegisterTarget::arrived(void* target, void* access) {
    static_cast<RegisterTarget*>(target)->answer(*static_cast<Access*>(access));
}

void Smmu::RegisterTarget::answer(Access& access) {
    apply(access);
    access.respond(smmu_.simulation_.now() + smmu_.config_.register_latency);
}

Time Smmu::RegisterTarget::perform(Access& access) {
    apply(access);
    return smmu_.config_.register_latency;
}

void Smmu::RegisterTarget::apply(Access& access) {
    const u64 offset = access.address - smmu_.config_.base;
    // Misaligned, wrong-sized and Secure accesses, atomics and undefined offsets are RAZ/WI.
    access.status = Status::Ok;
    if (access.size > 8 || access.command == sim::Command::Atomic) {
        if (access.command != sim::Command::Write) std::memset(access.data(), 0, access.size);
        return;
    }
    if (access.is_write()) smmu_.registers_.write(offset, access.size, access.value());
    else access.set_value(smmu_.registers_.read(offset, access.size));
    if (auto* trace = smmu_.simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Mmio)) {
        trace->line(sim::Trace::Kind::Mmio, smmu_.simulation_.now(), smmu_.name_,
                    fmt::format("{} {:#x} size {} {:#x}", access.is_write() ? "write" : "read", offset, access.size,
                                access.value()));
    }
}

void Smmu::RegisterTarget::inspect(Access& access) {
    access.status = Status::Ok;
    if (access.size > 8 || access.is_write()) return;
    access.set_value(smmu_.registers_.read(access.address - smmu_.config_.base, access.size));
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

arch::Fetched Smmu::update_memory(const arch::Fetch& fetch, u64 expected, u64 desired) {
    const sim::AccessPtr access = own_access(simulation_.accesses(), sim::Command::Atomic, fetch);
    access->operation = sim::AtomicOperation::CompareSwap;
    access->compare = expected;
    access->operand = desired;
    memory_.perform(*access);
    arch::Fetched before;
    before.ok = access->status == Status::Ok;
    if (before.ok) before.words[0] = access->value();
    return before;
}

Inspection Smmu::inspect(const arch::Request& request, bool cached, std::size_t tbu) {
    if (cached && registers_.control().enabled && tbu < tbus_.size()) {
        arch::StreamContext context;
        if (const arch::Translation* known = tbus_[tbu]->peek(request, context)) {
            const arch::Request effective = arch::override_request(request, context.ste, config_.identification);
            if (known->permissions().allow(effective)) {
                Inspection inspection;
                const u64 address = arch::canonical_address(context, request.address);
                inspection.result.outcome =
                    arch::proceed(context, config_.identification, effective, at_address(*known, address));
                inspection.result.context = context;
                inspection.result.has_context = true;
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
    inspection.result = sim::run_ready(arch::translate(environment, request));
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
    visit.gauge("tlb_miss", misses, "1", "transactions that no TLB of their TBU answered");
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
}

}  // namespace smmusim::smmu::uarch
