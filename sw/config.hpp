// The choices of the software stack, as scenarios and Python set them under `software`.
#pragma once

#include "sw/its/config.hpp"
#include "sw/smmu/config.hpp"

namespace smmusim::sw {

enum class MsiPolicy : u8 { ReservedIova };
inline constexpr std::array<sim::Choice, 1> msi_policy_names{sim::Choice{"reserved-iova", 0}};

/// What takes the messages of functions.
enum class MsiController : u8 { Its, GicV2m, Mbi, MultiFrame, FixedWindow };
inline constexpr std::array<sim::Choice, 5> msi_controller_names{sim::Choice{"its", 0}, sim::Choice{"gicv2m", 1},
                                                                 sim::Choice{"mbi", 2}, sim::Choice{"multiframe", 3},
                                                                 sim::Choice{"x86", 4}};

struct SoftwareConfig {
    MsiController msi_controller = MsiController::Its;
    MsiPolicy msi_policy = MsiPolicy::ReservedIova;
    bool iommu_dma_reserved = true;
    bool allow_unsafe_interrupts = false;
    u32 injection_cycles = 1000;
    smmu::DriverConfig smmu;
    its::DriverConfig its;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(msi_controller,
              {"msi_controller",
               "what takes messages: the ITS of the function's segment, the GICv2m frame, the distributor through the "
               "alias of its doorbell, a frame per cluster of CPUs, or the window that is decoded before translation"},
              msi_controller_names);
        visit(msi_policy, {"msi_policy", "how doorbells become reachable through the IOMMU"}, msi_policy_names);
        visit(iommu_dma_reserved, {"iommu_dma_reserved",
                                   "CONFIG_IOMMU_DMA_RESERVED: off, the reserved IOVA API answers "
                                   "-ENOENT and messages keep their physical address"});
        visit(allow_unsafe_interrupts, {"allow_unsafe_interrupts",
                                        "let user space have a function whose messages could "
                                        "raise another's interrupts"});
        visit(injection_cycles, {"injection_cycles", "from the host's handler to the guest's, per injected interrupt",
                                 Unit::Cycles, Origin::Assumed, "a KVM exit and list register write, about 0.5 us"});
        visit.group("smmu", "SMMUv3 driver", smmu);
        visit.group("its", "GICv3 and ITS driver", its);
    }
};

}  // namespace smmusim::sw
