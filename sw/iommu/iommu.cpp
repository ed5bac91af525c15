#include "sw/iommu/iommu.hpp"

#include <algorithm>

namespace smmusim::sw::iommu {

namespace {

bool share_a_stream(const Device& one, const Device& other) {
    return one.driver == other.driver && std::any_of(one.streams.begin(), one.streams.end(), [&](u32 stream) {
               return std::find(other.streams.begin(), other.streams.end(), stream) != other.streams.end();
           });
}

}  // namespace

Group& Iommu::group_of(const Device& device) {
    for (Group& group : groups_)
        if (std::any_of(group.devices.begin(), group.devices.end(),
                        [&](const Device* member) { return share_a_stream(*member, device); }))
            return group;
    Group& group = groups_.emplace_back();
    group.id = static_cast<u32>(groups_.size() - 1);
    return group;
}

Task<int> Iommu::add_device(cpu::Cpu& cpu, Device& device) {
    if (device.driver == nullptr) co_return 0;
    Group& group = group_of(device);
    group.devices.push_back(&device);
    device.group = &group;
    if (group.default_domain == nullptr) {
        DomainRequest request;
        request.type = DomainType::Identity;
        const Result<Domain*> domain = co_await alloc_domain(cpu, *device.driver, request);
        if (!domain) co_return domain.error();
        group.default_domain = *domain;
    }
    const int error = co_await move(cpu, group, *group.default_domain);
    co_return error;
}

Task<Result<Domain*>> Iommu::alloc_domain(cpu::Cpu& cpu, Driver& driver, DomainRequest request) {
    Result<std::unique_ptr<Domain>> made = co_await driver.make_domain(cpu, request);
    if (!made) co_return Error(made.error());
    Owned owned;
    owned.domain = std::move(*made);
    owned.driver = &driver;
    domains_.push_back(std::move(owned));
    co_return domains_.back().domain.get();
}

Task<int> Iommu::free_domain(cpu::Cpu& cpu, Domain& domain) {
    const auto turn = co_await attach_lock_.acquire();
    const auto owned = std::find_if(domains_.begin(), domains_.end(),
                                    [&](const Owned& entry) { return entry.domain.get() == &domain; });
    if (owned == domains_.end()) co_return -EINVAL;
    for (const Group& group : groups_) {
        if (group.default_domain == &domain) co_return -EBUSY;
        for (const Device* device : group.devices)
            if (device->domain == &domain) co_return -EBUSY;
    }
    for (const Owned& entry : domains_)
        if (entry.domain.get() != &domain && &entry.domain->mapping_domain() == &domain) co_return -EBUSY;
    // The policy removes its mappings while the tables still exist.
    if (listener_ != nullptr) co_await listener_->on_domain_free(cpu, domain);
    co_await owned->driver->retire_domain(cpu, domain);
    domains_.erase(owned);
    co_return 0;
}

Task<int> Iommu::attach(cpu::Cpu& cpu, Domain& domain, Device& device) {
    if (device.group == nullptr) co_return -ENODEV;
    const auto turn = co_await attach_lock_.acquire();
    const int error = co_await move(cpu, *device.group, domain);
    co_return error;
}

Task<int> Iommu::detach(cpu::Cpu& cpu, Device& device) {
    if (device.group == nullptr) co_return -ENODEV;
    const auto turn = co_await attach_lock_.acquire();
    const int error = co_await move(cpu, *device.group, *device.group->default_domain);
    co_return error;
}

Task<int> Iommu::move(cpu::Cpu& cpu, Group& group, Domain& domain) {
    std::vector<Moved> moved;
    for (Device* device : group.devices) {
        Domain* const before = device->domain;
        if (before == &domain) continue;
        int error = co_await device->driver->attach(cpu, *device, domain);
        if (error == 0) {
            device->domain = &domain;
            moved.push_back({device, before});
            if (listener_ == nullptr) continue;
            if (before == nullptr) error = co_await listener_->on_attach(cpu, *device, domain);
            else error = co_await listener_->on_replace(cpu, *device, *before, domain);
        }
        if (error == 0) continue;
        co_await move_back(cpu, std::move(moved), domain);
        co_return error;
    }
    co_return 0;
}

/// A group is in one domain: where one of its members cannot go, none stays. What cannot even go back stays.
Task<> Iommu::move_back(cpu::Cpu& cpu, std::vector<Moved> moved, Domain& domain) {
    for (auto entry = moved.rbegin(); entry != moved.rend(); ++entry) {
        Device& device = *entry->device;
        if (entry->before == nullptr) continue;
        const int error = co_await device.driver->attach(cpu, device, *entry->before);
        if (error != 0) continue;
        device.domain = entry->before;
        if (listener_ == nullptr) continue;
        const int ignored = co_await listener_->on_replace(cpu, device, domain, *entry->before);
        (void)ignored;
    }
}

}  // namespace smmusim::sw::iommu
