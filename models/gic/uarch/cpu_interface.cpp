#include "gic/uarch/cpu_interface.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/trace.hpp"

namespace smmusim::gic::uarch {

using arch::Candidate;
using sim::Journey;
using spec::Icc;

CpuInterface::CpuInterface(sim::Simulation& simulation, std::string name, const sim::Clock& clock,
                           const CpuInterfaceConfig& config, u8 priority_bits, u32 id_bits, u32 cpu, SgiRouter& sgis)
    : simulation_(simulation),
      name_(std::move(name)),
      clock_(clock),
      config_(config),
      cpu_(cpu),
      sgis_(sgis),
      state_(priority_bits, id_bits) {}

CpuInterface::~CpuInterface() { simulation_.scheduler().cancel(due_); }

void CpuInterface::connect(InterruptLine& line) {
    line_ = &line;
    guest_->connect(&line);
    if (asserted_[0]) line.fiq(true);
    if (asserted_[1]) line.irq(true);
}

void CpuInterface::reset() {
    simulation_.scheduler().cancel(due_);
    due_ = {};
    state_.reset();
    held_ = {};
    signalled_ = false;
    drive(0, false);
    drive(1, false);
}

void CpuInterface::offer(const Candidate& candidate) {
    if (held_.valid() && held_.intid != candidate.intid) return_journey();
    const bool same = held_.intid == candidate.intid;
    held_ = candidate;
    if (!same) {
        signalled_ = false;
        // The redistributor's part of the way ends where the CPU interface's begins.
        if (auto* journey = source_->journey(candidate.intid); journey != nullptr && *journey) {
            (*journey)->leave(Journey::Part::Redistributor, simulation_.now());
            (*journey)->enter(Journey::Part::CpuInterface, simulation_.now());
        }
    }
    evaluate();
}

void CpuInterface::withdraw() {
    return_journey();
    held_ = {};
    signalled_ = false;
    evaluate();
}

void CpuInterface::return_journey() {
    auto* journey = source_->journey(held_.intid);
    if (journey == nullptr || !*journey) return;
    (*journey)->leave(Journey::Part::CpuInterface, simulation_.now());
    (*journey)->enter(Journey::Part::Redistributor, simulation_.now());
}

/// A line falls at once, so that the instruction that caused it sees it; it rises after a latency.
void CpuInterface::evaluate() {
    simulation_.scheduler().cancel(due_);
    due_ = {};
    const bool wanted = state_.passes(held_);
    const u8 group = held_.group;
    if (!wanted) signalled_ = false;
    if (!wanted || group != 0) drive(0, false);
    if (!wanted || group != 1) drive(1, false);
    if (!wanted || signalled_) return;
    const Time when = clock_.after(simulation_.now(), config_.signal_cycles);
    if (when <= simulation_.now()) signal();
    else due_ = simulation_.scheduler().at(when, &CpuInterface::signal_due, this);
}

void CpuInterface::signal_due(void* cpu_interface, void*) {
    auto& self = *static_cast<CpuInterface*>(cpu_interface);
    self.due_ = {};
    self.signal();
}

void CpuInterface::signal() {
    tell();
    // The observer of the journey may have changed what is held. The core may acknowledge within this call.
    if (signalled_) drive(held_.group, true);
}

void CpuInterface::tell() {
    signalled_ = true;
    ++signals_;
    trace("signalled", held_.intid);
    auto* const slot = source_->journey(held_.intid);
    if (slot == nullptr || !*slot) return;
    const std::shared_ptr<Journey> journey = std::exchange(*slot, nullptr);
    journey->leave(Journey::Part::CpuInterface, simulation_.now());
    journey->signal(simulation_.now());
}

void CpuInterface::drive(u8 group, bool asserted) {
    if (asserted_[group] == asserted) return;
    asserted_[group] = asserted;
    if (line_ == nullptr) return;
    if (group == 0) line_->fiq(asserted);
    else line_->irq(asserted);
}

void CpuInterface::system_error(u32 code) {
    ++system_errors_;
    if (line_ != nullptr) line_->system_error(code);
}

u32 CpuInterface::acknowledge(u8 group) {
    if (!state_.passes(held_) || held_.group != group) {
        ++spurious_;
        return spec::spurious;
    }
    // The core takes it before it was told: that is the end of the message's way.
    if (!signalled_) tell();
    const Candidate taken = held_;
    ++acknowledges_;
    trace("acknowledged", taken.intid);
    state_.activate(taken);
    held_ = {};
    signalled_ = false;
    evaluate();
    source_->acknowledge(taken);
    return taken.intid;
}

void CpuInterface::end(u32 intid, u8 group) {
    if (spec::is_special(intid)) return;
    ++ends_;
    trace("ended", intid);
    state_.drop(group);
    // An LPI has no active state, nothing to deactivate.
    if (state_.end_deactivates() && !spec::is_lpi(intid)) source_->deactivate(intid);
    evaluate();
}

u64 CpuInterface::read(Icc name) {
    switch (name) {
        case Icc::IAR0: return acknowledge(u8{0});
        case Icc::IAR1: return acknowledge(u8{1});
        case Icc::HPPIR0: return held_.valid() && held_.group == 0 ? held_.intid : spec::spurious;
        case Icc::HPPIR1: return held_.valid() && held_.group == 1 ? held_.intid : spec::spurious;
        default: return state_.read(name);
    }
}

void CpuInterface::write(Icc name, u64 value) {
    const u32 intid = static_cast<u32>(value & 0xFF'FFFF);
    switch (name) {
        case Icc::EOIR0: return end(intid, 0);
        case Icc::EOIR1: return end(intid, 1);
        case Icc::DIR:
            if (!state_.end_deactivates() && !spec::is_lpi(intid) && !spec::is_special(intid))
                source_->deactivate(intid);
            return;
        case Icc::SGI0R: return sgis_.send_sgi(cpu_, value, 0);
        case Icc::SGI1R: return sgis_.send_sgi(cpu_, value, 1);
        default: break;
    }
    state_.write(name, value);
    // The redistributor chooses among the groups that are enabled here.
    if (name == Icc::IGRPEN0 || name == Icc::IGRPEN1) source_->update();
    evaluate();
}

namespace {

std::optional<Icc> icc_of(std::string_view name) {
    const auto found = std::find(spec::icc_names.begin(), spec::icc_names.end(), name);
    if (found == spec::icc_names.end()) return std::nullopt;
    return static_cast<Icc>(found - spec::icc_names.begin());
}

}  // namespace

bool CpuInterface::read(std::string_view name, u64& value) {
    if (name.starts_with("ICH_") || name.starts_with("ICV_")) return guest_->read(name, value);
    const std::optional<Icc> icc = icc_of(name);
    if (!icc || spec::is_write_only(*icc)) return false;
    source_->hurry();
    value = read(*icc);
    return true;
}

bool CpuInterface::write(std::string_view name, u64 value) {
    if (name.starts_with("ICH_") || name.starts_with("ICV_")) return guest_->write(name, value);
    const std::optional<Icc> icc = icc_of(name);
    if (!icc || spec::is_read_only(*icc)) return false;
    source_->hurry();
    write(*icc, value);
    return true;
}

std::vector<u32> CpuInterface::pending() {
    std::vector<u32> intids;
    for (const Candidate& candidate : source_->candidates())
        if (state_.passes(candidate)) intids.push_back(candidate.intid);
    return intids;
}

u32 CpuInterface::acknowledge() {
    source_->hurry();
    return acknowledge(held_.group);
}

void CpuInterface::end(u32 intid) {
    source_->hurry();
    end(intid, state_.running_group());
}

void CpuInterface::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("signals", signals_, "interrupts", "interrupts of which the core was told");
    visit.counter("acknowledges", acknowledges_, "interrupts", "interrupts acknowledged");
    visit.counter("spurious", spurious_, "reads", "acknowledges that found nothing (1023)");
    visit.counter("system_errors", system_errors_, "interrupts", "SError interrupts for failed commands of ITSs");
    visit.counter("ends", ends_, "writes", "ends of interrupts");
}

void CpuInterface::trace(const char* what, u32 intid) const {
    if (sim::Trace* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Irq))
        trace->line(sim::Trace::Kind::Irq, simulation_.now(), name_, fmt::format("INTID {} {}", intid, what));
}

}  // namespace smmusim::gic::uarch
