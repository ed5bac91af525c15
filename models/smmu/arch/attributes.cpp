#include "smmu/arch/attributes.hpp"

namespace smmusim::smmu::arch {

using sim::Cacheability;
using sim::MemoryAttributes;
using sim::MemoryType;
using sim::Shareability;
using spec::Cd;
using spec::Cr1;
using spec::Gbpa;
using spec::Identification;
using spec::Ste;

namespace {

constexpr std::array device_types{MemoryType::DeviceNGnRnE, MemoryType::DeviceNGnRE, MemoryType::DeviceNGRE,
                                  MemoryType::DeviceGRE};

/// SHCFG and SH fields: 00 and the reserved 01 of descriptors are Non-shareable.
Shareability shareability(u64 sh) {
    if (sh == 0b10) return Shareability::OuterShareable;
    if (sh == 0b11) return Shareability::InnerShareable;
    return Shareability::NonShareable;
}

/// Device and Normal iNC-oNC are always Outer Shareable on output (13.1.3).
MemoryAttributes finish(MemoryAttributes attributes) {
    if (attributes.is_device()) return MemoryAttributes::device(attributes.type);
    if (attributes.inner == Cacheability::NonCacheable && attributes.outer == Cacheability::NonCacheable)
        attributes.shareability = Shareability::OuterShareable;
    return attributes;
}

/// OSH is stronger than ISH, which is stronger than NSH.
Shareability stronger(Shareability a, Shareability b) { return std::max(a, b); }

Cacheability cacheability(u64 two_bits) {
    // S2 MemAttr and STE MemAttr: 01 NC, 10 WT, 11 WB.
    return two_bits == 0b11   ? Cacheability::WriteBack
           : two_bits == 0b10 ? Cacheability::WriteThrough
                              : Cacheability::NonCacheable;
}

/// The stronger type of both stages wins, inner and outer separately; no-allocate beats allocate.
MemoryAttributes combine(const MemoryAttributes& a, const MemoryAttributes& b) {
    MemoryAttributes result = a;
    if (a.is_device() || b.is_device()) {
        result.type = std::min(a.type, b.type);
    } else {
        result.inner = std::min(a.inner, b.inner);
        result.outer = std::min(a.outer, b.outer);
        result.read_allocate = a.read_allocate && b.read_allocate;
        result.write_allocate = a.write_allocate && b.write_allocate;
        result.transient = a.transient && b.transient;
    }
    result.shareability = stronger(a.shareability, b.shareability);
    return result;
}

/// Stage 2 MemAttr[3:0] without S2FWB (DDI 0487, D8.6.5): 00xx Device, else outer and inner cacheability.
MemoryAttributes stage2_attribute(u8 memattr) {
    MemoryAttributes result;
    if ((memattr >> 2) == 0) {
        result.type = device_types[memattr & 3];
        return result;
    }
    result.outer = cacheability(memattr >> 2);
    result.inner = cacheability(memattr & 3);
    return result;
}

MemoryAttributes allocation_hints(MemoryAttributes attributes, u64 alloccfg) {
    if ((alloccfg & 0b1000) == 0) return attributes;  // 0xxx: incoming
    attributes.read_allocate = (alloccfg & 0b0100) != 0;
    attributes.write_allocate = (alloccfg & 0b0010) != 0;
    attributes.transient = (alloccfg & 0b0001) != 0;
    return attributes;
}

}  // namespace

MemoryAttributes memory_attribute(u64 memattr) {
    MemoryAttributes result;
    if ((memattr & 0b1100) == 0) {
        result.type = device_types[memattr & 3];
    } else if ((memattr & 0b0011) == 0) {
        result.type = MemoryType::DeviceNGnRnE;  // reserved encodings
    } else {
        result.outer = cacheability(memattr >> 2);
        result.inner = cacheability(memattr & 3);
    }
    return result;
}

MemoryAttributes mair_attribute(u8 mair) {
    MemoryAttributes result;
    const u8 outer = mair >> 4;
    const u8 inner = mair & 0xF;
    if (outer == 0) {
        result.type = device_types[(mair >> 2) & 3];
        return result;
    }
    const auto level = [](u8 nibble) {
        if (nibble == 0b0100) return Cacheability::NonCacheable;
        return (nibble & 0b0100) != 0 ? Cacheability::WriteBack : Cacheability::WriteThrough;
    };
    result.outer = level(outer);
    result.inner = level(inner);
    const bool cacheable = result.outer != Cacheability::NonCacheable;
    result.read_allocate = cacheable && (outer & 0b0010) != 0;
    result.write_allocate = cacheable && (outer & 0b0001) != 0;
    result.transient = cacheable && (outer & 0b1000) == 0;
    return result;
}

namespace {

/// MTCFG/MemAttr, SHCFG and ALLOCCFG; without ATTR_TYPES_OVR nothing is replaced (6.3.2).
MemoryAttributes override_attributes(const Identification& id, MemoryAttributes incoming, bool mtcfg, u64 memattr,
                                     u64 shcfg, u64 alloccfg) {
    MemoryAttributes result = incoming;
    if (id.idr1.ATTR_TYPES_OVR == 0) return result;
    if (mtcfg) {
        const MemoryAttributes replacement = memory_attribute(memattr);
        result.type = replacement.type;
        result.inner = replacement.inner;
        result.outer = replacement.outer;
    }
    if (shcfg != 0b01) result.shareability = shareability(shcfg);
    return allocation_hints(result, alloccfg);
}

MemoryAttributes override_attributes(const MemoryAttributes& incoming, const Ste& ste, const Identification& id) {
    return override_attributes(id, incoming, ste[Ste::MTCFG], ste[Ste::MemAttr], ste[Ste::SHCFG], ste[Ste::ALLOCCFG]);
}

/// `first` as stage 2 lets it pass, shareability included.
MemoryAttributes through_stage2(MemoryAttributes first, const Ste& ste, u8 memattr, u8 sh) {
    if (ste[Ste::S2FWB]) {
        // DDI 0487, D8.6.6: 0xx Device combined with stage 1; 101 Normal NC; 110 Normal WB always; 111 unchanged.
        MemoryAttributes second;
        switch (memattr & 7) {
            case 0b101:
                second.inner = second.outer = Cacheability::NonCacheable;
                second.shareability = shareability(sh);
                return combine(first, second);
            case 0b110:
                first.type = MemoryType::Normal;
                first.inner = first.outer = Cacheability::WriteBack;
                break;
            case 0b111: break;
            default: second.type = device_types[memattr & 3]; return combine(first, second);
        }
        first.shareability = stronger(first.shareability, shareability(sh));
        return first;
    }
    MemoryAttributes second = stage2_attribute(memattr);
    second.shareability = shareability(sh);
    second.transient = true;  // stage 2 has no transient hint: stage 1 decides
    if (memattr == 0xF) {
        first.shareability = stronger(first.shareability, second.shareability);
        return first;
    }
    return combine(first, second);
}

/// Cacheabilities of 2-bit fields of registers and structures: 00 NC, 01 WB, 10 WT; what 11 means differs.
MemoryAttributes own_attributes(u64 inner, u64 outer, u64 sh, Cacheability reserved) {
    const std::array cacheabilities{Cacheability::NonCacheable, Cacheability::WriteBack, Cacheability::WriteThrough,
                                    reserved};
    MemoryAttributes result;
    result.inner = cacheabilities[inner];
    result.outer = cacheabilities[outer];
    result.shareability = shareability(sh);
    return finish(result);
}

}  // namespace

MemoryAttributes bypass_attributes(const MemoryAttributes& incoming, const Ste& ste, const Identification& id) {
    return finish(override_attributes(incoming, ste, id));
}

MemoryAttributes bypass_attributes(const MemoryAttributes& incoming, const Gbpa& gbpa, const Identification& id) {
    return finish(override_attributes(id, incoming, gbpa[Gbpa::MTCFG], gbpa[Gbpa::MemAttr], gbpa[Gbpa::SHCFG],
                                      gbpa[Gbpa::ALLOCCFG]));
}

MemoryAttributes combined_attributes(MemoryAttributes incoming, const StreamContext& context,
                                     const Translation& translation, const Identification& id) {
    MemoryAttributes result;
    if (context.stage1) {
        result = mair_attribute(translation.mair);
        result.shareability = shareability(translation.stage1_shareability);
        // Hints of a cacheable incoming transaction take part (13.1.4).
        if (!incoming.is_device() && incoming.outer != Cacheability::NonCacheable) {
            result.read_allocate = result.read_allocate && incoming.read_allocate;
            result.write_allocate = result.write_allocate && incoming.write_allocate;
            const bool allocates = result.read_allocate || result.write_allocate;
            result.transient = result.transient || (allocates && incoming.transient);
        }
    } else {
        result = override_attributes(incoming, context.ste, id);
    }
    if (!context.stage2) return finish(result);
    return finish(
        through_stage2(result, context.ste, translation.stage2_attributes & 0xF, translation.stage2_attributes >> 4));
}

Passage maintain(Passage passage, Request effective, const Ste& ste, bool writable) {
    passage.operation = effective.operation;
    const sim::Shareability shareability = passage.memory.shareability;
    passage.memory = effective.memory;
    passage.memory.shareability = shareability;
    if (effective.operation == sim::CacheOperation::Invalidate && !(writable && ste[Ste::DRE]))
        passage.operation = sim::CacheOperation::CleanInvalidate;
    return passage;
}

bool stage2_is_device(const Ste& ste, u8 memattr) {
    return ste[Ste::S2FWB] ? (memattr & 0b100) == 0 : (memattr >> 2) == 0;
}

MemoryAttributes table_attributes(const Cr1& cr1) {
    return own_attributes(cr1[Cr1::TABLE_IC], cr1[Cr1::TABLE_OC], cr1[Cr1::TABLE_SH], Cacheability::NonCacheable);
}
MemoryAttributes queue_attributes(const Cr1& cr1) {
    return own_attributes(cr1[Cr1::QUEUE_IC], cr1[Cr1::QUEUE_OC], cr1[Cr1::QUEUE_SH], Cacheability::NonCacheable);
}
MemoryAttributes cd_attributes(const Ste& ste) {
    MemoryAttributes result =
        own_attributes(ste[Ste::S1CIR], ste[Ste::S1COR], ste[Ste::S1CSH], Cacheability::WriteBack);
    result.read_allocate = ste[Ste::S1COR] == 0b01 || ste[Ste::S1COR] == 0b10;
    return result;
}
MemoryAttributes stage1_walk_attributes(const Cd& cd, bool upper) {
    const u64 outer = upper ? cd[Cd::OR1] : cd[Cd::OR0];
    MemoryAttributes result =
        own_attributes(upper ? cd[Cd::IR1] : cd[Cd::IR0], outer, cd.shareability(upper), Cacheability::WriteBack);
    result.write_allocate = outer == 0b01;
    return result;
}
MemoryAttributes stage2_walk_attributes(const Ste& ste) {
    MemoryAttributes result =
        own_attributes(ste[Ste::S2IR0], ste[Ste::S2OR0], ste[Ste::S2SH0], Cacheability::WriteBack);
    result.write_allocate = ste[Ste::S2OR0] == 0b01;
    return result;
}

MemoryAttributes own_attributes_through_stage2(const MemoryAttributes& own, const Ste& ste, const Stage2Leaf& leaf,
                                               const Identification& id) {
    MemoryAttributes result = through_stage2(own, ste, leaf.memory, leaf.shareability);
    // 6.3.4 PTWNNC: without S2PTW such a walk becomes Normal Non-cacheable.
    if (result.is_device() && id.idr3.PTWNNC != 0) {
        result.type = MemoryType::Normal;
        result.inner = result.outer = Cacheability::NonCacheable;
    }
    return finish(result);
}

MemoryAttributes message_attributes(u64 memattr, u64 sh) {
    MemoryAttributes result = memory_attribute(memattr);
    result.shareability = shareability(sh);
    return finish(result);
}

u8 mair_byte(const MemoryAttributes& memory) {
    if (memory.is_device()) return static_cast<u8>(static_cast<u8>(memory.type) << 2);
    const auto nibble = [&](Cacheability cacheability) -> u8 {
        if (cacheability == Cacheability::NonCacheable) return 0b0100;
        const u8 hints = static_cast<u8>((memory.read_allocate ? 0b10 : 0) | (memory.write_allocate ? 0b01 : 0));
        const u8 level = cacheability == Cacheability::WriteBack ? 0b0100 : 0b0000;
        // Transient needs a hint beside it: without allocation there is nothing to be transient.
        const u8 lasting = memory.transient && hints != 0 ? 0 : 0b1000;
        return static_cast<u8>(lasting | level | hints);
    };
    return static_cast<u8>(nibble(memory.outer) << 4 | nibble(memory.inner));
}

u64 shareability_field(const MemoryAttributes& memory) {
    constexpr std::array<u64, 3> fields{0b00, 0b11, 0b10};
    return fields[static_cast<std::size_t>(memory.shareability)];
}

}  // namespace smmusim::smmu::arch
