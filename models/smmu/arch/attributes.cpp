#include "smmu/arch/attributes.hpp"

namespace smmusim::smmu::arch {

using sim::Cacheability;
using sim::MemoryAttributes;
using sim::MemoryType;
using sim::Shareability;
using spec::Gbpa;
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

MemoryAttributes override_attributes(MemoryAttributes incoming, bool mtcfg, u64 memattr, u64 shcfg, u64 alloccfg) {
    MemoryAttributes result = incoming;
    if (mtcfg) {
        const MemoryAttributes replacement = memory_attribute(memattr);
        result.type = replacement.type;
        result.inner = replacement.inner;
        result.outer = replacement.outer;
    }
    if (shcfg != 0b01) result.shareability = shareability(shcfg);
    return allocation_hints(result, alloccfg);
}

MemoryAttributes bypass_attributes(const MemoryAttributes& incoming, const Ste& ste) {
    return finish(
        override_attributes(incoming, ste[Ste::MTCFG], ste[Ste::MemAttr], ste[Ste::SHCFG], ste[Ste::ALLOCCFG]));
}

MemoryAttributes bypass_attributes(const MemoryAttributes& incoming, const Gbpa& gbpa) {
    return finish(
        override_attributes(incoming, gbpa[Gbpa::MTCFG], gbpa[Gbpa::MemAttr], gbpa[Gbpa::SHCFG], gbpa[Gbpa::ALLOCCFG]));
}

MemoryAttributes translated_attributes(const MemoryAttributes& incoming, const StreamContext& context,
                                       const Translation& translation) {
    MemoryAttributes result;
    if (context.stage1) {
        result = mair_attribute(translation.mair);
        result.shareability = shareability(translation.stage1_shareability);
        // Hints of a cacheable incoming transaction take part (13.1.4).
        if (!incoming.is_device() && incoming.outer != Cacheability::NonCacheable) {
            result.read_allocate = result.read_allocate && incoming.read_allocate;
            result.write_allocate = result.write_allocate && incoming.write_allocate;
        }
    } else {
        const Ste& ste = context.ste;
        result = override_attributes(incoming, ste[Ste::MTCFG], ste[Ste::MemAttr], ste[Ste::SHCFG], ste[Ste::ALLOCCFG]);
    }
    if (!context.stage2) return finish(result);

    const u8 memattr = translation.stage2_memory;
    if (context.ste[Ste::S2FWB]) {
        // DDI 0487, D8.6.6: 0xx Device combined with stage 1; 101 Normal NC; 110 Normal WB always; 111 unchanged.
        MemoryAttributes second;
        switch (memattr & 7) {
            case 0b101:
                second.inner = second.outer = Cacheability::NonCacheable;
                second.shareability = shareability(translation.stage2_shareability);
                return finish(combine(result, second));
            case 0b110:
                result.type = MemoryType::Normal;
                result.inner = result.outer = Cacheability::WriteBack;
                break;
            case 0b111: break;
            default: second.type = device_types[memattr & 3]; return finish(combine(result, second));
        }
        result.shareability = stronger(result.shareability, shareability(translation.stage2_shareability));
        return finish(result);
    }
    MemoryAttributes second = stage2_attribute(memattr);
    second.shareability = shareability(translation.stage2_shareability);
    second.transient = true;  // stage 2 has no transient hint: stage 1 decides
    if (memattr == 0xF) {
        result.shareability = stronger(result.shareability, second.shareability);
        return finish(result);
    }
    return finish(combine(result, second));
}

bool stage2_is_device(const Ste& ste, u8 memattr) {
    return ste[Ste::S2FWB] ? (memattr & 0b100) == 0 : (memattr >> 2) == 0;
}

Request override_request(Request request, u64 instcfg, u64 privcfg) {
    if (privcfg >= 0b10) request.privileged = privcfg == 0b11;
    if (request.write) request.instruction = false;
    else if (instcfg >= 0b10) request.instruction = instcfg == 0b11;
    return request;
}

}  // namespace smmusim::smmu::arch
