// What an ITS and its redistributors do, as a reader of the manual would write it down: maps, sets, no time, no caches.
#pragma once

#include <array>
#include <map>
#include <set>

#include "sim/types.hpp"

namespace smmusim::gic::test {

/// Commands by their opcodes, with operands that a test chooses; nothing here is shared with the model under test.
struct PlainCommand {
    u32 opcode = 0;
    u32 device = 0;
    u32 event = 0;
    u32 intid = 0;
    u32 collection = 0;
    u32 size = 0;  ///< MAPD: EventID bits, minus 1
    u64 table = 0;
    u32 target = 0;
    u32 target2 = 0;
    bool valid = true;
};

class ArchitectureModel {
public:
    static constexpr u32 cpus = 4;
    static constexpr u32 devices = 1 << 16;
    static constexpr u32 collections = 4096;
    static constexpr u32 lpi_end = 1 << 16;

    std::array<std::set<u32>, cpus> pending;
    std::array<bool, cpus> enabled{true, true, true, true};
    u64 errors = 0;

    /// A message of a device, or INT: false if it ends in silence.
    bool message(u32 device, u32 event) {
        const Event* const entry = find(device, event);
        if (entry == nullptr) return false;
        const auto target = targets_.find(entry->collection);
        if (target == targets_.end()) return false;
        set(target->second, entry->intid);
        return true;
    }

    void execute(const PlainCommand& c) {
        if (!perform(c)) ++errors;
    }

    bool device_is_mapped(u32 device) const { return mapped_.contains(device); }
    bool event_is_mapped(u32 device, u32 event) { return find(device, event) != nullptr; }

private:
    struct Event {
        u32 intid = 0;
        u32 collection = 0;
    };
    struct Device {
        u64 table = 0;
        u32 events = 0;
    };

    void set(u32 cpu, u32 intid) {
        if (enabled[cpu]) pending[cpu].insert(intid);
    }
    void move(u32 from, u32 to, u32 intid) {
        if (from != to && pending[from].erase(intid) != 0) set(to, intid);
    }
    Event* find(u32 device, u32 event) {
        const auto mapped = mapped_.find(device);
        if (mapped == mapped_.end() || event >= mapped->second.events) return nullptr;
        const auto entry = events_.find({mapped->second.table, event});
        return entry == events_.end() ? nullptr : &entry->second;
    }

    bool perform(const PlainCommand& c) {
        switch (c.opcode) {
            case 0x08:  // MAPD
                if (c.device >= devices || (c.valid && c.size > 15)) return false;
                if (c.valid) mapped_[c.device] = {c.table, 2u << c.size};
                else mapped_.erase(c.device);
                return true;
            case 0x09:  // MAPC
                if (c.collection >= collections || (c.valid && c.target >= cpus)) return false;
                if (c.valid) targets_[c.collection] = c.target;
                else targets_.erase(c.collection);
                return true;
            case 0x0A: return map(c, c.intid);
            case 0x0B: return map(c, c.event);
            case 0x01: {  // MOVI
                Event* const entry = find(c.device, c.event);
                if (entry == nullptr || !targets_.contains(entry->collection) || !targets_.contains(c.collection))
                    return false;
                move(targets_.at(entry->collection), targets_.at(c.collection), entry->intid);
                entry->collection = c.collection;
                return true;
            }
            case 0x0E:  // MOVALL
                if (c.target >= cpus || c.target2 >= cpus) return false;
                for (const u32 intid : std::set<u32>(pending[c.target])) move(c.target, c.target2, intid);
                return true;
            case 0x03: return message(c.device, c.event);
            case 0x04:    // CLEAR
            case 0x0F: {  // DISCARD
                const Event* const entry = find(c.device, c.event);
                if (entry == nullptr || !targets_.contains(entry->collection)) return false;
                pending[targets_.at(entry->collection)].erase(entry->intid);
                if (c.opcode == 0x0F) events_.erase({mapped_.at(c.device).table, c.event});
                return true;
            }
            case 0x0C: {  // INV
                const Event* const entry = find(c.device, c.event);
                return entry != nullptr && targets_.contains(entry->collection);
            }
            case 0x0D: return targets_.contains(c.collection);
            case 0x05: return c.target < cpus;
            default: return false;
        }
    }

    bool map(const PlainCommand& c, u32 intid) {
        const auto mapped = mapped_.find(c.device);
        if (mapped == mapped_.end() || c.collection >= collections || c.event >= mapped->second.events) return false;
        if (intid < 8192 || intid >= lpi_end) return false;
        events_[{mapped->second.table, c.event}] = {intid, c.collection};
        return true;
    }

    std::map<u32, Device> mapped_;
    std::map<std::pair<u64, u32>, Event> events_;
    std::map<u32, u32> targets_;
};

}  // namespace smmusim::gic::test
