// Layout of ITS commands and the 24-bit codes of their errors (IHI 0069, 5.3).
#pragma once

#include <array>

#include "sim/bits.hpp"

namespace smmusim::gic::spec {

struct ItsCommand : sim::Record<4> {
    enum class Code : u8 {
        MOVI = 0x01,
        INT = 0x03,
        CLEAR = 0x04,
        SYNC = 0x05,
        MAPD = 0x08,
        MAPC = 0x09,
        MAPTI = 0x0A,
        MAPI = 0x0B,
        INV = 0x0C,
        INVALL = 0x0D,
        MOVALL = 0x0E,
        DISCARD = 0x0F,
        VMOVI = 0x21,
        VMOVP = 0x22,
        VSGI = 0x23,
        VSYNC = 0x25,
        VMAPP = 0x29,
        VMAPTI = 0x2A,
        VMAPI = 0x2B,
        VINVALL = 0x2D,
        INVDB = 0x2E,
    };
    static constexpr sim::Bits<7, 0, Code> Command{};
    static constexpr sim::Bits<63, 32> DeviceID{};
    static constexpr sim::Bits<95, 64> EventID{};
    static constexpr sim::Bits<127, 96> pINTID{};
    static constexpr sim::Bits<68, 64> Size{};  ///< MAPD: EventID bits, minus 1
    static constexpr sim::Addr<179, 136> ITT_addr{};
    static constexpr sim::Bits<143, 128> ICID{};
    static constexpr sim::Bits<179, 144> RDbase{};   ///< bits [51:16] of a frame's address, or a Processor_Number
    static constexpr sim::Bits<243, 208> RDbase2{};  ///< MOVALL: the destination
    static constexpr sim::Bit V{191};

    // GICv4
    static constexpr sim::Bits<111, 96> vPEID{};
    static constexpr sim::Bits<159, 128> vINTID{};     ///< VMAPTI
    static constexpr sim::Bits<191, 160> Db_pINTID{};  ///< VMAPTI, VMAPI, VMOVI
    static constexpr sim::Bit D{128};                  ///< VMOVI: takes the doorbell
    static constexpr sim::Bit Alloc{8};                ///< VMAPP, GICv4.1
    static constexpr sim::Bit PTZ{9};                  ///< VMAPP, GICv4.1
    static constexpr sim::Addr<51, 16> VConf_addr{};   ///< VMAPP, GICv4.1
    static constexpr sim::Bits<95, 64> Default_Db{};   ///< VMAPP, GICv4.1
    static constexpr sim::Bits<196, 192> VPT_size{};   ///< VMAPP
    static constexpr sim::Addr<243, 208> VPT_addr{};   ///< VMAPP
    static constexpr sim::Bit DB{191};                 ///< VMOVP, GICv4.1: takes the default doorbell
    static constexpr sim::Bits<223, 192> New_Db{};     ///< VMOVP, GICv4.1
    static constexpr sim::Bit Enable{8};               ///< VSGI
    static constexpr sim::Bit Clear{9};                ///< VSGI
    static constexpr sim::Bit Group{10};               ///< VSGI
    static constexpr sim::Bits<23, 20> Priority{};     ///< VSGI
    static constexpr sim::Bits<35, 32> vSGI{};         ///< VSGI

    static constexpr std::array fields{
        sim::NamedField("DeviceID", DeviceID), sim::NamedField("EventID", EventID),   sim::NamedField("pINTID", pINTID),
        sim::NamedField("Size", Size),         sim::NamedField("ITT_addr", ITT_addr), sim::NamedField("ICID", ICID),
        sim::NamedField("RDbase", RDbase),     sim::NamedField("RDbase2", RDbase2),   sim::NamedField("V", V)};
};

constexpr const char* name_of(ItsCommand::Code code) {
    using enum ItsCommand::Code;
    switch (code) {
        case MOVI: return "MOVI";
        case INT: return "INT";
        case CLEAR: return "CLEAR";
        case SYNC: return "SYNC";
        case MAPD: return "MAPD";
        case MAPC: return "MAPC";
        case MAPTI: return "MAPTI";
        case MAPI: return "MAPI";
        case INV: return "INV";
        case INVALL: return "INVALL";
        case MOVALL: return "MOVALL";
        case DISCARD: return "DISCARD";
        case VMOVI: return "VMOVI";
        case VMOVP: return "VMOVP";
        case VSGI: return "VSGI";
        case VSYNC: return "VSYNC";
        case VMAPP: return "VMAPP";
        case VMAPTI: return "VMAPTI";
        case VMAPI: return "VMAPI";
        case VINVALL: return "VINVALL";
        case INVDB: return "INVDB";
    }
    return "unknown";
}

/// Low byte of an error code.
enum class ItsError : u8 {
    None = 0x00,
    DeviceOutOfRange = 0x01,
    IttSizeOutOfRange = 0x02,    ///< MAPD
    ProcessorOutOfRange = 0x02,  ///< MAPC, SYNC
    MovallProcessorOutOfRange = 0x01,
    CollectionOutOfRange = 0x03,
    UnmappedDevice = 0x04,
    IdOutOfRange = 0x05,
    PhysicalIdOutOfRange = 0x06,
    UnmappedInterrupt = 0x07,
    UnmappedCollection = 0x09,
    InvalidEntry = 0x10,
    VcpuOutOfRange = 0x11,
    VirtualIdOutOfRange = 0x13,
    VcpuInvalid = 0x14,
    IdIsPhysical = 0x15,
    EntryVcpuInvalid = 0x16,
    CommandVcpuInvalid = 0x17,
    UnknownCommand = 0x2E,  ///< implementation defined: no such command
    AccessFailure = 0x2F,   ///< implementation defined: the bus refused the command's fetch or a table access
};

/// 0x01CCEE. The command byte is the opcode, but for CLEAR, whose codes carry 05.
constexpr u32 error_code(u8 opcode, ItsError error) {
    const u32 command = opcode == static_cast<u8>(ItsCommand::Code::CLEAR) ? 0x05 : opcode;
    return 0x01'0000 | command << 8 | static_cast<u32>(error);
}

}  // namespace smmusim::gic::spec
