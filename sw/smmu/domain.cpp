#include "sw/smmu/domain.hpp"

#include "sw/smmu/invalidation.hpp"

namespace smmusim::sw::smmu {

using Operation = Command::Operation;

Task<int> SmmuDomain::prepare(cpu::Cpu& cpu, u32 tag, const pgtable::Geometry& geometry, pgtable::TableMemory& memory) {
    tag_ = tag;
    table_ = std::make_unique<pgtable::PageTable>(geometry, memory);
    const int error = co_await table_->create(cpu);
    co_return error;
}

void SmmuDomain::nest(SmmuDomain& parent, const iommu::DomainRequest& request) {
    parent_ = &parent;
    request_ = request;
    tag_ = parent.tag_;
    ++parent.nested_;
}

SmmuDomain::~SmmuDomain() {
    if (parent_ != nullptr) --parent_->nested_;
}

iommu::Domain& SmmuDomain::mapping_domain() { return parent_ != nullptr ? *parent_ : *this; }

u64 SmmuDomain::aperture_end() const {
    return table_ != nullptr ? sim::low_mask(table_->geometry().input_bits) : ~u64{0};
}

u64 SmmuDomain::page_size() const { return table_ != nullptr ? table_->geometry().granule() : 4 * KiB; }

Result<bool> SmmuDomain::attribute(iommu::DomainAttribute which) const {
    switch (which) {
        // Without translation the doorbell's own address is right.
        case iommu::DomainAttribute::DOMAIN_ATTR_MSI_MAPPING: return form_ != Form::Bypass;
    }
    return Error(-ENODEV);
}

Task<std::optional<u64>> SmmuDomain::iova_to_phys(cpu::Cpu& cpu, u64 iova) {
    if (form_ == Form::Bypass) co_return iova;
    if (table_ == nullptr) co_return std::nullopt;
    const std::optional<u64> address = co_await table_->translate(cpu, iova);
    co_return address;
}

Task<int> SmmuDomain::do_map(cpu::Cpu& cpu, u64 iova, u64 address, u64 size, u32 prot) {
    if (table_ == nullptr) co_return -EINVAL;
    // No invalidation: an SMMU does not cache that a translation is missing (IHI 0070, 3.16).
    const pgtable::PageTable::Progress progress = co_await table_->map(cpu, iova, address, size, prot);
    if (progress.error != 0 && progress.bytes != 0) {
        // A device may have used the part that was mapped.
        const u64 undone = co_await table_->unmap(cpu, iova, progress.bytes);
        co_await invalidate(cpu, iova, undone);
    }
    co_return progress.error;
}

Task<Result<u64>> SmmuDomain::do_unmap(cpu::Cpu& cpu, u64 iova, u64 size) {
    if (table_ == nullptr) co_return Error(-EINVAL);
    const u64 granule = table_->geometry().granule();
    if (size == 0 || ((iova | size) & (granule - 1)) != 0) co_return Error(-EINVAL);
    const u64 done = co_await table_->unmap(cpu, iova, size);
    if (done != 0) {
        const int error = co_await invalidate(cpu, iova, done);
        if (error != 0) co_return Error(error);
    }
    co_return done;
}

std::vector<Command> SmmuDomain::range_commands(Command pattern, unsigned granule_bits, bool only_pages, u64 address,
                                                u64 size) const {
    InvalidationShape shape;
    shape.granule_bits = granule_bits;
    shape.ranges = invalidator_.range_invalidation();
    shape.only_pages = only_pages;
    return cover(pattern, shape, address, size);
}

Task<int> SmmuDomain::invalidate(cpu::Cpu& cpu, u64 iova, u64 size) {
    const pgtable::Geometry& geometry = table_->geometry();
    if (!invalidator_.range_invalidation() && size >> geometry.granule_bits >= whole_space_pages) {
        const int error = co_await invalidate_all(cpu);
        co_return error;
    }
    Command pattern(form_ == Form::Stage1 ? Operation::TLBI_NH_VA : Operation::TLBI_S2_IPA);
    if (form_ == Form::Stage1) pattern.set(Command::ASID, tag_);
    else pattern.set(Command::VMID, tag_);
    std::vector<Command> commands = range_commands(pattern, geometry.granule_bits, !geometry.blocks, iova, size);
    int error = co_await invalidator_.invalidate(cpu, std::move(commands));
    if (error == 0 && nested_ != 0) {
        // TLBI_S2_IPA need not remove entries that combine both stages (4.4.3): those go by VMID, after it.
        Command combined(Operation::TLBI_NH_ALL);
        combined.set(Command::VMID, tag_);
        std::vector<Command> second{combined};
        error = co_await invalidator_.invalidate(cpu, std::move(second));
    }
    co_return error;
}

Task<int> SmmuDomain::invalidate_guest(cpu::Cpu& cpu, u32 asid, u64 va, u64 size) {
    if (form_ != Form::Nested) co_return -EINVAL;
    const unsigned granule_bits = parent_->table_->geometry().granule_bits;
    Command pattern(Operation::TLBI_NH_VA);
    pattern.set(Command::VMID, tag_);
    pattern.set(Command::ASID, asid);
    std::vector<Command> commands = range_commands(pattern, granule_bits, false, va, size);
    const int error = co_await invalidator_.invalidate(cpu, std::move(commands));
    co_return error;
}

Task<int> SmmuDomain::invalidate_all(cpu::Cpu& cpu) {
    if (form_ == Form::Bypass) co_return 0;
    Command command(form_ == Form::Stage1   ? Operation::TLBI_NH_ASID
                    : form_ == Form::Stage2 ? Operation::TLBI_S12_VMALL
                                            : Operation::TLBI_NH_ALL);
    if (form_ == Form::Stage1) command.set(Command::ASID, tag_);
    else command.set(Command::VMID, tag_);
    std::vector<Command> commands{command};
    const int error = co_await invalidator_.invalidate(cpu, std::move(commands));
    co_return error;
}

}  // namespace smmusim::sw::smmu
