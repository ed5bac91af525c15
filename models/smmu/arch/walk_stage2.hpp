// Stage 2: from an intermediate to a physical address (DDI 0487, D8.2; IHI 0070, 3.4, 3.13 and 7.3).
#pragma once

#include "smmu/arch/attributes.hpp"
#include "smmu/arch/checks.hpp"
#include "smmu/arch/environment.hpp"
#include "smmu/arch/faults.hpp"
#include "smmu/arch/geometry.hpp"
#include "smmu/arch/permissions.hpp"

namespace smmusim::smmu::arch {

using sim::Task;

namespace detail {

/// Why stage 2 refuses an access through a leaf with these permissions, or null.
inline const char* stage2_refusal(const StreamContext& context, const Stage2Leaf& leaf, Permissions permissions,
                                  const Request& request, FaultClass access) {
    if (access == FaultClass::In) return permissions.allow(request) ? nullptr : "stage 2 does not permit the access";
    // Walks and CD fetches are privileged data reads of the SMMU: S2AP must allow them (3.4).
    if ((permissions.privileged & Permissions::read) == 0) return "stage 2 does not permit the SMMU's own read";
    // S2PTW: no walk or CD fetch through Device memory.
    if (context.ste[spec::Ste::S2PTW] && stage2_is_device(context.ste, leaf.memory))
        return "S2PTW = 1 and stage 2 maps Device memory";
    return nullptr;
}

inline HardwareUpdate stage2_update(const spec::Ste& ste, const spec::Identification& id) {
    return hardware_update(ste[spec::Ste::S2HA], ste[spec::Ste::S2HD], id);
}

}  // namespace detail

/// Translates `ipa` for `request`, or for the SMMU's own read if `access` is not In; permissions are checked, the
/// access flag and the dirty state are updated.
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

    // A known leaf that does not permit the access leaves it to a walk, which finds the fault or updates the leaf.
    const Checked<Stage2Leaf> known = co_await env.cached_stage2(context.tags, ipa);
    if (known && detail::stage2_refusal(context, known.value, known.value.permissions, request, access) == nullptr)
        co_return known;

    const bool wide = wide_stage2(ste, id);
    const unsigned output_bits = effective_output_bits(ste[spec::Ste::S2PS], ste.stage2_granule(), wide, id);
    const Descriptor::Format format = format_of(ste.stage2_granule(), wide, id.output_bits());
    const HardwareUpdate update = detail::stage2_update(ste, id);
    const bool big_endian = ste[spec::Ste::S2ENDI];
    TablePoint point = co_await env.cached_table(context.tags, false, ipa);
    if (!point.valid) {
        point.valid = true;
        point.level = geometry.start;
        point.base = geometry.start_base(ste[spec::Ste::S2TTB], output_bits);
    }
    Fetch fetch;
    fetch.kind = Fetch::Kind::Stage2;
    fetch.memory = stage2_walk_attributes(ste);
    Fetched fetched;
    for (bool read = true;;) {
        const int level = point.level;
        if (read) {
            fetch.level = level;
            fetch.address = point.base + geometry.index(level, ipa) * 8;
            fetched = co_await env.read(fetch);
        }
        if (!fetched.ok) co_return walk_abort(request, place, fetch.address);
        const Descriptor descriptor(in_order(fetched.words[0], big_endian));
        const auto fault = [&](EventNumber number, const char* reason) {
            env.decided(reason);
            return translation_fault(number, request, place, reason);
        };

        const Shape shape = shape_of(descriptor, geometry.granule_bits, level, format);
        if (shape == Shape::Invalid) co_return fault(EventNumber::F_TRANSLATION, "invalid stage 2 descriptor");
        const unsigned low_bit = shape == Shape::Table ? geometry.granule_bits : geometry.low_bit(level);
        const u64 output = descriptor.output(low_bit, format);
        if (output >> output_bits != 0)
            co_return fault(EventNumber::F_ADDR_SIZE, "the stage 2 output address exceeds S2PS");
        if (shape == Shape::Table) {
            point.level = level + 1;
            point.base = output;
            env.keep_table(context.tags, false, ipa, geometry.low_bit(level), point);
            read = true;
            continue;
        }
        // The access flag comes before permissions (3.12).
        if (!descriptor[Descriptor::AF] && !update.access_flag && !ste[spec::Ste::S2AFFD])
            co_return fault(EventNumber::F_ACCESS, "the access flag of the stage 2 descriptor is 0");
        Stage2Leaf leaf;
        leaf.output = output | (ipa & sim::low_mask(low_bit));
        leaf.span = leaf_span(descriptor, geometry, level);
        leaf.memory = static_cast<u8>(descriptor[Descriptor::MemAttr]);
        // With 52-bit descriptors SH makes room for address bits.
        leaf.shareability = static_cast<u8>(wide ? ste[spec::Ste::S2SH0] : descriptor[Descriptor::SH]);
        leaf.level = level;
        leaf.descriptor_address = fetch.address;
        leaf.descriptor = fetched.words[0];
        const LeafPermissions permissions = stage2_permissions(descriptor, update, id.idr3.XNX != 0);
        leaf.permissions = permissions.now;
        leaf.attainable = permissions.attainable;
        if (const char* const rule = detail::stage2_refusal(context, leaf, leaf.attainable, request, access)) {
            env.decided(rule);
            const Request told = access == FaultClass::In ? refused_part(request, leaf.attainable) : request;
            co_return translation_fault(EventNumber::F_PERMISSION, told, place, rule);
        }

        // 3.13: access flag and dirty state in one compare-and-swap; if somebody else was faster, look again.
        Descriptor updated = descriptor;
        if (update.access_flag) updated.set(Descriptor::AF, true);
        const bool becomes_dirty = access == FaultClass::In && !leaf.permissions.allow(request);
        if (becomes_dirty) updated.set(Descriptor::S2AP, descriptor[Descriptor::S2AP] | 0b10);
        if (updated.raw() != descriptor.raw()) {
            const u64 desired = in_order(updated.raw(), big_endian);
            const u64 expected = fetched.words[0];
            fetched = co_await env.update(fetch, expected, desired);
            if (!fetched.ok) co_return walk_abort(request, place, fetch.address);
            read = false;
            if (fetched.words[0] != expected) continue;
            leaf.descriptor = desired;
            if (becomes_dirty) leaf.permissions = leaf.attainable;
        }
        env.keep_stage2(context.tags, ipa, leaf);
        co_return leaf;
    }
}

/// Makes the page that holds a stage 1 descriptor writable for the SMMU's update of it: stage 2 must permit a write,
/// and its page becomes dirty (3.13). `leaf` is the translation of the descriptor's read.
template <TranslationEnvironment Env>
Task<Fault> permit_descriptor_update(Env& env, const StreamContext& context, Request request, u64 ipa,
                                     Stage2Leaf& leaf) {
    FaultPlace place{true, FaultClass::Ttd, ipa};
    place.update = true;
    while ((leaf.permissions.privileged & Permissions::write) == 0) {
        if ((leaf.attainable.privileged & Permissions::write) == 0) {
            env.decided("stage 2 does not permit the update of the descriptor");
            co_return translation_fault(EventNumber::F_PERMISSION, request, place,
                                        "stage 2 does not permit the update of the descriptor");
        }
        Fetch fetch;
        fetch.kind = Fetch::Kind::Stage2;
        fetch.level = leaf.level;
        fetch.address = leaf.descriptor_address;
        fetch.memory = stage2_walk_attributes(context.ste);
        const bool big_endian = context.ste[spec::Ste::S2ENDI];
        Descriptor updated(in_order(leaf.descriptor, big_endian));
        updated.set(Descriptor::S2AP, updated[Descriptor::S2AP] | 0b10);
        const u64 desired = in_order(updated.raw(), big_endian);
        const Fetched before = co_await env.update(fetch, leaf.descriptor, desired);
        if (!before.ok) co_return walk_abort(request, place, fetch.address);
        if (before.words[0] == leaf.descriptor) {
            leaf.descriptor = desired;
            leaf.permissions = leaf.attainable;
            env.keep_stage2(context.tags, ipa, leaf);
            co_return Fault{};
        }
        // Somebody else changed the descriptor: what it says now counts.
        env.forget_stage2(context.tags, ipa);
        const Checked<Stage2Leaf> again = co_await walk_stage2(env, context, request, ipa, FaultClass::Ttd);
        if (!again) co_return again.fault;
        leaf = again.value;
    }
    co_return Fault{};
}

}  // namespace smmusim::smmu::arch
