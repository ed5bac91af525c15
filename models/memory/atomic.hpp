// What an atomic operation stores.
#pragma once

#include <optional>

#include "sim/access.hpp"
#include "sim/bits.hpp"

namespace smmusim::memory {

/// Sizes of 1, 2, 4 and 8 bytes, naturally aligned; so one never leaves its line.
inline bool legal_atomic(const sim::Access& access) {
    const bool size = access.size == 1 || access.size == 2 || access.size == 4 || access.size == 8;
    return size && access.address % access.size == 0;
}

/// The new value for what memory held, or nothing when a comparison failed.
inline std::optional<u64> atomic_result(const sim::Access& access, u64 held) {
    const u64 mask = sim::low_mask(access.size * 8);
    switch (access.operation) {
        case sim::AtomicOperation::CompareSwap:
            if (held != (access.compare & mask)) return std::nullopt;
            return access.operand & mask;
        case sim::AtomicOperation::Swap: return access.operand & mask;
        case sim::AtomicOperation::FetchAdd: return (held + access.operand) & mask;
    }
    return std::nullopt;
}

}  // namespace smmusim::memory
