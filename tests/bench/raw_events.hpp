// What a timed event costs in SystemC itself: the unit in which the simulator's speed is told.
#pragma once

#include <memory>

#include <vector>

#include "platform/sim_context.hpp"
#include "sim/types.hpp"

namespace smmusim::bench {

/// 64 events are pending at any time, with distinct periods, each with an SC_METHOD of its own.
class RawEvents {
public:
    RawEvents();
    ~RawEvents();
    /// Executes about `count` events; returns how many.
    u64 run(u64 count);

private:
    struct Ticker;
    platform::SimContext context_;
    std::vector<std::unique_ptr<Ticker>> tickers_;
    u64 executed_ = 0;
};

}  // namespace smmusim::bench
