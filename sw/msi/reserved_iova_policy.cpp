#include "sw/msi/reserved_iova_policy.hpp"

#include <algorithm>

namespace smmusim::sw::msi {

Task<int> ReservedIovaPolicy::prepare(cpu::Cpu& cpu, Vector& vector) {
    iommu::Domain* const domain = reserved_.iommu_msi_mapping_desc_to_domain(vector);
    if (domain == nullptr) co_return 0;
    const std::vector<Doorbell> doorbells = vector.source->controller->doorbells();
    for (const Doorbell& doorbell : doorbells) {
        u64 iova = 0;
        const int error = co_await reserved_.iommu_get_reserved_iova(cpu, *domain, doorbell.address, doorbell.size,
                                                                     doorbell.prot, iova);
        if (error != 0) {
            co_await release(cpu, vector);
            co_return error;
        }
        Reference reference{domain, domain->cookie, doorbell.address};
        held_[&vector].push_back(reference);
    }
    co_return 0;
}

int ReservedIovaPolicy::compose(const Vector& vector, Message& message) {
    return reserved_.iommu_msi_mapping_translate_msg(vector, message);
}

Task<> ReservedIovaPolicy::release(cpu::Cpu& cpu, Vector& vector) {
    const auto held = held_.find(&vector);
    if (held == held_.end()) co_return;
    const std::vector<Reference> references = std::move(held->second);
    held_.erase(held);
    for (const Reference& reference : references) {
        // With its window a reference has gone, and a window made since knows nothing of it.
        if (reference.window.expired() || reference.window.lock() != reference.domain->cookie) continue;
        co_await reserved_.iommu_put_reserved_iova(cpu, *reference.domain, reference.address);
    }
}

Task<int> ReservedIovaPolicy::on_attach(cpu::Cpu&, Source&, iommu::Domain&) { co_return 0; }

Task<int> ReservedIovaPolicy::on_replace(cpu::Cpu& cpu, Source& source, iommu::Domain&, iommu::Domain&) {
    int first_error = 0;
    for (const auto& vector : source.vectors) {
        if (vector == nullptr) continue;
        co_await release(cpu, *vector);
        const int error = co_await prepare(cpu, *vector);
        if (first_error == 0) first_error = error;
    }
    co_return first_error;
}

Task<> ReservedIovaPolicy::on_domain_free(cpu::Cpu& cpu, iommu::Domain& domain) {
    for (auto& [vector, references] : held_)
        std::erase_if(references, [&](const Reference& reference) { return reference.domain == &domain; });
    co_await reserved_.iommu_free_reserved_iova_domain(cpu, domain);
}

void ReservedIovaPolicy::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("map_ops", reserved_.count.map_ops, "calls", "maps of a doorbell");
    visit.counter("unmap_ops", reserved_.count.unmap_ops, "calls", "unmaps of a doorbell");
    visit.counter("lookups", reserved_.count.lookups, "searches", "requests for a doorbell's address");
    visit.counter("lost_races", reserved_.count.lost_races, "maps", "maps undone because another CPU was faster");
    visit.gauge("mapped_pages", reserved_.mapped_pages(), "pages", "granules of doorbells that are mapped now");
}

}  // namespace smmusim::sw::msi
