// Waiting for a register of a device, with growing pauses and an end.
#pragma once

#include <functional>

#include "sw/cpu/cpu.hpp"

namespace smmusim::sw::cpu {

struct PollPolicy {
    Time interval;
    Time timeout;
};

/// Reads the register until `done(value)`: 0, -ETIMEDOUT, or -EIO on a bus error. The pause grows with the time waited
/// (a sixteenth of it), so that a short wait is exact and a long one costs few events. `done` is a plain function.
Task<int> poll(Cpu& cpu, PollPolicy policy, u64 address, u32 size, std::function<bool(u64)> done);

}  // namespace smmusim::sw::cpu
