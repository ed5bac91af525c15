// An SMMU without streams of its own: registers, a command queue that is executed as it arrives, an event queue.
#pragma once

#include <functional>

#include "fake_bus.hpp"
#include "oracle/oracle.hpp"

namespace smmusim::test {

class FakeSmmu final : public FakeDevice {
public:
    static constexpr u64 base = 0x0905'0000;
    static constexpr u64 size = 0x2'0000;

    FakeSmmu(sim::Simulation& simulation, FakeMemory& memory) : FakeDevice(simulation, base), memory_(memory) {}

    struct Executed {
        u64 low;
        u64 high;
        Time at;
        unsigned opcode() const { return static_cast<unsigned>(low & 0xFF); }
    };
    std::vector<Executed> commands;
    bool paused = false;         ///< takes commands but executes none
    Time acknowledge_delay = 0;  ///< of CR0, IRQ_CTRL and GBPA
    bool never_acknowledges = false;
    u32 idr0 = 1u << 0 | 1u << 1 | 2u << 2 | 1u << 4 | 1u << 9 | 1u << 12 | 1u << 18 |
               1u << 27;  // S2P S1P TTF COHACC Hyp ASID16 VMID16 ST_LEVEL
    u32 idr1 = 19u << 21 | 19u << 16 | 16;
    u32 idr3 = 1u << 10;
    u32 idr5 = 5 | 7u << 4;
    std::function<void()> on_event_wire, on_error_wire;

    /// The register as last written.
    u64 value(u64 offset) const {
        const auto found = values_.find(offset);
        return found == values_.end() ? 0 : found->second;
    }
    void set(u64 offset, u64 value) { values_[offset] = value; }

    void resume() {
        paused = false;
        execute();
    }

    /// Writes a record, unless the queue is full.
    void report(const std::array<u64, 4>& record) {
        const u64 log2 = value(0xA0) & 31, modulus = u64{2} << log2;
        u64& producer = values_[0x100A8];
        const u64 index = producer & (modulus - 1), consumer = value(0x100AC) & (modulus - 1);
        if (((index ^ consumer) & (modulus - 1)) == modulus / 2) {
            if ((producer >> 31) == (value(0x100AC) >> 31)) producer ^= u64{1} << 31;
            return;
        }
        const u64 slot = (value(0xA0) & 0xFF'FFFF'FFFF'FFE0) + (index & (modulus / 2 - 1)) * 32;
        memory_.write(slot, record.data(), 32);
        const bool was_empty = index == consumer;
        producer = (producer & u64{1} << 31) | ((index + 1) & (modulus - 1));
        if (was_empty && (value(0x50) & 4) != 0 && on_event_wire) on_event_wire();
    }

    /// What the independent walker makes of the tables in memory.
    oracle::Outcome translate(u32 stream, u64 address, oracle::Registers registers = {}, bool write = true) const {
        registers.SMMUEN = (value(0x20) & 1) != 0;
        registers.GBPA = static_cast<u32>(value(0x44));
        registers.CR2 = static_cast<u32>(value(0x2C));
        registers.STRTAB_BASE = value(0x80);
        registers.STRTAB_BASE_CFG = static_cast<u32>(value(0x88));
        support::Transaction transaction;
        transaction.stream = stream;
        transaction.address = address;
        transaction.kind = write ? support::Kind::Write : support::Kind::Read;
        oracle::Memory words;
        words.read = [this](u64 at) -> std::optional<u64> { return memory_.u64_at(at); };
        words.write = [](u64, u64) { return false; };
        return oracle::translate(support::Identity{}, registers, words, transaction);
    }

private:
    u64 read_register(u64 offset, u32) override {
        switch (offset) {
            case 0x00: return idr0;
            case 0x04: return idr1;
            case 0x0C: return idr3;
            case 0x14: return idr5;
            default: return value(offset);
        }
    }

    void write_register(u64 offset, u64 data, u32 width) override {
        if (width == 4 && (offset == 0x84 || offset == 0x94)) return;
        set(offset, data);
        const auto acknowledge = [this](u64 at, u64 result) {
            if (never_acknowledges) return;
            pending_.push_back({at, result});
            simulation_.scheduler().at(
                simulation_.now() + acknowledge_delay,
                [](void* object, void*) {
                    auto& smmu = *static_cast<FakeSmmu*>(object);
                    smmu.set(smmu.pending_.front().first, smmu.pending_.front().second);
                    smmu.pending_.erase(smmu.pending_.begin());
                    smmu.execute();
                },
                this);
        };
        switch (offset) {
            case 0x20: acknowledge(0x24, data); break;
            case 0x50: acknowledge(0x54, data); break;
            case 0x44: acknowledge(0x44, data & ~(u64{1} << 31)); break;
            case 0x64:
            case 0x98: execute(); break;
            default: break;
        }
    }

    void execute() {
        const u64 log2 = value(0x90) & 31, modulus = u64{2} << log2;
        while (!paused && (value(0x24) & 8) != 0 && ((value(0x60) ^ value(0x64)) & 1) == 0) {
            u64& consumer = values_[0x9C];
            const u64 index = consumer & (modulus - 1);
            if (index == (value(0x98) & (modulus - 1))) return;
            const u64 slot = (value(0x90) & 0xFF'FFFF'FFFF'FFE0) + (index & (modulus / 2 - 1)) * 16;
            const Executed command{memory_.u64_at(slot), memory_.u64_at(slot + 8), simulation_.now()};
            static constexpr unsigned known[] = {0x03, 0x04, 0x05, 0x10, 0x11, 0x12, 0x20, 0x28, 0x2A, 0x30, 0x46};
            if (std::find(std::begin(known), std::end(known), command.opcode()) == std::end(known)) {
                consumer = index | u64{1} << 24;  // CERROR_ILL
                values_[0x60] ^= 1;
                if ((value(0x50) & 1) != 0 && on_error_wire) on_error_wire();
                return;
            }
            commands.push_back(command);
            consumer = (index + 1) & (modulus - 1);
        }
    }

    FakeMemory& memory_;
    std::map<u64, u64> values_;
    std::vector<std::pair<u64, u64>> pending_;
};

}  // namespace smmusim::test
