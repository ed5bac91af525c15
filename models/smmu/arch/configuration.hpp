// From a StreamID and SubstreamID to the stream table entry and the context descriptor (IHI 0070, 3.3, 5.1 to 5.4).
#pragma once

#include "smmu/arch/regime.hpp"
#include "smmu/arch/walk_stage2.hpp"

namespace smmusim::smmu::arch {

/// C_BAD_STREAMID is recorded only with CR2.RECINVSID (6.3.12).
inline Fault bad_stream(const Control& control, const Request& request, const char* reason) {
    Fault fault = configuration_fault(EventNumber::C_BAD_STREAMID, request, reason);
    if (!control.cr2[spec::Cr2::RECINVSID]) fault.kind = Fault::Kind::Muted;
    return fault;
}

/// The stream table entry of a StreamID (3.3.1).
template <TranslationEnvironment Env>
Task<Checked<spec::Ste>> lookup_ste(Env& env, Request request) {
    const std::optional<spec::Ste> known = co_await env.cached_ste(request.stream_id);
    if (known) co_return *known;

    const spec::Identification& id = env.identification();
    const Control& control = env.control();
    const u64 stream = request.stream_id;
    const u64 literal_size = control.strtab_cfg[spec::StrtabBaseCfg::LOG2SIZE];
    const unsigned size = static_cast<unsigned>(std::min<u64>(literal_size, id.idr1.SIDSIZE));
    if (stream >> size != 0) co_return bad_stream(control, request, "the StreamID is outside the stream table");
    env.noted("the StreamID is inside the stream table", "IHI 0070, 3.3.1");

    const u64 base = control.strtab_base[spec::StrtabBase::ADDR];
    const bool two_level = id.idr0.ST_LEVEL != 0 && control.strtab_cfg[spec::StrtabBaseCfg::FMT] == 1;
    Fetch fetch;
    fetch.memory = table_attributes(control.cr1);
    u64 address = 0;
    if (two_level) {
        // SPLIT values other than 8 and 10 behave as 6; the table is aligned by the literal LOG2SIZE (6.3.25).
        const u64 split_field = control.strtab_cfg[spec::StrtabBaseCfg::SPLIT];
        const unsigned split = split_field == 8 || split_field == 10 ? static_cast<unsigned>(split_field) : 6;
        const unsigned align = literal_size > split + 3 ? static_cast<unsigned>(literal_size) - split + 3 : 6;
        fetch.kind = Fetch::Kind::L1Std;
        fetch.address = (base & ~sim::low_mask(std::max(6u, align))) + (stream >> split) * 8;
        Fetched level1;
        if (fetch.address >> id.output_bits() == 0) level1 = co_await env.read(fetch);
        if (!level1.ok)
            co_return fetch_fault(EventNumber::F_STE_FETCH, request, fetch.address,
                                  "the fetch of the L1STD was aborted");
        spec::L1Std l1std;
        l1std.words[0] = level1.words[0];
        const u64 span = l1std[spec::L1Std::Span];
        const u64 index = stream & sim::low_mask(split);
        // Span 0 is no table; more than SPLIT + 1 is invalid; else there are 2^(Span-1) entries.
        if (span == 0 || span > split + 1 || index >> (span - 1) != 0) {
            env.decided("L1STD.Span does not cover the StreamID");
            co_return bad_stream(control, request, "L1STD.Span does not cover the StreamID");
        }
        address = (l1std[spec::L1Std::L2Ptr] & ~sim::low_mask(static_cast<unsigned>(span) - 1 + 6)) + index * 64;
    } else {
        address = (base & ~sim::low_mask(static_cast<unsigned>(literal_size) + 6)) + stream * 64;
    }
    fetch.kind = Fetch::Kind::Ste;
    fetch.address = address;
    fetch.size = 64;
    // An address beyond the output size cannot be fetched.
    Fetched entry;
    if (address >> id.output_bits() == 0) entry = co_await env.read(fetch);
    if (!entry.ok)
        co_return fetch_fault(EventNumber::F_STE_FETCH, request, address, "the fetch of the STE was aborted");
    spec::Ste ste;
    ste.words = entry.words;
    env.keep_ste(request.stream_id, ste);
    co_return ste;
}

/// One 64-byte or 8-byte read on the way to a context descriptor, through stage 2 if it is enabled (3.3.2).
template <TranslationEnvironment Env>
Task<Checked<Fetched>> read_cd_structure(Env& env, const StreamContext& context, Request request, Fetch fetch) {
    fetch.memory = cd_attributes(context.ste);
    if (context.stage2) {
        fetch.ipa = fetch.address;
        Stage2Leaf page;
        Fault fault;
        const bool found = co_await walk_stage2(env, context, request, fetch.ipa, FaultClass::Cd, page, fault);
        if (!found) co_return fault;
        fetch.address = page.output;
        fetch.memory = own_attributes_through_stage2(fetch.memory, context.ste, page, env.identification());
    }
    const Fetched fetched = co_await env.read(fetch);
    if (!fetched.ok)
        co_return fetch_fault(EventNumber::F_CD_FETCH, request, fetch.address, "the fetch of the CD was aborted");
    co_return fetched;
}

/// The context descriptor with index `index` (3.3.2, 5.4).
template <TranslationEnvironment Env>
Task<Checked<spec::Cd>> lookup_cd(Env& env, const StreamContext& context, Request request, u32 index) {
    const std::optional<spec::Cd> known = co_await env.cached_cd(request.stream_id, index);
    if (known) co_return *known;

    const spec::Identification& id = env.identification();
    const spec::Ste& ste = context.ste;
    const unsigned log2_cds = id.idr1.SSIDSIZE == 0 ? 0 : static_cast<unsigned>(ste[spec::Ste::S1CDMax]);
    const spec::Ste::S1Format format = ste[spec::Ste::S1Fmt];
    const bool two_level =
        log2_cds != 0 && (format == spec::Ste::S1Format::TwoLevel4K || format == spec::Ste::S1Format::TwoLevel64K);
    Fetch fetch;
    fetch.kind = Fetch::Kind::Cd;
    fetch.size = 64;
    if (two_level) {
        const unsigned leaf_bits = format == spec::Ste::S1Format::TwoLevel4K ? 6 : 10;
        const unsigned table_bits = log2_cds > leaf_bits ? log2_cds - leaf_bits + 3 : 0;
        Fetch level1;
        level1.kind = Fetch::Kind::L1Cd;
        level1.address =
            (ste[spec::Ste::S1ContextPtr] & ~sim::low_mask(std::max(6u, table_bits))) + (u64{index} >> leaf_bits) * 8;
        const Checked<Fetched> fetched = co_await read_cd_structure(env, context, request, level1);
        if (!fetched) co_return fetched.fault;
        spec::L1Cd l1cd;
        l1cd.words[0] = fetched.value.words[0];
        const u64 table = l1cd[spec::L1Cd::L2Ptr] & ~sim::low_mask(leaf_bits + 6);
        // 5.3: V = 0, or from SMMUv3.1 a pointer out of range, is C_BAD_SUBSTREAMID.
        if (!l1cd[spec::L1Cd::V] || table >> id.intermediate_bits() != 0) {
            env.decided("the L1CD is invalid");
            co_return configuration_fault(EventNumber::C_BAD_SUBSTREAMID, request, "the L1CD is invalid");
        }
        fetch.address = table + (index & sim::low_mask(leaf_bits)) * 64;
    } else {
        fetch.address = (ste[spec::Ste::S1ContextPtr] & ~sim::low_mask(log2_cds + 6)) + u64{index} * 64;
    }
    const Checked<Fetched> fetched = co_await read_cd_structure(env, context, request, fetch);
    if (!fetched) co_return fetched.fault;
    spec::Cd cd;
    cd.words = fetched.value.words;
    env.keep_cd(request.stream_id, index, cd);
    co_return cd;
}

/// Which context descriptor a stage 1 stream uses, or that stage 1 is skipped (3.9, 5.2 S1DSS).
struct SubstreamChoice {
    bool bypass = false;
    u32 index = 0;
    Fault fault;
};
inline SubstreamChoice choose_substream(const spec::Ste& ste, const spec::Identification& id, const Request& request) {
    SubstreamChoice choice;
    const u64 max = id.idr1.SSIDSIZE == 0 ? 0 : ste[spec::Ste::S1CDMax];
    if (request.has_substream()) {
        if (max == 0 || u64{request.substream_id} >> max != 0)
            choice.fault =
                configuration_fault(EventNumber::C_BAD_SUBSTREAMID, request, "the SubstreamID is outside the CD table");
        else if (request.substream_id == 0 && ste[spec::Ste::S1DSS] == spec::Ste::NoSubstream::UseZero)
            choice.fault = configuration_fault(EventNumber::F_STREAM_DISABLED, request,
                                               "SubstreamID 0 belongs to transactions without one");
        choice.index = request.substream_id;
        return choice;
    }
    if (max == 0) return choice;
    switch (ste[spec::Ste::S1DSS]) {
        case spec::Ste::NoSubstream::Bypass: choice.bypass = true; break;
        case spec::Ste::NoSubstream::UseZero: break;
        default:
            choice.fault = configuration_fault(EventNumber::F_STREAM_DISABLED, request,
                                               "S1DSS terminates transactions without SubstreamID");
    }
    return choice;
}

/// The legal entry of the stream, with the tags that follow from it. Config = 0b0xx is no fault here.
template <TranslationEnvironment Env>
Task<Checked<StreamContext>> lookup_entry(Env& env, Request request) {
    const spec::Identification& id = env.identification();
    const Checked<spec::Ste> ste = co_await lookup_ste(env, request);
    if (!ste) co_return ste.fault;
    StreamContext context;
    context.ste = ste.value;
    if (const char* const rule = illegal_ste(context.ste, id); rule != nullptr) {
        env.decided(rule);
        co_return configuration_fault(EventNumber::C_BAD_STE, request, rule);
    }
    env.noted("the STE is legal", "IHI 0070, 5.2.2");
    if (context.ste.aborts()) co_return context;
    context.stage1 = context.ste.stage1();
    context.stage2 = context.ste.stage2();
    context.tags.world = stream_world(context.ste, env.control().cr2[spec::Cr2::E2H], id);
    context.tags.stage2 = context.stage2;
    context.two_privileges = context.tags.world != StreamWorld::El2;
    if (id.idr0.S2P != 0 && context.tags.world == StreamWorld::El1)
        context.tags.vmid = static_cast<u16>(context.ste[spec::Ste::S2VMID]);
    if (context.stage2) context.second = stage2_regime(context.ste, id);
    // With stage 1 the descriptor of the context comes first, which stage 2 maps anywhere.
    Tags tags = context.tags;
    tags.stage1 = context.stage1;
    env.tagged(tags);
    co_return context;
}

/// Adds the context descriptor that the request uses, checked; `stage1` is off if S1DSS skips it. A fault leaves the
/// context in the value: faults of the fetch by stage 2 are disposed of by the stream table entry.
template <TranslationEnvironment Env>
Task<Checked<StreamContext>> lookup_descriptor(Env& env, StreamContext context, Request request) {
    const spec::Identification& id = env.identification();
    const auto failed = [&](const Fault& fault) {
        Checked<StreamContext> result(fault);
        result.value = context;
        return result;
    };
    if (!context.stage1) {
        // A SubstreamID needs stage 1 (3.9).
        if (request.has_substream())
            co_return failed(
                configuration_fault(EventNumber::C_BAD_SUBSTREAMID, request, "a SubstreamID without stage 1"));
        co_return context;
    }
    const SubstreamChoice choice = choose_substream(context.ste, id, request);
    if (choice.fault) co_return failed(choice.fault);
    if (choice.bypass) {
        env.noted("S1DSS lets transactions without SubstreamID skip stage 1", "IHI 0070, 5.2");
        context.stage1 = false;
        env.tagged(context.tags);
        co_return context;
    }
    const Checked<spec::Cd> cd = co_await lookup_cd(env, context, request, choice.index);
    if (!cd) co_return failed(cd.fault);
    context.cd = cd.value;
    if (const char* const rule = illegal_cd(context.cd, context.ste, context.tags.world, id); rule != nullptr) {
        env.decided(rule);
        co_return failed(configuration_fault(EventNumber::C_BAD_CD, request, rule));
    }
    env.noted("the CD is legal", "IHI 0070, 5.4.1");
    context.tags.stage1 = true;
    if (context.tags.world != StreamWorld::El2) {
        context.tags.asid = static_cast<u16>(context.cd[spec::Cd::ASID]);
        context.tags.aset = context.cd[spec::Cd::ASET];
    }
    for (const bool upper : {false, true})
        if (walks(context.cd, context.tags.world, upper))
            context.first[upper] = stage1_regime(context.cd, context.tags.world, upper, id);
    env.tagged(context.tags);
    co_return context;
}

/// Entry and descriptor of the stream from the tables, checked, with the tags that follow. With a fault of the
/// descriptor comes the context without it, else none.
template <TranslationEnvironment Env>
Task<Checked<ContextPtr>> read_context(Env& env, Request request) {
    const Checked<StreamContext> entry = co_await lookup_entry(env, request);
    if (!entry) co_return entry.fault;
    if (entry.value.ste.aborts()) {
        env.decided("STE.Config = 0b0xx aborts");
        co_return silent_fault("STE.Config = 0b0xx aborts");
    }
    const Request effective = override_request(request, entry.value.ste, env.identification());
    const Checked<StreamContext> full = co_await lookup_descriptor(env, entry.value, effective);
    Checked<ContextPtr> context(ContextPtr(new StreamContext(full.value)));
    context.fault = full.fault;
    if (context) env.keep_context(request.stream_id, request.substream_id, context.value);
    co_return context;
}

/// The same, from caches if they have it.
template <TranslationEnvironment Env>
Task<Checked<ContextPtr>> lookup_context(Env& env, Request request) {
    const ContextPtr known = co_await env.cached_context(request.stream_id, request.substream_id);
    if (known != nullptr) {
        env.tagged(known->tags);
        co_return known;
    }
    co_return co_await read_context(env, request);
}

}  // namespace smmusim::smmu::arch
