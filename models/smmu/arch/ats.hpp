// Address translation services: translation requests and translated transactions (IHI 0070, 3.9.1).
#pragma once

#include "smmu/arch/ordinary.hpp"

namespace smmusim::smmu::arch {

/// STE.EATS as it counts now (5.2): split-stage needs CR0.ATSCHK, 0b11 needs DPT, bypassing streams have none.
enum class EffectiveEats : u8 { Off, Full, SplitStage };
inline EffectiveEats effective_eats(const spec::Ste& ste, const Control& control) {
    if (!ste.stage1() && !ste.stage2()) return EffectiveEats::Off;
    if (ste[spec::Ste::EATS] == 0b01) return EffectiveEats::Full;
    if (ste[spec::Ste::EATS] == 0b10 && control.checks_translated) return EffectiveEats::SplitStage;
    return EffectiveEats::Off;
}

/// Configuration errors of ATS and PRI are recorded only with CR2.REC_CFG_ATS (6.3.12).
inline Fault muted_without_rec_cfg_ats(Fault fault, const Control& control) {
    if (fault.kind == Fault::Kind::Fixed && !control.cr2[spec::Cr2::REC_CFG_ATS]) fault.kind = Fault::Kind::Muted;
    return fault;
}

namespace detail {

inline Outcome ended(Disposition disposition, const Fault& fault) {
    Outcome outcome;
    outcome.disposition = disposition;
    outcome.fault = fault;
    outcome.recorded = fault.kind == Fault::Kind::Fixed;
    return outcome;
}

/// The smallest translation unit: the smallest granule implemented.
inline unsigned smallest_unit(const spec::Identification& id) {
    return id.idr5.GRAN4K != 0 ? 12 : id.idr5.GRAN16K != 0 ? 14 : 16;
}

/// Success without any permission: nothing is mapped there for the requester, yet.
inline Outcome nothing_granted(const Request& request, const spec::Identification& id, const Fault& fault) {
    Outcome outcome;
    outcome.disposition = Disposition::Answer;
    outcome.fault = fault;
    outcome.entry.set_range(request.address, smallest_unit(id));
    return outcome;
}

/// What the entry of a completion grants: R if readable, W if writable, Exe only if asked and readable (3.9.1).
inline sim::TranslationEntry granted(const Request& effective, const Request& request, Permissions permissions,
                                     u64 address, unsigned span) {
    const u8 rights = effective.privileged ? permissions.privileged : permissions.unprivileged;
    sim::TranslationEntry entry;
    entry.set_range(address, span);
    const bool readable = (rights & Permissions::read) != 0;
    entry.set(sim::TranslationEntry::Readable, readable);
    entry.set(sim::TranslationEntry::Writable, (rights & Permissions::write) != 0);
    entry.set(sim::TranslationEntry::Executable,
              effective.instruction && readable && (rights & Permissions::execute) != 0);
    entry.set(sim::TranslationEntry::Privileged, request.privileged);
    return entry;
}

/// A fault that a translation request answers with "nothing granted" instead of an abort.
inline bool is_missing_page(const Fault& fault) {
    switch (fault.event[spec::Event::Number]) {
        case EventNumber::F_TRANSLATION:
        case EventNumber::F_ADDR_SIZE:
        case EventNumber::F_ACCESS:
        case EventNumber::F_PERMISSION: return true;
        default: return false;
    }
}

}  // namespace detail

/// A translation request: never an access to memory, never a stall. Its answer is in the outcome's entry.
template <TranslationEnvironment Env>
Task<> translate_request(Env& env, Request request, Outcome& outcome, ContextPtr& kept) {
    using detail::ended;
    const spec::Identification& id = env.identification();
    const Control& control = env.control();
    // Privileged and execute are asked for by the PASID prefix only.
    if (!request.has_substream()) request.privileged = request.instruction = false;
    request.write = false;
    request.read = true;
    if (!control.enabled || id.idr0.ATS == 0) {
        outcome = ended(Disposition::Unsupported, bad_translation_request(request, "SMMUEN = 0"));
        co_return;
    }
    Checked<StreamContext> context = co_await lookup_entry(env, request);
    if (!context) {
        outcome = ended(Disposition::Abort, muted_without_rec_cfg_ats(context.fault, control));
        co_return;
    }
    if (context.value.ste.aborts()) {
        outcome = ended(Disposition::Unsupported, silent_fault("STE.Config = 0b0xx aborts"));
        co_return;
    }
    const EffectiveEats eats = effective_eats(context.value.ste, control);
    if (eats == EffectiveEats::Off) {
        const char* const rule = "STE.EATS does not permit ATS";
        env.decided(rule);
        outcome = ended(Disposition::Unsupported, bad_translation_request(request, rule));
        co_return;
    }
    env.noted("STE.EATS permits translation requests", "IHI 0070, 3.9.1");
    // Whatever the descriptors permit is reported, not checked: the walk asks for nothing.
    Request probe = override_request(request, context.value.ste, id);
    const Request effective = probe;
    probe.read = false;
    probe.instruction = false;
    context = co_await lookup_descriptor(env, context.value, probe);
    if (!context) {
        if (detail::is_missing_page(context.fault)) outcome = detail::nothing_granted(request, id, context.fault);
        else outcome = ended(Disposition::Abort, muted_without_rec_cfg_ats(context.fault, control));
        co_return;
    }
    Translation translation;
    if (!context.value.stage1 && !context.value.stage2) {
        // Stage 1 skipped by S1DSS and nothing else: identity.
        if (request.address >> id.output_bits() != 0) {
            outcome = detail::nothing_granted(request, id, silent_fault("the address exceeds the output size"));
            co_return;
        }
        translation.output = translation.ipa = request.address;
        translation.span = id.output_bits();
    } else {
        Checked<Translation> walked;
        co_await translate_stages(env, context.value, probe, walked.value, walked.fault);
        const auto writable = [&](Permissions permissions) {
            const u8 rights = effective.privileged ? permissions.privileged : permissions.unprivileged;
            return (rights & Permissions::write) != 0;
        };
        // 3.13: the page becomes dirty if the requester may write, and every stage lets it.
        if (walked && !request.no_write && !writable(walked.value.permissions()) &&
            writable(walked.value.attainable())) {
            Request writes = probe;
            writes.write = true;
            co_await translate_stages(env, context.value, writes, walked.value, walked.fault);
        }
        if (!walked) {
            if (detail::is_missing_page(walked.fault)) outcome = detail::nothing_granted(request, id, walked.fault);
            else outcome = ended(Disposition::Abort, muted_without_rec_cfg_ats(walked.fault, control));
            co_return;
        }
        translation = walked.value;
    }
    kept = ContextPtr(new StreamContext(context.value));
    outcome.disposition = Disposition::Answer;
    outcome.translated = context.value.stage1 || context.value.stage2;
    outcome.translation = translation;
    outcome.entry =
        detail::granted(effective, request, translation.permissions(),
                        eats == EffectiveEats::SplitStage ? translation.ipa : translation.output, translation.span);
}

/// A translated transaction: its address is physical, or of split-stage ATS an intermediate one.
template <TranslationEnvironment Env>
Task<> translate_translated(Env& env, Request request, Outcome& outcome) {
    using detail::ended;
    const spec::Identification& id = env.identification();
    const Control& control = env.control();
    // Without PASIDTT: Data, unprivileged, no SubstreamID.
    request.substream_id = sim::no_id;
    request.privileged = request.instruction = false;
    if (!control.enabled) {
        outcome = ended(Disposition::Abort, forbidden_fault(request, "SMMUEN = 0"));
        co_return;
    }
    const auto pass = [&] {
        Outcome passed;
        if (request.address >> id.output_bits() != 0)
            return ended(Disposition::Abort, silent_fault("the address exceeds the output size"));
        passed.disposition = Disposition::Proceed;
        passed.address = request.address;
        passed.memory = request.memory;
        passed.operation = request.operation;
        return passed;
    };
    if (!control.checks_translated) {
        env.noted("CR0.ATSCHK = 0: translated addresses are not checked", "IHI 0070, 3.9.1");
        outcome = pass();
        co_return;
    }
    const Checked<StreamContext> entry = co_await lookup_entry(env, request);
    if (!entry) {
        // Recorded with REC_CFG_ATS, whatever RECINVSID says.
        Fault fault = entry.fault;
        if (fault.kind == Fault::Kind::Muted) fault.kind = Fault::Kind::Fixed;
        outcome = ended(Disposition::Abort, muted_without_rec_cfg_ats(fault, control));
        co_return;
    }
    if (entry.value.ste.aborts()) {
        outcome = ended(Disposition::Abort, silent_fault("STE.Config = 0b0xx aborts"));
        co_return;
    }
    switch (effective_eats(entry.value.ste, control)) {
        case EffectiveEats::Off:
            env.decided("STE.EATS does not permit ATS");
            outcome = ended(Disposition::Abort, forbidden_fault(request, "STE.EATS does not permit ATS"));
            co_return;
        case EffectiveEats::Full:
            env.noted("STE.EATS permits translated addresses", "IHI 0070, 3.9.1");
            outcome = pass();
            co_return;
        case EffectiveEats::SplitStage: break;
    }
    // The requester holds intermediate addresses: stage 2 is still to come.
    StreamContext context = entry.value;
    context.stage1 = false;
    env.tagged(context.tags);
    const Request effective = override_request(request, context.ste, id);
    Checked<Translation> translation;
    co_await translate_stages(env, context, effective, translation.value, translation.fault);
    if (translation) outcome = proceed(context, id, effective, translation.value);
    else outcome = dispose(translation.fault, effective, context);
}

}  // namespace smmusim::smmu::arch
