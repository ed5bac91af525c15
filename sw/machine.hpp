// What the firmware of a machine tells its operating system: where devices are, how they are wired, what memory is
// free.
#pragma once

#include <vector>

#include "sw/doorbells/description.hpp"
#include "sw/iommu/device.hpp"
#include "sw/its/gic.hpp"
#include "sw/its/its.hpp"
#include "sw/smmu/driver.hpp"

namespace smmusim::sw {

/// A rule of `iommu-map` or `msi-map`: requester IDs of a range become IDs of another space.
struct IdRule {
    u32 requester_base = 0;
    u32 target = 0;  ///< index of the SMMU or ITS
    u32 output_base = 0;
    u32 length = 0x1'0000;
    u32 mask = 0xFFFF;

    bool covers(u32 requester) const {
        return (requester & mask) >= requester_base && (requester & mask) - requester_base < length;
    }
    u32 output(u32 requester) const { return (requester & mask) - requester_base + output_base; }
};

struct AddressRange {
    u64 base = 0;
    u64 size = 0;
};

/// One segment of PCI.
struct RootComplexDescription {
    u32 segment = 0;
    u64 ecam = 0x40'1000'0000;  ///< of bus 0
    u32 first_bus = 0;
    u32 last_bus = 0;  ///< highest bus that is looked at
    AddressRange low_window{0x1000'0000, 0x2EFF'0000};
    AddressRange high_window{0x80'0000'0000, 0x80'0000'0000};
    std::vector<IdRule> iommu_map;  ///< no rule: the function is not behind an SMMU
    std::vector<IdRule> msi_map;    ///< no rule: no messages
};

struct CpuDescription {
    u32 affinity = 0;  ///< Aff3.Aff2.Aff1.Aff0, a byte each
};

/// A range that the IOMMU must treat in a special way for some functions (as IORT RMR nodes, or platform quirks).
struct ReservedDescription {
    u32 first_requester = 0;  ///< segment << 16 | bus, device, function; inclusive
    u32 last_requester = ~u32{0};
    iommu::ReservedRegion region;
};

struct MachineDescription {
    std::vector<CpuDescription> cpus;
    its::GicDescription gic;
    std::vector<its::ItsDescription> itss;
    doorbells::DoorbellDescription doorbells;
    std::vector<smmu::SmmuDescription> smmus;  ///< empty: a machine without SMMU
    std::vector<RootComplexDescription> root_complexes;
    AddressRange host_memory;  ///< RAM for the host's tables and queues; nobody else writes it
    std::vector<ReservedDescription> reserved;
};

}  // namespace smmusim::sw
