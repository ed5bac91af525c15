// LPIs: which are taken, and the configuration and pending tables that hold their state (IHI 0069, 5.1).
#pragma once

#include <map>
#include <optional>

#include "sw/cpu/cpu.hpp"
#include "sw/cpu/page_pool.hpp"

namespace smmusim::sw::its {

using sim::Task;

/// Numbers handed out first fit.
class NumberRanges {
public:
    NumberRanges(u32 first, u32 count) {
        if (count != 0) free_.emplace(first, count);
    }
    std::optional<u32> allocate(u32 count);
    void release(u32 first, u32 count);
    u64 available() const;

private:
    std::map<u32, u32> free_;  ///< first -> count; neighbours are merged
};

class LpiTables {
public:
    explicit LpiTables(cpu::PagePool& pool) : pool_(pool), numbers_(0, 0) {}

    /// The configuration table for INTIDs of `id_bits` bits, all disabled: 0, -ENOMEM.
    Task<int> create(cpu::Cpu& cpu, unsigned id_bits);
    /// A configuration table of the same size, all disabled, or nothing.
    Task<std::optional<u64>> new_configuration_table(cpu::Cpu& cpu);
    /// A zeroed pending table of one redistributor, or nothing.
    Task<std::optional<u64>> new_pending_table(cpu::Cpu& cpu);
    /// In memory when done; the redistributor must still be told.
    Task<> set_enabled(cpu::Cpu& cpu, u32 intid, bool enabled);

    /// The same for any configuration table.
    static Task<> store_property(cpu::Cpu& cpu, u64 table, u32 intid, bool enabled);

    u64 configuration() const { return configuration_; }
    unsigned id_bits() const { return id_bits_; }
    NumberRanges& numbers() { return numbers_; }

private:
    cpu::PagePool& pool_;
    NumberRanges numbers_;
    unsigned id_bits_ = 0;
    u64 configuration_ = 0;
};

}  // namespace smmusim::sw::its
