// A domain whose page table is a map, and whose maps and unmaps stop where a test wants them to.
#pragma once

#include <map>
#include <set>

#include "fake_cpu.hpp"
#include "sw/iommu/domain.hpp"

namespace smmusim::test {

class FakeDomain final : public sw::iommu::Domain {
public:
    using Type = sw::iommu::DomainType;
    FakeDomain(sim::Simulation& simulation, sw::iommu::Statistics& statistics, Type type = Type::Unmanaged)
        : Domain(simulation, "domain", type, statistics), changed_(simulation, "domain.gate") {}

    static constexpr u64 page = 4096;
    std::map<u64, u64> pages;  ///< IOVA -> address, mapped now
    u64 overlapping_maps = 0;  ///< maps onto something mapped
    u64 missing_unmaps = 0;    ///< unmaps of something not mapped
    int next_map_error = 0;
    int next_unmap_error = 0;  ///< the mapping is gone, but its invalidation failed
    u32 last_prot = 0;
    u64 map_calls = 0, unmap_calls = 0;

    /// Stops every map and unmap before and after it takes effect, until step().
    bool stepped = false;
    /// CPUs that are stopped, in order of their number.
    const std::set<u32>& stopped() const { return stopped_; }
    void step(u32 cpu) {
        stopped_.erase(cpu);
        changed_.notify_all();
    }

    Task<std::optional<u64>> iova_to_phys(sw::cpu::Cpu&, u64 iova) override {
        const auto found = pages.find(iova & ~(page - 1));
        std::optional<u64> address;
        if (found != pages.end()) address = found->second | (iova & (page - 1));
        co_return address;
    }
    sw::Result<bool> attribute(sw::iommu::DomainAttribute) const override { return type() != Type::Identity; }
    u64 aperture_end() const override { return (u64{1} << 48) - 1; }
    u64 page_size() const override { return page; }

private:
    Task<> stop(u32 cpu) {
        if (!stepped) co_return;
        stopped_.insert(cpu);
        while (stopped_.contains(cpu)) co_await changed_.wait();
    }
    Task<int> do_map(sw::cpu::Cpu& cpu, u64 iova, u64 address, u64 size, u32 prot) override {
        ++map_calls;
        co_await stop(cpu.index());
        last_prot = prot;
        int error = std::exchange(next_map_error, 0);
        if (((iova | address | size) & (page - 1)) != 0 || size == 0) error = -EINVAL;
        for (u64 at = 0; at < size && error == 0; at += page)
            if (pages.contains(iova + at)) {
                ++overlapping_maps;
                error = -EEXIST;
            }
        for (u64 at = 0; at < size && error == 0; at += page) pages.emplace(iova + at, address + at);
        co_await stop(cpu.index());
        co_return error;
    }
    Task<sw::Result<u64>> do_unmap(sw::cpu::Cpu& cpu, u64 iova, u64 size) override {
        ++unmap_calls;
        co_await stop(cpu.index());
        for (u64 at = 0; at < size; at += page)
            if (pages.erase(iova + at) == 0) ++missing_unmaps;
        co_await stop(cpu.index());
        if (const int error = std::exchange(next_unmap_error, 0); error != 0) co_return sw::Error(error);
        co_return size;
    }

    sim::Signal changed_;
    std::set<u32> stopped_;
};

}  // namespace smmusim::test
