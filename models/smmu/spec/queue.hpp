// Index arithmetic of the circular queues (IHI 0070, 3.5.1).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::smmu::spec {

/// Producer and consumer index of a queue of 2^log2_entries entries, wrap bits included.
struct QueueIndexes {
    unsigned log2_entries = 0;
    u32 producer = 0;
    u32 consumer = 0;

    u32 mask() const { return static_cast<u32>(sim::low_mask(log2_entries + 1)); }
    u32 used() const { return (producer - consumer) & mask(); }
    bool empty() const { return used() == 0; }
    /// More entries than the queue holds cannot be: such a queue counts as full for its producer.
    bool full() const { return used() >= (u32{1} << log2_entries); }
    bool consistent() const { return used() <= (u32{1} << log2_entries); }
    static u32 next(u32 index, unsigned log2_entries) {
        return (index + 1) & static_cast<u32>(sim::low_mask(log2_entries + 1));
    }
    static u64 offset(u32 index, unsigned log2_entries, u32 entry_bytes) {
        return (index & sim::low_mask(log2_entries)) * entry_bytes;
    }
};

}  // namespace smmusim::smmu::spec
