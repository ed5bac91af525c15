// A stream that may use ATS, and what a translation completion says.
#pragma once

#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test {

inline constexpr u64 everything_on = 0b1'1101;  ///< SMMUEN, EVENTQEN, CMDQEN, ATSCHK
inline constexpr u64 without_check = 0b1101;
inline constexpr u64 off = 0b1100;

// Bits of a translation completion (PCI Express Base, 10.2.3.1).
inline constexpr u64 readable = 1, writable = 2, executable = 8, with_privilege = 16, is_global = 32, larger = 0x800;

/// A stream with this EATS, its page mapped, CR0 in force.
class AtsMachine : public TwoStageMachine {
public:
    explicit AtsMachine(u64 configuration, u64 eats = 1, const uarch::SmmuConfig& config = small_config())
        : TwoStageMachine(configuration, config) {
        entry.set(ste::EATS, eats);
    }
    AtsMachine& start(u64 cr0 = everything_on, u64 cr2 = 0b10) {
        TwoStageMachine::start(cr2);
        set_cr0(cr0);
        memory.log.clear();
        return *this;
    }
};

inline EventBuilder bad_request(u64 where, bool write = true) {
    constexpr support::Field Span{67, 64}, W{94, 94}, R{95, 95};
    return support::EventBuilder()
        .set(event::number, 0x05)
        .set(event::StreamID, TwoStageMachine::stream)
        .set(Span, 1)
        .set(W, write)
        .set(R, 1)
        .set(event::InputAddr, where);
}
inline EventBuilder forbidden(u64 where, bool read) {
    return EventBuilder()
        .set(event::number, 0x07)
        .set(event::StreamID, TwoStageMachine::stream)
        .set(event::RnW, read)
        .set(event::InputAddr, where);
}
}  // namespace smmusim::test
