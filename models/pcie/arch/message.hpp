// A message-signalled interrupt as a function composes it, and what became of an interrupt cause.
#pragma once

#include "sim/types.hpp"

namespace smmusim::pcie::arch {

/// A memory write of one double word.
struct Message {
    u32 vector = 0;
    u64 address = 0;
    u32 data = 0;
};

enum class Raised : u8 {
    Message,   ///< the message can be sent
    Pending,   ///< masked: the pending bit is set
    Disabled,  ///< neither MSI nor MSI-X is enabled
};

}  // namespace smmusim::pcie::arch
