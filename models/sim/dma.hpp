// One DMA operation as a requester submitted it, and how it ended.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sim/access.hpp"

namespace smmusim::sim {

/// Shared by whoever submitted it and the requester that executes it.
struct DmaOperation {
    Command command = Command::Read;
    Status status = Status::Pending;
    u64 address = 0;
    u64 size = 0;
    /// To write, or as read; whoever has submitted the operation leaves it alone until the end. What is read is in it
    /// then, if the operation ended ok, else nothing.
    std::vector<u8> data;
    Time submitted = 0;
    Time completed = 0;
    /// Called once when the operation is done; may be empty.
    std::function<void(DmaOperation&)> on_done;
    Attributes attributes;  ///< substream, privilege, instruction, address type; the requester fills in its own IDs

    bool done() const { return status != Status::Pending; }
    Time latency() const { return completed - submitted; }
};
using DmaHandle = std::shared_ptr<DmaOperation>;

}  // namespace smmusim::sim
