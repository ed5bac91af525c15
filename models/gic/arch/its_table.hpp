// A table of an ITS in memory, flat or in two levels: how many entries it has, and where they are (IHI 0069, 5.2).
#pragma once

#include <algorithm>

#include "gic/spec/its_registers.hpp"
#include "gic/spec/its_tables.hpp"

namespace smmusim::gic::arch {

struct Table {
    u64 base = 0;
    u64 entry_bytes = 0;
    u64 entries = 0;     ///< 0: no valid table
    u64 page_bytes = 0;  ///< of level 2
    bool indirect = false;

    Table() = default;
    /// `limit`: how many identifiers there are.
    Table(const spec::Baser& baser, u64 limit)
        : base(baser.base()),
          entry_bytes(baser.entry_bytes()),
          page_bytes(baser.page_bytes()),
          indirect(baser[spec::Baser::Indirect]) {
        if (!baser[spec::Baser::Valid]) return;
        const u64 capacity =
            indirect ? baser.bytes() / spec::level1_entry_bytes * per_page() : baser.bytes() / entry_bytes;
        entries = std::min(limit, capacity);
    }

    bool contains(u64 id) const { return id < entries; }
    u64 per_page() const { return page_bytes / entry_bytes; }
    u64 level1_address(u64 id) const { return base + id / per_page() * spec::level1_entry_bytes; }
    /// Of a flat table.
    u64 address(u64 id) const { return base + id * entry_bytes; }
    /// In the page that level 1 names.
    u64 address(const spec::Level1Entry& level1, u64 id) const {
        return sim::align_down(level1[spec::Level1Entry::Address], page_bytes) + id % per_page() * entry_bytes;
    }
};

}  // namespace smmusim::gic::arch
