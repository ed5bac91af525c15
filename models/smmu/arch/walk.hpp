// Translation table walks of both stages (DDI 0487, D8.2; IHI 0070, 3.4 and 7.3).
#pragma once

#include <bit>

#include "smmu/arch/attributes.hpp"
#include "smmu/arch/checks.hpp"
#include "smmu/arch/environment.hpp"
#include "smmu/arch/faults.hpp"
#include "smmu/spec/descriptor.hpp"

namespace smmusim::smmu::arch {

using sim::Task;
using spec::Descriptor;

/// Shape of a table tree: granule, start level, size of the input address.
struct Geometry {
    unsigned granule_bits = 12;
    unsigned input_bits = 48;
    int start = 0;

    unsigned stride() const { return granule_bits - 3; }
    unsigned low_bit(int level) const { return granule_bits + static_cast<unsigned>(3 - level) * stride(); }
    /// Bits of the index at `level`; the start level has what is left, concatenated tables included.
    unsigned index_bits(int level) const { return level == start ? input_bits - low_bit(level) : stride(); }
    u64 index(int level, u64 address) const { return (address >> low_bit(level)) & sim::low_mask(index_bits(level)); }
    /// The start table is aligned to its size, and to 64 bytes where addresses have 52 bits.
    u64 start_base(u64 base, unsigned output_bits) const {
        return base & ~sim::low_mask(std::max(index_bits(start) + 3, output_bits > 48 ? 6u : 0u));
    }

    static Geometry stage1(spec::Granule granule, u64 txsz) {
        const unsigned g = offset_bits(granule);
        const unsigned input = 64 - static_cast<unsigned>(txsz);
        return {g, input, 3 - static_cast<int>((input - 1 - g) / (g - 3))};
    }
};

/// Levels of block descriptors (DDI 0487, D8.3.1): 2, with 4 KiB also 1; with 52-bit output addresses one more.
inline bool block_allowed(unsigned granule_bits, int level, Descriptor::Format format) {
    const int largest = granule_bits == 12 ? 1 : 2;
    return level >= (format == Descriptor::Format::Plain ? largest : largest - 1);
}

/// log2 of the range of a contiguous set (DDI 0487, D8.7.1), or of one entry if the bit cannot be set there.
inline unsigned contiguous_span(unsigned granule_bits, int level, unsigned entry_bits) {
    if (granule_bits == 12) return level >= 1 ? entry_bits + 4 : entry_bits;
    if (granule_bits == 14) return level == 3 ? entry_bits + 7 : level == 2 ? entry_bits + 5 : entry_bits;
    return level >= 2 ? entry_bits + 5 : entry_bits;
}

namespace detail {

inline u64 in_order(u64 descriptor, bool big_endian) { return big_endian ? __builtin_bswap64(descriptor) : descriptor; }

enum class Shape : u8 { Invalid, Table, Leaf };

/// What bits[1:0] say at this level.
inline Shape shape_of(const Descriptor& descriptor, unsigned granule_bits, int level, Descriptor::Format format) {
    if (!descriptor[Descriptor::Valid]) return Shape::Invalid;
    if (level == 3) return descriptor[Descriptor::TableOrPage] ? Shape::Leaf : Shape::Invalid;
    if (descriptor[Descriptor::TableOrPage]) return Shape::Table;
    return block_allowed(granule_bits, level, format) ? Shape::Leaf : Shape::Invalid;
}

inline unsigned leaf_span(const Descriptor& descriptor, const Geometry& geometry, int level) {
    const unsigned entry = geometry.low_bit(level);
    if (!descriptor[Descriptor::Contiguous]) return entry;
    const unsigned set = contiguous_span(geometry.granule_bits, level, entry);
    return set <= geometry.input_bits ? set : entry;
}

inline Descriptor::Format format_of(spec::Granule granule, bool wide, unsigned output_bits) {
    if (granule == spec::Granule::K64)
        return output_bits > 48 ? Descriptor::Format::Wide64K : Descriptor::Format::Plain;
    return wide ? Descriptor::Format::Wide : Descriptor::Format::Plain;
}

/// Permissions of a stage 2 leaf (DDI 0487, D8.4.2): XN[1:0] by privilege with XNX, else bit 54 alone.
inline Permissions stage2_permissions(const Descriptor& leaf, bool xnx) {
    u8 data = 0;
    if ((leaf[Descriptor::S2AP] & 0b01) != 0) data |= Permissions::read;
    if ((leaf[Descriptor::S2AP] & 0b10) != 0) data |= Permissions::write;
    const u64 xn = xnx ? leaf[Descriptor::S2XN] : leaf[Descriptor::S2XN] & 0b10;
    const bool unprivileged = xn == 0b00 || xn == 0b01;
    const bool privileged = xn == 0b00 || xn == 0b11;
    return {static_cast<u8>(data | (unprivileged ? Permissions::execute : 0)),
            static_cast<u8>(data | (privileged ? Permissions::execute : 0))};
}

/// Permissions of a stage 1 leaf under the restrictions of the tables above it (DDI 0487, D8.4.1).
inline Permissions stage1_permissions(const Descriptor& leaf, const TablePoint& above, const spec::Cd& cd,
                                      bool two_privileges, const spec::Identification& id) {
    const u64 ap = leaf[Descriptor::AP];
    const bool writable = (ap & 0b10) == 0 && !above.read_only;
    if (!two_privileges) {
        // One privilege level: AP[1] counts as 1, bit 54 is XN.
        u8 granted = Permissions::read;
        if (writable) granted |= Permissions::write;
        const bool execute_never =
            leaf[Descriptor::UXN] || above.no_unprivileged_execute || (cd[spec::Cd::WXN] && writable);
        if (!execute_never) granted |= Permissions::execute;
        return {granted, granted};
    }
    const bool unprivileged_access = (ap & 0b01) != 0 && !above.no_unprivileged;
    u8 user = 0;
    u8 kernel = Permissions::read;
    if (unprivileged_access) user |= Permissions::read;
    if (unprivileged_access && writable) user |= Permissions::write;
    if (writable) kernel |= Permissions::write;

    const bool user_execute = !leaf[Descriptor::UXN] && !above.no_unprivileged_execute &&
                              !(cd[spec::Cd::WXN] && (user & Permissions::write) != 0);
    // A region that unprivileged code may write is never executable with privilege.
    const bool kernel_execute = !leaf[Descriptor::PXN] && !above.no_privileged_execute &&
                                (user & Permissions::write) == 0 &&
                                !(cd[spec::Cd::WXN] && (kernel & Permissions::write) != 0);
    // PAN: no privileged data access where unprivileged access is possible; EPAN: nor where user code may run.
    const bool user_may_run =
        id.idr3.EPAN != 0 && cd[spec::Cd::EPAN] && !leaf[Descriptor::UXN] && !above.no_unprivileged_execute;
    if (cd[spec::Cd::PAN] && (unprivileged_access || user_may_run)) kernel = 0;
    if (user_execute) user |= Permissions::execute;
    if (kernel_execute) kernel |= Permissions::execute;
    return {user, kernel};
}

}  // namespace detail

/// Stage 2: translates `ipa`; permissions are returned, not checked. `access` says what the address is for.
template <TranslationEnvironment Env>
Task<Checked<Stage2Leaf>> walk_stage2(Env& env, const StreamContext& context, Request request, u64 ipa,
                                      FaultClass access) {
    const spec::Identification& id = env.identification();
    const spec::Ste& ste = context.ste;
    const Geometry geometry{offset_bits(ste.stage2_granule()), 64 - static_cast<unsigned>(ste[spec::Ste::S2T0SZ]),
                            stage2_start(ste, id).level};
    const FaultPlace place{true, access, ipa};
    // An input address beyond S2T0SZ is a Translation fault of stage 2 before any read.
    if (ipa >> geometry.input_bits != 0)
        co_return translation_fault(EventNumber::F_TRANSLATION, request, place, "the IPA exceeds the range of S2T0SZ");

    const Checked<Stage2Leaf> known = co_await env.cached_stage2(context.tags, ipa);
    if (known) co_return known;

    const bool wide = wide_stage2(ste, id);
    const unsigned output_bits = effective_output_bits(ste[spec::Ste::S2PS], ste.stage2_granule(), wide, id);
    const Descriptor::Format format = detail::format_of(ste.stage2_granule(), wide, id.output_bits());
    TablePoint point = co_await env.cached_table(context.tags, false, ipa);
    if (!point.valid) {
        point.valid = true;
        point.level = geometry.start;
        point.base = geometry.start_base(ste[spec::Ste::S2TTB], output_bits);
    }
    for (;;) {
        const int level = point.level;
        Fetch fetch;
        fetch.kind = Fetch::Kind::Stage2;
        fetch.level = level;
        fetch.address = point.base + geometry.index(level, ipa) * 8;
        const Fetched fetched = co_await env.read(fetch);
        if (!fetched.ok) co_return walk_abort(request, place, fetch.address);
        const Descriptor descriptor(detail::in_order(fetched.words[0], ste[spec::Ste::S2ENDI]));

        const detail::Shape shape = detail::shape_of(descriptor, geometry.granule_bits, level, format);
        if (shape == detail::Shape::Invalid) {
            env.decided("invalid stage 2 descriptor");
            co_return translation_fault(EventNumber::F_TRANSLATION, request, place, "invalid stage 2 descriptor");
        }
        const unsigned low_bit = shape == detail::Shape::Table ? geometry.granule_bits : geometry.low_bit(level);
        const u64 output = descriptor.output(low_bit, format);
        if (output >> output_bits != 0) {
            env.decided("the stage 2 output address exceeds S2PS");
            co_return translation_fault(EventNumber::F_ADDR_SIZE, request, place,
                                        "the stage 2 output address exceeds S2PS");
        }
        if (shape == detail::Shape::Table) {
            point.level = level + 1;
            point.base = output;
            env.keep_table(context.tags, false, ipa, geometry.low_bit(level), point);
            continue;
        }
        if (!descriptor[Descriptor::AF] && !ste[spec::Ste::S2AFFD]) {
            env.decided("the access flag of the stage 2 descriptor is 0");
            co_return translation_fault(EventNumber::F_ACCESS, request, place,
                                        "the access flag of the stage 2 descriptor is 0");
        }
        Stage2Leaf leaf;
        leaf.output = output | (ipa & sim::low_mask(low_bit));
        leaf.span = detail::leaf_span(descriptor, geometry, level);
        leaf.permissions = detail::stage2_permissions(descriptor, id.idr3.XNX != 0);
        leaf.memory = static_cast<u8>(descriptor[Descriptor::MemAttr]);
        // With 52-bit descriptors SH makes room for address bits.
        leaf.shareability = static_cast<u8>(wide ? ste[spec::Ste::S2SH0] : descriptor[Descriptor::SH]);
        leaf.level = level;
        env.keep_stage2(context.tags, ipa, leaf);
        co_return leaf;
    }
}

/// Stage 2 for an address that the SMMU itself reads: a stage 1 descriptor or a context descriptor.
template <TranslationEnvironment Env>
Task<Checked<Stage2Leaf>> translate_own_read(Env& env, const StreamContext& context, Request request, u64 ipa,
                                             FaultClass access) {
    const Checked<Stage2Leaf> leaf = co_await walk_stage2(env, context, request, ipa, access);
    if (!leaf) co_return leaf;
    const FaultPlace place{true, access, ipa};
    // A privileged data read: S2AP must allow it (3.4).
    if ((leaf.value.permissions.privileged & Permissions::read) == 0) {
        env.decided("stage 2 does not permit the read");
        co_return translation_fault(EventNumber::F_PERMISSION, request, place,
                                    "stage 2 does not permit the SMMU's own read");
    }
    // S2PTW: no walk or CD fetch through Device memory.
    if (context.ste[spec::Ste::S2PTW] && stage2_is_device(context.ste, leaf.value.memory)) {
        env.decided("S2PTW = 1 and stage 2 maps Device memory");
        co_return translation_fault(EventNumber::F_PERMISSION, request, place,
                                    "S2PTW = 1 and stage 2 maps Device memory");
    }
    co_return leaf;
}

/// The input address as the tables see it: with TBI the top byte becomes copies of bit 55 (DDI 0487, D8.8).
inline u64 canonical_address(const StreamContext& context, u64 address) {
    if (!context.stage1) return address;
    const bool upper = sim::bits_of(address, 55, 55) != 0 && context.tags.world != StreamWorld::El2;
    if (!context.cd.ignores_top_byte(upper)) return address;
    return sim::with_bits(address, 63, 56, sim::bits_of(address, 55, 55) != 0 ? 0xFF : 0);
}

/// Stage 1 of a stream whose context is known; nested table addresses go through stage 2. Permissions are checked.
template <TranslationEnvironment Env>
Task<Checked<Translation>> walk_stage1(Env& env, const StreamContext& context, Request request) {
    const spec::Identification& id = env.identification();
    const spec::Cd& cd = context.cd;
    const FaultPlace place{};
    const u64 address = canonical_address(context, request.address);

    // DDI 0487, D8.2.1: bit 55 selects the half; any-EL2 has TTB0 only.
    const bool one_range = context.tags.world == StreamWorld::El2;
    const bool upper = !one_range && sim::bits_of(address, 55, 55) != 0;
    // TxSZ of a half whose walks are disabled may hold anything.
    if (!one_range && cd.walks_disabled(upper))
        co_return translation_fault(EventNumber::F_TRANSLATION, request, place, "EPDx = 1");
    const unsigned input_bits = 64 - static_cast<unsigned>(cd.input_size_field(upper));
    const u64 above = address >> input_bits;
    if (above != (upper ? sim::low_mask(64 - input_bits) : 0))
        co_return translation_fault(EventNumber::F_TRANSLATION, request, place,
                                    "the address exceeds the range of TxSZ");
    if (!one_range && id.idr3.E0PD != 0 && !request.privileged && cd.denies_unprivileged(upper))
        co_return translation_fault(EventNumber::F_TRANSLATION, request, place,
                                    "E0PDx = 1 and the access is unprivileged");

    const Geometry geometry = Geometry::stage1(cd.granule(upper), cd.input_size_field(upper));
    const bool wide = wide_stage1(cd, id);
    const unsigned output_bits = effective_output_bits(cd[spec::Cd::IPS], cd.granule(upper), wide, id);
    const Descriptor::Format format = detail::format_of(cd.granule(upper), wide, id.output_bits());
    TablePoint point = co_await env.cached_table(context.tags, true, address);
    if (!point.valid) {
        point.valid = true;
        point.level = geometry.start;
        point.base = geometry.start_base(cd.table_base(upper), output_bits);
    }
    for (;;) {
        const int level = point.level;
        Fetch fetch;
        fetch.kind = Fetch::Kind::Stage1;
        fetch.level = level;
        fetch.address = point.base + geometry.index(level, address) * 8;
        if (context.stage2) {
            fetch.ipa = fetch.address;
            const Checked<Stage2Leaf> where =
                co_await translate_own_read(env, context, request, fetch.ipa, FaultClass::Ttd);
            if (!where) co_return where.fault;
            fetch.address = where.value.output;
        }
        const Fetched fetched = co_await env.read(fetch);
        // The abort of a stage 1 descriptor is of stage 1, but of CLASS TTD (7.3.12).
        if (!fetched.ok) co_return walk_abort(request, FaultPlace{false, FaultClass::Ttd, 0}, fetch.address);
        const Descriptor descriptor(detail::in_order(fetched.words[0], cd[spec::Cd::ENDI]));

        const detail::Shape shape = detail::shape_of(descriptor, geometry.granule_bits, level, format);
        if (shape == detail::Shape::Invalid) {
            env.decided("invalid stage 1 descriptor");
            co_return translation_fault(EventNumber::F_TRANSLATION, request, place, "invalid stage 1 descriptor");
        }
        const unsigned low_bit = shape == detail::Shape::Table ? geometry.granule_bits : geometry.low_bit(level);
        const u64 output = descriptor.output(low_bit, format);
        if (output >> output_bits != 0) {
            env.decided("the stage 1 output address exceeds IPS");
            co_return translation_fault(EventNumber::F_ADDR_SIZE, request, place,
                                        "the stage 1 output address exceeds IPS");
        }
        if (shape == detail::Shape::Table) {
            if (!(id.idr3.HAD != 0 && cd.ignores_table_attributes(upper))) {
                point.read_only |= (descriptor[Descriptor::APTable] & 0b10) != 0;
                point.no_unprivileged |= (descriptor[Descriptor::APTable] & 0b01) != 0;
                point.no_unprivileged_execute |= descriptor[Descriptor::UXNTable];
                point.no_privileged_execute |= descriptor[Descriptor::PXNTable];
            }
            point.level = level + 1;
            point.base = output;
            env.keep_table(context.tags, true, address, geometry.low_bit(level), point);
            continue;
        }
        // The access flag comes before permissions (3.12).
        if (!descriptor[Descriptor::AF] && !cd[spec::Cd::AFFD]) {
            env.decided("the access flag of the stage 1 descriptor is 0");
            co_return translation_fault(EventNumber::F_ACCESS, request, place,
                                        "the access flag of the stage 1 descriptor is 0");
        }
        Translation translation;
        translation.output = translation.ipa = output | (address & sim::low_mask(low_bit));
        translation.span = detail::leaf_span(descriptor, geometry, level);
        translation.global = !descriptor[Descriptor::nG];
        translation.stage1 = detail::stage1_permissions(descriptor, point, cd, context.two_privileges, id);
        translation.mair = static_cast<u8>(cd[spec::Cd::MAIR] >> (descriptor[Descriptor::AttrIndx] * 8));
        translation.stage1_shareability = static_cast<u8>(wide ? cd.shareability(upper) : descriptor[Descriptor::SH]);
        translation.stage1_level = level;
        if (!translation.stage1.allow(request)) {
            env.decided("stage 1 does not permit the access");
            co_return translation_fault(EventNumber::F_PERMISSION, request, place,
                                        "stage 1 does not permit the access");
        }
        co_return translation;
    }
}

}  // namespace smmusim::smmu::arch
