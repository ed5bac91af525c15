// A whole machine with LPIs mapped by commands, and messages to them at random.
#pragma once

#include "platform/platform.hpp"

namespace smmusim::bench {

/// One DeviceID whose events 0 to lpis - 1 are LPIs 8192 on, all for CPU 0. Caches of the ITS and of the redistributor
/// have one entry each, so that every message reads its tables, however few are mapped.
class LpiMachine {
public:
    /// With room for `lpis`, of which `mapped` are mapped.
    LpiMachine(u32 lpis, u32 mapped);
    explicit LpiMachine(u32 lpis) : LpiMachine(lpis, lpis) {}

    /// Maps up to `count` more, by a command each; the result says how many.
    u64 map(u64 count);

    /// Sends `count` messages, one after the other; each is acknowledged and ended. Returns `count`. All are mapped.
    u64 run(u64 count);
    /// Memory of the process for one LPI, measured while they were mapped, the guest's tables not counted.
    double bytes_per_lpi() const { return bytes_per_lpi_; }

private:
    static platform::PlatformConfig config_of();
    void enable();
    void map_device();
    void command(u64 first, u64 second, u64 third = 0);
    void execute();

    platform::Platform platform_;
    u32 lpis_;
    u32 mapped_ = 0;
    u64 written_ = 0;  ///< offset in the command queue
    u64 random_ = 0x9E37'79B9'7F4A'7C15;
    double bytes_per_lpi_ = 0;
};

}  // namespace smmusim::bench
