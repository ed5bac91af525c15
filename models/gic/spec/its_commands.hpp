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
    UnknownCommand = 0x2E,  ///< implementation defined: no such command
    AccessFailure = 0x2F,   ///< implementation defined: the bus refused the command's fetch or a table access
};

/// 0x01CCEE. The command byte is the opcode, but for CLEAR, whose codes carry 05.
constexpr u32 error_code(u8 opcode, ItsError error) {
    const u32 command = opcode == static_cast<u8>(ItsCommand::Code::CLEAR) ? 0x05 : opcode;
    return 0x01'0000 | command << 8 | static_cast<u32>(error);
}

}  // namespace smmusim::gic::spec
