// Event records (IHI 0070, 7.3).
#pragma once

#include "smmu/spec/ste.hpp"

namespace smmusim::smmu::spec {

enum class EventNumber : u8 {
    F_UUT = 0x01,
    C_BAD_STREAMID = 0x02,
    F_STE_FETCH = 0x03,
    C_BAD_STE = 0x04,
    F_BAD_ATS_TREQ = 0x05,
    F_STREAM_DISABLED = 0x06,
    F_TRANSL_FORBIDDEN = 0x07,
    C_BAD_SUBSTREAMID = 0x08,
    F_CD_FETCH = 0x09,
    C_BAD_CD = 0x0A,
    F_WALK_EABT = 0x0B,
    F_TRANSLATION = 0x10,
    F_ADDR_SIZE = 0x11,
    F_ACCESS = 0x12,
    F_PERMISSION = 0x13,
    F_TLB_CONFLICT = 0x20,
    F_CFG_CONFLICT = 0x21,
    E_PAGE_REQUEST = 0x24,
    F_VMS_FETCH = 0x25,
};

/// Architected name of an event number, "?" for a reserved one.
const char* event_name(u8 number);

/// What the faulting access was for, as CLASS reports it.
enum class FaultClass : u8 { Cd = 0b00, Ttd = 0b01, In = 0b10 };

struct Event : sim::Record<4> {
    static constexpr Bits<7, 0, EventNumber> Number{};
    static constexpr Bit SSV{11};
    static constexpr Bits<31, 12> SubstreamID{};
    static constexpr Bits<63, 32> StreamID{};
    static constexpr Bits<79, 64> Reason{};
    static constexpr Bits<79, 64> STAG{};
    static constexpr Bit Stall{95};
    static constexpr Bit PnU{97};
    static constexpr Bit InD{98};
    static constexpr Bit RnW{99};
    static constexpr Bit NSIPA{102};
    static constexpr Bit S2{103};
    static constexpr Bits<105, 104, FaultClass> CLASS{};
    static constexpr Bit TTRnW{108};
    static constexpr Bits<67, 64> Span{};  // F_BAD_ATS_TREQ: what the request asked for
    static constexpr Bit Priv{92};
    static constexpr Bit X{93};
    static constexpr Bit W{94};
    static constexpr Bit R{95};
    static constexpr Bit uX{97};  // E_PAGE_REQUEST: what is wanted, unprivileged and privileged
    static constexpr Bit uW{98};
    static constexpr Bit uR{99};
    static constexpr Bit pX{101};
    static constexpr Bit pW{102};
    static constexpr Bit pR{103};
    static constexpr Bits<115, 108> PageSpan{};
    static constexpr Bits<191, 128> InputAddr{};
    static constexpr Addr<247, 204> IPA{};
    static constexpr Addr<247, 195> FetchAddr{};

    static constexpr std::array fields{NamedField("StreamID", StreamID),
                                       NamedField("SSV", SSV),
                                       NamedField("SubstreamID", SubstreamID),
                                       NamedField("Reason", Reason),
                                       NamedField("STAG", STAG),
                                       NamedField("Stall", Stall),
                                       NamedField("PnU", PnU),
                                       NamedField("InD", InD),
                                       NamedField("RnW", RnW),
                                       NamedField("NSIPA", NSIPA),
                                       NamedField("S2", S2),
                                       NamedField("CLASS", CLASS),
                                       NamedField("InputAddr", InputAddr),
                                       NamedField("IPA", IPA),
                                       NamedField("FetchAddr", FetchAddr),
                                       NamedField("TTRnW", TTRnW)};
};

/// The record of a stalled transaction; bit 95 means something else in records without a STAG.
inline bool is_stall(const Event& event) {
    const EventNumber number = event[Event::Number];
    return number >= EventNumber::F_TRANSLATION && number <= EventNumber::F_PERMISSION && event[Event::Stall];
}

/// The fields that an event of this number defines, in the order of `Event::fields`; the others read as 0.
bool event_has(u8 number, const NamedField& field);

}  // namespace smmusim::smmu::spec
