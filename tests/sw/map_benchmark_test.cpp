// Promises of the measurement of map and unmap, on one CPU and on several at once.
#include "sw/iommu/map_benchmark.hpp"
#include "smmu_driver_fixture.hpp"

namespace smmusim::test {
namespace {

using sw::iommu::MapCost;
using sw::iommu::MapPlan;

class MapBenchmark : public SmmuDriverTest {
protected:
    static constexpr u64 first_iova = 0x10'0000, first_address = 0x9000'0000;

    MapPlan plan(u64 size, u32 rounds = 3) {
        return {first_iova, first_address, size, IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE, rounds};
    }
    std::vector<sw::cpu::Cpu*> on(u32 count) {
        std::vector<sw::cpu::Cpu*> result;
        for (u32 index = 0; index < count; ++index) result.push_back(&cpu(index));
        return result;
    }
};

TEST_F(MapBenchmark, CountsTheCallsThatItMeasuresAndLeavesNothingMapped) {
    boot();
    const auto domain_under_test = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *domain_under_test)), 0);
    smmu.commands.clear();
    const sw::Result<MapCost> cost = await(measure_mapping(*domain_under_test, on(2), plan(8192)));
    ASSERT_TRUE(cost) << cost.error();
    EXPECT_GT(cost->map, 0u);
    EXPECT_GT(cost->unmap, cost->map) << "an unmap waits for the SMMU";
    // Two CPUs, four rounds: a range and a SYNC each.
    const std::vector<unsigned> issued = opcodes();
    EXPECT_EQ(std::count(issued.begin(), issued.end(), 0x12u), 2 * 4);
    EXPECT_EQ(std::count(issued.begin(), issued.end(), 0x46u), 2 * 4);
    for (u64 page = 0; page < 4; ++page)
        EXPECT_EQ(await(domain_under_test->iova_to_phys(cpu(), first_iova + page * 4096)), std::nullopt);
}

TEST_F(MapBenchmark, FirstErrorOfACallIsTheAnswer) {
    boot();
    const auto domain_under_test = domain();
    EXPECT_EQ(await(measure_mapping(*domain_under_test, on(2), plan(1000))).error(), -EINVAL);
    EXPECT_EQ(await(domain_under_test->map(cpu(), first_iova + 4096, first_address, 4096, IOMMU_READ)), 0);
    EXPECT_EQ(await(measure_mapping(*domain_under_test, on(2), plan(4096))).error(), -EEXIST);
    EXPECT_EQ(await(measure_mapping(*domain_under_test, {}, plan(4096))).error(), -EINVAL);
    EXPECT_EQ(await(measure_mapping(*domain_under_test, on(1), plan(4096, 0))).error(), -EINVAL);
}

}  // namespace
}  // namespace smmusim::test
