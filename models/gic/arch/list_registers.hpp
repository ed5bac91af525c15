// The list registers of a PE: virtual interrupts that a hypervisor hands to its guest (IHI 0069, 4.8 and 12.4).
#pragma once

#include <array>
#include <optional>

#include "gic/arch/candidate.hpp"
#include "gic/spec/list_registers.hpp"

namespace smmusim::gic::arch {

class ListRegisters {
public:
    void reset() {
        registers_ = {};
        hcr_ = {};
    }

    bool enabled() const { return hcr_[spec::IchHcr::En]; }
    Candidate best() const;
    /// Pending becomes active; an LPI has no active state. False: it is in no list register.
    bool acknowledge(u32 intid);
    /// Ends the active state. The physical interrupt that ends with it, if one does.
    std::optional<u32> deactivate(u32 intid);

    u64 hcr() const { return hcr_.words[0]; }
    void write_hcr(u64 value) { hcr_.words[0] = value & spec::IchHcr::writable; }
    u64 read(u32 index) const { return registers_[index].words[0]; }
    void write(u32 index, u64 value) { registers_[index].words[0] = value & spec::IchLr::writable; }
    /// ICH_ELRSR_EL2: those that may be filled.
    u64 empty() const;
    /// ICH_EISR_EL2: those whose end was to be told.
    u64 ended() const;
    /// ICH_MISR_EL2; not zero: the maintenance interrupt is asserted.
    u64 maintenance() const;

private:
    std::array<spec::IchLr, spec::list_registers> registers_{};
    spec::IchHcr hcr_;
};

}  // namespace smmusim::gic::arch
