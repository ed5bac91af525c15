// Each defect that versions of the reserved IOVA API had, by its number, does not occur.
#include "reserved_iova_fixture.hpp"

namespace smmusim::test {
namespace {

TEST_F(ReservedIovaTest, D1_GetThenPutLeavesNoMapping) {
    EXPECT_EQ(alloc(), 0);
    EXPECT_GT(get(doorbell), 0);
    EXPECT_EQ(bindings().at(0).references, 1u);
    put(doorbell);
    EXPECT_TRUE(domain.pages.empty());
    EXPECT_EQ(allocated_granules(), 0u);
}

TEST_F(ReservedIovaTest, D2_OrderIsThatOfTheWindowInGetAndPut) {
    EXPECT_EQ(alloc(window, window_size, read_write, 14), 0);
    EXPECT_EQ(get(0x0809'1040), 0x080F'D040) << "the offset within 16 KiB stays";
    EXPECT_EQ(bindings().at(0).size, 16u * KiB);
    put(0x0809'3FFF);
    EXPECT_TRUE(domain.pages.empty());
}

TEST_F(ReservedIovaTest, D3_TranslationDoesNotSleepWhileAnotherCpuHoldsTheLock) {
    EXPECT_EQ(alloc(), 0);
    EXPECT_EQ(get(doorbell), 0x080F'F040);
    start([](FakeDomain& held, sw::cpu::Cpu& on) -> Task<> {
        const auto guard = co_await held.reserved_lock.acquire_irqsave(on);
        co_await on.sleep(1 * millisecond);
    }(domain, cpu(1)));
    run(1 * microsecond);
    ASSERT_TRUE(domain.reserved_lock.held());
    Device device;
    device.domain = &domain;
    Source source;
    source.device = &device;
    Vector vector;
    vector.source = &source;
    Message message{doorbell, 3};
    const Time before = simulation.now();
    EXPECT_EQ(reserved.iommu_msi_mapping_translate_msg(vector, message), 0);
    EXPECT_EQ(simulation.now(), before);
    EXPECT_EQ(message, (Message{0x080F'F040, 3}));
}

TEST_F(ReservedIovaTest, D4_HitInsideALongBindingIsRelativeToItsStart) {
    EXPECT_EQ(alloc(), 0);
    const i64 first = get(0x0809'0000, 0x4000);
    EXPECT_EQ(first, 0x080F'C000);
    EXPECT_EQ(get(0x0809'2040), first + 0x2040);
    EXPECT_EQ(domain.map_calls, 1u);
}

TEST_F(ReservedIovaTest, D5_PutAndFreeWithoutAWindowAreNoOps) {
    put(doorbell);
    free();
    EXPECT_EQ(alloc(), 0);
    free();
    free();
    put(doorbell);
    EXPECT_EQ(domain.unmap_calls, 0u);
}

TEST_F(ReservedIovaTest, D6_PermissionBeyondTheWindowIsRefusedForReadAndForWrite) {
    for (u32 permitted = 0; permitted < 4; ++permitted)
        for (u32 asked = 0; asked < 4; ++asked) {
            EXPECT_EQ(alloc(window, window_size, permitted), 0);
            EXPECT_EQ(get(doorbell, 4, asked) > 0, (asked & ~permitted) == 0) << permitted << " " << asked;
            free();
        }
    EXPECT_EQ(alloc(window, window_size, IOMMU_READ), 0);
    EXPECT_EQ(get(doorbell, 4, IOMMU_WRITE), -EINVAL);
}

TEST_F(ReservedIovaTest, D7_TwoConcurrentGetsMakeOneBinding) {
    EXPECT_EQ(alloc(), 0);
    domain.stepped = true;
    u64 iova[2] = {};
    int error[2] = {1, 1};
    const auto one = [](ReservedIova& api, sw::cpu::Cpu& on, Domain& of, u64& result, int& status) -> Task<> {
        status = co_await api.iommu_get_reserved_iova(on, of, doorbell, 4, IOMMU_WRITE, result);
    };
    start(one(reserved, cpu(0), domain, iova[0], error[0]));
    start(one(reserved, cpu(1), domain, iova[1], error[1]));
    settle();
    ASSERT_EQ(domain.stopped().size(), 2u) << "both are mapping";
    while (!domain.stopped().empty()) {
        domain.step(*domain.stopped().begin());
        settle();
    }
    EXPECT_EQ(error[0], 0);
    EXPECT_EQ(error[1], 0);
    EXPECT_EQ(iova[0], iova[1]);
    ASSERT_EQ(bindings().size(), 1u);
    EXPECT_EQ(bindings()[0].references, 2u);
    EXPECT_EQ(reserved.count.lost_races, 1u);
    check_quiescent();
    domain.stepped = false;
    put(doorbell);
    put(doorbell);
    EXPECT_TRUE(domain.pages.empty());
    EXPECT_EQ(allocated_granules(), 0u);
}

TEST_F(ReservedIovaTest, D8_WindowThatGoesAwayDuringAMapLeavesNoMapping) {
    EXPECT_EQ(alloc(), 0);
    domain.stepped = true;
    u64 iova = 0;
    int error = 1;
    start([](ReservedIova& api, sw::cpu::Cpu& on, Domain& of, u64& result, int& status) -> Task<> {
        status = co_await api.iommu_get_reserved_iova(on, of, doorbell, 4, IOMMU_WRITE, result);
    }(reserved, cpu(0), domain, iova, error));
    settle();
    bool freed = false;
    start([](ReservedIova& api, sw::cpu::Cpu& on, Domain& of, bool& done) -> Task<> {
        co_await api.iommu_free_reserved_iova_domain(on, of);
        done = true;
    }(reserved, cpu(1), domain, freed));
    settle();
    EXPECT_FALSE(freed) << "free waits for the map";
    int alloc_error = 1;
    start([](ReservedIova& api, sw::cpu::Cpu& on, Domain& of, int& status) -> Task<> {
        status = co_await api.iommu_alloc_reserved_iova_domain(on, of, window, window_size, read_write, 12);
    }(reserved, cpu(1), domain, alloc_error));
    settle();
    EXPECT_EQ(alloc_error, -EEXIST) << "the old window is not gone yet";
    while (!domain.stopped().empty()) {
        domain.step(*domain.stopped().begin());
        settle();
    }
    EXPECT_EQ(error, -EBUSY);
    EXPECT_TRUE(freed);
    EXPECT_TRUE(domain.pages.empty());
    EXPECT_EQ(domain.cookie, nullptr);
    EXPECT_EQ(reserved.mapped_pages(), 0u);
}

TEST_F(ReservedIovaTest, D9_OverlapWithoutContainmentIsBusy) {
    EXPECT_EQ(alloc(), 0);
    EXPECT_EQ(get(0x0809'1000, 0x1000), 0x080F'F000);
    EXPECT_EQ(get(0x0809'1000, 0x2000), -EBUSY) << "longer than the binding";
    EXPECT_EQ(get(0x0809'0000, 0x2000), -EBUSY) << "begins below it";
    EXPECT_EQ(get(0x0809'0000, 0x1000), 0x080F'E000) << "beside it";
    EXPECT_EQ(get(0x0809'1800, 0x800), 0x080F'F800) << "inside it";
    check_quiescent();
}

TEST_F(ReservedIovaTest, D10_AddressIsReusedOnlyAfterItsMappingIsGone) {
    EXPECT_EQ(alloc(window, 0x1000), 0);  // room for one
    EXPECT_GT(get(0x1000), 0);
    domain.stepped = true;
    start([](ReservedIova& api, sw::cpu::Cpu& on, Domain& of) -> Task<> {
        co_await api.iommu_put_reserved_iova(on, of, 0x1000);
    }(reserved, cpu(0), domain));
    settle();
    ASSERT_EQ(domain.stopped().size(), 1u) << "in the unmap";
    u64 iova = 0;
    int error = 1;
    const auto other = [](ReservedIova& api, sw::cpu::Cpu& on, Domain& of, u64& result, int& status) -> Task<> {
        status = co_await api.iommu_get_reserved_iova(on, of, 0x2000, 4, IOMMU_WRITE, result);
    };
    start(other(reserved, cpu(1), domain, iova, error));
    settle();
    EXPECT_EQ(error, -ENOMEM) << "the only address is still mapped";
    domain.step(0);
    settle();
    domain.step(0);
    settle();
    domain.stepped = false;
    EXPECT_GT(get(0x2000), 0);
    check_quiescent();
}

TEST_F(ReservedIovaTest, D11_PutDropsTheBindingThatGetMade) {
    EXPECT_EQ(alloc(), 0);
    EXPECT_GT(get(0x0809'0040), 0);
    const i64 second = get(0x0809'1040);
    put(0x0809'0040);
    ASSERT_EQ(bindings().size(), 1u);
    EXPECT_EQ(static_cast<i64>(bindings()[0].iova) + 0x40, second);
    check_quiescent();
}

}  // namespace
}  // namespace smmusim::test
