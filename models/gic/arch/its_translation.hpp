// From (DeviceID, EventID) to an LPI and the redistributor that gets it (IHI 0069, 5.2).
#pragma once

#include "gic/arch/its.hpp"
#include "gic/arch/its_environment.hpp"

namespace smmusim::gic::arch {

struct ItsTranslation {
    spec::ItsError error = spec::ItsError::None;  ///< why there is none
    u32 intid = 0;
    u32 redistributor = 0;
    u32 icid = 0;  ///< or the vPEID
    bool is_virtual = false;
    u32 doorbell = spec::spurious;
    spec::VpeEntry vpe;
    spec::DeviceEntry device;

    VirtualPlace place() const { return {redistributor, icid, intid, doorbell, vpe}; }
};

/// The first half: the event's entry is there, whatever its collection.
sim::Task<ItsTranslation> find_event(const Its& its, ItsTables& tables, u32 device, u32 event);

/// The second half: the collection of `found` leads to a redistributor.
sim::Task<ItsTranslation> find_collection(const Its& its, ItsTables& tables, ItsTranslation found);

/// The same for a virtual interrupt: its vPE is mapped.
sim::Task<ItsTranslation> find_vpe(const Its& its, ItsTables& tables, ItsTranslation found);

/// Both.
sim::Task<ItsTranslation> translate(const Its& its, ItsTables& tables, u32 device, u32 event);

}  // namespace smmusim::gic::arch
