// A vPE as messages of an ITS name it to a redistributor.
#pragma once

#include "gic/spec/virtual.hpp"
#include "sim/attributes.hpp"

namespace smmusim::gic::uarch {

struct VirtualTarget {
    u32 vpe = sim::no_id;
    u64 pending_table = 0;
    u64 properties = 0;  ///< GICv4.1
    u32 end = spec::first_lpi;
    u32 doorbell = spec::spurious;  ///< the event's (GICv4.0) or the vPE's (GICv4.1); 1023: none
};

/// What a VSGI command says about a virtual SGI.
struct VirtualSgiSettings {
    u32 intid = 0;
    u8 priority = 0;  ///< four bits
    bool enable = false;
    bool group1 = false;
    bool clear = false;  ///< only the pending state; the other settings stay
};

}  // namespace smmusim::gic::uarch
