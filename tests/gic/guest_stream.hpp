// Random commands about vPEs and their events, changes of residency and messages, as an instant of a busy host has
// them.
#pragma once

#include "gic/guest_model.hpp"
#include "gic/random.hpp"

namespace smmusim::gic::test {

/// Things that a hypervisor may do at any moment, and wrong ones. What the architecture forbids is left out: a vPE is
/// moved or unmapped while it is resident, mapped with tables that are in use, an event is mapped twice.
class GuestStream {
public:
    static constexpr u32 vpes = 6;
    static constexpr u32 devices = 3;  ///< of 32 events; the next one has 2^14
    static constexpr u32 first_vintid = 8200;
    static constexpr u32 vintids = 20;
    static constexpr u32 first_doorbell = 9000;
    static constexpr u32 doorbells = 12;

    struct Instant {
        std::vector<GuestStep> commands;  ///< in this order
        std::vector<GuestStep> messages;  ///< those of one device in this order
        std::vector<GuestStep> changes;   ///< one at most
    };

    GuestStream(u64 seed, bool v4_1, const GuestModel& model) : random_(seed), v4_1_(v4_1), model_(model) {}
    Random& random() { return random_; }

    Instant next() {
        busy_.clear();
        leaving_ = ~u32{0};
        Instant instant;
        if (random_.below(2) == 0) change(instant);
        for (u32 count = random_.below(4); count != 0; --count) instant.commands.push_back(command());
        for (u32 count = random_.below(3); count != 0; --count) instant.messages.push_back(message());
        return instant;
    }

private:
    void change(Instant& instant) {
        const u32 vpe = random_.below(vpes);
        const GuestModel::Vpe& state = model_.vpes[vpe];
        GuestStep step;
        step.vpe = leaving_ = vpe;
        step.target = state.cpu;
        step.opcode = state.resident ? GuestStep::leave : GuestStep::enter;
        step.asked = random_.below(3) != 0;
        bool possible = state.resident || state.mapped;
        for (const GuestModel::Vpe& other : model_.vpes)
            if (!state.resident && other.resident && other.cpu == state.cpu) possible = false;
        if (possible) instant.changes.push_back(step);
    }

    GuestStep message() {
        GuestStep step;
        step.opcode = v4_1_ && random_.below(4) == 0 ? GuestStep::sgi_message : GuestStep::device_message;
        step.device = random_.below(devices + 1);
        step.event = step.device == devices ? first_vintid + random_.below(4) : random_.below(6);
        step.vpe = random_.below(vpes);
        step.sgi = random_.below(3);
        return step;
    }

    GuestStep command() {
        static constexpr std::array<u32, 22> opcodes{0x21, 0x21, 0x21, 0x22, 0x22, 0x22, 0x23, 0x23, 0x25, 0x29, 0x29,
                                                     0x2A, 0x2A, 0x2A, 0x2A, 0x2B, 0x2D, 0x2E, 0x03, 0x04, 0x0C, 0x0F};
        GuestStep c;
        c.opcode = opcodes[random_.below(opcodes.size())];
        c.device = random_.below(40) == 0 ? 7 : random_.below(devices);
        c.event = random_.below(40) == 0 ? 40 : random_.below(7);
        c.vpe = random_.below(40) == 0 ? 4096 : random_.below(vpes);
        c.vintid = random_.below(40) == 0 ? 8191 : first_vintid + random_.below(vintids);
        c.doorbell = random_.below(40) == 0  ? 77
                     : random_.below(6) == 0 ? GuestModel::no_doorbell
                                             : first_doorbell + random_.below(doorbells);
        c.takes_doorbell = random_.below(2) == 0;
        c.target = random_.below(random_.below(40) == 0 ? 6 : 4);
        c.valid = random_.below(4) != 0;
        c.sgi = random_.below(3);
        c.clear = random_.below(4) == 0;
        c.enable = random_.below(3) != 0;
        c.priority = random_.below(15);
        if (c.opcode == 0x2B || (c.opcode < 0x10 && random_.below(4) == 0)) {
            c.device = devices;
            c.event = first_vintid + random_.below(4);
        }
        if (c.opcode == 0x29) residency_first(c);
        if (c.opcode == 0x22 && stays(c.vpe)) c.opcode = 0x25;
        if (c.opcode == 0x2A || c.opcode == 0x2B) {
            const bool fresh = busy_.insert({c.device, c.event}).second;
            if (!fresh || model_.event_is_mapped(c.device, c.event)) c.opcode = 0x0F;
        }
        return c;
    }
    /// A vPE that runs, or is about to, keeps its place.
    bool stays(u32 vpe) const { return vpe < vpes && (model_.vpes[vpe].resident || vpe == leaving_); }

    /// VMAPP maps what is not mapped, with tables of its own, and unmaps what is.
    void residency_first(GuestStep& c) {
        if (stays(c.vpe) || (c.vpe < vpes && !busy_.insert({~u32{0}, c.vpe}).second)) {
            c.opcode = 0x25;
            return;
        }
        if (c.vpe < vpes && model_.vpes[c.vpe].mapped) {
            c.valid = false;
            if (random_.below(3) != 0) c.opcode = 0x2D;  // not too often
        } else {
            c.valid = c.valid || c.vpe < vpes;
        }
        if (c.opcode == 0x29 && c.valid) {
            c.table = next_table_;
            next_table_ += 0x1'0000;
        }
    }

    Random random_;
    bool v4_1_;
    const GuestModel& model_;
    u64 next_table_ = 0x1'0000'0000;
    u32 leaving_ = 0;
    std::set<std::pair<u32, u32>> busy_;  ///< events and vPEs that are mapped or unmapped in this instant
};

}  // namespace smmusim::gic::test
