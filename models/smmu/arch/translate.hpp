// The translation procedure, from a transaction to its physical address or its event (IHI 0070, 3.3, 3.4, 7.3).
#pragma once

#include "smmu/arch/walk_stage1.hpp"

namespace smmusim::smmu::arch {

/// SMMUEN = 0: GBPA decides (3.11).
inline Outcome bypass_by_gbpa(const Control& control, const spec::Identification& id, const Request& request) {
    Outcome outcome;
    if (control.gbpa[spec::Gbpa::ABORT]) {
        outcome.fault = silent_fault("GBPA.ABORT = 1");
        return outcome;
    }
    if (request.address >> id.output_bits() != 0) {
        outcome.fault = silent_fault("the address exceeds the output size");
        return outcome;
    }
    const Request effective = override_request(request, control.gbpa, id);
    outcome.disposition = Disposition::Proceed;
    outcome.address = request.address;
    outcome.memory = bypass_attributes(request.memory, control.gbpa, id);
    outcome.privileged = effective.privileged;
    outcome.instruction = effective.instruction;
    return outcome;
}

/// The stream table entry of a StreamID (3.3.1).
template <TranslationEnvironment Env>
Task<Checked<spec::Ste>> lookup_ste(Env& env, Request request) {
    const Checked<spec::Ste> known = co_await env.cached_ste(request.stream_id);
    if (known) co_return known;

    const spec::Identification& id = env.identification();
    const Control& control = env.control();
    const u64 stream = request.stream_id;
    const u64 literal_size = control.strtab_cfg[spec::StrtabBaseCfg::LOG2SIZE];
    const unsigned size = static_cast<unsigned>(std::min<u64>(literal_size, id.idr1.SIDSIZE));
    if (stream >> size != 0)
        co_return configuration_fault(EventNumber::C_BAD_STREAMID, request, "the StreamID is outside the stream table");

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
        const Fetched level1 = co_await env.read(fetch);
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
            co_return configuration_fault(EventNumber::C_BAD_STREAMID, request,
                                          "L1STD.Span does not cover the StreamID");
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
        const Checked<Stage2Leaf> where = co_await walk_stage2(env, context, request, fetch.ipa, FaultClass::Cd);
        if (!where) co_return where.fault;
        fetch.address = where.value.output;
        fetch.memory = own_attributes_through_stage2(fetch.memory, context.ste, where.value, env.identification());
    }
    const Fetched fetched = co_await env.read(fetch);
    if (!fetched.ok)
        co_return fetch_fault(EventNumber::F_CD_FETCH, request, fetch.address, "the fetch of the CD was aborted");
    co_return fetched;
}

/// The context descriptor with index `index` (3.3.2, 5.4).
template <TranslationEnvironment Env>
Task<Checked<spec::Cd>> lookup_cd(Env& env, const StreamContext& context, Request request, u32 index) {
    const Checked<spec::Cd> known = co_await env.cached_cd(request.stream_id, index);
    if (known) co_return known;

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

/// Entry and descriptor of the stream, checked, with the tags that follow.
template <TranslationEnvironment Env>
Task<Checked<StreamContext>> lookup_context(Env& env, Request request) {
    const spec::Identification& id = env.identification();
    const Checked<spec::Ste> ste = co_await lookup_ste(env, request);
    if (!ste) co_return ste.fault;
    StreamContext context;
    context.ste = ste.value;
    if (const char* const rule = illegal_ste(context.ste, id); rule != nullptr) {
        env.decided(rule);
        co_return configuration_fault(EventNumber::C_BAD_STE, request, rule);
    }
    if (context.ste.aborts()) {
        env.decided("STE.Config = 0b0xx aborts");
        co_return silent_fault("STE.Config = 0b0xx aborts");
    }
    context.stage1 = context.ste.stage1();
    context.stage2 = context.ste.stage2();
    context.tags.world = stream_world(context.ste, env.control().cr2[spec::Cr2::E2H], id);
    context.tags.stage2 = context.stage2;
    context.two_privileges = context.tags.world != StreamWorld::El2;
    if (id.idr0.S2P != 0 && context.tags.world == StreamWorld::El1)
        context.tags.vmid = static_cast<u16>(context.ste[spec::Ste::S2VMID]);
    env.tagged(context.tags);

    if (!context.stage1) {
        // A SubstreamID needs stage 1 (3.9).
        if (request.has_substream())
            co_return configuration_fault(EventNumber::C_BAD_SUBSTREAMID, request, "a SubstreamID without stage 1");
        co_return context;
    }
    const SubstreamChoice choice = choose_substream(context.ste, id, request);
    if (choice.fault) co_return choice.fault;
    if (choice.bypass) {
        context.stage1 = false;
        co_return context;
    }
    const Checked<spec::Cd> cd =
        co_await lookup_cd(env, context, override_request(request, context.ste, id), choice.index);
    // Faults of the fetch by stage 2 are disposed of by the stream table entry.
    if (!cd) {
        Checked<StreamContext> failed(cd.fault);
        failed.value = context;
        co_return failed;
    }
    context.cd = cd.value;
    if (const char* const rule = illegal_cd(context.cd, context.ste, context.tags.world, id); rule != nullptr) {
        env.decided(rule);
        co_return configuration_fault(EventNumber::C_BAD_CD, request, rule);
    }
    context.tags.stage1 = true;
    if (context.tags.world != StreamWorld::El2) context.tags.asid = static_cast<u16>(context.cd[spec::Cd::ASID]);
    env.tagged(context.tags);
    co_return context;
}

/// Both stages for a stream whose context is known; permissions are checked.
template <TranslationEnvironment Env>
Task<Checked<Translation>> translate_stages(Env& env, const StreamContext& context, Request request) {
    Translation result;
    if (context.stage1) {
        const Checked<Translation> first = co_await walk_stage1(env, context, request);
        if (!first || !context.stage2) co_return first;
        result = first.value;
    } else {
        // Stage 1 bypassed: the input address is the IPA and must fit (3.4).
        if (request.address >> env.identification().intermediate_bits() != 0)
            co_return bypass_address_fault(request, "the address exceeds the intermediate address size");
        result.ipa = request.address;
        result.span = 64;
    }
    const Checked<Stage2Leaf> leaf = co_await walk_stage2(env, context, request, result.ipa, FaultClass::In);
    if (!leaf) co_return leaf.fault;
    result.stage2 = leaf.value.permissions;
    result.stage2_attainable = leaf.value.attainable;
    result.stage2_memory = leaf.value.memory;
    result.stage2_shareability = leaf.value.shareability;
    result.stage2_level = leaf.value.level;
    result.span = std::min(result.span, leaf.value.span);
    result.output = leaf.value.output;
    co_return result;
}

/// `translation` applied to a transaction of the stream; permissions have been checked.
inline Outcome proceed(const StreamContext& context, const spec::Identification& id, const Request& effective,
                       const Translation& translation) {
    Outcome outcome;
    outcome.disposition = Disposition::Proceed;
    outcome.address = translation.output;
    outcome.memory = translated_attributes(effective.memory, context, translation, id);
    outcome.privileged = effective.privileged;
    outcome.instruction = effective.instruction;
    outcome.translated = true;
    outcome.translation = translation;
    return outcome;
}

/// A stream with both stages off or skipped: the address passes if it fits (3.4, Config = 0b100).
inline Outcome bypass_by_ste(const StreamContext& context, const spec::Identification& id, const Request& effective) {
    if (effective.address >> id.output_bits() != 0)
        return dispose(bypass_address_fault(effective, "the address exceeds the output size"), effective, context);
    Outcome outcome;
    outcome.disposition = Disposition::Proceed;
    outcome.address = effective.address;
    outcome.memory = bypass_attributes(effective.memory, context.ste, id);
    outcome.privileged = effective.privileged;
    outcome.instruction = effective.instruction;
    return outcome;
}

/// A transaction's outcome together with what may be kept for the next one of its stream.
struct TranslationResult {
    Outcome outcome;
    bool has_context = false;
    StreamContext context;
};

/// The whole procedure for an untranslated transaction.
template <TranslationEnvironment Env>
Task<TranslationResult> translate(Env& env, Request request) {
    TranslationResult result;
    if (!env.control().enabled) {  // 3.11
        result.outcome = bypass_by_gbpa(env.control(), env.identification(), request);
        co_return result;
    }
    const Checked<StreamContext> context = co_await lookup_context(env, request);
    if (!context) {
        result.outcome = dispose(context.fault, request, context.value);
        co_return result;
    }
    result.context = context.value;
    result.has_context = true;
    const Request effective = override_request(request, result.context.ste, env.identification());
    if (!result.context.stage1 && !result.context.stage2) {
        result.outcome = bypass_by_ste(result.context, env.identification(), effective);
        co_return result;
    }
    const Checked<Translation> translation = co_await translate_stages(env, result.context, effective);
    if (translation) result.outcome = proceed(result.context, env.identification(), effective, translation.value);
    else result.outcome = dispose(translation.fault, effective, result.context);
    co_return result;
}

}  // namespace smmusim::smmu::arch
