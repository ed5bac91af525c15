// Address translation operations by registers, GATOS (IHI 0070, 3.9.2 and 6.3.37 to 6.3.40): never an event, no stall.
#pragma once

#include "smmu/arch/ordinary.hpp"
#include "smmu/arch/registers.hpp"

namespace smmusim::smmu::arch {

namespace detail {

inline spec::GatosPar operation_failed(u64 code, u64 why = 0, u64 address = 0) {
    using spec::GatosPar;
    GatosPar par;
    par.set(GatosPar::FAULT, true);
    par.set(GatosPar::FAULTCODE, code);
    par.set(GatosPar::REASON, why);
    par.set(GatosPar::FADDR, address);
    return par;
}

/// REASON: 0 for stage 1 and configuration, else what stage 2 was asked for: 1 CD, 2 TT, 3 IN.
inline spec::GatosPar operation_failed(const Fault& fault) {
    const u64 code = static_cast<u64>(fault.event[spec::Event::Number]);
    if (!fault.event[spec::Event::S2]) return operation_failed(code);
    // An abort of a walk has a fetch address where the others have the IPA.
    const bool has_ipa = fault.event[spec::Event::Number] != EventNumber::F_WALK_EABT;
    return operation_failed(code, static_cast<u64>(fault.event[spec::Event::CLASS]) + 1,
                            has_ipa ? fault.event[spec::Event::IPA] : 0);
}

}  // namespace detail

/// GATOS_PAR of the operation. The overrides of the STE do not apply.
template <TranslationEnvironment Env>
Task<spec::GatosPar> translate_by_register(Env& env, AddressOperation operation) {
    using spec::GatosAddr;
    using spec::GatosPar;
    using spec::GatosSid;
    const spec::Identification& id = env.identification();
    const GatosAddr::Type type = operation.address[GatosAddr::TYPE];
    Request request;
    request.stream_id = static_cast<u32>(operation.stream[GatosSid::STREAMID]);
    if (operation.stream[GatosSid::SSID_VALID])
        request.substream_id = static_cast<u32>(operation.stream[GatosSid::SUBSTREAMID]);
    request.address = operation.address[GatosAddr::ADDR];
    request.read = operation.address[GatosAddr::RnW];
    request.write = !request.read;
    request.instruction = request.read && operation.address[GatosAddr::InD];
    request.privileged = operation.address[GatosAddr::PnU];

    const bool wants1 = type == GatosAddr::Type::Stage1 || type == GatosAddr::Type::Both;
    const bool wants2 = type == GatosAddr::Type::Stage2 || type == GatosAddr::Type::Both;
    // Stage 2 alone has no SubstreamID.
    if (type == GatosAddr::Type::Reserved || (!wants1 && request.has_substream()))
        co_return detail::operation_failed(GatosPar::invalid_request);

    const Checked<StreamContext> entry = co_await lookup_entry(env, request);
    if (!entry) co_return detail::operation_failed(entry.fault);
    StreamContext context = entry.value;
    if ((wants1 && !context.stage1) || (wants2 && !context.stage2))
        co_return detail::operation_failed(GatosPar::invalid_stage);

    Checked<Translation> translation;
    if (wants1) {
        const Checked<StreamContext> full = co_await lookup_descriptor(env, context, request);
        if (!full) co_return detail::operation_failed(full.fault);
        context = full.value;
        if (!context.stage1) co_return detail::operation_failed(GatosPar::invalid_stage);  // skipped by S1DSS
        if (wants2 || !context.stage2) {
            co_await translate_stages(env, context, request, translation.value, translation.fault);
        } else {
            co_await walk_stage1(env, context, request, translation.value, translation.fault);
            context.stage2 = false;  // the attributes of stage 1 alone
        }
    } else {
        context.stage1 = false;
        co_await translate_stages(env, context, request, translation.value, translation.fault);
    }
    if (!translation) co_return detail::operation_failed(translation.fault);

    const sim::MemoryAttributes memory = translated_attributes({}, context, translation.value, id);
    const unsigned span = translation.value.span;
    GatosPar par;
    u64 address = translation.value.output & ~sim::low_mask(std::max(span, 12u));
    // Size = 1: the lowest bit set in ADDR tells the size, 2^(N + 1) bytes.
    if (span > 12) address |= u64{1} << (span - 1);
    par.set(GatosPar::ADDR, address);
    par.set(GatosPar::Size, span > 12);
    par.set(GatosPar::ATTR, mair_byte(memory));
    par.set(GatosPar::SH, shareability_field(memory));
    co_return par;
}

}  // namespace smmusim::smmu::arch
