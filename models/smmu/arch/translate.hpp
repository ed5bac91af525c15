// The translation procedure by the kind of the transaction (IHI 0070, 3.3, 3.4, 3.9.1).
#pragma once

#include "smmu/arch/ats.hpp"

namespace smmusim::smmu::arch {

template <TranslationEnvironment Env>
Task<TranslationResult> translate(Env& env, Request request) {
    if (request.unsupported) {
        TranslationResult result;
        const Fault fault = unsupported_transaction(request, "a transaction of this type cannot be translated");
        // 3.9.1: of translated transactions it is not recorded.
        const bool silent = request.address_type == sim::AddressType::Translated;
        result.outcome = dispose(silent ? silent_fault(fault.reason) : fault, request, {});
        co_return result;
    }
    if (request.speculative && request.write) {
        TranslationResult result;
        result.outcome = dispose(silent_fault("a speculative write is never performed"), request, {});
        co_return result;
    }
    switch (request.address_type) {
        case sim::AddressType::TranslationRequest: co_return co_await translate_request(env, request);
        case sim::AddressType::Translated: co_return co_await translate_translated(env, request);
        case sim::AddressType::Untranslated: break;
    }
    co_return co_await translate_ordinary(env, request);
}

}  // namespace smmusim::smmu::arch
