// The translation procedure by the kind of the transaction (IHI 0070, 3.3, 3.4, 3.9.1).
#pragma once

#include "smmu/arch/ats.hpp"

namespace smmusim::smmu::arch {

/// A transaction that ends without any translation.
[[gnu::noinline]] inline Task<> refuse(Fault fault, const Request& request, Outcome& outcome) {
    outcome = dispose(fault, request, {});
    co_return;
}

/// How the transaction ends, and in `kept`, which comes in null, the context that may be kept for the next one of its
/// stream, if there is one.
/// What the arguments refer to lives as long as the task.
template <TranslationEnvironment Env>
Task<> translate(Env& env, const Request& request, Outcome& outcome, ContextPtr& kept) {
    if (request.unsupported) {
        const Fault fault = unsupported_transaction(request, "a transaction of this type cannot be translated");
        // 3.9.1: of translated transactions it is not recorded.
        const bool silent = request.address_type == sim::AddressType::Translated;
        return refuse(silent ? silent_fault(fault.reason) : fault, request, outcome);
    }
    if (request.guessed_write())
        return refuse(silent_fault("a speculative write is never performed"), request, outcome);
    if (request.address_type == sim::AddressType::Untranslated) return translate_ordinary(env, request, outcome, kept);
    outcome = {};
    if (request.address_type == sim::AddressType::Translated) return translate_translated(env, request, outcome);
    return translate_request(env, request, outcome, kept);
}

/// The answer of an environment that never waits.
template <TranslationEnvironment Env>
TranslationResult translate_now(Env& env, const Request& request) {
    TranslationResult result;
    sim::run_ready(translate(env, request, result.outcome, result.context));
    return result;
}

}  // namespace smmusim::smmu::arch
