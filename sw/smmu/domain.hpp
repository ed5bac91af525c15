// An address space behind an SMMUv3: stage 1 with an ASID, stage 2 with a VMID, a guest's stage 1 on top of that, or
// none.
#pragma once

#include "sw/iommu/device.hpp"
#include "sw/pgtable/page_table.hpp"
#include "sw/smmu/structures.hpp"

namespace smmusim::sw::smmu {

using sim::Task;

/// What a domain asks of its SMMU.
class Invalidator {
public:
    virtual ~Invalidator() = default;
    /// Issues the commands and waits until they are complete.
    virtual Task<int> invalidate(cpu::Cpu& cpu, std::vector<Command> commands) = 0;
    virtual bool range_invalidation() const = 0;
};

class SmmuDomain : public iommu::Domain {
public:
    enum class Form : u8 { Bypass, Stage1, Stage2, Nested };

    SmmuDomain(sim::Simulation& simulation, std::string name, iommu::DomainType type, Form form,
               iommu::Statistics& statistics, Invalidator& invalidator)
        : Domain(simulation, std::move(name), type, statistics), form_(form), invalidator_(invalidator) {}

    Form form() const { return form_; }
    /// ASID of stage 1, VMID of stage 2 and of what is nested in it.
    u32 tag() const { return tag_; }
    const pgtable::PageTable* table() const { return table_.get(); }
    const iommu::DomainRequest& request() const { return request_; }
    /// The stage 2 below a guest's stage 1.
    const SmmuDomain* parent() const { return parent_; }
    bool belongs_to(const Invalidator& smmu) const { return &invalidator_ == &smmu; }

    /// Gives a translating domain its tag and its table; 0 or -ENOMEM.
    Task<int> prepare(cpu::Cpu& cpu, u32 tag, const pgtable::Geometry& geometry, pgtable::TableMemory& memory);
    void nest(SmmuDomain& parent, const iommu::DomainRequest& request);
    ~SmmuDomain() override;

    Task<std::optional<u64>> iova_to_phys(cpu::Cpu& cpu, u64 iova) override;
    Result<bool> attribute(iommu::DomainAttribute which) const override;
    iommu::Domain& mapping_domain() override;
    u64 aperture_end() const override;
    u64 page_size() const override;

    /// A guest's invalidation of its own stage 1, carried out by the host: [va, va + size) of an ASID.
    Task<int> invalidate_guest(cpu::Cpu& cpu, u32 asid, u64 va, u64 size);
    /// Everything that is cached of this domain.
    Task<int> invalidate_all(cpu::Cpu& cpu);

private:
    Task<int> do_map(cpu::Cpu& cpu, u64 iova, u64 address, u64 size, u32 prot) override;
    Task<Result<u64>> do_unmap(cpu::Cpu& cpu, u64 iova, u64 size) override;
    Task<int> invalidate(cpu::Cpu& cpu, u64 iova, u64 size);
    std::vector<Command> range_commands(Command pattern, unsigned granule_bits, bool only_pages, u64 address,
                                        u64 size) const;

    Form form_;
    Invalidator& invalidator_;
    u32 tag_ = 0;
    std::unique_ptr<pgtable::PageTable> table_;
    SmmuDomain* parent_ = nullptr;
    u32 nested_ = 0;  ///< domains that use this one as their stage 2
    iommu::DomainRequest request_;
};

}  // namespace smmusim::sw::smmu
