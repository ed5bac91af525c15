// Which target decodes which physical addresses.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::memory {

/// One window of the address space.
struct Region {
    u64 base = 0;
    u64 size = 0;
    std::string name;
    u32 target = 0;  ///< number of the target behind it

    u64 last() const { return base + (size - 1); }
    /// An access that leaves the region belongs to no target.
    bool contains(u64 address, u64 count) const {
        return address >= base && count <= size && address - base <= size - count;
    }
};

/// Regions that do not overlap, sorted by address.
class AddressMap {
public:
    AddressMap() = default;
    AddressMap(const AddressMap&) = delete;
    AddressMap& operator=(const AddressMap&) = delete;

    /// Throws std::invalid_argument naming both when the region is empty, wraps or overlaps another.
    void add(Region region) {
        if (region.size == 0 || region.last() < region.base)
            throw std::invalid_argument(
                fmt::format("{}: {:#x} bytes at {:#x} is no address range", region.name, region.size, region.base));
        const auto next = std::lower_bound(regions_.begin(), regions_.end(), region.base,
                                           [](const Region& known, u64 base) { return known.last() < base; });
        if (next != regions_.end() && next->base <= region.last())
            throw std::invalid_argument(
                fmt::format("{} at {:#x} overlaps {} at {:#x}", region.name, region.base, next->name, next->base));
        regions_.insert(next, std::move(region));
        latest_ = nullptr;
    }

    /// The region that contains the whole access, or null.
    const Region* find(u64 address, u64 count) const {
        if (latest_ != nullptr && latest_->contains(address, count)) return latest_;
        const auto next = std::upper_bound(regions_.begin(), regions_.end(), address,
                                           [](u64 wanted, const Region& region) { return wanted < region.base; });
        if (next == regions_.begin()) return nullptr;
        const Region& candidate = *(next - 1);
        if (!candidate.contains(address, count)) return nullptr;
        latest_ = &candidate;
        return &candidate;
    }

    /// What find() found last, or null.
    const Region* latest() const { return latest_; }

    const std::vector<Region>& regions() const { return regions_; }

private:
    std::vector<Region> regions_;
    mutable const Region* latest_ = nullptr;  ///< where the last access went; the next one often goes there too
};

}  // namespace smmusim::memory
