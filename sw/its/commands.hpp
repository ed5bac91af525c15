// The ITS commands that the driver uses (IHI 0069, 5.3).
#pragma once

#include "sim/bits.hpp"

namespace smmusim::sw::its {

inline constexpr u32 no_doorbell = 1023;

struct Command : sim::Record<4> {
    enum class Operation : u64 {
        MOVI = 0x01,
        CLEAR = 0x04,
        SYNC = 0x05,
        MAPD = 0x08,
        MAPC = 0x09,
        MAPTI = 0x0A,
        INV = 0x0C,
        INVALL = 0x0D,
        DISCARD = 0x0F,
        VMOVI = 0x21,
        VMOVP = 0x22,
        VSYNC = 0x25,
        VMAPP = 0x29,
        VMAPTI = 0x2A,
        INVDB = 0x2E,
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

    // GICv4
    static constexpr sim::Bits<111, 96> vPEID{};
    static constexpr sim::Bits<159, 128> vINTID{};     ///< VMAPTI
    static constexpr sim::Bits<191, 160> Db_pINTID{};  ///< VMAPTI, VMOVI
    static constexpr sim::Bit D{128};                  ///< VMOVI: takes the doorbell
    static constexpr sim::Bits<47, 32> SeqNum{};       ///< VMOVP
    static constexpr sim::Bits<79, 64> ITSList{};      ///< VMOVP
    static constexpr sim::Bit Alloc{8};                ///< VMAPP, GICv4.1: the first ITS that gets to know the vPE
    static constexpr sim::Bit PTZ{9};                  ///< VMAPP, GICv4.1: nothing is pending
    static constexpr sim::Addr<51, 16> VConf_addr{};   ///< VMAPP, GICv4.1
    static constexpr sim::Bits<95, 64> Default_Db{};   ///< VMAPP, GICv4.1
    static constexpr sim::Bits<196, 192> VPT_size{};   ///< VMAPP: bits of a vINTID, minus 1
    static constexpr sim::Addr<243, 208> VPT_addr{};   ///< VMAPP

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

/// VSYNC, INVDB.
inline Command vpe_command(Command::Operation operation, u32 vpe) {
    Command command(operation);
    command.set(Command::vPEID, vpe);
    return command;
}

inline Command vsync(u32 vpe) { return vpe_command(Command::Operation::VSYNC, vpe); }

inline Command vmapti(u32 device, u32 event, u32 vpe, u32 vintid, u32 doorbell) {
    Command command = event_command(Command::Operation::VMAPTI, device, event);
    command.set(Command::vPEID, vpe);
    command.set(Command::vINTID, vintid);
    command.set(Command::Db_pINTID, doorbell);
    return command;
}

/// Takes the doorbell along; GICv4.1 has none to take.
inline Command vmovi(u32 device, u32 event, u32 vpe, u32 doorbell) {
    Command command = event_command(Command::Operation::VMOVI, device, event);
    command.set(Command::vPEID, vpe);
    command.set(Command::D, doorbell != no_doorbell);
    command.set(Command::Db_pINTID, doorbell);
    return command;
}

}  // namespace smmusim::sw::its
