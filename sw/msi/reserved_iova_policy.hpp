// The policy "reserved-iova": doorbells get addresses from the window that user space reserved, one reference per
// vector and doorbell.
#pragma once

#include "sw/msi/policy.hpp"
#include "sw/msi/reserved_iova.hpp"

namespace smmusim::sw::msi {

class ReservedIovaPolicy final : public Policy {
public:
    explicit ReservedIovaPolicy(ReservedIova& reserved) : reserved_(reserved) {}

    const char* name() const override { return "reserved-iova"; }
    Task<int> prepare(cpu::Cpu& cpu, Vector& vector) override;
    int compose(const Vector& vector, Message& message) override;
    Task<> release(cpu::Cpu& cpu, Vector& vector) override;
    Task<int> on_attach(cpu::Cpu& cpu, Source& source, iommu::Domain& domain) override;
    Task<int> on_replace(cpu::Cpu& cpu, Source& source, iommu::Domain& before, iommu::Domain& after) override;
    Task<> on_domain_free(cpu::Cpu& cpu, iommu::Domain& domain) override;
    void statistics(sim::StatisticsVisitor& visit) override;

private:
    /// A reference that a vector holds; in the domain where it was taken, whatever the device is attached to now.
    struct Reference {
        iommu::Domain* domain;
        std::weak_ptr<iommu::DomainCookie> window;
        u64 address;
    };
    ReservedIova& reserved_;
    std::map<const Vector*, std::vector<Reference>> held_;  ///< order never matters
};

}  // namespace smmusim::sw::msi
