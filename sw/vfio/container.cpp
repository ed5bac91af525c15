#include "sw/vfio/container.hpp"

#include <algorithm>

#include "sim/bits.hpp"

namespace smmusim::sw::vfio {

namespace {

bool overlap(u64 one, u64 one_size, u64 other, u64 other_size) {
    return one <= other + (other_size - 1) && other <= one + (one_size - 1);
}

bool forbids(const iommu::ReservedRegion& region, u64 iova, u64 size) {
    return region.type != iommu::RegionType::DirectRelaxable && iova <= region.end && region.start <= iova + (size - 1);
}

}  // namespace

bool Container::free_range(u64 iova, u64 size) const {
    return std::none_of(slots_.begin(), slots_.end(),
                        [&](const auto& slot) { return overlap(slot.first, slot.second.size, iova, size); });
}

bool Container::permitted(const iommu::Device& device) const {
    for (const iommu::ReservedRegion& region : device.reserved)
        for (const auto& [iova, slot] : slots_)
            if (forbids(region, iova, slot.size)) return false;
    return true;
}

Task<int> Container::map_dma(cpu::Cpu& cpu, u64 iova, u64 address, u64 size, u32 prot) {
    const auto turn = co_await lock_.acquire();
    const u64 page = domain_ != nullptr ? domain_->page_size() : 4 * KiB;
    if (size == 0 || ((iova | address | size) & (page - 1)) != 0 || iova + (size - 1) < iova) co_return -EINVAL;
    if (!free_range(iova, size)) co_return -EEXIST;
    for (const iommu::Group* group : groups_)
        for (const iommu::Device* device : group->devices)
            for (const iommu::ReservedRegion& region : device->reserved)
                if (forbids(region, iova, size)) co_return -EINVAL;
    if (domain_ != nullptr) {
        const int error = co_await domain_->map(cpu, iova, address, size, prot);
        if (error != 0) co_return error == -ERANGE ? -EINVAL : error;
    }
    Slot slot;
    slot.size = size;
    slot.address = address;
    slot.prot = prot;
    slots_.emplace(iova, slot);
    co_return 0;
}

Task<int> Container::map_reserved(cpu::Cpu& cpu, u64 iova, u64 size, u32 order, u32 prot) {
    const auto turn = co_await lock_.acquire();
    if (order >= 64 || size == 0 || ((iova | size) & sim::low_mask(order)) != 0) co_return -EINVAL;
    if (iova + (size - 1) < iova) co_return -EINVAL;
    const bool second =
        std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot.second.reserved; });
    if (second || !free_range(iova, size)) co_return -EEXIST;
    if (domain_ != nullptr) {
        const int error =
            co_await services_.reserved->iommu_alloc_reserved_iova_domain(cpu, *domain_, iova, size, prot, order);
        if (error != 0) co_return error;
    }
    Slot slot;
    slot.size = size;
    slot.reserved = true;
    slot.prot = prot;
    slot.order = order;
    slots_.emplace(iova, slot);
    co_return 0;
}

Task<int> Container::unmap_dma(cpu::Cpu& cpu, u64 iova, u64 size) {
    const auto turn = co_await lock_.acquire();
    const auto slot = slots_.find(iova);
    if (slot == slots_.end() || slot->second.size != size) co_return -ENOENT;
    if (domain_ != nullptr) {
        if (slot->second.reserved) {
            co_await services_.reserved->iommu_free_reserved_iova_domain(cpu, *domain_);
        } else {
            const Result<u64> done = co_await domain_->unmap(cpu, iova, size);
            if (!done) co_return done.error();
        }
    }
    slots_.erase(slot);
    co_return 0;
}

/// A new domain gets what was registered before: memory is mapped, the window is announced.
Task<int> Container::fill(cpu::Cpu& cpu) {
    for (const auto& [iova, slot] : slots_) {
        int error = 0;
        if (slot.reserved)
            error = co_await services_.reserved->iommu_alloc_reserved_iova_domain(cpu, *domain_, iova, slot.size,
                                                                                  slot.prot, slot.order);
        else error = co_await domain_->map(cpu, iova, slot.address, slot.size, slot.prot);
        if (error != 0) co_return error;
    }
    co_return 0;
}

Task<int> Container::remove_domain(cpu::Cpu& cpu) {
    iommu::Domain& domain = *domain_;
    domain_ = nullptr;
    driver_ = nullptr;
    // Its reserved window is freed with it, by the MSI policy.
    const int error = co_await services_.iommu->free_domain(cpu, domain);
    co_return error;
}

Task<int> Container::attach(cpu::Cpu& cpu, msi::Source& source) {
    const auto turn = co_await lock_.acquire();
    iommu::Device& device = *source.device;
    if (device.group == nullptr) co_return -ENODEV;
    if (std::find(groups_.begin(), groups_.end(), device.group) != groups_.end()) co_return -EINVAL;
    const bool isolated = source.controller == nullptr || source.controller->isolates_sources();
    if (!isolated && !services_.allow_unsafe_interrupts) co_return -EPERM;
    if (driver_ != nullptr && driver_ != device.driver) co_return -EINVAL;
    for (const iommu::Device* member : device.group->devices)
        if (!permitted(*member)) co_return -EINVAL;
    const bool first = domain_ == nullptr;
    int error = 0;
    if (first) {
        iommu::DomainRequest request;
        if (stage_ == Stage::Nesting) request.stage = iommu::DomainRequest::Stage::Two;
        const Result<iommu::Domain*> made = co_await services_.iommu->alloc_domain(cpu, *device.driver, request);
        if (!made) co_return made.error();
        domain_ = *made;
        driver_ = device.driver;
        error = co_await fill(cpu);
    }
    if (error == 0) error = co_await services_.iommu->attach(cpu, *domain_, device);
    if (error == 0) groups_.push_back(device.group);
    else if (first) co_await remove_domain(cpu);
    co_return error;
}

Task<int> Container::detach(cpu::Cpu& cpu, msi::Source& source) {
    const auto turn = co_await lock_.acquire();
    const auto member = std::find(groups_.begin(), groups_.end(), source.device->group);
    if (member == groups_.end()) co_return -EINVAL;
    int error = co_await services_.iommu->detach(cpu, *source.device);
    if (error != 0) co_return error;
    groups_.erase(member);
    if (groups_.empty()) error = co_await remove_domain(cpu);
    co_return error;
}

Container::Info Container::info(unsigned order) const {
    Info result;
    const auto& controllers = services_.controllers;
    if (std::none_of(controllers.begin(), controllers.end(), [](const auto* each) { return each->translated(); }))
        return result;
    for (const iommu::Group* group : groups_)
        for (const iommu::Device* device : group->devices) {
            const Result<bool> mapped = device->domain->attribute(iommu::DomainAttribute::DOMAIN_ATTR_MSI_MAPPING);
            if (mapped && *mapped) result.require_msi_map = true;
        }
    for (const msi::Controller* controller : services_.controllers)
        result.msi_pages += msi::doorbell_pages(controller->doorbells(), order);
    return result;
}

}  // namespace smmusim::sw::vfio
