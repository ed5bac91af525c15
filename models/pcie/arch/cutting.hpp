// How a transfer becomes packets: requests at 4 KiB and at MPS or MRRS, completions at MPS or RCB.
#pragma once

#include <algorithm>

#include "sim/types.hpp"

namespace smmusim::pcie::arch {

/// A memory request must not cross a naturally aligned boundary of this size.
inline constexpr u64 request_boundary = 4 * KiB;

/// Length of the first request of a transfer. The limit counts double words, so an address within one costs its
/// leading bytes.
constexpr u32 first_request(u64 address, u64 remaining, u32 limit) {
    const u64 to_boundary = request_boundary - address % request_boundary;
    return static_cast<u32>(std::min({remaining, to_boundary, u64{limit} - address % 4}));
}

/// Length of the first completion of what is left of a read: it ends at the end of the request or at a multiple of
/// `boundary` (MPS, or RCB for a completer that cuts at each; a power of two), so that all but the first start
/// aligned.
constexpr u32 first_completion(u64 address, u64 remaining, u32 boundary) {
    return static_cast<u32>(std::min<u64>(remaining, boundary - (address & (boundary - 1))));
}

}  // namespace smmusim::pcie::arch
