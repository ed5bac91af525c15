// Stage 2: from an intermediate to a physical address (DDI 0487, D8.2; IHI 0070, 3.4, 3.13 and 7.3).
#pragma once

#include "smmu/arch/attributes.hpp"
#include "smmu/arch/checks.hpp"
#include "smmu/arch/descent.hpp"
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

/// What the last descriptor of a walk means: `leaf` is complete if it is one.
template <TranslationEnvironment Env>
Conclusion conclude_stage2(Env& env, Descent& walk, const Request& request, FaultClass access,
                           const FetchedDescriptor& fetched, Stage2Leaf& leaf, Fault& fault) {
    const StreamContext& context = walk.context;
    const Regime& regime = walk.regime;
    const FaultPlace place{true, access, walk.address};
    const auto failed = [&](EventNumber number, const Request& told, const char* reason) {
        env.decided(reason);
        fault = translation_fault(number, told, place, reason);
        return Conclusion{};
    };
    if (!fetched.ok) {
        fault = walk_abort(request, place, walk.fetch.address);
        return {};
    }
    const int level = walk.point.level;
    const Descriptor descriptor = walk.descriptor(fetched);
    const Shape shape = walk.shape(descriptor);
    if (shape == Shape::Invalid) return failed(EventNumber::F_TRANSLATION, request, "invalid stage 2 descriptor");
    const unsigned low_bit = shape == Shape::Table ? regime.geometry.granule_bits : regime.geometry.low_bit(level);
    const u64 output = descriptor.output(low_bit, regime.format);
    if (output >> regime.output_bits != 0)
        return failed(EventNumber::F_ADDR_SIZE, request, "the stage 2 output address exceeds S2PS");
    if (shape == Shape::Table) {
        walk.enter(env, descriptor, output);
        return {Conclusion::Kind::Table};
    }
    // The access flag comes before permissions (3.12).
    if (!descriptor[Descriptor::AF] && regime.access_flag_faults)
        return failed(EventNumber::F_ACCESS, request, "the access flag of the stage 2 descriptor is 0");
    leaf.output = output | (walk.address & sim::low_mask(low_bit));
    leaf.span = leaf_span(descriptor, regime.geometry, level);
    leaf.memory = static_cast<u8>(descriptor[Descriptor::MemAttr]);
    // With 52-bit descriptors SH makes room for address bits.
    leaf.shareability = regime.wide ? regime.shareability : static_cast<u8>(descriptor[Descriptor::SH]);
    leaf.level = level;
    leaf.descriptor_address = walk.fetch.address;
    leaf.descriptor = fetched.raw;
    const LeafPermissions permissions =
        stage2_permissions(descriptor, regime.update, env.identification().idr3.XNX != 0);
    leaf.permissions = permissions.now;
    leaf.attainable = permissions.attainable;
    if (const char* const rule = stage2_refusal(context, leaf, leaf.attainable, request, access))
        return failed(EventNumber::F_PERMISSION,
                      access == FaultClass::In ? refused_part(request, leaf.attainable) : request, rule);

    // 3.13: access flag and dirty state in one compare-and-swap.
    Descriptor updated = descriptor;
    if (regime.update.access_flag) updated.set(Descriptor::AF, true);
    const bool becomes_dirty = access == FaultClass::In && !leaf.permissions.allow(request);
    if (becomes_dirty) updated.set(Descriptor::S2AP, descriptor[Descriptor::S2AP] | 0b10);
    if (updated.raw() == descriptor.raw()) return {Conclusion::Kind::Leaf};
    return {Conclusion::Kind::Update, becomes_dirty, in_order(updated.raw(), regime.big_endian)};
}

}  // namespace detail

/// Translates `ipa` for `request`, or for the SMMU's own read if `access` is not In; permissions are checked, the
/// access flag and the dirty state are updated. True: `leaf` is the translation; false: `fault` says why not.
template <TranslationEnvironment Env>
Task<bool> walk_stage2(Env& env, const StreamContext& context, const Request& request, u64 ipa, FaultClass access,
                       Stage2Leaf& leaf, Fault& fault) {
    // An input address beyond S2T0SZ is a Translation fault of stage 2 before any read.
    if (ipa >> context.second.geometry.input_bits != 0) {
        fault = translation_fault(EventNumber::F_TRANSLATION, request, {true, access, ipa},
                                  "the IPA exceeds the range of S2T0SZ");
        co_return false;
    }
    // A known leaf that does not permit the access leaves it to a walk, which finds the fault or updates the leaf.
    const bool known = co_await env.cached_stage2(context.tags, ipa, leaf);
    if (known && detail::stage2_refusal(context, leaf, leaf.permissions, request, access) == nullptr) co_return true;

    Descent walk(context, context.second, false, ipa);
    co_await env.cached_table(walk);
    walk.begin();
    FetchedDescriptor fetched;
    for (bool read = true;;) {
        if (read) {
            walk.aim();
            co_await env.descend(walk, fetched);
        }
        const Conclusion next = detail::conclude_stage2(env, walk, request, access, fetched, leaf, fault);
        if (next.kind == Conclusion::Kind::Fault) co_return false;
        read = true;
        if (next.kind == Conclusion::Kind::Table) continue;
        if (next.kind == Conclusion::Kind::Update) {
            const u64 expected = fetched.raw;
            fetched = co_await env.update(walk.fetch, expected, next.desired);
            read = false;
            // If somebody else was faster, look again; and so at an update that was aborted.
            if (!fetched.ok || fetched.raw != expected) continue;
            leaf.descriptor = next.desired;
            if (next.becomes_dirty) leaf.permissions = leaf.attainable;
        }
        env.keep_stage2(context.tags, ipa, leaf);
        co_return true;
    }
}

/// Makes the page that holds a stage 1 descriptor writable for the SMMU's update of it: stage 2 must permit a write,
/// and its page becomes dirty (3.13). `leaf` is the translation of the descriptor's read.
template <TranslationEnvironment Env>
Task<Fault> permit_descriptor_update(Env& env, const StreamContext& context, const Request& request, u64 ipa,
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
        fetch.memory = context.second.memory;
        const bool big_endian = context.second.big_endian;
        Descriptor updated(in_order(leaf.descriptor, big_endian));
        updated.set(Descriptor::S2AP, updated[Descriptor::S2AP] | 0b10);
        const u64 desired = in_order(updated.raw(), big_endian);
        const FetchedDescriptor before = co_await env.update(fetch, leaf.descriptor, desired);
        if (!before.ok) co_return walk_abort(request, place, fetch.address);
        if (before.raw == leaf.descriptor) {
            leaf.descriptor = desired;
            leaf.permissions = leaf.attainable;
            env.keep_stage2(context.tags, ipa, leaf);
            co_return Fault{};
        }
        // Somebody else changed the descriptor: what it says now counts.
        env.forget_stage2(context.tags, ipa);
        Fault fault;
        const bool again = co_await walk_stage2(env, context, request, ipa, FaultClass::Ttd, leaf, fault);
        if (!again) co_return fault;
    }
    co_return Fault{};
}

}  // namespace smmusim::smmu::arch
