// The reserved IOVA API over a fake domain, and what must hold whenever nothing is under way.
#pragma once

#include "fake_domain.hpp"
#include "sw/msi/reserved_iova.hpp"

namespace smmusim::test {

using namespace sw::iommu;
using sw::msi::Binding;
using sw::msi::Message;
using sw::msi::ReservedIova;
using sw::msi::Source;
using sw::msi::Vector;

inline constexpr u64 window = 0x0800'0000, window_size = 1 * MiB;
inline constexpr u64 doorbell = 0x0809'0040;
inline constexpr u32 read_write = IOMMU_READ | IOMMU_WRITE;

class ReservedIovaTest : public CpuFixture {
protected:
    int alloc(u64 base = window, u64 size = window_size, u32 prot = read_write, u32 order = 12) {
        return await(reserved.iommu_alloc_reserved_iova_domain(cpu(), domain, base, size, prot, order));
    }
    /// The IOVA, or the negative errno.
    i64 get(u64 address, u64 size = 4, u32 prot = IOMMU_WRITE, u32 on = 0) {
        u64 iova = 0;
        const int error = await(reserved.iommu_get_reserved_iova(cpu(on), domain, address, size, prot, iova));
        return error != 0 ? error : static_cast<i64>(iova);
    }
    void put(u64 address) { await(reserved.iommu_put_reserved_iova(cpu(), domain, address)); }
    void free() { await(reserved.iommu_free_reserved_iova_domain(cpu(), domain)); }
    std::vector<Binding> bindings() const { return ReservedIova::bindings(domain); }
    u64 allocated_granules() const {
        const auto cookie = std::dynamic_pointer_cast<sw::msi::ReservedIovaDomain>(domain.cookie);
        return cookie == nullptr ? 0 : cookie->iovad.allocated();
    }
    /// I2 to I5, I8: what must hold whenever nothing is under way.
    void check_quiescent() const {
        std::map<u64, u64> expected;
        u64 granules = 0, end = 0;
        const auto cookie = std::dynamic_pointer_cast<sw::msi::ReservedIovaDomain>(domain.cookie);
        for (const Binding& binding : bindings()) {
            EXPECT_GE(binding.iova, window);
            EXPECT_LE(binding.iova + binding.size, window + window_size);
            EXPECT_EQ((binding.iova | binding.address | binding.size) % cookie->granule(), 0u);
            EXPECT_GE(binding.address, end) << "a granule has one binding";
            EXPECT_GT(binding.references, 0u);
            end = binding.address + binding.size;
            granules += binding.size / cookie->granule();
            for (u64 at = 0; at < binding.size; at += FakeDomain::page)
                expected.emplace(binding.iova + at, binding.address + at);
        }
        EXPECT_EQ(domain.pages, expected) << "the page table holds the bindings and nothing else";
        EXPECT_EQ(allocated_granules(), granules);
        EXPECT_EQ(domain.overlapping_maps, 0u);
        EXPECT_EQ(domain.missing_unmaps, 0u);
    }

    Statistics statistics;
    FakeDomain domain{simulation, statistics};
    ReservedIova reserved{true};
};

}  // namespace smmusim::test
