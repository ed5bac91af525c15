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
Task<bool> translate_to_stage2(Env& env, const StreamContext& context, const Request& request, Translation& translation,
                               Fault& fault) {
    if (context.stage1) {
        const bool first = co_await walk_stage1(env, context, request, translation, fault);
        if (!first) co_return false;
    } else {
        // Stage 1 bypassed: the input address is the IPA and must fit (3.4).
        if (request.address >> env.identification().intermediate_bits() != 0) {
            fault = bypass_address_fault(request, "the address exceeds the intermediate address size");
            co_return false;
        }
        env.noted("stage 1 is off: the input address is the IPA", "IHI 0070, 3.4");
        translation = {};
        translation.ipa = request.address;
        translation.span = 64;
    }
    Stage2Leaf leaf;
    const bool second = co_await walk_stage2(env, context, request, translation.ipa, FaultClass::In, leaf, fault);
    if (!second) co_return false;
    translation.stage2 = leaf.permissions;
    translation.stage2_attainable = leaf.attainable;
    translation.stage2_attributes = static_cast<u8>(leaf.memory | leaf.shareability << 4);
    translation.stage2_level = leaf.level;
    translation.span = std::min(translation.span, leaf.span);
    translation.output = leaf.output;
    co_return true;
}

/// The stages that are on, of a stream whose context is known; permissions are checked. True: `translation` is
/// complete; false: `fault` says why not.
template <TranslationEnvironment Env>
Task<bool> translate_stages(Env& env, const StreamContext& context, const Request& request, Translation& translation,
                            Fault& fault) {
    if (context.stage2) return translate_to_stage2(env, context, request, translation, fault);
    return walk_stage1(env, context, request, translation, fault);
}

/// `translation` of a range applied to a transaction of the stream at `address` in it; permissions have been checked.
/// `memory` is what translated_attributes() says.
inline void apply(Passage& passage, const StreamContext& context, const sim::MemoryAttributes& memory,
                  const Request& effective, const Translation& translation, u64 address) {
    passage.address = translation.output | (address & sim::low_mask(translation.span));
    passage.memory = memory;
    passage.operation = sim::CacheOperation::None;
    passage.privileged = effective.privileged;
    passage.instruction = effective.instruction;
    if (effective.operation == sim::CacheOperation::None) [[likely]]
        return;
    const Permissions permissions = translation.permissions();
    const u8 rights = effective.privileged ? permissions.privileged : permissions.unprivileged;
    passage = maintain(passage, effective, context.ste, (rights & Permissions::write) != 0);
}

/// The same for the address that the translation is of. Nothing of what `outcome` was remains visible.
inline void proceed(Outcome& outcome, const StreamContext& context, const sim::MemoryAttributes& memory,
                    const Request& effective, const Translation& translation) {
    outcome.disposition = Disposition::Proceed;
    outcome.recorded = false;
    outcome.fault.kind = Fault::Kind::None;
    outcome.translated = true;
    apply(outcome, context, memory, effective, translation, 0);
}

/// The same, with the translation as part of the outcome.
inline Outcome proceed(const StreamContext& context, const spec::Identification& id, const Request& effective,
                       const Translation& translation) {
    Outcome outcome;
    proceed(outcome, context, translated_attributes(effective.memory, context, translation, id), effective,
            translation);
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
    if (effective.operation != sim::CacheOperation::None)
        static_cast<Passage&>(outcome) = maintain(outcome, effective, context.ste, true);
    return outcome;
}

/// A transaction's outcome together with what may be kept for the next one of its stream.
struct TranslationResult {
    Outcome outcome;
    ContextPtr context;  ///< null if there is none to keep
};

/// The context of a stream that caches do not know. False: the outcome says why there is none.
template <TranslationEnvironment Env>
Task<bool> fetch_context(Env& env, const Request& request, Outcome& outcome, ContextPtr& kept) {
    const Checked<ContextPtr> fetched = co_await read_context(env, request);
    if (fetched) kept = fetched.value;
    else outcome = dispose(fetched.fault, request, fetched.value != nullptr ? *fetched.value : StreamContext{});
    co_return static_cast<bool>(fetched);
}

/// The procedure for an ordinary, untranslated transaction. Nothing of what `outcome` was remains visible.
template <TranslationEnvironment Env>
Task<> translate_ordinary(Env& env, const Request& request, Outcome& outcome, ContextPtr& kept) {
    if (is_message(env.control(), request)) {
        env.noted("a write to the window of messages passes before translation", "Intel SDM 3A, 11.11");
        outcome = pass_message(request);
        co_return;
    }
    if (!env.control().enabled) {  // 3.11
        env.noted("CR0.SMMUEN = 0: GBPA decides", "IHI 0070, 3.11");
        outcome = bypass_by_gbpa(env.control(), env.identification(), request);
        co_return;
    }
    // What is cached is asked for here: most translations go without another coroutine.
    kept = co_await env.cached_context(request.stream_id, request.substream_id);
    if (kept != nullptr) {
        env.tagged(kept->tags);
    } else {
        const bool found = co_await fetch_context(env, request, outcome, kept);
        if (!found) co_return;
    }
    const StreamContext& context = *kept;
    // Most streams override nothing.
    std::optional<Request> overridden;
    if (overrides(request, context.ste, env.identification())) [[unlikely]]
        overridden = override_request(request, context.ste, env.identification());
    const Request& effective = overridden ? *overridden : request;
    if (!context.stage1 && !context.stage2) {
        env.noted("both stages are off: the address passes if it fits", "IHI 0070, 3.4");
        outcome = bypass_by_ste(context, env.identification(), effective);
        co_return;
    }
    const u64 address = canonical_address(context, effective.address);
    // One that does not permit the access leaves it to a walk, which finds the fault or updates the descriptor.
    const bool known = co_await env.cached_translation(context.tags, address, outcome.translation);
    if (!known || !outcome.translation.permissions().allow(effective)) {
        const bool walked = co_await translate_stages(env, context, effective, outcome.translation, outcome.fault);
        if (!walked) {
            const Fault fault = outcome.fault;
            outcome = dispose(fault, effective, context);
            co_return;
        }
        env.keep_translation(context.tags, address, outcome.translation);
    }
    const Translation& translation = outcome.translation;
    proceed(outcome, context, translated_attributes(effective.memory, context, translation, env.identification()),
            effective, translation);
}

}  // namespace smmusim::smmu::arch
