// Choices of the GICv3 and ITS driver.
#pragma once

#include "sim/config.hpp"

namespace smmusim::sw::its {

struct DriverConfig {
    u64 device_table_bytes = 512 * KiB;
    u32 vpes = 1024;
    Time poll_interval = 200 * nanosecond;
    Time timeout = 1 * second;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(device_table_bytes,
              {"device_table_bytes",
               "most memory spent on a flat device table; larger ones get two levels if the ITS has them", Unit::Bytes,
               Origin::Choice, "16-bit DeviceIDs with 8-byte entries", 4096, 16 * MiB});
        visit(vpes, {"vpes", "virtual PEs that the host makes room for, if the GIC has virtual LPIs", Unit::Count,
                     Origin::Choice, "guests of a large host", 1, 8192});
        visit(poll_interval, {"poll_interval", "time between two reads of a register, early in a wait", Unit::Time,
                              Origin::Assumed, "a cpu_relax() loop around an MMIO read", 1});
        visit(timeout, {"timeout", "how long to wait for the GIC before giving up", Unit::Time, Origin::Choice,
                        "as Linux: 1 s"});
    }
};

}  // namespace smmusim::sw::its
