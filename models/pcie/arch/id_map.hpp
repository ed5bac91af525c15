// From RequesterID to StreamID and DeviceID, by the rules of a host bridge (`iommu-map`, `msi-map`).
#pragma once

#include <vector>

#include "sim/attributes.hpp"
#include "sim/config.hpp"

namespace smmusim::pcie::arch {

/// One rule: (rid & mask) - rid_base + out_base for rid_base <= (rid & mask) < rid_base + length.
struct IdMapRule {
    u32 rid_base = 0;
    u32 out_base = 0;
    u32 length = 0x10000;
    u32 mask = 0xFFFF;

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin, sim::Unit;
        visit(rid_base, {"rid_base", "first RequesterID of the rule", Unit::Raw, Origin::Choice, "", 0, 0xFFFF});
        visit(out_base, {"out_base", "identifier of the first RequesterID", Unit::Raw});
        visit(length, {"length", "number of identifiers", Unit::Count, Origin::Choice, "", 1, 0x10000});
        visit(mask, {"mask", "bits of the RequesterID that count", Unit::Raw, Origin::Choice, "", 0, 0xFFFF});
    }
};

/// The first rule that matches decides. Without any rule the identifier is the RequesterID; a RequesterID that no
/// rule names has no identifier.
inline u32 map_requester(const std::vector<IdMapRule>& rules, u16 requester_id) {
    if (rules.empty()) return requester_id;
    for (const IdMapRule& rule : rules) {
        const u32 masked = requester_id & rule.mask;
        if (masked >= rule.rid_base && masked - rule.rid_base < rule.length)
            return masked - rule.rid_base + rule.out_base;
    }
    return sim::no_id;
}

}  // namespace smmusim::pcie::arch
