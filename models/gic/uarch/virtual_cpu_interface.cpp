#include "gic/uarch/virtual_cpu_interface.hpp"

#include <algorithm>

namespace smmusim::gic::uarch {

using arch::Candidate;
using spec::Icc;
using spec::IchVmcr;
using spec::IchVtr;

VirtualCpuInterface::VirtualCpuInterface(sim::Simulation& simulation, const sim::Clock& clock,
                                         const CpuInterfaceConfig& config, u8 priority_bits, u32 id_bits,
                                         bool direct_injection)
    : simulation_(simulation),
      clock_(clock),
      config_(config),
      priority_bits_(std::min<u8>(priority_bits, 7)),
      id_bits_(id_bits),
      direct_injection_(direct_injection),
      state_(priority_bits, id_bits) {}

VirtualCpuInterface::~VirtualCpuInterface() { simulation_.scheduler().cancel(due_); }

void VirtualCpuInterface::reset() {
    simulation_.scheduler().cancel(due_);
    due_ = {};
    state_.reset();
    lists_.reset();
    offered_ = spec::spurious;
    drive(0, false);
    drive(1, false);
}

Candidate VirtualCpuInterface::best() const {
    // 12.4, ICH_HCR_EL2.En: without it the guest has no interrupts.
    if (!lists_.enabled()) return {};
    return arch::first_of(lists_.best(), source_->best_virtual());
}

/// As for physical interrupts: a line falls at once and rises after a latency.
void VirtualCpuInterface::update() {
    source_->drive_maintenance(lists_.maintenance() != 0);
    const Candidate wanted = best();
    const bool passes = state_.passes(wanted);
    offer(wanted.valid() ? wanted.intid : spec::spurious);
    if (!passes || wanted.group != 0) drive(0, false);
    if (!passes || wanted.group != 1) drive(1, false);
    if (!passes) {
        simulation_.scheduler().cancel(due_);
        due_ = {};
    }
    if (!passes || due_ || asserted_[wanted.group]) return;
    due_ = simulation_.scheduler().at(clock_.after(simulation_.now(), config_.signal_cycles),
                                      &VirtualCpuInterface::signal_due, this);
}

void VirtualCpuInterface::signal_due(void* interface, void*) {
    auto& self = *static_cast<VirtualCpuInterface*>(interface);
    self.due_ = {};
    self.signal();
}

void VirtualCpuInterface::signal() {
    const Candidate wanted = best();
    if (!state_.passes(wanted)) return;
    ++signals_;
    tell(wanted.intid);
    drive(wanted.group, true);
}

void VirtualCpuInterface::offer(u32 intid) {
    if (intid == offered_) return;
    using Part = sim::Journey::Part;
    if (auto* const slot = source_->virtual_journey(offered_); slot != nullptr && *slot) {
        (*slot)->leave(Part::CpuInterface, simulation_.now());
        (*slot)->enter(Part::Redistributor, simulation_.now());
    }
    offered_ = intid;
    if (auto* const slot = source_->virtual_journey(offered_); slot != nullptr && *slot) {
        (*slot)->leave(Part::Redistributor, simulation_.now());
        (*slot)->enter(Part::CpuInterface, simulation_.now());
    }
}

void VirtualCpuInterface::tell(u32 intid) {
    auto* const slot = source_->virtual_journey(intid);
    if (slot == nullptr || !*slot) return;
    const std::shared_ptr<sim::Journey> journey = std::exchange(*slot, nullptr);
    journey->leave(sim::Journey::Part::CpuInterface, simulation_.now());
    journey->signal(simulation_.now());
}

void VirtualCpuInterface::drive(u8 group, bool asserted) {
    if (asserted_[group] == asserted) return;
    asserted_[group] = asserted;
    if (line_ == nullptr) return;
    if (group == 0) line_->virtual_fiq(asserted);
    else line_->virtual_irq(asserted);
}

u32 VirtualCpuInterface::acknowledge(u8 group) {
    const Candidate taken = best();
    if (!state_.passes(taken) || taken.group != group) return spec::spurious;
    ++acknowledges_;
    offer(taken.intid);
    tell(taken.intid);
    state_.activate(taken);
    drive(group, false);
    if (lists_.best() == taken) lists_.acknowledge(taken.intid);
    else source_->acknowledge_virtual(taken.intid);
    update();
    return taken.intid;
}

void VirtualCpuInterface::end(u32 intid, u8 group) {
    if (spec::is_special(intid)) return;
    state_.drop(group);
    if (state_.end_deactivates()) deactivate(intid);
    update();
}

void VirtualCpuInterface::deactivate(u32 intid) {
    // Virtual SGIs that came without the hypervisor have no active state, and LPIs never do.
    if (const std::optional<u32> physical = lists_.deactivate(intid)) source_->deactivate(*physical);
}

u64 VirtualCpuInterface::vmcr() const {
    IchVmcr vmcr;
    spec::IccCtlr ctlr;
    ctlr.words[0] = state_.read(Icc::CTLR);
    vmcr.set(IchVmcr::VENG0, state_.read(Icc::IGRPEN0));
    vmcr.set(IchVmcr::VENG1, state_.read(Icc::IGRPEN1));
    vmcr.set(IchVmcr::VFIQEn, true);
    vmcr.set(IchVmcr::VCBPR, ctlr[spec::IccCtlr::CBPR]);
    vmcr.set(IchVmcr::VEOIM, ctlr[spec::IccCtlr::EOImode]);
    vmcr.set(IchVmcr::VBPR1, state_.read(Icc::BPR1));
    vmcr.set(IchVmcr::VBPR0, state_.read(Icc::BPR0));
    vmcr.set(IchVmcr::VPMR, state_.read(Icc::PMR));
    return vmcr.words[0];
}

void VirtualCpuInterface::write_vmcr(u64 value) {
    IchVmcr vmcr;
    vmcr.words[0] = value;
    spec::IccCtlr ctlr;
    ctlr.set(spec::IccCtlr::CBPR, false);
    ctlr.set(spec::IccCtlr::EOImode, vmcr[IchVmcr::VEOIM]);
    state_.write(Icc::CTLR, ctlr.words[0]);
    state_.write(Icc::BPR1, vmcr[IchVmcr::VBPR1]);  // is not writable with a common binary point
    ctlr.set(spec::IccCtlr::CBPR, vmcr[IchVmcr::VCBPR]);
    state_.write(Icc::CTLR, ctlr.words[0]);
    state_.write(Icc::BPR0, vmcr[IchVmcr::VBPR0]);
    state_.write(Icc::PMR, vmcr[IchVmcr::VPMR]);
    state_.write(Icc::IGRPEN0, vmcr[IchVmcr::VENG0]);
    state_.write(Icc::IGRPEN1, vmcr[IchVmcr::VENG1]);
}

u64 VirtualCpuInterface::vtr() const {
    IchVtr vtr;
    vtr.set(IchVtr::ListRegs, spec::list_registers - 1);
    vtr.set(IchVtr::nV4, !direct_injection_);
    vtr.set(IchVtr::IDbits, id_bits_ > 16 ? 1u : 0u);
    vtr.set(IchVtr::PREbits, priority_bits_ - 1u);
    vtr.set(IchVtr::PRIbits, priority_bits_ - 1u);
    return vtr.words[0];
}

u64 VirtualCpuInterface::read_guest(Icc name) {
    switch (name) {
        case Icc::IAR0: return acknowledge(0);
        case Icc::IAR1: return acknowledge(1);
        case Icc::HPPIR0:
        case Icc::HPPIR1: {
            const Candidate candidate = best();
            const u8 group = name == Icc::HPPIR1 ? 1 : 0;
            return candidate.valid() && candidate.group == group ? candidate.intid : spec::spurious;
        }
        default: return state_.read(name);
    }
}

void VirtualCpuInterface::write_guest(Icc name, u64 value) {
    const u32 intid = static_cast<u32>(value & 0xFF'FFFF);
    switch (name) {
        case Icc::EOIR0: return end(intid, 0);
        case Icc::EOIR1: return end(intid, 1);
        case Icc::DIR:
            if (!state_.end_deactivates() && !spec::is_special(intid)) deactivate(intid);
            break;
        // 12.2: the hypervisor traps a guest's SGIs.
        case Icc::SGI0R:
        case Icc::SGI1R: return;
        default: state_.write(name, value); break;
    }
    update();
}

namespace {

/// ICV_x is the guest's ICC_x.
std::optional<Icc> guest_register(std::string_view name) {
    if (!name.starts_with("ICV_")) return std::nullopt;
    const auto found = std::find_if(spec::icc_names.begin(), spec::icc_names.end(),
                                    [&](std::string_view physical) { return physical.substr(4) == name.substr(4); });
    if (found == spec::icc_names.end()) return std::nullopt;
    const Icc icc = static_cast<Icc>(found - spec::icc_names.begin());
    if (icc == Icc::SRE || icc == Icc::SGI0R || icc == Icc::SGI1R) return std::nullopt;
    return icc;
}

/// Index in "ICH_LR2_EL2", or the number of registers.
u32 list_index(std::string_view name) {
    const bool list = name.size() == 11 && name.starts_with("ICH_LR") && name.ends_with("_EL2");
    const u32 index = list ? static_cast<u32>(name[6]) - '0' : spec::list_registers;
    return std::min(index, spec::list_registers);
}

}  // namespace

bool VirtualCpuInterface::read(std::string_view name, u64& value) {
    if (const std::optional<Icc> icc = guest_register(name)) {
        if (spec::is_write_only(*icc)) return false;
        value = read_guest(*icc);
        return true;
    }
    if (const u32 index = list_index(name); index < spec::list_registers) value = lists_.read(index);
    else if (name == "ICH_HCR_EL2") value = lists_.hcr();
    else if (name == "ICH_VMCR_EL2") value = vmcr();
    else if (name == "ICH_VTR_EL2") value = vtr();
    else if (name == "ICH_ELRSR_EL2") value = lists_.empty();
    else if (name == "ICH_EISR_EL2") value = lists_.ended();
    else if (name == "ICH_MISR_EL2") value = lists_.maintenance();
    else if (name == "ICH_AP0R0_EL2") value = state_.read(Icc::AP0R0);
    else if (name == "ICH_AP1R0_EL2") value = state_.read(Icc::AP1R0);
    else return false;
    return true;
}

bool VirtualCpuInterface::write(std::string_view name, u64 value) {
    if (const std::optional<Icc> icc = guest_register(name)) {
        if (spec::is_read_only(*icc)) return false;
        write_guest(*icc, value);
        return true;
    }
    if (const u32 index = list_index(name); index < spec::list_registers) lists_.write(index, value);
    else if (name == "ICH_HCR_EL2") lists_.write_hcr(value);
    else if (name == "ICH_VMCR_EL2") write_vmcr(value);
    else if (name == "ICH_AP0R0_EL2") state_.write(Icc::AP0R0, value);
    else if (name == "ICH_AP1R0_EL2") state_.write(Icc::AP1R0, value);
    else return false;
    update();
    return true;
}

void VirtualCpuInterface::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("virtual_signals", signals_, "interrupts", "virtual interrupts of which the guest was told");
    visit.counter("virtual_acknowledges", acknowledges_, "interrupts", "virtual interrupts that a guest acknowledged");
}

}  // namespace smmusim::gic::uarch
