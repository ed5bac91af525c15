#include "gic/arch/list_registers.hpp"

namespace smmusim::gic::arch {

using spec::IchHcr;
using spec::IchLr;
using spec::IchMisr;

Candidate ListRegisters::best() const {
    Candidate best;
    for (const IchLr& entry : registers_) {
        // An interrupt that is active is not signalled again.
        if (!entry[IchLr::Pending] || entry[IchLr::Active]) continue;
        const Candidate candidate{static_cast<u32>(entry[IchLr::vINTID]), static_cast<u8>(entry[IchLr::Priority]),
                                  static_cast<u8>(entry[IchLr::Group] ? 1 : 0)};
        best = first_of(best, candidate);
    }
    return best;
}

bool ListRegisters::acknowledge(u32 intid) {
    for (IchLr& entry : registers_) {
        if (entry[IchLr::vINTID] != intid || !entry[IchLr::Pending] || entry[IchLr::Active]) continue;
        entry.set(IchLr::Pending, false);
        entry.set(IchLr::Active, !spec::is_lpi(intid));
        return true;
    }
    return false;
}

std::optional<u32> ListRegisters::deactivate(u32 intid) {
    for (IchLr& entry : registers_) {
        if (entry[IchLr::vINTID] != intid || !entry[IchLr::Active]) continue;
        entry.set(IchLr::Active, false);
        if (entry[IchLr::HW]) return static_cast<u32>(entry[IchLr::pINTID]);
        return std::nullopt;
    }
    // 12.4, ICH_HCR_EL2.EOIcount: an end that no list register answers to; LPIs do not count.
    if (!spec::is_lpi(intid)) hcr_.set(IchHcr::EOIcount, hcr_[IchHcr::EOIcount] + 1);
    return std::nullopt;
}

u64 ListRegisters::empty() const {
    u64 result = 0;
    for (u32 index = 0; index < registers_.size(); ++index) {
        const IchLr& entry = registers_[index];
        const bool told = entry[IchLr::HW] || !entry[IchLr::EOI];
        if (!entry.valid() && told) result |= u64{1} << index;
    }
    return result;
}

u64 ListRegisters::ended() const {
    u64 result = 0;
    for (u32 index = 0; index < registers_.size(); ++index) {
        const IchLr& entry = registers_[index];
        if (!entry.valid() && !entry[IchLr::HW] && entry[IchLr::EOI]) result |= u64{1} << index;
    }
    return result;
}

u64 ListRegisters::maintenance() const {
    if (!enabled()) return 0;
    u32 valid = 0;
    bool pending = false;
    for (const IchLr& entry : registers_) {
        valid += entry.valid() ? 1 : 0;
        pending = pending || (entry[IchLr::Pending] && !entry[IchLr::Active]);
    }
    IchMisr misr;
    misr.set(IchMisr::EOI, ended() != 0);
    misr.set(IchMisr::U, hcr_[IchHcr::UIE] && valid <= 1);
    misr.set(IchMisr::LRENP, hcr_[IchHcr::LRENPIE] && hcr_[IchHcr::EOIcount] != 0);
    misr.set(IchMisr::NP, hcr_[IchHcr::NPIE] && !pending);
    return misr.words[0];
}

}  // namespace smmusim::gic::arch
