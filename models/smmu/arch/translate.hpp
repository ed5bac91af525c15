// The translation procedure by the kind of the transaction (IHI 0070, 3.3, 3.4, 3.9.1).
#pragma once

#include "smmu/arch/ats.hpp"

namespace smmusim::smmu::arch {

/// A transaction that ends without any translation.
inline Task<> refuse(Fault fault, const Request& request, TranslationResult& result) {
    result.outcome = dispose(fault, request, {});
    co_return;
}

/// `request` lives as long as the task; `result` is new.
template <TranslationEnvironment Env>
Task<> translate(Env& env, const Request& request, TranslationResult& result) {
    if (request.unsupported) {
        const Fault fault = unsupported_transaction(request, "a transaction of this type cannot be translated");
        // 3.9.1: of translated transactions it is not recorded.
        const bool silent = request.address_type == sim::AddressType::Translated;
        return refuse(silent ? silent_fault(fault.reason) : fault, request, result);
    }
    if (request.speculative && request.write)
        return refuse(silent_fault("a speculative write is never performed"), request, result);
    switch (request.address_type) {
        case sim::AddressType::TranslationRequest: return translate_request(env, request, result);
        case sim::AddressType::Translated: return translate_translated(env, request, result);
        case sim::AddressType::Untranslated: break;
    }
    return translate_ordinary(env, request, result);
}

/// The answer of an environment that never waits.
template <TranslationEnvironment Env>
TranslationResult translate_now(Env& env, const Request& request) {
    TranslationResult result;
    sim::run_ready(translate(env, request, result));
    return result;
}

}  // namespace smmusim::smmu::arch
