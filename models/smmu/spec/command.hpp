// Commands: opcodes and fields of the 128-bit command (IHI 0070, 4.1).
#pragma once

#include "smmu/spec/ste.hpp"

namespace smmusim::smmu::spec {

enum class Opcode : u8 {
    PREFETCH_CONFIG = 0x01,
    PREFETCH_ADDR = 0x02,
    CFGI_STE = 0x03,
    CFGI_STE_RANGE = 0x04,
    CFGI_CD = 0x05,
    CFGI_CD_ALL = 0x06,
    CFGI_VMS_PIDM = 0x07,
    TLBI_NH_ALL = 0x10,
    TLBI_NH_ASID = 0x11,
    TLBI_NH_VA = 0x12,
    TLBI_NH_VAA = 0x13,
    TLBI_EL3_ALL = 0x18,
    TLBI_EL3_VA = 0x1A,
    TLBI_EL2_ALL = 0x20,
    TLBI_EL2_ASID = 0x21,
    TLBI_EL2_VA = 0x22,
    TLBI_EL2_VAA = 0x23,
    TLBI_S12_VMALL = 0x28,
    TLBI_S2_IPA = 0x2A,
    TLBI_NSNH_ALL = 0x30,
    ATC_INV = 0x40,
    PRI_RESP = 0x41,
    RESUME = 0x44,
    STALL_TERM = 0x45,
    SYNC = 0x46,
};

/// Command queue errors, CMDQ_CONS.ERR (IHI 0070, 4.1.2).
enum class CommandError : u8 { None = 0x00, Illegal = 0x01, Abort = 0x02, AtcInvalidationSync = 0x03 };

struct Command : sim::Record<2> {
    enum class CompletionSignal : u8 { None = 0, Irq = 1, Sev = 2, Reserved = 3 };

    static constexpr Bits<7, 0, Opcode> Op{};
    static constexpr Bit SSec{10};
    static constexpr Bit SSV{11};
    static constexpr Bits<31, 12> SubstreamID{};
    static constexpr Bits<63, 32> StreamID{};
    static constexpr Bits<16, 12> NUM{};
    static constexpr Bits<24, 20> SCALE{};
    static constexpr Bits<25, 20> WideSCALE{};
    static constexpr Bits<47, 32> VMID{};
    static constexpr Bits<63, 48> ASID{};
    static constexpr Bit Leaf{64};
    static constexpr Bits<68, 64> Range{};
    static constexpr Bits<68, 64> PrefetchSize{};
    static constexpr Bits<73, 69> PrefetchStride{};
    static constexpr Bit Global{9};           // ATC_INV
    static constexpr Bits<69, 64> AtcSize{};  // ATC_INV: Size
    static constexpr Bits<72, 64> PRGIndex{};
    static constexpr Bits<77, 76> Resp{};
    static constexpr Bit Ac{12};
    static constexpr Bit Ab{13};
    static constexpr Bits<79, 64> STAG{};
    static constexpr Bits<73, 72> TTL{};
    static constexpr Bits<75, 74> TG{};
    static constexpr Addr<127, 76> VA{};
    static constexpr Addr<119, 76> IPA{};
    static constexpr Bits<13, 12, CompletionSignal> CS{};
    static constexpr Bits<23, 22> MSH{};
    static constexpr Bits<27, 24> MSIAttr{};
    static constexpr Bits<63, 32> MSIData{};
    static constexpr Addr<119, 66> MSIAddr{};
};

}  // namespace smmusim::smmu::spec
