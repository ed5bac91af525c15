#include "smmu/arch/faults.hpp"

namespace smmusim::smmu::arch {

using spec::Cd;
using spec::Event;
using spec::Ste;

namespace {

Event record(EventNumber number, const Request& request) {
    Event event;
    event.set(Event::Number, number);
    event.set(Event::StreamID, request.stream_id);
    const bool without_substream =
        number == EventNumber::F_STREAM_DISABLED || number == EventNumber::F_TRANSL_FORBIDDEN;
    if (request.has_substream() && !without_substream) {
        // C_BAD_SUBSTREAMID has no SSV field: its SubstreamID is always valid (7.3.9).
        if (number != EventNumber::C_BAD_SUBSTREAMID) event.set(Event::SSV, true);
        event.set(Event::SubstreamID, request.substream_id);
    }
    return event;
}

void set_access(Event& event, const Request& request) {
    // InD is 0 for writes; PnU and InD are the values after STE overrides (7.3).
    event.set(Event::PnU, request.privileged);
    event.set(Event::InD, request.instruction && !request.write);
    event.set(Event::RnW, !request.write);
    event.set(Event::InputAddr, request.address);
}

}  // namespace

Fault configuration_fault(EventNumber number, const Request& request, const char* reason) {
    Fault fault;
    fault.kind = Fault::Kind::Fixed;
    fault.event = record(number, request);
    fault.reason = reason;
    return fault;
}

Fault fetch_fault(EventNumber number, const Request& request, u64 fetch_address, const char* reason) {
    Fault fault = configuration_fault(number, request, reason);
    fault.event.set(Event::FetchAddr, fetch_address);
    return fault;
}

Fault forbidden_fault(const Request& request, const char* reason) {
    Fault fault = configuration_fault(EventNumber::F_TRANSL_FORBIDDEN, request, reason);
    fault.event.set(Event::RnW, !request.write);
    fault.event.set(Event::InputAddr, request.address);
    return fault;
}

Fault bad_translation_request(const Request& request, const char* reason) {
    Fault fault = configuration_fault(EventNumber::F_BAD_ATS_TREQ, request, reason);
    fault.event.set(Event::Span, request.count);
    fault.event.set(Event::Priv, request.privileged);
    fault.event.set(Event::X, request.instruction);
    fault.event.set(Event::W, !request.no_write);
    fault.event.set(Event::R, true);
    fault.event.set(Event::InputAddr, request.address & ~sim::low_mask(12));
    return fault;
}

Fault unsupported_transaction(const Request& request, const char* reason) {
    Fault fault = configuration_fault(EventNumber::F_UUT, request, reason);
    set_access(fault.event, request);
    return fault;
}

Event page_hint(const sim::PageRequest& request, u8 pages) {
    Request who;
    who.stream_id = request.stream_id;
    who.substream_id = request.substream_id;
    Event event = record(EventNumber::E_PAGE_REQUEST, who);
    // What is wanted, at the privilege of the request.
    event.set(request.privileged ? Event::pX : Event::uX, request.execute);
    event.set(request.privileged ? Event::pW : Event::uW, request.write);
    event.set(request.privileged ? Event::pR : Event::uR, request.read);
    event.set(Event::PageSpan, pages);
    event.set(Event::InputAddr, request.address & ~sim::low_mask(12));
    return event;
}

Fault silent_fault(const char* reason) {
    Fault fault;
    fault.kind = Fault::Kind::Silent;
    fault.reason = reason;
    return fault;
}

Fault translation_fault(EventNumber number, const Request& request, const FaultPlace& place, const char* reason) {
    Fault fault;
    fault.kind = place.stage2 ? Fault::Kind::Stage2 : Fault::Kind::Stage1;
    fault.event = record(number, request);
    set_access(fault.event, request);
    fault.event.set(Event::S2, place.stage2);
    fault.event.set(Event::CLASS, place.access);
    if (place.stage2) fault.event.set(Event::IPA, place.ipa);
    // TTRnW tells the read of a descriptor from its update.
    if (number == EventNumber::F_PERMISSION && place.access == FaultClass::Ttd)
        fault.event.set(Event::TTRnW, !place.update);
    fault.reason = reason;
    return fault;
}

Request refused_part(Request request, const Permissions& granted) {
    const u8 permitted = request.privileged ? granted.privileged : granted.unprivileged;
    const bool atomic = request.read && request.write;
    if (atomic && (permitted & (Permissions::read | Permissions::write)) == Permissions::write) request.write = false;
    return request;
}

Fault walk_abort(const Request& request, const FaultPlace& place, u64 fetch_address) {
    Fault fault = configuration_fault(EventNumber::F_WALK_EABT, request, "a descriptor fetch was aborted");
    set_access(fault.event, request);
    fault.event.set(Event::S2, place.stage2);
    fault.event.set(Event::CLASS, place.access);
    fault.event.set(Event::FetchAddr, fetch_address);
    return fault;
}

Fault bypass_address_fault(const Request& request, const char* reason) {
    Fault fault = translation_fault(EventNumber::F_ADDR_SIZE, request, FaultPlace{}, reason);
    fault.kind = Fault::Kind::Fixed;
    return fault;
}

Outcome dispose(const Fault& fault, const Request& request, const StreamContext& context) {
    Outcome outcome;
    outcome.fault = fault;
    outcome.disposition = Disposition::Abort;
    // Speculative accesses abort without a record and never stall (3.14).
    if (request.speculative) return outcome;
    bool stalls = false;
    switch (fault.kind) {
        case Fault::Kind::None:
        case Fault::Kind::Silent:
        case Fault::Kind::Muted: break;
        case Fault::Kind::Fixed: outcome.recorded = true; break;
        case Fault::Kind::Stage1:
            // 5.5: S stalls, whatever R says; with S = 0, A chooses between abort and RAZ/WI, R whether to record.
            stalls = context.cd[Cd::S];
            outcome.recorded = stalls || context.cd[Cd::R];
            if (!context.cd[Cd::A]) outcome.disposition = Disposition::RazWi;
            break;
        case Fault::Kind::Stage2:
            stalls = context.ste[Ste::S2S];
            outcome.recorded = stalls || context.ste[Ste::S2R];
            break;
    }
    if (stalls) {
        outcome.disposition = Disposition::Stall;
        outcome.fault.event.set(Event::Stall, true);
    }
    return outcome;
}

}  // namespace smmusim::smmu::arch
