// The ITS commands that the driver uses (IHI 0069, 5.3).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::sw::its {

struct Command : sim::Record<4> {
    enum class Operation : u64 {
        MOVI = 0x01,
        SYNC = 0x05,
        MAPD = 0x08,
        MAPC = 0x09,
        MAPTI = 0x0A,
        INV = 0x0C,
        INVALL = 0x0D,
        DISCARD = 0x0F,
    };
    static constexpr sim::Bits<7, 0, Operation> Opcode{};
    static constexpr sim::Bits<63, 32> DeviceID{};
    static constexpr sim::Bits<68, 64> Size{};
    static constexpr sim::Bits<95, 64> EventID{};
    static constexpr sim::Bits<127, 96> pINTID{};
    static constexpr sim::Bits<143, 128> ICID{};
    static constexpr sim::Addr<179, 144> RDbase{};  ///< DW2[51:16]
    static constexpr sim::Addr<179, 136> ITT{};     ///< DW2[51:8]
    static constexpr sim::Bit V{191};

    Command() = default;
    explicit Command(Operation operation) { set(Opcode, operation); }
};

inline Command event_command(Command::Operation operation, u32 device, u32 event) {
    Command command(operation);
    command.set(Command::DeviceID, device);
    command.set(Command::EventID, event);
    return command;
}

/// `target` is a redistributor in the form that GITS_TYPER.PTA asks for.
inline Command sync(u64 target) {
    Command command(Command::Operation::SYNC);
    command.set(Command::RDbase, target);
    return command;
}

inline Command mapc(u32 collection, u64 target) {
    Command command(Command::Operation::MAPC);
    command.set(Command::ICID, collection);
    command.set(Command::RDbase, target);
    command.set(Command::V, true);
    return command;
}

inline Command invall(u32 collection) {
    Command command(Command::Operation::INVALL);
    command.set(Command::ICID, collection);
    return command;
}

/// Without a table (`itt` 0) the device is unmapped.
inline Command mapd(u32 device, u32 event_bits, u64 itt) {
    Command command(Command::Operation::MAPD);
    command.set(Command::DeviceID, device);
    if (itt == 0) return command;
    command.set(Command::Size, event_bits - 1);
    command.set(Command::ITT, itt);
    command.set(Command::V, true);
    return command;
}

inline Command mapti(u32 device, u32 event, u32 intid, u32 collection) {
    Command command = event_command(Command::Operation::MAPTI, device, event);
    command.set(Command::pINTID, intid);
    command.set(Command::ICID, collection);
    return command;
}

inline Command movi(u32 device, u32 event, u32 collection) {
    Command command = event_command(Command::Operation::MOVI, device, event);
    command.set(Command::ICID, collection);
    return command;
}

}  // namespace smmusim::sw::its
