// What GICv4 does for guests, as a reader of the manual would write it down: vPEs, their events, who is resident, which
// doorbells ring. No time, no caches, no tables; nothing is shared with the model under test.
#pragma once

#include <array>
#include <map>
#include <set>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::gic::test {

/// One thing that happens: a command by its opcode, a message, or a change of who is resident.
struct GuestStep {
    static constexpr u32 device_message = 0x100, sgi_message = 0x101, enter = 0x102, leave = 0x103;
    u32 opcode = 0;
    u32 device = 0;
    u32 event = 0;
    u32 vpe = 0;
    u32 vintid = 0;
    u32 doorbell = 1023;
    bool takes_doorbell = false;  ///< VMOVI.D, VMOVP.DB
    u32 target = 0;               ///< CPU
    u64 table = 0;                ///< VMAPP
    bool valid = true;            ///< VMAPP
    u32 sgi = 0;
    bool clear = false;
    bool enable = false;
    u32 priority = 0;
    bool asked = false;         ///< leave: the next interrupt is to ring
    bool pending_last = false;  ///< leave: what the machine said
};

class GuestModel {
public:
    static constexpr u32 cpus = 4;
    static constexpr u32 no_doorbell = 1023;
    struct Vpe {
        bool mapped = false;
        u32 cpu = 0;
        u64 table = 0;
        u32 doorbell = no_doorbell;
        bool armed = false;  ///< GICv4.1: the next interrupt rings
        bool resident = false;
        std::set<u32> pending;
        u16 sgis = 0;  ///< pending
        u16 sgis_enabled = 0;
        std::array<u32, 16> sgi_priority{};
    };

    GuestModel(bool v4_1, u32 count, u32 vpe_limit) : vpes(count), v4_1_(v4_1), vpe_limit_(vpe_limit) {}

    std::vector<Vpe> vpes;
    std::map<u32, u8> properties;          ///< of vLPIs, as the guests have them in memory
    std::array<std::set<u32>, cpus> rung;  ///< doorbells that are pending
    u64 doorbells = 0;
    u64 errors = 0;

    void map_device(u32 device, u32 events) { devices_[device] = events; }
    void map_physical(u32 device, u32 event) { events_[{device, event}] = {true, 0, 0, 0}; }
    bool event_is_mapped(u32 device, u32 event) const { return events_.contains({device, event}); }

    /// False: the machine said what it must not.
    bool happen(const GuestStep& s) {
        switch (s.opcode) {
            case GuestStep::device_message: message(s.device, s.event); return true;
            case GuestStep::sgi_message: send_sgi(s); return true;
            case GuestStep::enter:
                vpes[s.vpe].resident = true;
                vpes[s.vpe].armed = false;
                return true;
            case GuestStep::leave: return leave(vpes[s.vpe], s);
            default: errors += perform(s) ? 0 : 1; return true;
        }
    }

    /// Highest priority, then lowest number, of what the guest could take now; 1023: nothing.
    u32 best(u32 vpe) const {
        u32 best = no_doorbell, urgency = 0x100;
        for (const u32 sgi : sgis_of(vpes[vpe])) consider(best, urgency, sgi, vpes[vpe].sgi_priority[sgi] << 4);
        for (const u32 intid : vpes[vpe].pending)
            if (enabled(intid)) consider(best, urgency, intid, properties.at(intid) & 0xF8);
        return best;
    }
    void taken(u32 vpe, u32 intid) {
        if (intid >= 8192) vpes[vpe].pending.erase(intid);
        else vpes[vpe].sgis = static_cast<u16>(vpes[vpe].sgis & ~(1u << intid));
    }

private:
    struct Event {
        bool physical = false;
        u32 vpe = 0;
        u32 vintid = 0;
        u32 doorbell = 0;
    };

    static void consider(u32& best, u32& urgency, u32 intid, u32 priority) {
        if (priority < urgency) best = intid, urgency = priority;
    }
    static std::set<u32> sgis_of(const Vpe& vpe) {
        std::set<u32> result;
        for (u32 sgi = 0; sgi < 16; ++sgi)
            if ((vpe.sgis & vpe.sgis_enabled) >> sgi & 1) result.insert(sgi);
        return result;
    }
    bool enabled(u32 intid) const { return (properties.at(intid) & 1) != 0; }
    bool mapped(u32 vpe) const { return vpe < vpes.size() && vpes[vpe].mapped; }
    static bool is_lpi(u32 intid) { return intid >= 8192 && intid < 65536; }
    static bool is_doorbell(u32 intid) { return intid == no_doorbell || is_lpi(intid); }

    const Event* deliverable(u32 device, u32 event) const {
        const auto found = events_.find({device, event});
        if (found == events_.end() || found->second.physical || !mapped(found->second.vpe)) return nullptr;
        return &found->second;
    }
    bool message(u32 device, u32 event) {
        const Event* const entry = deliverable(device, event);
        if (entry != nullptr) set(entry->vpe, entry->vintid, entry->doorbell);
        return entry != nullptr;
    }
    void set(u32 vpe, u32 intid, u32 doorbell) {
        const bool fresh = vpes[vpe].pending.insert(intid).second;
        if (fresh && !vpes[vpe].resident) ring(vpes[vpe], doorbell, enabled(intid));
    }
    void send_sgi(const GuestStep& s) {
        if (!mapped(s.vpe)) return;
        Vpe& vpe = vpes[s.vpe];
        const bool fresh = (vpe.sgis >> s.sgi & 1) == 0;
        vpe.sgis = static_cast<u16>(vpe.sgis | 1u << s.sgi);
        if (fresh && !vpe.resident) ring(vpe, no_doorbell, (vpe.sgis_enabled >> s.sgi & 1) != 0);
    }
    /// GICv4.0: every event its own doorbell, always. GICv4.1: the vPE's, once when asked for, if it could be taken.
    void ring(Vpe& vpe, u32 doorbell, bool could_be_taken) {
        if (v4_1_) {
            if (!vpe.armed || !could_be_taken || vpe.doorbell == no_doorbell) return;
            vpe.armed = false;
            doorbell = vpe.doorbell;
        }
        if (doorbell == no_doorbell) return;
        ++doorbells;
        rung[vpe.cpu].insert(doorbell);
    }
    bool leave(Vpe& vpe, const GuestStep& s) {
        bool waits = !sgis_of(vpe).empty();
        for (const u32 intid : vpe.pending) waits = waits || enabled(intid);
        // PendingLast may be 1 for an interrupt whose configuration nobody has read; it is never 0 when one waits.
        if (s.pending_last ? !waits && vpe.pending.empty() : waits) return false;
        vpe.resident = false;
        vpe.armed = v4_1_ && s.asked && !s.pending_last;
        return true;
    }

    bool perform(const GuestStep& s) {
        switch (s.opcode) {
            case 0x29: return map_vpe(s);
            case 0x2A: return map_event(s, s.vintid);
            case 0x2B: return map_event(s, s.event);
            case 0x21: return move_event(s);
            case 0x22:  // VMOVP
                if (!mapped(s.vpe) || s.target >= cpus) return false;
                if (v4_1_ && s.takes_doorbell && !is_doorbell(s.doorbell)) return false;
                vpes[s.vpe].cpu = s.target;
                if (v4_1_ && s.takes_doorbell) vpes[s.vpe].doorbell = s.doorbell;
                return true;
            case 0x23: return v4_1_ && configure_sgi(s);
            case 0x25:                                                    // VSYNC
            case 0x2D: return mapped(s.vpe);                              // VINVALL
            case 0x2E: return v4_1_ && mapped(s.vpe);                     // INVDB
            case 0x03: return message(s.device, s.event);                 // INT
            case 0x0C: return deliverable(s.device, s.event) != nullptr;  // INV
            case 0x04:                                                    // CLEAR
            case 0x0F: {                                                  // DISCARD
                const Event* const entry = deliverable(s.device, s.event);
                if (entry == nullptr) return false;
                vpes[entry->vpe].pending.erase(entry->vintid);
                if (s.opcode == 0x0F) events_.erase({s.device, s.event});
                return true;
            }
            default: return false;
        }
    }
    bool map_vpe(const GuestStep& s) {
        if (s.vpe >= vpe_limit_) return false;
        if (!s.valid) {
            vpes[s.vpe].mapped = false;
            return true;
        }
        if (s.target >= cpus || (v4_1_ && !is_doorbell(s.doorbell))) return false;
        Vpe fresh;
        fresh.mapped = true;
        fresh.cpu = s.target;
        fresh.table = s.table;
        fresh.doorbell = v4_1_ ? s.doorbell : no_doorbell;
        vpes[s.vpe] = fresh;
        return true;
    }
    bool map_event(const GuestStep& s, u32 vintid) {
        const auto device = devices_.find(s.device);
        if (device == devices_.end() || s.event >= device->second || s.vpe >= vpe_limit_ || !is_lpi(vintid))
            return false;
        if (!v4_1_ && !is_doorbell(s.doorbell)) return false;
        events_[{s.device, s.event}] = {false, s.vpe, vintid, v4_1_ ? no_doorbell : s.doorbell};
        return true;
    }
    bool move_event(const GuestStep& s) {
        const auto found = events_.find({s.device, s.event});
        if (found == events_.end() || found->second.physical) return false;
        Event& entry = found->second;
        const bool takes = s.takes_doorbell && !v4_1_;
        if ((takes && !is_doorbell(s.doorbell)) || !mapped(entry.vpe) || !mapped(s.vpe)) return false;
        const u32 from = entry.vpe;
        entry.vpe = s.vpe;
        if (takes) entry.doorbell = s.doorbell;
        if (from != s.vpe && vpes[from].pending.erase(entry.vintid) != 0) set(s.vpe, entry.vintid, entry.doorbell);
        return true;
    }
    bool configure_sgi(const GuestStep& s) {
        if (!mapped(s.vpe)) return false;
        Vpe& vpe = vpes[s.vpe];
        const u16 bit = static_cast<u16>(1u << s.sgi);
        if (s.clear) {
            vpe.sgis = static_cast<u16>(vpe.sgis & ~bit);
            return true;
        }
        vpe.sgis_enabled = static_cast<u16>(s.enable ? vpe.sgis_enabled | bit : vpe.sgis_enabled & ~bit);
        vpe.sgi_priority[s.sgi] = s.priority;
        return true;
    }

    bool v4_1_;
    u32 vpe_limit_;
    std::map<u32, u32> devices_;  ///< number of events
    std::map<std::pair<u32, u32>, Event> events_;
};

}  // namespace smmusim::gic::test
