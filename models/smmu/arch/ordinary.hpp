// Ordinary transactions: from an untranslated access to its physical address or its event (IHI 0070, 3.3, 3.4, 3.11).
#pragma once

#include "smmu/arch/configuration.hpp"
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
    outcome.operation = request.operation;
    outcome.privileged = effective.privileged;
    outcome.instruction = effective.instruction;
    return outcome;
}

/// The host bridge and the SMMU take such a write for a message before they look at any table, as on x86.
inline bool is_message(const Control& control, const Request& request) {
    return request.address - control.message_window < control.message_window_size && request.write && !request.read;
}

inline Outcome pass_message(const Request& request) {
    Outcome outcome;
    outcome.disposition = Disposition::Proceed;
    outcome.address = request.address;
    outcome.memory = sim::MemoryAttributes::device();
    outcome.privileged = request.privileged;
    return outcome;
}

/// Stage 1, if it is on, and stage 2.
template <TranslationEnvironment Env>
Task<Checked<Translation>> translate_to_stage2(Env& env, const StreamContext& context, Request request) {
    Translation result;
    if (context.stage1) {
        const Checked<Translation> first = co_await walk_stage1(env, context, request);
        if (!first) co_return first;
        result = first.value;
    } else {
        // Stage 1 bypassed: the input address is the IPA and must fit (3.4).
        if (request.address >> env.identification().intermediate_bits() != 0)
            co_return bypass_address_fault(request, "the address exceeds the intermediate address size");
        env.noted("stage 1 is off: the input address is the IPA", "IHI 0070, 3.4");
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

/// The stages that are on, of a stream whose context is known; permissions are checked.
template <TranslationEnvironment Env>
Task<Checked<Translation>> translate_stages(Env& env, const StreamContext& context, const Request& request) {
    if (context.stage2) return translate_to_stage2(env, context, request);
    return walk_stage1(env, context, request);
}

/// A cache maintenance operation has no memory type of its own; an invalidation that could destroy data needs write
/// permission and STE.DRE, else it cleans first (3.22).
inline void maintain(Outcome& outcome, const Request& effective, const spec::Ste& ste, bool writable) {
    outcome.operation = effective.operation;
    if (effective.operation == sim::CacheOperation::None) return;
    const sim::Shareability shareability = outcome.memory.shareability;
    outcome.memory = effective.memory;
    outcome.memory.shareability = shareability;
    if (effective.operation == sim::CacheOperation::Invalidate && !(writable && ste[spec::Ste::DRE]))
        outcome.operation = sim::CacheOperation::CleanInvalidate;
}

/// `translation` of a range applied to a transaction of the stream at `address` in it; permissions have been checked.
/// Nothing of what `outcome` was remains visible. `memory` is what translated_attributes() says.
inline void proceed(Outcome& outcome, const StreamContext& context, const sim::MemoryAttributes& memory,
                    const Request& effective, const Translation& translation, u64 address) {
    outcome.disposition = Disposition::Proceed;
    outcome.recorded = false;
    outcome.fault.kind = Fault::Kind::None;
    outcome.address = translation.output | (address & sim::low_mask(translation.span));
    outcome.memory = memory;
    outcome.privileged = effective.privileged;
    outcome.instruction = effective.instruction;
    outcome.translated = true;
    const u8 rights =
        effective.privileged ? translation.permissions().privileged : translation.permissions().unprivileged;
    maintain(outcome, effective, context.ste, (rights & Permissions::write) != 0);
}

/// The same at the address that the translation is of; the translation is part of the outcome.
inline Outcome proceed(const StreamContext& context, const spec::Identification& id, const Request& effective,
                       const Translation& translation) {
    Outcome outcome;
    proceed(outcome, context, translated_attributes(effective.memory, context, translation, id), effective, translation,
            0);
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
    maintain(outcome, effective, context.ste, true);
    return outcome;
}

/// A transaction's outcome together with what may be kept for the next one of its stream.
struct TranslationResult {
    Outcome outcome;
    ContextPtr context;  ///< null if there is none to keep
};

/// The procedure for an ordinary, untranslated transaction.
template <TranslationEnvironment Env>
Task<TranslationResult> translate_ordinary(Env& env, Request request) {
    TranslationResult result;
    if (is_message(env.control(), request)) {
        env.noted("a write to the window of messages passes before translation", "Intel SDM 3A, 11.11");
        result.outcome = pass_message(request);
        co_return result;
    }
    if (!env.control().enabled) {  // 3.11
        env.noted("CR0.SMMUEN = 0: GBPA decides", "IHI 0070, 3.11");
        result.outcome = bypass_by_gbpa(env.control(), env.identification(), request);
        co_return result;
    }
    // What is cached is asked for here: most translations go without another coroutine.
    ContextPtr context = co_await env.cached_context(request.stream_id, request.substream_id);
    if (context != nullptr) {
        env.tagged(context->tags);
    } else {
        const Checked<ContextPtr> fetched = co_await fetch_context(env, request);
        if (!fetched) {
            result.outcome =
                dispose(fetched.fault, request, fetched.value != nullptr ? *fetched.value : StreamContext{});
            co_return result;
        }
        context = fetched.value;
    }
    result.context = context;
    const Request effective = override_request(request, context->ste, env.identification());
    if (!context->stage1 && !context->stage2) {
        env.noted("both stages are off: the address passes if it fits", "IHI 0070, 3.4");
        result.outcome = bypass_by_ste(*context, env.identification(), effective);
        co_return result;
    }
    const u64 address = canonical_address(*context, effective.address);
    // One that does not permit the access leaves it to a walk, which finds the fault or updates the descriptor.
    const std::optional<Translation> known = co_await env.cached_translation(context->tags, address);
    Checked<Translation> translation;
    if (known && known->permissions().allow(effective)) {
        translation = *known;
    } else {
        translation = co_await translate_stages(env, *context, effective);
        if (translation) env.keep_translation(context->tags, address, translation.value);
    }
    if (translation) {
        result.outcome = proceed(*context, env.identification(), effective, translation.value);
    } else {
        result.outcome = dispose(translation.fault, effective, *context);
    }
    co_return result;
}

}  // namespace smmusim::smmu::arch
