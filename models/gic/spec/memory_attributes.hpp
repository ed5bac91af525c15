// Memory attributes of the tables, in the encoding that CBASER, BASERn, PROPBASER and PENDBASER share (IHI
// 0069, 12.19).
#pragma once

#include "sim/attributes.hpp"

namespace smmusim::gic::spec {

inline constexpr sim::Cacheability cacheability(u64 encoded) {
    switch (encoded) {
        case 0b010:
        case 0b100:
        case 0b110: return sim::Cacheability::WriteThrough;
        case 0b011:
        case 0b101:
        case 0b111: return sim::Cacheability::WriteBack;
        default: return sim::Cacheability::NonCacheable;
    }
}

/// An outer field of 0 repeats the inner one; shareability 3 is reserved and means 0.
inline sim::MemoryAttributes memory_attributes(u64 inner, u64 outer, u64 shareability) {
    if (inner == 0) return sim::MemoryAttributes::device(sim::MemoryType::DeviceNGnRnE);
    if (outer == 0) outer = inner;
    sim::MemoryAttributes attributes;
    attributes.inner = cacheability(inner);
    attributes.outer = cacheability(outer);
    attributes.read_allocate = inner == 0b010 || inner == 0b011 || inner >= 0b110;
    attributes.write_allocate = inner >= 0b100;
    attributes.shareability = shareability == 1   ? sim::Shareability::InnerShareable
                              : shareability == 2 ? sim::Shareability::OuterShareable
                                                  : sim::Shareability::NonShareable;
    return attributes;
}

/// The same of a whole register.
template <class Baser>
sim::MemoryAttributes memory_attributes(const Baser& baser) {
    return memory_attributes(baser[Baser::InnerCache], baser[Baser::OuterCache], baser[Baser::Shareability]);
}

}  // namespace smmusim::gic::spec
