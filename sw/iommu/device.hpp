// A device as the IOMMU layer knows it: its identities on the buses, its group, its domain.
#pragma once

#include <string>
#include <vector>

#include "sw/iommu/domain.hpp"

namespace smmusim::sw::iommu {

class Driver;
struct Group;

enum class RegionType : u8 {
    Direct,           ///< must be mapped one to one
    DirectRelaxable,  ///< the same, but may be ignored when the device is assigned
    Reserved,         ///< must never be mapped
    Msi,              ///< the hardware takes writes there for messages
};

/// Inclusive range of I/O addresses with a rule of its own.
struct ReservedRegion {
    u64 start = 0;
    u64 end = 0;
    RegionType type = RegionType::Reserved;
    u32 prot = IOMMU_READ | IOMMU_WRITE;
};

struct Device {
    std::string name;          ///< "0000:00:01.0"
    u32 requester_id = 0;      ///< segment << 16 | bus, device, function
    Driver* driver = nullptr;  ///< of the SMMU in front of it; null: none
    std::vector<u32> streams;
    Group* group = nullptr;
    Domain* domain = nullptr;  ///< null without an SMMU
    std::vector<ReservedRegion> reserved;
};

/// Devices that the SMMU cannot tell apart share everything.
struct Group {
    u32 id = 0;
    std::vector<Device*> devices;
    Domain* default_domain = nullptr;
};

/// Which domain is wanted.
struct DomainRequest {
    DomainType type = DomainType::Unmanaged;
    enum class Stage : u8 { Any, One, Two } stage = Stage::Any;  ///< of an unmanaged domain; two for nesting
    Domain* parent = nullptr;                                    ///< nested: the stage 2 domain
    u64 context_pointer = 0;  ///< nested: the guest's CD, an address of the parent domain
    u32 context_log2 = 0;     ///< nested: STE.S1CDMax
    u32 context_format = 0;   ///< nested: STE.S1Fmt
};

/// One SMMU, as the IOMMU layer drives it.
class Driver {
public:
    virtual ~Driver() = default;
    /// -EINVAL for what the hardware cannot do, -ENOSPC without a free ASID or VMID, -ENOMEM.
    virtual Task<Result<std::unique_ptr<Domain>>> make_domain(cpu::Cpu& cpu, DomainRequest request) = 0;
    /// Afterwards no translation of the domain is cached; no device may be attached.
    virtual Task<> retire_domain(cpu::Cpu& cpu, Domain& domain) = 0;
    /// -EINVAL: the domain belongs to another SMMU.
    virtual Task<int> attach(cpu::Cpu& cpu, Device& device, Domain& domain) = 0;
};

/// Told when a device changes its domain and when a domain ends.
class DomainListener {
public:
    virtual ~DomainListener() = default;
    virtual Task<int> on_attach(cpu::Cpu& cpu, Device& device, Domain& domain) = 0;
    virtual Task<int> on_replace(cpu::Cpu& cpu, Device& device, Domain& before, Domain& after) = 0;
    virtual Task<> on_domain_free(cpu::Cpu& cpu, Domain& domain) = 0;
};

}  // namespace smmusim::sw::iommu
