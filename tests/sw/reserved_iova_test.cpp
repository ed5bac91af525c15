// Promises of the reserved IOVA API: addresses, errno, references, and the defects that its first versions had.
#include "reserved_iova_fixture.hpp"

namespace smmusim::test {
namespace {

TEST_F(ReservedIovaTest, AllocErrnoMatrix) {
    EXPECT_EQ(alloc(window + 0x800), -EINVAL) << "base not aligned to the order";
    EXPECT_EQ(alloc(window, 0), -EINVAL) << "empty";
    EXPECT_EQ(alloc(window, 0x1800), -EINVAL) << "size not a multiple";
    EXPECT_EQ(alloc(window, window_size, read_write, 21), -EINVAL) << "smaller than a granule";
    EXPECT_EQ(alloc(window, window_size, read_write, 64), -EINVAL);
    EXPECT_EQ(alloc((u64{1} << 48) - 4096, 8192), -EINVAL) << "beyond the aperture";
    EXPECT_EQ(alloc(), 0);
    EXPECT_EQ(alloc(), -EEXIST) << "one per domain";
    EXPECT_EQ(alloc(0x1000'0000), -EEXIST);
    EXPECT_TRUE(domain.pages.empty()) << "nothing is mapped yet";
}

TEST_F(ReservedIovaTest, DisabledAnswersAsTheStubs) {
    ReservedIova off(false);
    EXPECT_EQ(await(off.iommu_alloc_reserved_iova_domain(cpu(), domain, window, window_size, read_write, 12)), -ENOENT);
    u64 iova = 0;
    EXPECT_EQ(await(off.iommu_get_reserved_iova(cpu(), domain, doorbell, 4, IOMMU_WRITE, iova)), -ENOENT);
    await(off.iommu_put_reserved_iova(cpu(), domain, doorbell));
    await(off.iommu_free_reserved_iova_domain(cpu(), domain));
    EXPECT_EQ(domain.cookie, nullptr);
}

TEST_F(ReservedIovaTest, CookieOfAnotherKindIsExclusive) {
    struct OtherCookie final : DomainCookie {};
    domain.cookie = std::make_shared<OtherCookie>();
    EXPECT_EQ(alloc(), -EEXIST);
    EXPECT_EQ(get(doorbell), -EINVAL);
    free();
    EXPECT_NE(domain.cookie, nullptr) << "not ours to free";
}

TEST_F(ReservedIovaTest, FirstDoorbellGetsTheTopOfTheWindowAndKeepsItsOffset) {
    EXPECT_EQ(alloc(), 0);
    EXPECT_EQ(get(doorbell), 0x080F'F040);
    EXPECT_EQ(get(0x0B11'0040), 0x080F'E040) << "the second ITS";
    EXPECT_EQ(domain.pages.at(0x080F'F000), 0x0809'0000u);
    EXPECT_EQ(domain.map_calls, 2u);
    check_quiescent();
}

TEST_F(ReservedIovaTest, HighWindowAndLargeOrder) {
    EXPECT_EQ(alloc(0x1'0000'0000), 0);
    EXPECT_EQ(get(doorbell), 0x1'000F'F040);
    free();
    EXPECT_EQ(alloc(window, window_size, read_write, 16), 0);
    EXPECT_EQ(get(doorbell), 0x080F'0040);
    EXPECT_EQ(domain.pages.size(), 16u) << "the order of the window is the granule";
}

TEST_F(ReservedIovaTest, RangeThatCrossesAGranuleTakesTwo) {
    EXPECT_EQ(alloc(), 0);
    EXPECT_EQ(get(0x0809'0FFC, 8), 0x080F'EFFC);
    EXPECT_EQ(domain.pages.size(), 2u);
    EXPECT_EQ(domain.pages.at(0x080F'F000), 0x0809'1000u);
    put(0x0809'1000);
    EXPECT_TRUE(domain.pages.empty()) << "any address inside names the binding";
}

TEST_F(ReservedIovaTest, GetWithoutAWindowOrWithoutASizeIsInvalid) {
    EXPECT_EQ(get(doorbell), -EINVAL);
    EXPECT_EQ(alloc(), 0);
    EXPECT_EQ(get(doorbell, 0), -EINVAL);
    EXPECT_EQ(get(~u64{0} - 1, 4), -EINVAL) << "wraps";
}

TEST_F(ReservedIovaTest, FullWindowIsOutOfMemory) {
    EXPECT_EQ(alloc(window, 0x2000), 0);
    EXPECT_GT(get(0x1000), 0);
    EXPECT_GT(get(0x2000), 0);
    EXPECT_EQ(get(0x3000), -ENOMEM);
    put(0x1000);
    EXPECT_GT(get(0x3000), 0);
}

TEST_F(ReservedIovaTest, ErrorOfTheMapIsPassedOnAndItsAddressGivenBack) {
    EXPECT_EQ(alloc(), 0);
    domain.next_map_error = -ENOSPC;
    EXPECT_EQ(get(doorbell), -ENOSPC);
    EXPECT_EQ(allocated_granules(), 0u);
    EXPECT_EQ(get(doorbell), 0x080F'F040);
    check_quiescent();
}

TEST_F(ReservedIovaTest, AddressWhoseInvalidationFailedIsNotUsedAgain) {
    EXPECT_EQ(alloc(), 0);
    EXPECT_EQ(get(doorbell), 0x080F'F040);
    domain.next_unmap_error = -ETIMEDOUT;
    put(doorbell);
    EXPECT_EQ(get(doorbell), 0x080F'E040);
}

TEST_F(ReservedIovaTest, PutOfTheUnknownDoesNothing) {
    put(doorbell);
    EXPECT_EQ(alloc(), 0);
    put(doorbell);
    EXPECT_EQ(domain.unmap_calls, 0u);
}

TEST_F(ReservedIovaTest, EightGetsMakeOneMapAndTheEighthPutUnmaps) {
    EXPECT_EQ(alloc(), 0);
    for (int vector = 0; vector < 8; ++vector) EXPECT_EQ(get(doorbell), 0x080F'F040);
    EXPECT_EQ(domain.map_calls, 1u);
    EXPECT_EQ(bindings().at(0).references, 8u);
    EXPECT_EQ(reserved.mapped_pages(), 1u);
    for (int vector = 0; vector < 7; ++vector) put(doorbell);
    EXPECT_EQ(domain.pages.size(), 1u);
    EXPECT_EQ(bindings().at(0).references, 1u);
    put(doorbell);
    EXPECT_TRUE(domain.pages.empty());
    EXPECT_EQ(reserved.mapped_pages(), 0u);
    EXPECT_EQ(reserved.count.map_ops, 1u);
    EXPECT_EQ(reserved.count.unmap_ops, 1u);
}

TEST_F(ReservedIovaTest, FreeUnmapsWhatIsStillBound) {
    EXPECT_EQ(alloc(), 0);
    for (u64 address = 0x1000; address <= 0x5000; address += 0x1000) EXPECT_GT(get(address), 0);
    EXPECT_GT(get(0x1000), 0);
    free();
    EXPECT_TRUE(domain.pages.empty());
    EXPECT_EQ(domain.cookie, nullptr);
    EXPECT_EQ(reserved.mapped_pages(), 0u);
    EXPECT_EQ(get(0x1000), -EINVAL);
    EXPECT_EQ(alloc(), 0) << "the place is free again";
    check_quiescent();
}

// The defects of the versions v4 to v7, each as the rule that it broke.

TEST_F(ReservedIovaTest, TranslateNeedsABindingOnlyWhereMessagesAreTranslated) {
    FakeDomain identity(simulation, statistics, DomainType::Identity);
    Device device;
    Source source;
    source.device = &device;
    Vector vector;
    vector.source = &source;
    Message message{doorbell, 1};
    EXPECT_EQ(reserved.iommu_msi_mapping_desc_to_domain(vector), nullptr) << "no IOMMU";
    EXPECT_EQ(reserved.iommu_msi_mapping_translate_msg(vector, message), 0);
    device.domain = &identity;
    EXPECT_EQ(reserved.iommu_msi_mapping_desc_to_domain(vector), nullptr) << "not translated";
    EXPECT_EQ(reserved.iommu_msi_mapping_translate_msg(vector, message), 0);
    EXPECT_EQ(message.address, doorbell);
    device.domain = &domain;
    EXPECT_EQ(reserved.iommu_msi_mapping_desc_to_domain(vector), &domain);
    EXPECT_EQ(reserved.iommu_msi_mapping_translate_msg(vector, message), -EINVAL);
    EXPECT_EQ(alloc(), 0);
    EXPECT_EQ(reserved.iommu_msi_mapping_translate_msg(vector, message), -EINVAL);
    EXPECT_EQ(message.address, doorbell) << "untouched on failure";
    EXPECT_GT(get(doorbell), 0);
    EXPECT_EQ(reserved.iommu_msi_mapping_translate_msg(vector, message), 0);
    EXPECT_EQ(message.address, 0x080F'F040u);
}

TEST_F(ReservedIovaTest, WindowMustHoldAllGranulesOfAllDoorbells) {
    using sw::msi::Doorbell;
    using sw::msi::doorbell_pages;
    Doorbell one, other;
    one.address = 0x0809'0040;
    other.address = 0x0809'0080;
    EXPECT_EQ(doorbell_pages({one, other}, 12), 2u) << "two in one granule count twice";
    EXPECT_EQ(doorbell_pages({one, one, one, one}, 12), 4u) << "one per CPU";
    one.address = 0x0809'0FFE;
    EXPECT_EQ(doorbell_pages({one}, 12), 2u) << "crosses a granule";
    EXPECT_EQ(doorbell_pages({one}, 16), 1u);
}

/// Invariants after each of many random operations, with references counted beside.
TEST_F(ReservedIovaTest, RandomOperationsKeepTheInvariants) {
    u64 state = 2016;
    const auto random = [&state](u64 below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (state >> 33) % below;
    };
    u64 gets = 0, puts = 0, total = 0;
    for (int step = 0; step < 20'000; ++step) {
        const u64 address = 0x0809'0000 + random(40) * 0x800;
        switch (random(10)) {
            case 0: alloc(); break;
            case 1:
                if (random(20) == 0) {
                    free();
                    total += gets;
                    gets = puts = 0;
                }
                break;
            case 2:
            case 3:
            case 4:
            case 5: gets += get(address, 1 + random(0x2800)) > 0; break;
            default: {
                bool bound = false;
                for (const Binding& binding : bindings())
                    bound |= address >= binding.address && address < binding.address + binding.size;
                put(address);
                puts += bound;
                break;
            }
        }
        check_quiescent();
        u64 references = 0;
        for (const Binding& binding : bindings()) references += binding.references;
        ASSERT_EQ(references, gets - puts) << step;
        ASSERT_EQ(reserved.mapped_pages(), domain.pages.size());
    }
    EXPECT_GT(total, 1000u);
}

}  // namespace
}  // namespace smmusim::test
