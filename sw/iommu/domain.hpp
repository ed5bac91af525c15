// An address space of devices, as the IOMMU API knows it; the SMMU driver implements it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sw/cpu/lock.hpp"
#include "sw/iommu/protection.hpp"
#include "sw/result.hpp"

namespace smmusim::sw::iommu {

using sim::Task;

enum class DomainType : u8 {
    Identity,   ///< addresses pass unchanged
    Unmanaged,  ///< mapped by whoever owns it: VFIO, a guest's address space
    Nested,     ///< stage 1 belongs to a guest, on top of an unmanaged stage 2 domain
};

enum class DomainAttribute : u8 {
    DOMAIN_ATTR_MSI_MAPPING,  ///< bool: MSI writes are translated, so the doorbell must be mapped
};

/// Calls, not pages; the MSI policy's are among them.
struct Statistics {
    u64 map_ops = 0;
    u64 unmap_ops = 0;
    u64 tlbi_cmds = 0;
    u64 sync_cmds = 0;
};

/// What an MSI policy or a DMA layer keeps in a domain. There is one place: they exclude each other.
class DomainCookie {
public:
    virtual ~DomainCookie() = default;
};

class Domain {
public:
    Domain(sim::Simulation& simulation, std::string name, DomainType type, Statistics& statistics)
        : name_(std::move(name)),
          type_(type),
          statistics_(statistics),
          reserved_lock(simulation, name_ + ".reserved_lock") {}
    virtual ~Domain() = default;
    Domain(const Domain&) = delete;
    Domain& operator=(const Domain&) = delete;

    const std::string& name() const { return name_; }
    DomainType type() const { return type_; }

    // Calls on ranges that overlap do not run at once: the owner of the addresses sees to that.
    /// 0 or -EINVAL (not aligned, or a domain that cannot be mapped), -ERANGE, -EEXIST, -ENOMEM; nothing stays
    /// mapped of a map that failed.
    Task<int> map(cpu::Cpu& cpu, u64 iova, u64 address, u64 size, u32 prot) {
        ++statistics_.map_ops;
        const int error = co_await do_map(cpu, iova, address, size, prot);
        co_return error;
    }
    /// Bytes unmapped. Their translations are invalid, and no access that used them is under way any more.
    Task<Result<u64>> unmap(cpu::Cpu& cpu, u64 iova, u64 size) {
        ++statistics_.unmap_ops;
        const Result<u64> done = co_await do_unmap(cpu, iova, size);
        co_return done;
    }
    virtual Task<std::optional<u64>> iova_to_phys(cpu::Cpu& cpu, u64 iova) = 0;

    /// -ENODEV where the attribute has no meaning.
    virtual Result<bool> attribute(DomainAttribute which) const = 0;
    /// The domain whose maps place a doorbell: this one, or the stage 2 below a guest's stage 1.
    virtual Domain& mapping_domain() { return *this; }
    /// Highest address that can be mapped.
    virtual u64 aperture_end() const = 0;
    virtual u64 page_size() const = 0;

    std::shared_ptr<DomainCookie> cookie;

private:
    virtual Task<int> do_map(cpu::Cpu& cpu, u64 iova, u64 address, u64 size, u32 prot) = 0;
    virtual Task<Result<u64>> do_unmap(cpu::Cpu& cpu, u64 iova, u64 size) = 0;

    std::string name_;
    DomainType type_;
    Statistics& statistics_;

public:
    cpu::Lock reserved_lock;  ///< guards what the cookie's owner keeps of the domain
};

}  // namespace smmusim::sw::iommu
