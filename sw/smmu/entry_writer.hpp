// Changes a 64-byte entry that the SMMU may be reading, in steps of which each leaves a valid entry.
#pragma once

#include <array>

#include "sw/cpu/cpu.hpp"

namespace smmusim::sw::smmu {

using sim::Task;
using EntryWords = std::array<u64, 8>;

/// Makes the SMMU forget what it cached of the entry, and waits until it has.
class EntrySync {
public:
    virtual ~EntrySync() = default;
    virtual Task<int> sync(cpu::Cpu& cpu) = 0;
};

/// `used` tells which bits of an entry the SMMU looks at. If what it looks at differs in one doubleword only, the entry
/// goes from old to new without an invalid state between; else it is invalid (V=0) for a while (IHI 0070, 3.21.3.1).
/// 0, or the error of a sync.
Task<int> write_entry(cpu::Cpu& cpu, u64 address, EntryWords target, EntryWords (*used)(const EntryWords&),
                      EntrySync& sync);

}  // namespace smmusim::sw::smmu
