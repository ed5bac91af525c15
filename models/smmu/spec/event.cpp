#include "smmu/spec/event.hpp"

#include <string_view>

namespace smmusim::smmu::spec {

const char* event_name(u8 number) {
    switch (static_cast<EventNumber>(number)) {
        case EventNumber::F_UUT: return "F_UUT";
        case EventNumber::C_BAD_STREAMID: return "C_BAD_STREAMID";
        case EventNumber::F_STE_FETCH: return "F_STE_FETCH";
        case EventNumber::C_BAD_STE: return "C_BAD_STE";
        case EventNumber::F_BAD_ATS_TREQ: return "F_BAD_ATS_TREQ";
        case EventNumber::F_STREAM_DISABLED: return "F_STREAM_DISABLED";
        case EventNumber::F_TRANSL_FORBIDDEN: return "F_TRANSL_FORBIDDEN";
        case EventNumber::C_BAD_SUBSTREAMID: return "C_BAD_SUBSTREAMID";
        case EventNumber::F_CD_FETCH: return "F_CD_FETCH";
        case EventNumber::C_BAD_CD: return "C_BAD_CD";
        case EventNumber::F_WALK_EABT: return "F_WALK_EABT";
        case EventNumber::F_TRANSLATION: return "F_TRANSLATION";
        case EventNumber::F_ADDR_SIZE: return "F_ADDR_SIZE";
        case EventNumber::F_ACCESS: return "F_ACCESS";
        case EventNumber::F_PERMISSION: return "F_PERMISSION";
        case EventNumber::F_TLB_CONFLICT: return "F_TLB_CONFLICT";
        case EventNumber::F_CFG_CONFLICT: return "F_CFG_CONFLICT";
        case EventNumber::E_PAGE_REQUEST: return "E_PAGE_REQUEST";
        case EventNumber::F_VMS_FETCH: return "F_VMS_FETCH";
    }
    return "?";
}

bool event_has(u8 number, const NamedField& field) {
    const std::string_view name = field.name;
    const auto event = static_cast<EventNumber>(number);
    const bool translation = event == EventNumber::F_TRANSLATION || event == EventNumber::F_ADDR_SIZE ||
                             event == EventNumber::F_ACCESS || event == EventNumber::F_PERMISSION;
    const bool walk_abort = event == EventNumber::F_WALK_EABT;
    const bool fetch =
        event == EventNumber::F_STE_FETCH || event == EventNumber::F_CD_FETCH || event == EventNumber::F_VMS_FETCH;
    const bool uut = event == EventNumber::F_UUT;
    const bool forbidden = event == EventNumber::F_TRANSL_FORBIDDEN;
    const bool tlb_conflict = event == EventNumber::F_TLB_CONFLICT;
    if (name == "StreamID") return true;
    // 7.3: F_STREAM_DISABLED and F_TRANSL_FORBIDDEN carry no SubstreamID; C_BAD_SUBSTREAMID always does, without SSV.
    if (name == "SSV")
        return event != EventNumber::F_STREAM_DISABLED && !forbidden && event != EventNumber::C_BAD_SUBSTREAMID;
    if (name == "SubstreamID") return event != EventNumber::F_STREAM_DISABLED && !forbidden;
    if (name == "STAG" || name == "Stall") return translation;
    if (name == "Reason") return walk_abort || fetch || uut || tlb_conflict || event == EventNumber::F_CFG_CONFLICT;
    if (name == "PnU" || name == "InD") return translation || walk_abort || uut || tlb_conflict;
    if (name == "RnW") return translation || walk_abort || uut || tlb_conflict || forbidden;
    if (name == "InputAddr")
        return translation || walk_abort || uut || tlb_conflict || forbidden || event == EventNumber::F_BAD_ATS_TREQ ||
               event == EventNumber::E_PAGE_REQUEST;
    if (name == "S2" || name == "NSIPA") return translation || walk_abort || tlb_conflict;
    if (name == "CLASS") return translation || walk_abort;
    if (name == "IPA") return translation || tlb_conflict;
    if (name == "FetchAddr") return walk_abort || fetch;
    if (name == "TTRnW") return event == EventNumber::F_PERMISSION;
    return false;
}

}  // namespace smmusim::smmu::spec
