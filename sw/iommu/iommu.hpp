// The IOMMU layer: groups of devices, their default domains, attaching and freeing.
#pragma once

#include <list>
#include <vector>

#include "sw/iommu/device.hpp"

namespace smmusim::sw::iommu {

class Iommu {
public:
    explicit Iommu(sim::Simulation& simulation) : attach_lock_(simulation, "iommu.attach_lock") {}

    /// Puts a device into its group and attaches it to the group's default domain, an identity domain.
    Task<int> add_device(cpu::Cpu& cpu, Device& device);

    /// A domain for devices behind `driver`; freed by free_domain() or with the IOMMU layer.
    Task<Result<Domain*>> alloc_domain(cpu::Cpu& cpu, Driver& driver, DomainRequest request);
    /// -EBUSY while a device is attached, or while it is the parent of a nested domain.
    Task<int> free_domain(cpu::Cpu& cpu, Domain& domain);

    /// Moves the whole group of the device. -ENODEV without an SMMU.
    Task<int> attach(cpu::Cpu& cpu, Domain& domain, Device& device);
    /// Back to the group's default domain.
    Task<int> detach(cpu::Cpu& cpu, Device& device);

    /// Forgets every domain, the youngest first, so that a nested one goes before its parent. What a domain holds
    /// belongs to its driver: call this before the drivers go.
    void drop_domains() {
        while (!domains_.empty()) domains_.pop_back();
    }

    void set_listener(DomainListener* listener) { listener_ = listener; }
    Statistics& statistics() { return statistics_; }
    const std::list<Group>& groups() const { return groups_; }

private:
    struct Owned {
        std::unique_ptr<Domain> domain;
        Driver* driver;
    };
    struct Moved {
        Device* device;
        Domain* before;
    };
    Task<int> move(cpu::Cpu& cpu, Group& group, Domain& domain);
    Task<> move_back(cpu::Cpu& cpu, std::vector<Moved> moved, Domain& domain);
    Group& group_of(const Device& device);

    cpu::Lock attach_lock_;
    Statistics statistics_;
    DomainListener* listener_ = nullptr;
    std::list<Group> groups_;
    std::list<Owned> domains_;
};

}  // namespace smmusim::sw::iommu
