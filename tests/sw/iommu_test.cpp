// Promises of the IOMMU layer about groups of devices.
#include "sw/iommu/iommu.hpp"

#include "fake_domain.hpp"

namespace smmusim::test::iommu_layer {
namespace {

using namespace sw::iommu;

/// Lets every device into every domain, but for one of each.
class FakeDriver final : public Driver {
public:
    FakeDriver(sim::Simulation& simulation, Statistics& statistics)
        : simulation_(simulation), statistics_(statistics) {}
    Task<sw::Result<std::unique_ptr<Domain>>> make_domain(sw::cpu::Cpu&, DomainRequest request) override {
        std::unique_ptr<Domain> made = std::make_unique<FakeDomain>(simulation_, statistics_, request.type);
        co_return made;
    }
    Task<> retire_domain(sw::cpu::Cpu&, Domain&) override { co_return; }
    Task<int> attach(sw::cpu::Cpu&, Device& device, Domain& domain) override {
        if (&device == refused_device && &domain == refused_domain) co_return -ENOMEM;
        attached[&device] = &domain;
        co_return 0;
    }
    std::map<const Device*, const Domain*> attached;
    const Device* refused_device = nullptr;
    const Domain* refused_domain = nullptr;

private:
    sim::Simulation& simulation_;
    Statistics& statistics_;
};

class IommuLayer : public CpuFixture {
protected:
    IommuLayer() {
        for (Device* device : {&first, &second}) {
            device->driver = &driver;
            device->streams = {7};
            EXPECT_EQ(await(iommu.add_device(cpu(), *device)), 0);
        }
        domain = *await(iommu.alloc_domain(cpu(), driver, {}));
    }
    Iommu iommu{simulation};
    FakeDriver driver{simulation, iommu.statistics()};
    Device first, second;
    Domain* domain = nullptr;
};

TEST_F(IommuLayer, GroupMovesAsAWhole) {
    EXPECT_EQ(first.group, second.group);
    EXPECT_EQ(await(iommu.attach(cpu(), *domain, second)), 0);
    for (const Device* device : {&first, &second}) {
        EXPECT_EQ(device->domain, domain);
        EXPECT_EQ(driver.attached[device], domain);
    }
}

TEST_F(IommuLayer, GroupOfWhichOneCannotMoveStaysAsAWhole) {
    driver.refused_device = &second;
    driver.refused_domain = domain;
    EXPECT_EQ(await(iommu.attach(cpu(), *domain, first)), -ENOMEM);
    for (const Device* device : {&first, &second}) {
        EXPECT_EQ(device->domain, first.group->default_domain);
        EXPECT_EQ(driver.attached[device], first.group->default_domain);
    }
    EXPECT_EQ(await(iommu.free_domain(cpu(), *domain)), 0) << "nobody is in it";
}

}  // namespace
}  // namespace smmusim::test::iommu_layer
