// The stream table: linear, or two levels with leaves of 256 entries that appear when first needed (IHI 0070, 3.3.1).
#pragma once

#include <map>

#include "sw/cpu/page_pool.hpp"
#include "sw/result.hpp"
#include "sw/smmu/command_queue.hpp"

namespace smmusim::sw::smmu {

class StreamTable {
public:
    static constexpr u32 split = 8;

    StreamTable(cpu::PagePool& pool, CommandQueue& commands) : pool_(pool), commands_(commands) {}

    /// Entries abort until they are written. 0 or -ENOMEM.
    Task<int> create(cpu::Cpu& cpu, u32 stream_bits, bool two_level_possible);
    /// Values of STRTAB_BASE and STRTAB_BASE_CFG.
    u64 base_register() const;
    u32 configuration_register() const;

    /// Address of the STE; -ERANGE beyond the table, -ENOMEM.
    Task<Result<u64>> entry(cpu::Cpu& cpu, u32 stream);
    bool two_level() const { return two_level_; }
    std::size_t leaves() const { return leaves_.size(); }

private:
    static constexpr u64 entry_bytes = 64;
    Task<Result<u64>> new_table(cpu::Cpu& cpu, u64 entries);

    cpu::PagePool& pool_;
    CommandQueue& commands_;
    bool two_level_ = false;
    u32 stream_bits_ = 0;
    u64 memory_ = 0;
    std::map<u32, u64> leaves_;  ///< index of level 1 -> table
};

}  // namespace smmusim::sw::smmu
