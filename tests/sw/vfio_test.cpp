// Promises of assignment to user space: slots, the reserved slot, groups, isolation.
#include "fake_machine.hpp"

namespace smmusim::test {
namespace {

using namespace sw::iommu;
using sw::vfio::Container;

constexpr u32 read_write = IOMMU_READ | IOMMU_WRITE;

class VfioTest : public MachineFixture {
protected:
    void boot_and_open(sw::SoftwareConfig config = {}) {
        add_function(0x08);
        add_function(0x10);
        boot(config);
        container = host->open_container();
    }
    int map(u64 iova, u64 size = 4096) { return await(container->map_dma(cpu(), iova, guest_host, size, read_write)); }
    int reserve(u64 iova, u64 size = 1 * MiB, u32 order = 12) {
        return await(container->map_reserved(cpu(), iova, size, order));
    }
    int attach(u32 id) { return await(container->attach(cpu(), device(id).msi)); }
    u64 map_ops() { return host->iommu().statistics().map_ops; }

    std::unique_ptr<Container> container;
};

TEST_F(VfioTest, SlotsDoNotOverlapAndAreAligned) {
    boot_and_open();
    EXPECT_EQ(map(0x1000, 0x3000), 0);
    EXPECT_EQ(map(0x3000), -EEXIST);
    EXPECT_EQ(map(0x0, 0x2000), -EEXIST);
    EXPECT_EQ(map(0x4800), -EINVAL);
    EXPECT_EQ(map(0x4000, 0), -EINVAL);
    EXPECT_EQ(map(0x4000), 0);
    EXPECT_EQ(await(container->unmap_dma(cpu(), 0x1000, 0x1000)), -ENOENT) << "a slot goes whole";
    EXPECT_EQ(await(container->unmap_dma(cpu(), 0x1000, 0x3000)), 0);
    EXPECT_EQ(map(0x2000), 0);
    EXPECT_EQ(map_ops(), 0u) << "no domain yet";
}

TEST_F(VfioTest, ReservedSlotIsOneAndIsNotMappedNorReplayed) {
    boot_and_open();
    EXPECT_EQ(reserve(0x0800'0000), 0);
    EXPECT_EQ(reserve(0x0900'0000), -EEXIST) << "one window";
    EXPECT_EQ(map(0x080F'0000), -EEXIST) << "it takes the addresses";
    EXPECT_EQ(map(0x1000), 0);
    EXPECT_EQ(attach(0x08), 0);
    EXPECT_EQ(map_ops(), 1u) << "the memory slot only";
    EXPECT_NE(container->domain()->cookie, nullptr);
    EXPECT_EQ(smmu.translate(0x08, 0x1010).pa, guest_host + 0x10);
    EXPECT_EQ(smmu.translate(0x08, 0x0800'0000).verdict, oracle::Verdict::Abort);
    EXPECT_EQ(await(container->unmap_dma(cpu(), 0x0800'0000, 1 * MiB)), 0);
    EXPECT_EQ(container->domain()->cookie, nullptr);
    EXPECT_EQ(reserve(0x0900'0000), 0) << "registered on a live domain";
    EXPECT_NE(container->domain()->cookie, nullptr);
}

TEST_F(VfioTest, ReservedSlotErrors) {
    boot_and_open();
    EXPECT_EQ(reserve(0x0800'0800), -EINVAL);
    EXPECT_EQ(reserve(0x0800'0000, 0), -EINVAL);
    EXPECT_EQ(reserve(0x0800'0000, 1 * MiB, 21), -EINVAL);
    EXPECT_EQ(map(0x0800'0000), 0);
    EXPECT_EQ(reserve(0x0800'0000), -EEXIST);
}

TEST_F(VfioTest, TwoFunctionsShareTheDomainAndTheLastOneEndsIt) {
    boot_and_open();
    EXPECT_EQ(reserve(0x0800'0000), 0);
    EXPECT_EQ(attach(0x08), 0);
    EXPECT_EQ(attach(0x08), -EINVAL) << "in already";
    EXPECT_EQ(attach(0x10), 0);
    EXPECT_EQ(device(0x08).iommu.domain, device(0x10).iommu.domain);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(0x08), 2)), 0);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(0x10), 2)), 0);
    EXPECT_EQ(host->reserved_iova().count.map_ops, 1u) << "one doorbell, one map";
    EXPECT_EQ(await(container->detach(cpu(), device(0x08).msi)), 0);
    EXPECT_NE(container->domain(), nullptr);
    EXPECT_EQ(await(container->detach(cpu(), device(0x08).msi)), -EINVAL);
    EXPECT_EQ(await(container->detach(cpu(), device(0x10).msi)), 0);
    EXPECT_EQ(container->domain(), nullptr);
    EXPECT_EQ(host->reserved_iova().mapped_pages(), 0u);
    EXPECT_EQ(attach(0x08), 0) << "slots stay for the next";
}

TEST_F(VfioTest, FailedReplayGivesTheDomainBack) {
    boot_and_open();
    EXPECT_EQ(map(u64{1} << 48), 0);
    EXPECT_EQ(attach(0x08), -ERANGE);
    EXPECT_EQ(container->domain(), nullptr);
    EXPECT_EQ(device(0x08).iommu.domain->type(), DomainType::Identity);
}

TEST_F(VfioTest, ReservedRegionsOfAFunctionConflictUnlessRelaxable) {
    machine.reserved.push_back({0x08, 0x08, {0x5000, 0x5FFF, RegionType::Direct, read_write}});
    machine.reserved.push_back({0x10, 0x10, {0x5000, 0x5FFF, RegionType::DirectRelaxable, read_write}});
    boot_and_open();
    EXPECT_EQ(map(0x4000, 0x2000), 0);
    EXPECT_EQ(attach(0x08), -EINVAL);
    EXPECT_EQ(attach(0x10), 0);
    const auto other = host->open_container();
    EXPECT_EQ(await(other->attach(cpu(), device(0x08).msi)), 0);
    EXPECT_EQ(await(other->map_dma(cpu(), 0x5000, guest_host, 4096, read_write)), -EINVAL);
    EXPECT_EQ(await(other->map_dma(cpu(), 0x6000, guest_host, 4096, read_write)), 0);
}

/// A controller that takes any write for any interrupt, as a GICv2m frame.
class OpenController final : public sw::msi::Controller {
public:
    const std::string& name() const override { return name_; }
    bool isolates_sources() const override { return false; }
    std::vector<sw::msi::Doorbell> doorbells() const override { return {}; }
    Task<int> allocate(sw::cpu::Cpu&, sw::msi::Source&, std::vector<sw::msi::Vector*>) override { co_return 0; }
    Task<> release(sw::cpu::Cpu&, sw::msi::Vector&) override { co_return; }
    Task<int> activate(sw::cpu::Cpu&, sw::msi::Vector&) override { co_return 0; }
    Task<> deactivate(sw::cpu::Cpu&, sw::msi::Vector&) override { co_return; }
    sw::msi::Message compose(const sw::msi::Vector&) const override { return {}; }
    Task<sw::Result<Moved>> set_affinity(sw::cpu::Cpu&, sw::msi::Vector&, u32) override { co_return Moved::Done; }

private:
    std::string name_ = "v2m";
};

TEST_F(VfioTest, FunctionWhoseMessagesAreNotIsolatedNeedsPermission) {
    boot_and_open();
    OpenController open;
    device(0x08).msi.controller = &open;
    EXPECT_EQ(attach(0x08), -EPERM);
    EXPECT_EQ(attach(0x10), 0) << "asked per device";
    sw::SoftwareConfig config;
    config.allow_unsafe_interrupts = true;
    host.reset();
    functions.clear();
    boot_and_open(config);
    device(0x08).msi.controller = &open;
    EXPECT_EQ(attach(0x08), 0);
}

TEST_F(VfioTest, InfoTellsWhetherAndHowMuchMustBeMapped) {
    boot_and_open();
    EXPECT_FALSE(container->info(12).require_msi_map);
    EXPECT_EQ(attach(0x08), 0);
    EXPECT_TRUE(container->info(12).require_msi_map);
    EXPECT_EQ(container->info(12).msi_pages, 1u);
}

TEST_F(VfioTest, FunctionWithoutSmmuCannotBeAssigned) {
    machine.smmus.clear();
    machine.root_complexes[0].iommu_map.clear();
    boot_and_open();
    EXPECT_EQ(attach(0x08), -ENODEV);
}

}  // namespace
}  // namespace smmusim::test
