#include "sw/msi/reserved_iova.hpp"

#include "sim/bits.hpp"

namespace smmusim::sw::msi {

namespace {

constexpr u64 search_cycles = 50;  // of the lock's holder: looking through a handful of bindings

std::shared_ptr<ReservedIovaDomain> window_of(const iommu::Domain& domain) {
    return std::dynamic_pointer_cast<ReservedIovaDomain>(domain.cookie);
}

/// The binding that shares a byte with [address, address + size), lowest first.
Binding* overlapping(ReservedIovaDomain& window, u64 address, u64 size) {
    auto binding = window.bindings.upper_bound(address);
    if (binding != window.bindings.begin() && address < std::prev(binding)->first + std::prev(binding)->second.size)
        --binding;
    return binding != window.bindings.end() && binding->first < address + size ? &binding->second : nullptr;
}

/// As above, but only if it covers all of the range.
Binding* containing(ReservedIovaDomain& window, u64 address, u64 size) {
    Binding* const binding = overlapping(window, address, size);
    const bool covers =
        binding != nullptr && address >= binding->address && address + size <= binding->address + binding->size;
    return covers ? binding : nullptr;
}

}  // namespace

Task<int> ReservedIova::iommu_alloc_reserved_iova_domain(cpu::Cpu& cpu, iommu::Domain& domain, u64 iova, u64 size,
                                                         u32 prot, u32 order) {
    if (!enabled_) co_return -ENOENT;
    if (order >= 64) co_return -EINVAL;
    const u64 mask = sim::low_mask(order);
    if ((iova & mask) != 0 || size == 0 || (size & mask) != 0) co_return -EINVAL;
    if (iova > domain.aperture_end() || size - 1 > domain.aperture_end() - iova) co_return -EINVAL;
    // Everything that allocates comes before the lock.
    auto window = std::make_shared<ReservedIovaDomain>(cpu.simulation(), domain.name(), iova, size, prot, order);
    const auto locked = co_await domain.reserved_lock.acquire_irqsave(cpu);
    if (domain.cookie != nullptr) co_return -EEXIST;
    domain.cookie = std::move(window);
    co_return 0;
}

Task<> ReservedIova::iommu_free_reserved_iova_domain(cpu::Cpu& cpu, iommu::Domain& domain) {
    std::shared_ptr<ReservedIovaDomain> window;
    {
        const auto locked = co_await domain.reserved_lock.acquire_irqsave(cpu);
        window = window_of(domain);
        if (window == nullptr || window->dying) co_return;
        window->dying = true;  // nobody gets a binding any more; who is mapping one now will undo it
    }
    co_await window->changing.none();
    while (!window->bindings.empty()) {
        const Binding binding = window->bindings.begin()->second;
        window->bindings.erase(window->bindings.begin());
        co_await unbind(cpu, domain, window, binding);
    }
    // The place is free only when the window has no mapping left: a new one may cover the same addresses.
    const auto locked = co_await domain.reserved_lock.acquire_irqsave(cpu);
    domain.cookie = nullptr;
}

Task<int> ReservedIova::iommu_get_reserved_iova(cpu::Cpu& cpu, iommu::Domain& domain, u64 addr, u64 size, u32 prot,
                                                u64& iova) {
    if (!enabled_) co_return -ENOENT;
    if (size == 0 || addr + (size - 1) < addr) co_return -EINVAL;
    std::shared_ptr<ReservedIovaDomain> window;
    Binding wanted;
    {
        const auto locked = co_await domain.reserved_lock.acquire_irqsave(cpu);
        co_await cpu.work(search_cycles);
        ++count.lookups;
        window = window_of(domain);
        if (window == nullptr || window->dying) co_return -EINVAL;
        if ((prot & ~window->prot & (iommu::IOMMU_READ | iommu::IOMMU_WRITE)) != 0) co_return -EINVAL;
        // Every granule that the range touches.
        wanted.address = sim::align_down(addr, window->granule());
        wanted.size = sim::align_up(addr - wanted.address + size, window->granule());
        if (Binding* const known = containing(*window, wanted.address, wanted.size)) {
            ++known->references;
            iova = known->iova + (addr - known->address);
            co_return 0;
        }
        if (overlapping(*window, wanted.address, wanted.size) != nullptr) co_return -EBUSY;
        const std::optional<u64> first =
            window->iovad.allocate(wanted.size >> window->iovad.order(), window->last, true);
        if (!first) co_return -ENOMEM;
        wanted.iova = *first << window->iovad.order();
    }
    const Result<u64> bound = co_await bind(cpu, domain, window, wanted, prot);
    if (bound) iova = *bound + (addr - wanted.address);
    co_return bound.error();
}

/// Maps outside the lock, because mapping sleeps, and looks again before it inserts. The IOVA of `wanted.address`.
Task<Result<u64>> ReservedIova::bind(cpu::Cpu& cpu, iommu::Domain& domain, std::shared_ptr<ReservedIovaDomain> window,
                                     Binding wanted, u32 prot) {
    const sim::Underway::Mark changing(window->changing);
    ++count.map_ops;
    int error = co_await domain.map(cpu, wanted.iova, wanted.address, wanted.size, prot);
    if (error != 0) {
        window->iovad.free(wanted.iova >> window->iovad.order());
        co_return Error(error);
    }
    u64 bound = wanted.iova;
    mapped_pages_ += wanted.size >> window->iovad.order();
    {
        const auto locked = co_await domain.reserved_lock.acquire_irqsave(cpu);
        co_await cpu.work(search_cycles);
        Binding* const other = overlapping(*window, wanted.address, wanted.size);
        if (window->dying) {
            error = -EBUSY;
        } else if (other == nullptr) {
            wanted.references = 1;
            window->bindings.emplace(wanted.address, wanted);
            co_return bound;
        } else {
            // Another CPU was faster. One physical granule has one binding.
            ++count.lost_races;
            Binding* const winner = containing(*window, wanted.address, wanted.size);
            if (winner == nullptr) {
                error = -EBUSY;
            } else {
                ++winner->references;
                bound = winner->iova + (wanted.address - winner->address);
            }
        }
    }
    co_await unbind(cpu, domain, window, wanted);
    if (error != 0) co_return Error(error);
    co_return bound;
}

/// The mapping first, then its address: whoever is given the address next finds it unmapped and forgotten.
Task<> ReservedIova::unbind(cpu::Cpu& cpu, iommu::Domain& domain, std::shared_ptr<ReservedIovaDomain> window,
                            Binding binding) {
    const sim::Underway::Mark changing(window->changing);
    ++count.unmap_ops;
    const Result<u64> unmapped = co_await domain.unmap(cpu, binding.iova, binding.size);
    mapped_pages_ -= binding.size >> window->iovad.order();
    // An SMMU that did not confirm may still translate the address: nobody else gets it.
    if (unmapped) window->iovad.free(binding.iova >> window->iovad.order());
}

Task<> ReservedIova::iommu_put_reserved_iova(cpu::Cpu& cpu, iommu::Domain& domain, u64 addr) {
    std::shared_ptr<ReservedIovaDomain> window;
    Binding last;
    {
        const auto locked = co_await domain.reserved_lock.acquire_irqsave(cpu);
        co_await cpu.work(search_cycles);
        window = window_of(domain);
        if (window == nullptr || window->dying) co_return;
        Binding* const binding = containing(*window, sim::align_down(addr, window->granule()), window->granule());
        if (binding == nullptr || --binding->references != 0) co_return;
        last = *binding;
        window->bindings.erase(last.address);
    }
    co_await unbind(cpu, domain, window, last);
}

iommu::Domain* ReservedIova::iommu_msi_mapping_desc_to_domain(const Vector& vector) const {
    iommu::Domain* const domain = vector.source->device->domain;
    if (!enabled_ || domain == nullptr) return nullptr;
    const Controller* const controller = vector.source->controller;
    if (controller != nullptr && !controller->translated()) return nullptr;
    const Result<bool> translated = domain->attribute(iommu::DomainAttribute::DOMAIN_ATTR_MSI_MAPPING);
    return translated && *translated ? &domain->mapping_domain() : nullptr;
}

int ReservedIova::iommu_msi_mapping_translate_msg(const Vector& vector, Message& message) const {
    iommu::Domain* const domain = iommu_msi_mapping_desc_to_domain(vector);
    if (domain == nullptr) return 0;
    const std::shared_ptr<ReservedIovaDomain> window = window_of(*domain);
    const Binding* const binding =
        window == nullptr ? nullptr : containing(*window, message.address, sizeof message.data);
    if (binding == nullptr) return -EINVAL;
    message.address = binding->iova + (message.address - binding->address);
    return 0;
}

std::vector<Binding> ReservedIova::bindings(const iommu::Domain& domain) {
    std::vector<Binding> all;
    if (const auto window = window_of(domain))
        for (const auto& [address, binding] : window->bindings) all.push_back(binding);
    return all;
}

u64 doorbell_pages(const std::vector<Doorbell>& doorbells, unsigned order) {
    const u64 granule = u64{1} << order;
    u64 pages = 0;
    for (const Doorbell& doorbell : doorbells)
        pages += ((doorbell.address & (granule - 1)) + doorbell.size + granule - 1) >> order;
    return pages;
}

}  // namespace smmusim::sw::msi
