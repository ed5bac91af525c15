// The parts of a DMA operation under way: the transfer, and each of its packets that waits for an answer.
#pragma once

#include "sim/dma.hpp"

namespace smmusim::pcie::uarch {

/// An operation under way; in one line of the host's cache.
struct alignas(64) DmaTransfer {
    sim::DmaHandle operation;  ///< null: free
    u64 issued = 0;            ///< bytes in packets that have left
    u32 in_flight = 0;         ///< packets not answered
    sim::Status status = sim::Status::Ok;
    Time last = 0;     ///< latest answer
    u64 sequence = 0;  ///< order of submission
    u64 behind = 0;    ///< a read: posted requests that have to leave first

    bool done() const { return issued == operation->size && in_flight == 0; }
    /// The first failure decides; an ignored part makes the whole discarded.
    void note(sim::Status part) {
        if (sim::succeeded(status) && part != sim::Status::Ok) status = part;
    }
};

/// One packet that waits for its answer; its address is in the scratch of its access.
struct alignas(32) DmaRequest {
    DmaTransfer* transfer = nullptr;  ///< null: a message
    u64 offset = 0;                   ///< of its data in the operation
    sim::AccessPtr access;
    u32 tag = 0;
};
static_assert(sizeof(DmaTransfer) == 64 && sizeof(DmaRequest) == 32);

}  // namespace smmusim::pcie::uarch
