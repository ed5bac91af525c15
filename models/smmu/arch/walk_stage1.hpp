// Stage 1: from a virtual to an intermediate or physical address (DDI 0487, D8.2; IHI 0070, 3.4, 3.13 and 7.3).
#pragma once

#include "smmu/arch/regime.hpp"
#include "smmu/arch/walk_stage2.hpp"

namespace smmusim::smmu::arch {

/// The input address as the tables see it: with TBI the top byte becomes copies of bit 55 (DDI 0487, D8.8).
inline u64 canonical_address(const StreamContext& context, u64 address) {
    if (!context.stage1) return address;
    const bool upper = sim::bits_of(address, 55, 55) != 0 && context.tags.world != StreamWorld::El2;
    if (!context.cd.ignores_top_byte(upper)) return address;
    return sim::with_bits(address, 63, 56, sim::bits_of(address, 55, 55) != 0 ? 0xFF : 0);
}

namespace detail {

/// The tree that translates `address`, or null and the fault (DDI 0487, D8.2.1).
template <TranslationEnvironment Env>
const Regime* tree_of(Env& env, const StreamContext& context, const Request& request, u64 address, Fault& fault) {
    const auto failed = [&](const char* reason) {
        fault = translation_fault(EventNumber::F_TRANSLATION, request, FaultPlace{}, reason);
        return nullptr;
    };
    // Bit 55 selects the half; any-EL2 has TTB0 only.
    const bool upper = context.tags.world != StreamWorld::El2 && sim::bits_of(address, 55, 55) != 0;
    // TxSZ of a half whose walks are disabled may hold anything.
    if (!walks(context.cd, context.tags.world, upper)) return failed("EPDx = 1");
    const Regime& regime = context.first[upper];
    const unsigned input_bits = regime.geometry.input_bits;
    if (address >> input_bits != (upper ? sim::low_mask(64 - input_bits) : 0))
        return failed("the address exceeds the range of TxSZ");
    if (regime.privileged_only && !request.privileged) [[unlikely]]
        return failed("E0PDx = 1 and the access is unprivileged");
    env.noted(upper ? "the address belongs to TTB1 and is within the range of T1SZ"
                    : "the address belongs to TTB0 and is within the range of T0SZ",
              "DDI 0487, D8.2.1");
    return &regime;
}

/// What the last descriptor of a walk means: `translation` is complete if it is a leaf.
template <TranslationEnvironment Env>
Conclusion conclude_stage1(Env& env, Descent& walk, const Request& request, const FetchedDescriptor& fetched,
                           Translation& translation, Fault& fault) {
    const StreamContext& context = walk.context;
    const Regime& regime = walk.regime;
    const auto failed = [&](EventNumber number, const char* reason) {
        env.decided(reason);
        fault = translation_fault(number, request, FaultPlace{}, reason);
        return Conclusion{};
    };
    if (!fetched.ok) {
        // The abort of a stage 1 descriptor is of stage 1, but of CLASS TTD (7.3.12).
        fault = walk_abort(request, {false, FaultClass::Ttd, 0}, walk.fetch.address);
        return {};
    }
    const int level = walk.point.level;
    const Descriptor descriptor = walk.descriptor(fetched);
    const Shape shape = walk.shape(descriptor);
    if (shape == Shape::Invalid) [[unlikely]]
        return failed(EventNumber::F_TRANSLATION, "invalid stage 1 descriptor");
    const unsigned low_bit = shape == Shape::Table ? regime.geometry.granule_bits : regime.geometry.low_bit(level);
    const u64 output = descriptor.output(low_bit, regime.format);
    if (output >> regime.output_bits != 0)
        return failed(EventNumber::F_ADDR_SIZE, "the stage 1 output address exceeds IPS");
    if (shape == Shape::Table) {
        walk.enter(env, descriptor, output);
        return {Conclusion::Kind::Table};
    }
    // The access flag comes before permissions (3.12).
    if (!descriptor[Descriptor::AF] && regime.access_flag_faults) [[unlikely]]
        return failed(EventNumber::F_ACCESS, "the access flag of the stage 1 descriptor is 0");
    translation = {};
    translation.output = translation.ipa = output | (walk.address & sim::low_mask(low_bit));
    translation.span = translation.stage1_span = leaf_span(descriptor, regime.geometry, level);
    translation.global = !descriptor[Descriptor::nG];
    translation.mair = static_cast<u8>(context.cd[spec::Cd::MAIR] >> (descriptor[Descriptor::AttrIndx] * 8));
    // With 52-bit descriptors SH makes room for address bits.
    translation.stage1_shareability = regime.wide ? regime.shareability : static_cast<u8>(descriptor[Descriptor::SH]);
    translation.stage1_level = level;
    LeafPermissions permissions = stage1_permissions(descriptor, walk.point.above, context.cd, regime.update,
                                                     context.two_privileges, env.identification());
    // An unprivileged access must not pass by a hit on what a privileged one brought in.
    if (regime.privileged_only) permissions.now.unprivileged = permissions.attainable.unprivileged = 0;
    translation.stage1 = permissions.now;
    translation.stage1_attainable = permissions.attainable;
    if (!permissions.attainable.allow(request)) [[unlikely]]
        return failed(EventNumber::F_PERMISSION, "stage 1 does not permit the access");

    // 3.13: access flag and dirty state in one compare-and-swap.
    Descriptor updated = descriptor;
    if (regime.update.access_flag) updated.set(Descriptor::AF, true);
    const bool becomes_dirty = !permissions.now.allow(request);
    if (becomes_dirty) updated.set(Descriptor::AP, descriptor[Descriptor::AP] & 0b01);
    if (updated.raw() == descriptor.raw()) return {Conclusion::Kind::Leaf};
    return {Conclusion::Kind::Update, becomes_dirty, in_order(updated.raw(), regime.big_endian)};
}

}  // namespace detail

/// Stage 1 of a stream whose context is known; nested table addresses go through stage 2. Permissions are checked, the
/// access flag and the dirty state are updated. True: `translation` is complete; false: `fault` says why not.
template <TranslationEnvironment Env>
Task<bool> walk_stage1(Env& env, const StreamContext& context, const Request& request, Translation& translation,
                       Fault& fault) {
    const u64 address = canonical_address(context, request.address);
    const Regime* const regime = detail::tree_of(env, context, request, address, fault);
    if (regime == nullptr) co_return false;
    Descent walk(context, *regime, true, address);
    TablePoint& point = walk.point;
    Fetch& fetch = walk.fetch;
    co_await env.cached_table(walk);
    walk.begin();
    FetchedDescriptor fetched;
    for (bool read = true;;) {
        if (read) {
            walk.aim();
            if (context.stage2) {
                fetch.ipa = fetch.address;
                if (!holds(point, fetch.ipa) || detail::stage2_refusal(context, *point.place, point.place->permissions,
                                                                       request, FaultClass::Ttd) != nullptr) {
                    point.place.emplace();
                    point.place_ipa = fetch.ipa;
                    const bool placed =
                        co_await walk_stage2(env, context, request, fetch.ipa, FaultClass::Ttd, *point.place, fault);
                    if (!placed) co_return false;
                    if (walk.covers != 0) env.place_table(context.tags, address, walk.covers, point);
                }
                fetch.address = place_of(point, fetch.ipa).output;
                fetch.memory =
                    own_attributes_through_stage2(regime->memory, context.ste, *point.place, env.identification());
            }
            co_await env.descend(walk, fetched);
        }
        const Conclusion next = detail::conclude_stage1(env, walk, request, fetched, translation, fault);
        if (next.kind == Conclusion::Kind::Fault) co_return false;
        read = true;
        if (next.kind == Conclusion::Kind::Table) continue;
        if (next.kind == Conclusion::Kind::Update) {
            if (context.stage2) {
                point.place = place_of(point, fetch.ipa);
                point.place_ipa = fetch.ipa;
                fault = co_await permit_descriptor_update(env, context, request, fetch.ipa, *point.place);
                if (fault) co_return false;
                fetch.address = point.place->output;
                if (walk.covers != 0) env.place_table(context.tags, address, walk.covers, point);
            }
            const u64 expected = fetched.raw;
            fetched = co_await env.update(fetch, expected, next.desired);
            read = false;
            // If somebody else was faster, look again; and so at an update that was aborted.
            if (!fetched.ok || fetched.raw != expected) continue;
            if (next.becomes_dirty) translation.stage1 = translation.stage1_attainable;
        }
        env.found_stage1(translation);
        co_return true;
    }
}

}  // namespace smmusim::smmu::arch
