// Choices of the SMMUv3 driver.
#pragma once

#include "sim/config.hpp"

namespace smmusim::sw::smmu {

struct DriverConfig {
    u32 command_queue_log2 = 8;
    u32 event_queue_log2 = 7;
    bool block_mappings = false;
    bool record_bad_streams = true;
    Time poll_interval = 200 * nanosecond;
    Time timeout = 1 * second;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(command_queue_log2,
              {"command_queue_log2", "log2 of the entries of the command queue, if the SMMU has so many", Unit::Count,
               Origin::Choice, "one 4 KiB page", 1, 19});
        visit(event_queue_log2, {"event_queue_log2", "log2 of the entries of the event queue, if the SMMU has so many",
                                 Unit::Count, Origin::Choice, "one 4 KiB page", 0, 19});
        visit(block_mappings, {"block_mappings", "use leaves larger than a page where alignment permits"});
        visit(record_bad_streams, {"record_bad_streams", "CR2.RECINVSID: record accesses of unknown StreamIDs"});
        visit(poll_interval, {"poll_interval", "time between two reads of CONS or an ACK register, early in a wait",
                              Unit::Time, Origin::Assumed, "a cpu_relax() loop around an MMIO read", 1});
        visit(timeout, {"timeout", "how long to wait for the SMMU before giving up", Unit::Time, Origin::Choice,
                        "as Linux: 1 s"});
    }
};

}  // namespace smmusim::sw::smmu
