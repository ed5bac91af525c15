// How the doorbell of a message becomes reachable through an IOMMU: one interface, one implementation per idea.
#pragma once

#include "sim/statistics.hpp"
#include "sw/msi/controller.hpp"

namespace smmusim::sw::msi {

class Policy {
public:
    virtual ~Policy() = default;
    virtual const char* name() const = 0;

    /// When a vector is allocated, may sleep: makes all doorbells that it may be sent to reachable.
    virtual Task<int> prepare(cpu::Cpu& cpu, Vector& vector) = 0;
    /// When a message is written, must not sleep: replaces the doorbell's physical address by what the function must
    /// use. 0 or -EINVAL.
    virtual int compose(const Vector& vector, Message& message) = 0;
    /// When the vector is freed: undoes prepare().
    virtual Task<> release(cpu::Cpu& cpu, Vector& vector) = 0;

    virtual Task<int> on_attach(cpu::Cpu& cpu, Source& source, iommu::Domain& domain) = 0;
    /// The source has live vectors and is in `after` already; their messages are composed again afterwards.
    virtual Task<int> on_replace(cpu::Cpu& cpu, Source& source, iommu::Domain& before, iommu::Domain& after) = 0;
    /// Before the domain's tables go.
    virtual Task<> on_domain_free(cpu::Cpu& cpu, iommu::Domain& domain) = 0;

    virtual void statistics(sim::StatisticsVisitor& visit) = 0;
};

}  // namespace smmusim::sw::msi
