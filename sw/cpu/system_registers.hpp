// The GIC CPU interface as a CPU reaches it: by system registers, not by memory (IHI 0069, chapter 8).
#pragma once

#include "sim/types.hpp"

namespace smmusim::sw::cpu {

enum class SystemRegister : u8 {
    ICC_SRE_EL1,
    ICC_PMR_EL1,
    ICC_BPR1_EL1,
    ICC_CTLR_EL1,
    ICC_IGRPEN1_EL1,
    ICC_IAR1_EL1,
    ICC_EOIR1_EL1,
    ICC_DIR_EL1,
    ICC_HPPIR1_EL1,
    ICC_RPR_EL1,
    // What a hypervisor sets for its guest, and what the guest's own ICC accesses reach (12.4, 12.2).
    ICH_HCR_EL2,
    ICH_VMCR_EL2,
    ICV_PMR_EL1,
    ICV_IGRPEN1_EL1,
    ICV_IAR1_EL1,
    ICV_EOIR1_EL1,
};

/// The architected name, by which interrupt controllers know it.
constexpr const char* name(SystemRegister which) {
    constexpr const char* names[] = {"ICC_SRE_EL1",     "ICC_PMR_EL1",     "ICC_BPR1_EL1",  "ICC_CTLR_EL1",
                                     "ICC_IGRPEN1_EL1", "ICC_IAR1_EL1",    "ICC_EOIR1_EL1", "ICC_DIR_EL1",
                                     "ICC_HPPIR1_EL1",  "ICC_RPR_EL1",     "ICH_HCR_EL2",   "ICH_VMCR_EL2",
                                     "ICV_PMR_EL1",     "ICV_IGRPEN1_EL1", "ICV_IAR1_EL1",  "ICV_EOIR1_EL1"};
    return names[static_cast<u8>(which)];
}

/// The registers of one CPU; an access takes effect at once, the CPU accounts for its time.
class SystemRegisters {
public:
    virtual ~SystemRegisters() = default;
    virtual u64 read(SystemRegister which) = 0;
    virtual void write(SystemRegister which, u64 value) = 0;
};

}  // namespace smmusim::sw::cpu
