#include "smmu/arch/permissions.hpp"

namespace smmusim::smmu::arch {

using spec::Cd;
using spec::Descriptor;

namespace {

/// `clean`: a write is permitted once the descriptor says dirty.
LeafPermissions with_dirty_state(Permissions permissions, bool clean) {
    LeafPermissions result{permissions, permissions};
    if (clean) {
        result.now.unprivileged &= static_cast<u8>(~Permissions::write);
        result.now.privileged &= static_cast<u8>(~Permissions::write);
    }
    return result;
}

}  // namespace

LeafPermissions stage2_permissions(const Descriptor& leaf, HardwareUpdate update, bool xnx) {
    const bool dirty = (leaf[Descriptor::S2AP] & 0b10) != 0;
    const bool clean = !dirty && update.dirty && leaf[Descriptor::DBM];
    u8 data = 0;
    if ((leaf[Descriptor::S2AP] & 0b01) != 0) data |= Permissions::read;
    if (dirty || clean) data |= Permissions::write;
    const u64 xn = xnx ? leaf[Descriptor::S2XN] : leaf[Descriptor::S2XN] & 0b10;
    const bool unprivileged = xn == 0b00 || xn == 0b01;
    const bool privileged = xn == 0b00 || xn == 0b11;
    return with_dirty_state({static_cast<u8>(data | (unprivileged ? Permissions::execute : 0)),
                             static_cast<u8>(data | (privileged ? Permissions::execute : 0))},
                            clean);
}

LeafPermissions stage1_permissions(const Descriptor& leaf, TableRestrictions above, const Cd& cd, HardwareUpdate update,
                                   bool two_privileges, const spec::Identification& id) {
    const u64 ap = leaf[Descriptor::AP];
    const bool dirty = (ap & 0b10) == 0;
    // APTable takes the write permission for good: there is nothing for hardware to mark.
    const bool clean = !dirty && !above.read_only() && update.dirty && leaf[Descriptor::DBM];
    const bool writable = (dirty || clean) && !above.read_only();
    if (!two_privileges) {
        // One privilege level: AP[1] counts as 1, bit 54 is XN.
        u8 granted = Permissions::read;
        if (writable) granted |= Permissions::write;
        const bool execute_never =
            leaf[Descriptor::UXN] || above.no_unprivileged_execute() || (cd[Cd::WXN] && writable);
        if (!execute_never) granted |= Permissions::execute;
        return with_dirty_state({granted, granted}, clean);
    }
    const bool unprivileged_access = (ap & 0b01) != 0 && !above.no_unprivileged();
    u8 user = 0;
    u8 kernel = Permissions::read;
    if (unprivileged_access) user |= Permissions::read;
    if (unprivileged_access && writable) user |= Permissions::write;
    if (writable) kernel |= Permissions::write;

    const bool user_execute = !leaf[Descriptor::UXN] && !above.no_unprivileged_execute() &&
                              !(cd[Cd::WXN] && (user & Permissions::write) != 0);
    // A region that unprivileged code may write is never executable with privilege.
    const bool kernel_execute = !leaf[Descriptor::PXN] && !above.no_privileged_execute() &&
                                (user & Permissions::write) == 0 &&
                                !(cd[Cd::WXN] && (kernel & Permissions::write) != 0);
    // PAN: no privileged data access where unprivileged access is possible; EPAN: nor where user code may run.
    const bool user_may_run =
        id.idr3.EPAN != 0 && cd[Cd::EPAN] && !leaf[Descriptor::UXN] && !above.no_unprivileged_execute();
    if (cd[Cd::PAN] && (unprivileged_access || user_may_run)) kernel = 0;
    if (user_execute) user |= Permissions::execute;
    if (kernel_execute) kernel |= Permissions::execute;
    return with_dirty_state({user, kernel}, clean);
}

}  // namespace smmusim::smmu::arch
