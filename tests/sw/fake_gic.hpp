// A GICv3 with an ITS that remembers what it is told and delivers messages at once.
#pragma once

#include "fake_cpu.hpp"

namespace smmusim::test {

/// The distributor.
class FakeDistributor final : public FakeDevice {
public:
    static constexpr u64 base = 0x0800'0000;
    explicit FakeDistributor(sim::Simulation& simulation) : FakeDevice(simulation, base) {}
    std::map<u64, u64> values;
    u32 id_bits = 16;
    bool absent = false;

    bool enabled(u32 intid) const { return bit(0x100, intid); }
    u64 route(u32 intid) const { return value(0x6000 + u64{8} * intid); }
    bool edge(u32 intid) const { return (value(0xC00 + intid / 16 * 4) >> (intid % 16 * 2 + 1) & 1) != 0; }
    u64 value(u64 offset) const {
        const auto found = values.find(offset);
        return found == values.end() ? 0 : found->second;
    }

private:
    bool bit(u64 offset, u32 intid) const { return (value(offset + intid / 32 * 4) >> intid % 32 & 1) != 0; }
    u64 read_register(u64 offset, u32) override {
        if (offset == 0x4) return 7 | 1u << 17 | (id_bits - 1) << 19;
        if (offset == 0xFFE8) return absent ? 0 : 0x3B;
        return value(offset);
    }
    void write_register(u64 offset, u64 data, u32) override {
        if (offset >= 0x100 && offset < 0x180) values[offset] |= data;               // ISENABLER
        else if (offset >= 0x180 && offset < 0x200) values[offset - 0x80] &= ~data;  // ICENABLER
        else values[offset] = data;
    }
};

/// All redistributors.
class FakeRedistributors final : public FakeDevice {
public:
    static constexpr u64 base = 0x080A'0000;
    static constexpr u64 frame = 0x2'0000;
    FakeRedistributors(sim::Simulation& simulation, u32 count) : FakeDevice(simulation, base), count_(count) {
        for (u32 index = 0; index < count; ++index) values[index * frame + 0x14] = 6;  // WAKER: asleep
    }
    std::map<u64, u64> values;
    bool shareable = true;
    u64 property_table(u32 cpu) { return values[cpu * stride() + 0x70] & 0xF'FFFF'FFFF'F000; }
    bool lpis(u32 cpu) { return (values[cpu * stride()] & 1) != 0; }

    // GICv4
    enum class Virtual : u8 { None, V4_0, V4_1 };
    Virtual version = Virtual::None;
    bool pending_last = false;  ///< what a vPE that leaves is told
    u32 dirty_reads = 2;        ///< reads of GICR_VPENDBASER after a write that find it at work
    u64 written_while_dirty = 0;
    u64 stride() const { return version == Virtual::None ? frame : 2 * frame; }
    u64 vpropbaser(u32 cpu) { return values[cpu * stride() + 0x2'0070]; }
    u64 vpendbaser(u32 cpu) { return values[cpu * stride() + 0x2'0078]; }

private:
    static constexpr u64 dirty = u64{1} << 60;
    u64 read_register(u64 offset, u32) override {
        const u64 cpu = offset / stride(), within = offset % stride();
        const u64 identity = version == Virtual::None ? 0x1 : version == Virtual::V4_0 ? 0x3 : 0x83;
        if (within == 0x8) return cpu << 32 | cpu << 8 | (cpu + 1 == count_ ? 0x10u : 0u) | identity;
        if (within == 0x2'0078 && (values[offset] & dirty) != 0 && left_[cpu]-- == 0) values[offset] &= ~dirty;
        return values[offset];
    }
    void write_register(u64 offset, u64 data, u32) override {
        const u64 within = offset % stride();
        if (within == 0x14) data = (data & 2) != 0 ? 6 : 0;
        if (within == 0x2'0078) {
            written_while_dirty += (values[offset] & dirty) != 0;
            left_[offset / stride()] = dirty_reads;
            if (data >> 63 == 0 && pending_last) data |= u64{1} << 61;
            data |= dirty;
        }
        if (!shareable && (within == 0x70 || within == 0x78)) data &= ~(u64{3} << 10);
        values[offset] = data;
    }
    u32 count_;
    std::map<u64, u32> left_;  ///< reads that still find Dirty, by CPU
};

class FakeIts final : public FakeDevice {
public:
    static constexpr u64 size = 0x2'0000;
    FakeIts(sim::Simulation& simulation, u64 base, FakeMemory& memory, FakeRedistributors& redistributors,
            std::vector<std::unique_ptr<FakeInterrupts>>& interrupts)
        : FakeDevice(simulation, base), memory_(memory), redistributors_(redistributors), interrupts_(interrupts) {
        values[0x100] = u64{1} << 56 | u64{7} << 48;  // device table, 8-byte entries
        values[0x108] = u64{4} << 56 | u64{7} << 48;  // collection table
    }

    struct Command {
        std::array<u64, 4> words;
        u64 opcode() const { return words[0] & 0xFF; }
        u64 device() const { return words[0] >> 32; }
        u64 event() const { return words[1] & 0xFFFF'FFFF; }
    };
    struct Event {
        u32 intid;
        u32 cpu;
    };
    std::vector<Command> commands;
    std::map<u64, std::map<u64, Event>> devices;  ///< mapped devices and their events
    std::map<u64, u64> tables;                    ///< interrupt translation table of each device
    std::map<u64, u64> collections;
    std::map<u64, u64> values;
    bool paused = false;
    u32 refused = 0;  ///< opcode that the ITS stalls on
    bool shareable = true;
    bool two_levels = false;
    u64 largest_page = 2;
    u32 device_bits = 16;
    u64 dropped = 0;
    u32 number = 0;
    void make_virtual() {
        virtual_ = true;
        values[0x110] = u64{2} << 56 | u64{31} << 48;  // vPE table, 32-byte entries
    }

    std::vector<u64> opcodes() const {
        std::vector<u64> result;
        for (const Command& command : commands) result.push_back(command.opcode());
        return result;
    }
    void resume() {
        paused = false;
        execute();
    }
    /// A write of `event` to GITS_TRANSLATER by `device`. The interrupt is raised if everything on the way allows it.
    void message(u64 device, u64 event) {
        const auto mapped = devices.find(device);
        if (mapped == devices.end() || !mapped->second.contains(event)) {
            ++dropped;
            return;
        }
        const Event& target = mapped->second.at(event);
        const u8 property = memory_.u8_at(redistributors_.property_table(target.cpu) + target.intid - 8192);
        if ((property & 1) == 0 || !redistributors_.lpis(target.cpu)) ++dropped;
        else interrupts_[target.cpu]->raise(target.intid);
    }

private:
    u64 read_register(u64 offset, u32) override {
        if (offset == 0x0) return values[0] | ((values[0] & 1) != 0 ? 0u : 1u << 31) | number << 4;
        if (offset == 0x8) return 1 | (virtual_ ? 2u : 0u) | 7u << 4 | 15u << 8 | u64{device_bits - 1} << 13;
        return values[offset];
    }
    void write_register(u64 offset, u64 data, u32) override {
        if (offset >= 0x100 && offset <= 0x110) {
            const u64 fixed = values[offset] & (u64{7} << 56 | u64{31} << 48);
            if ((data >> 8 & 3) > largest_page) data = (data & ~u64{0x300}) | largest_page << 8;
            if (!shareable) data &= ~(u64{3} << 10);
            if (!two_levels) data &= ~(u64{1} << 62);
            data = (data & ~(u64{7} << 56 | u64{31} << 48)) | fixed;
        }
        if (offset == 0x80) {
            values[0x90] = 0;
            if (!shareable) data &= ~(u64{3} << 10);
        }
        if (offset == 0x88) {
            if ((data & 1) != 0) values[0x90] &= ~u64{1};
            data &= ~u64{1};
        }
        values[offset] = data;
        execute();
    }
    void execute() {
        while (!paused && (values[0] & 1) != 0 && (values[0x90] & 1) == 0 && values[0x90] != values[0x88]) {
            Command command;
            memory_.read((values[0x80] & 0xF'FFFF'FFFF'F000) + values[0x90], command.words.data(), 32);
            if (refused != 0 && command.opcode() == refused) {
                refused = 0;
                values[0x90] |= 1;
                return;
            }
            apply(command);
            commands.push_back(command);
            values[0x90] = (values[0x90] + 32) % (4096 * ((values[0x80] & 0xFF) + 1));
        }
    }
    void apply(const Command& command) {
        const u64 collection = command.words[2] & 0xFFFF;
        switch (command.opcode()) {
            case 0x08:
                if (command.words[2] >> 63 != 0) {
                    devices[command.device()];
                    tables[command.device()] = command.words[2] & 0xF'FFFF'FFFF'FF00;
                } else {
                    devices.erase(command.device());
                }
                break;
            case 0x09: collections[collection] = command.words[2] >> 16 & 0xFFFF; break;
            case 0x0A:
                devices.at(command.device())[command.event()] = {static_cast<u32>(command.words[1] >> 32),
                                                                 static_cast<u32>(collections.at(collection))};
                break;
            case 0x01:
                devices.at(command.device()).at(command.event()).cpu = static_cast<u32>(collections.at(collection));
                break;
            case 0x0F: devices.at(command.device()).erase(command.event()); break;
            default: break;
        }
    }

    bool virtual_ = false;
    FakeMemory& memory_;
    FakeRedistributors& redistributors_;
    std::vector<std::unique_ptr<FakeInterrupts>>& interrupts_;
};

}  // namespace smmusim::test
