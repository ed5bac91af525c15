// What leaves permit, and what hardware may make of them: access flag and dirty state (DDI 0487, D8.4 and D8.5).
#pragma once

#include "smmu/arch/environment.hpp"
#include "smmu/spec/descriptor.hpp"

namespace smmusim::smmu::arch {

/// Permissions as the descriptor stands, and once hardware has marked the page dirty.
struct LeafPermissions {
    Permissions now;
    Permissions attainable;
};

inline HardwareUpdate hardware_update(bool ha, bool hd, const spec::Identification& id) {
    return {id.idr0.HTTU >= 1 && ha, id.idr0.HTTU >= 2 && ha && hd};
}

/// Permissions of a stage 2 leaf (DDI 0487, D8.4.2): XN[1:0] by privilege with XNX, else bit 54 alone.
LeafPermissions stage2_permissions(const spec::Descriptor& leaf, HardwareUpdate update, bool xnx);

/// Permissions of a stage 1 leaf under the restrictions of the tables above it (DDI 0487, D8.4.1).
LeafPermissions stage1_permissions(const spec::Descriptor& leaf, TableRestrictions above, const spec::Cd& cd,
                                   HardwareUpdate update, bool two_privileges, const spec::Identification& id);

}  // namespace smmusim::smmu::arch
