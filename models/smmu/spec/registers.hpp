// Register fields (IHI 0070, 6.3); the rows with offsets and handlers are in arch/registers.
#pragma once

#include "smmu/spec/ste.hpp"

namespace smmusim::smmu::spec {

struct Register32 : sim::Record<1> {
    explicit constexpr Register32(u64 value = 0) { words[0] = value; }
    constexpr u64 raw() const { return words[0]; }
};

struct Cr0 : Register32 {
    using Register32::Register32;
    static constexpr Bit SMMUEN{0};
    static constexpr Bit PRIQEN{1};
    static constexpr Bit EVENTQEN{2};
    static constexpr Bit CMDQEN{3};
    static constexpr Bit ATSCHK{4};
    static constexpr Bits<8, 6> VMW{};
};

/// Attributes of accesses to tables and queues.
struct Cr1 : Register32 {
    using Register32::Register32;
    static constexpr Bits<1, 0> QUEUE_IC{};
    static constexpr Bits<3, 2> QUEUE_OC{};
    static constexpr Bits<5, 4> QUEUE_SH{};
    static constexpr Bits<7, 6> TABLE_IC{};
    static constexpr Bits<9, 8> TABLE_OC{};
    static constexpr Bits<11, 10> TABLE_SH{};
};

struct Cr2 : Register32 {
    using Register32::Register32;
    static constexpr Bit E2H{0};
    static constexpr Bit RECINVSID{1};
    static constexpr Bit PTM{2};
    static constexpr Bit REC_CFG_ATS{3};

    static constexpr std::array fields{NamedField("E2H", E2H), NamedField("RECINVSID", RECINVSID),
                                       NamedField("PTM", PTM), NamedField("REC_CFG_ATS", REC_CFG_ATS)};
};

struct Gbpa : Register32 {
    using Register32::Register32;
    static constexpr Bits<3, 0> MemAttr{};
    static constexpr Bit MTCFG{4};
    static constexpr Bits<11, 8> ALLOCCFG{};
    static constexpr Bits<13, 12> SHCFG{};
    static constexpr Bits<17, 16> PRIVCFG{};
    static constexpr Bits<19, 18> INSTCFG{};
    static constexpr Bit ABORT{20};
    static constexpr Bit Update{31};

    static constexpr std::array fields{NamedField("MemAttr", MemAttr),   NamedField("MTCFG", MTCFG),
                                       NamedField("ALLOCCFG", ALLOCCFG), NamedField("SHCFG", SHCFG),
                                       NamedField("PRIVCFG", PRIVCFG),   NamedField("INSTCFG", INSTCFG),
                                       NamedField("ABORT", ABORT),       NamedField("Update", Update)};
};

struct IrqCtrl : Register32 {
    using Register32::Register32;
    static constexpr Bit GERROR_IRQEN{0};
    static constexpr Bit PRIQ_IRQEN{1};
    static constexpr Bit EVENTQ_IRQEN{2};
};

/// Bit numbers of GERROR and GERRORN.
enum class GlobalError : u8 {
    CmdqErr = 0,
    EventqAbt = 2,
    PriqAbt = 3,
    MsiCmdqAbt = 4,
    MsiEventqAbt = 5,
    MsiPriqAbt = 6,
    MsiGerrorAbt = 7
};

/// Queues that the SMMU and software share.
enum class Queue : u8 { Command, Event, Pri };

/// Sources of interrupts with a message configuration of their own; CMD_SYNC carries its message itself.
enum class InterruptSource : u8 { Event, Pri, GlobalError, Sync };

/// Attributes of the write of an interrupt message.
struct IrqCfg2 : Register32 {
    using Register32::Register32;
    static constexpr Bits<3, 0> MemAttr{};
    static constexpr Bits<5, 4> SH{};
    static constexpr Bit LO{31};  ///< PRI: an interrupt per Last request
};

/// Global address translation operations.
struct GatosSid : Register32 {
    using Register32::Register32;
    static constexpr Bits<31, 0> STREAMID{};
    static constexpr Bits<51, 32> SUBSTREAMID{};
    static constexpr Bit SSID_VALID{52};
};

struct GatosAddr : Register32 {
    using Register32::Register32;
    enum class Type : u8 { Reserved = 0, Stage1 = 1, Stage2 = 2, Both = 3 };
    static constexpr Bit HTTUI{6};
    static constexpr Bit InD{7};
    static constexpr Bit RnW{8};
    static constexpr Bit PnU{9};
    static constexpr Bits<11, 10, Type> TYPE{};
    static constexpr Addr<63, 12> ADDR{};
};

struct GatosPar : Register32 {
    using Register32::Register32;
    static constexpr Bit FAULT{0};
    static constexpr Bits<2, 1> REASON{};
    static constexpr Bits<11, 4> FAULTCODE{};
    static constexpr Addr<55, 12> FADDR{};
    static constexpr Bits<9, 8> SH{};
    static constexpr Bit Size{11};
    static constexpr Addr<55, 12> ADDR{};
    static constexpr Bits<63, 56> ATTR{};

    static constexpr u64 internal_error = 0xFD, invalid_stage = 0xFE, invalid_request = 0xFF;
};

struct StrtabBase : Register32 {
    using Register32::Register32;
    static constexpr Addr<55, 6> ADDR{};
    static constexpr Bit RA{62};

    static constexpr std::array fields{NamedField("ADDR", ADDR), NamedField("RA", RA)};
};

struct StrtabBaseCfg : Register32 {
    using Register32::Register32;
    static constexpr Bits<5, 0> LOG2SIZE{};
    static constexpr Bits<10, 6> SPLIT{};
    static constexpr Bits<17, 16> FMT{};

    static constexpr std::array fields{NamedField("LOG2SIZE", LOG2SIZE), NamedField("SPLIT", SPLIT),
                                       NamedField("FMT", FMT)};
};

struct QueueBase : Register32 {
    using Register32::Register32;
    static constexpr Bits<4, 0> LOG2SIZE{};
    static constexpr Addr<55, 5> ADDR{};
    static constexpr Bit RA{62};
};

}  // namespace smmusim::smmu::spec
