#include "gic/arch/cpu_interface.hpp"

#include <algorithm>
#include <bit>

namespace smmusim::gic::arch {

void CpuInterface::reset() {
    groups_ = 0;
    mask_ = 0;
    bpr0_ = minimum_bpr0();
    bpr1_ = minimum_bpr1();
    common_binary_point_ = false;
    separate_deactivation_ = false;
    active_ = {};
}

u8 CpuInterface::group_priority(const Candidate& candidate) const {
    // 4.8.3: group 0 keeps the bits above BPR0; group 1 those from BPR1 upwards, or as group 0 when CBPR is set.
    const unsigned shift = candidate.group == 1 && !common_binary_point_ ? bpr1_ : bpr0_ + 1u;
    return static_cast<u8>(candidate.priority & (0xFFu << shift));
}

u32 CpuInterface::highest_level(u8 group) const {
    for (u32 word = 0; word < active_[group].size(); ++word)
        if (active_[group][word] != 0) return 32 * word + static_cast<u32>(std::countr_zero(active_[group][word]));
    return max_levels;
}

u8 CpuInterface::running_priority() const {
    const u32 level = std::min(highest_level(0), highest_level(1));
    return level == max_levels ? spec::idle_priority : static_cast<u8>(level << (8 - preemption_bits()));
}

bool CpuInterface::passes(const Candidate& candidate) const {
    return candidate.valid() && candidate.in(groups_) && candidate.priority < mask_ &&
           group_priority(candidate) < running_priority();
}

void CpuInterface::activate(const Candidate& candidate) {
    const u32 level = group_priority(candidate) >> (8 - preemption_bits());
    active_[candidate.group][level / 32] |= u32{1} << (level % 32);
}

void CpuInterface::drop(u8 group) {
    const u32 level = highest_level(group);
    // Ends must come in reverse order of acknowledges; one for the other group is ignored.
    if (level == max_levels || highest_level(1 - group) < level) return;
    active_[group][level / 32] &= ~(u32{1} << (level % 32));
}

u64 CpuInterface::read(spec::Icc name) const {
    using enum spec::Icc;
    switch (name) {
        case PMR: return mask_;
        case BPR0: return bpr0_;
        // With a common binary point BPR1 shows where group 1 is divided: one above BPR0, at most 7.
        case BPR1: return common_binary_point_ ? std::min(bpr0_ + 1, 7) : bpr1_;
        case RPR: return running_priority();
        case AP0R0:
        case AP0R1:
        case AP0R2:
        case AP0R3: return active_[0][static_cast<u8>(name) - static_cast<u8>(AP0R0)];
        case AP1R0:
        case AP1R1:
        case AP1R2:
        case AP1R3: return active_[1][static_cast<u8>(name) - static_cast<u8>(AP1R0)];
        case IGRPEN0: return (groups_ & group0) != 0;
        case IGRPEN1: return (groups_ & group1) != 0;
        case SRE: return spec::icc_sre;
        case CTLR: {
            spec::IccCtlr ctlr;
            ctlr.set(spec::IccCtlr::CBPR, common_binary_point_);
            ctlr.set(spec::IccCtlr::EOImode, separate_deactivation_);
            ctlr.set(spec::IccCtlr::PRIbits, priority_bits_ - 1u);
            ctlr.set(spec::IccCtlr::IDbits, id_bits_ > 16 ? 1u : 0u);
            return ctlr.words[0];
        }
        default: return 0;
    }
}

void CpuInterface::write(spec::Icc name, u64 value) {
    using enum spec::Icc;
    const auto set_group = [&](Groups group) {
        groups_ = static_cast<Groups>((value & 1) != 0 ? groups_ | group : groups_ & ~group);
    };
    // Registers that do not exist for this number of levels are UNDEFINED to software; here they hold nothing.
    const auto set_levels = [&](u8 group, u32 index) {
        if (index < (u32{1} << preemption_bits()) / 32 || index == 0) active_[group][index] = static_cast<u32>(value);
        if (preemption_bits() < 5) active_[group][0] &= static_cast<u32>(sim::low_mask(1u << preemption_bits()));
    };
    switch (name) {
        case PMR: mask_ = static_cast<u8>(value & (0xFFu << (8 - priority_bits_))); break;
        case BPR0: bpr0_ = std::max(static_cast<u8>(value & 7), minimum_bpr0()); break;
        case BPR1:
            if (!common_binary_point_) bpr1_ = std::max(static_cast<u8>(value & 7), minimum_bpr1());
            break;
        case AP0R0:
        case AP0R1:
        case AP0R2:
        case AP0R3: set_levels(0, static_cast<u32>(name) - static_cast<u32>(AP0R0)); break;
        case AP1R0:
        case AP1R1:
        case AP1R2:
        case AP1R3: set_levels(1, static_cast<u32>(name) - static_cast<u32>(AP1R0)); break;
        case IGRPEN0: set_group(group0); break;
        case IGRPEN1: set_group(group1); break;
        case CTLR: {
            spec::IccCtlr ctlr;
            ctlr.words[0] = value;
            common_binary_point_ = ctlr[spec::IccCtlr::CBPR];
            separate_deactivation_ = ctlr[spec::IccCtlr::EOImode];
            break;
        }
        default: break;
    }
}

}  // namespace smmusim::gic::arch
