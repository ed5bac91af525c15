// Stage 1: from a virtual to an intermediate or physical address (DDI 0487, D8.2; IHI 0070, 3.4, 3.13 and 7.3).
#pragma once

#include "smmu/arch/walk_stage2.hpp"

namespace smmusim::smmu::arch {

/// The input address as the tables see it: with TBI the top byte becomes copies of bit 55 (DDI 0487, D8.8).
inline u64 canonical_address(const StreamContext& context, u64 address) {
    if (!context.stage1) return address;
    const bool upper = sim::bits_of(address, 55, 55) != 0 && context.tags.world != StreamWorld::El2;
    if (!context.cd.ignores_top_byte(upper)) return address;
    return sim::with_bits(address, 63, 56, sim::bits_of(address, 55, 55) != 0 ? 0xFF : 0);
}

/// Stage 1 of a stream whose context is known; nested table addresses go through stage 2. Permissions are checked, the
/// access flag and the dirty state are updated.
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
    const Regime& regime = context.first[upper];
    const Geometry& geometry = regime.geometry;
    const u64 above = address >> geometry.input_bits;
    if (above != (upper ? sim::low_mask(64 - geometry.input_bits) : 0))
        co_return translation_fault(EventNumber::F_TRANSLATION, request, place,
                                    "the address exceeds the range of TxSZ");
    const bool hidden = !one_range && id.idr3.E0PD != 0 && cd.denies_unprivileged(upper);
    if (hidden && !request.privileged)
        co_return translation_fault(EventNumber::F_TRANSLATION, request, place,
                                    "E0PDx = 1 and the access is unprivileged");
    env.noted(upper ? "the address belongs to TTB1 and is within the range of T1SZ"
                    : "the address belongs to TTB0 and is within the range of T0SZ",
              "DDI 0487, D8.2.1");

    Descent walk(context, regime, true, address, co_await env.cached_table(context.tags, true, address));
    TablePoint& point = walk.point;
    Fetch& fetch = walk.fetch;
    FetchedDescriptor fetched;
    Stage2Leaf table;  // of the page that holds the descriptor, if nested
    for (bool read = true;;) {
        if (read) {
            walk.aim();
            if (context.stage2) {
                fetch.ipa = fetch.address;
                if (holds(point, fetch.ipa) && detail::stage2_refusal(context, point.place, point.place.permissions,
                                                                      request, FaultClass::Ttd) == nullptr) {
                    table = place_of(point, fetch.ipa);
                } else {
                    const Checked<Stage2Leaf> where =
                        co_await walk_stage2(env, context, request, fetch.ipa, FaultClass::Ttd);
                    if (!where) co_return where.fault;
                    table = where.value;
                    point.placed = true;
                    point.place_ipa = fetch.ipa;
                    point.place = table;
                    if (walk.covers != 0) env.place_table(context.tags, address, walk.covers, point);
                }
                fetch.address = table.output;
                fetch.memory = own_attributes_through_stage2(regime.memory, context.ste, table, id);
            }
            fetched = co_await env.descend(walk);
        }
        // The abort of a stage 1 descriptor is of stage 1, but of CLASS TTD (7.3.12).
        const FaultPlace descriptor_place{false, FaultClass::Ttd, 0};
        if (!fetched.ok) co_return walk_abort(request, descriptor_place, fetch.address);
        const int level = point.level;
        const Descriptor descriptor = walk.descriptor(fetched);
        const auto fault = [&](EventNumber number, const char* reason) {
            env.decided(reason);
            return translation_fault(number, request, place, reason);
        };

        const Shape shape = walk.shape(descriptor);
        if (shape == Shape::Invalid) co_return fault(EventNumber::F_TRANSLATION, "invalid stage 1 descriptor");
        const unsigned low_bit = shape == Shape::Table ? geometry.granule_bits : geometry.low_bit(level);
        const u64 output = descriptor.output(low_bit, regime.format);
        if (output >> regime.output_bits != 0)
            co_return fault(EventNumber::F_ADDR_SIZE, "the stage 1 output address exceeds IPS");
        if (shape == Shape::Table) {
            walk.enter(env, descriptor, output);
            read = true;
            continue;
        }
        // The access flag comes before permissions (3.12).
        if (!descriptor[Descriptor::AF] && regime.access_flag_faults)
            co_return fault(EventNumber::F_ACCESS, "the access flag of the stage 1 descriptor is 0");
        Translation translation;
        translation.output = translation.ipa = output | (address & sim::low_mask(low_bit));
        translation.span = leaf_span(descriptor, geometry, level);
        translation.global = !descriptor[Descriptor::nG];
        translation.mair = static_cast<u8>(cd[spec::Cd::MAIR] >> (descriptor[Descriptor::AttrIndx] * 8));
        // With 52-bit descriptors SH makes room for address bits.
        translation.stage1_shareability =
            regime.wide ? regime.shareability : static_cast<u8>(descriptor[Descriptor::SH]);
        translation.stage1_level = level;
        LeafPermissions permissions =
            stage1_permissions(descriptor, point, cd, regime.update, context.two_privileges, id);
        // An unprivileged access must not pass by a hit on what a privileged one brought in.
        if (hidden) permissions.now.unprivileged = permissions.attainable.unprivileged = 0;
        translation.stage1 = permissions.now;
        translation.stage1_attainable = permissions.attainable;
        if (!permissions.attainable.allow(request))
            co_return fault(EventNumber::F_PERMISSION, "stage 1 does not permit the access");

        // 3.13: access flag and dirty state in one compare-and-swap; if somebody else was faster, look again.
        Descriptor updated = descriptor;
        if (regime.update.access_flag) updated.set(Descriptor::AF, true);
        const bool becomes_dirty = !permissions.now.allow(request);
        if (becomes_dirty) updated.set(Descriptor::AP, descriptor[Descriptor::AP] & 0b01);
        if (updated.raw() != descriptor.raw()) {
            if (context.stage2) {
                const Fault refused = co_await permit_descriptor_update(env, context, request, fetch.ipa, table);
                if (refused) co_return refused;
                fetch.address = table.output;
                point.place_ipa = fetch.ipa;
                point.place = table;
                if (walk.covers != 0) env.place_table(context.tags, address, walk.covers, point);
            }
            const u64 expected = fetched.raw;
            fetched = co_await env.update(fetch, expected, in_order(updated.raw(), regime.big_endian));
            if (!fetched.ok) co_return walk_abort(request, descriptor_place, fetch.address);
            read = false;
            if (fetched.raw != expected) continue;
            if (becomes_dirty) translation.stage1 = permissions.attainable;
        }
        env.found_stage1(translation);
        co_return translation;
    }
}

}  // namespace smmusim::smmu::arch
