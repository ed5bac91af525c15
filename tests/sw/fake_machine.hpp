// A whole machine of fakes, with PCI functions that send messages through what the host has set up.
#pragma once

#include "fake_gic.hpp"
#include "fake_smmu.hpp"
#include "sw/host.hpp"

namespace smmusim::test {

/// A type 0 function with a 64-bit BAR that holds an MSI-X table.
class FakeFunction {
public:
    FakeFunction(u32 requester, u32 vectors) : requester_(requester), table_(vectors) {
        set(0x00, 0x1234'1AF4);
        set(0x04, 0x0010'0000);  // status: capability list
        set(0x10, 0x4);          // BAR 0: 64 bits
        set(0x34, 0x40);
        set(0x40, 0x0000'5001);                 // power management, then
        set(0x50, (vectors - 1) << 16 | 0x11);  // MSI-X
        set(0x54, 0x1000);                      // table at 0x1000 of BAR 0
        set(0x58, 0x3000);
        for (Entry& entry : table_) entry.control = 1;
    }
    struct Entry {
        u64 address = 0;
        u32 data = 0;
        u32 control = 0;
    };
    static constexpr u64 bar_size = 16 * KiB;

    u32 requester() const { return requester_; }
    bool multifunction = false;
    bool master() const { return (words_[1] & 4) != 0; }
    bool messages_enabled() const { return (word(0x50) >> 16 & 0xC000) == 0x8000; }
    const Entry& entry(u32 index) const { return table_[index]; }
    u64 bar() const { return (u64{word(0x14)} << 32 | word(0x10)) & ~(bar_size - 1); }
    bool decodes(u64 address) const { return (words_[1] & 2) != 0 && address >= bar() && address < bar() + bar_size; }

    u32 read_config(u32 offset, u32 size) const {
        u32 value = word(offset & ~3u);
        if ((offset & ~3u) == 0x0C && multifunction) value |= 0x80'0000;
        return static_cast<u32>(value >> (offset % 4 * 8) & sim::low_mask(size * 8));
    }
    void write_config(u32 offset, u32 size, u32 value) {
        const u32 at = offset & ~3u, shift = offset % 4 * 8;
        const u32 mask = static_cast<u32>(sim::low_mask(size * 8)) << shift;
        const u32 merged = (word(at) & ~mask) | (value << shift & mask);
        if (at == 0x04) set(at, (word(at) & 0xFFFF'0000) | (merged & 0x407));
        if (at == 0x10) set(at, (merged & ~static_cast<u32>(bar_size - 1)) | 4);
        if (at == 0x14) set(at, merged);
        if (at == 0x50) set(at, (word(at) & ~0xC000'0000u) | (merged & 0xC000'0000u));
    }
    u32 read_bar(u64 offset) const {
        if (offset < 0x1000 || offset >= 0x1000 + table_.size() * 16) return 0;
        const Entry& entry = table_[(offset - 0x1000) / 16];
        switch (offset % 16) {
            case 0: return static_cast<u32>(entry.address);
            case 4: return static_cast<u32>(entry.address >> 32);
            case 8: return entry.data;
            default: return entry.control;
        }
    }
    void write_bar(u64 offset, u32 value) {
        if (offset < 0x1000 || offset >= 0x1000 + table_.size() * 16) return;
        Entry& entry = table_[(offset - 0x1000) / 16];
        const bool message = offset % 16 != 12;
        changed_unmasked += message && messages_enabled() && (entry.control & 1) == 0;
        switch (offset % 16) {
            case 0: entry.address = sim::with_bits(entry.address, 31, 0, value); break;
            case 4: entry.address = sim::with_bits(entry.address, 63, 32, value); break;
            case 8: entry.data = value; break;
            default: entry.control = value; break;
        }
    }

    u64 changed_unmasked = 0;  ///< writes of a message while it could be sent

private:
    u32 word(u32 offset) const { return offset / 4 < words_.size() ? words_[offset / 4] : 0; }
    void set(u32 offset, u32 value) { words_[offset / 4] = value; }
    u32 requester_;
    std::array<u32, 64> words_{};
    std::vector<Entry> table_;
};

/// ECAM and the memory windows of one segment.
class FakePci final : public FakeDevice {
public:
    FakePci(sim::Simulation& simulation, u64 base, bool ecam, std::vector<std::unique_ptr<FakeFunction>>& functions)
        : FakeDevice(simulation, base), base_(base), ecam_(ecam), functions_(functions) {}

private:
    u64 read_register(u64 offset, u32 size) override {
        for (const auto& function : functions_) {
            if (ecam_ && function->requester() == offset >> 12)
                return function->read_config(static_cast<u32>(offset & 0xFFF), size);
            if (!ecam_ && function->decodes(base_ + offset))
                return function->read_bar(base_ + offset - function->bar());
        }
        return ~u64{0};
    }
    void write_register(u64 offset, u64 value, u32 size) override {
        for (const auto& function : functions_) {
            if (ecam_ && function->requester() == offset >> 12)
                function->write_config(static_cast<u32>(offset & 0xFFF), size, static_cast<u32>(value));
            if (!ecam_ && function->decodes(base_ + offset))
                function->write_bar(base_ + offset - function->bar(), static_cast<u32>(value));
        }
    }
    u64 base_;
    bool ecam_;
    std::vector<std::unique_ptr<FakeFunction>>& functions_;
};

class MachineFixture : public CpuFixture {
protected:
    static constexpr u32 cpu_count = 4;
    static constexpr u64 its_base = 0x0808'0000, ecam = 0x40'1000'0000, high = 0x80'0000'0000;
    static constexpr u64 guest_host = ram + 64 * MiB;  ///< host memory that guests get
    static constexpr u32 requester = 0x0008;

    MachineFixture() : CpuFixture(cpu_count) {
        bus.add(FakeDistributor::base, 0x1'0000, distributor);
        bus.add(FakeRedistributors::base, cpu_count * FakeRedistributors::frame, redistributors);
        bus.add(its_base, FakeIts::size, its);
        bus.add(FakeSmmu::base, FakeSmmu::size, smmu);
        bus.add(ecam, 16 * MiB, config_space);
        bus.add(high, 16 * MiB, window);
        smmu.on_event_wire = [this] { interrupts[0]->raise(106); };
        smmu.on_error_wire = [this] { interrupts[0]->raise(109); };
        for (u32 index = 0; index < cpu_count; ++index) machine.cpus.push_back({index});
        machine.itss.push_back({its_base});
        machine.smmus.push_back({});
        sw::RootComplexDescription complex;
        complex.high_window = {high, 16 * MiB};
        complex.iommu_map.push_back({});
        complex.msi_map.push_back({});
        machine.root_complexes.push_back(complex);
        machine.host_memory = {ram, 64 * MiB};
    }
    FakeFunction& add_function(u32 id = requester, u32 vectors = 8) {
        functions.push_back(std::make_unique<FakeFunction>(id, vectors));
        return *functions.back();
    }
    void boot(sw::SoftwareConfig config = {}) {
        host = std::make_unique<sw::Host>(simulation, config, machine, pointers());
        ASSERT_EQ(await(host->boot()), 0) << host->failure();
        its.commands.clear();
        smmu.commands.clear();
    }
    std::vector<sw::cpu::Cpu*> pointers() {
        std::vector<sw::cpu::Cpu*> result;
        for (const auto& each : cpus) result.push_back(each.get());
        return result;
    }
    sw::HostDevice& device(u32 id = requester) { return *host->device(id); }
    sw::msi::Vector& vector(u32 index, u32 id = requester) { return *device(id).msi.vectors[index]; }

    /// One access of a function through the SMMU: the physical address, or nothing after a fault is reported.
    std::optional<u64> access(u32 stream_id, u64 address, bool write) {
        const oracle::Outcome outcome = smmu.translate(stream_id, address, {}, write);
        if (outcome.verdict == oracle::Verdict::Translated) return outcome.pa;
        if (outcome.recorded) smmu.report(outcome.event->words());
        return std::nullopt;
    }
    /// The function writes a message: it goes through the SMMU and perhaps to the ITS. As the device would, whether
    /// or not the table still says so.
    void send(u32 id, u64 address, u32 data) {
        const std::optional<u64> target = host->smmus() == 0 ? address : access(id, address, true);
        if (target == its_base + 0x1'0040) its.message(id, data);
    }
    void raise(FakeFunction& function, u32 index) {
        const FakeFunction::Entry& entry = function.entry(index);
        ASSERT_TRUE(function.master() && function.messages_enabled());
        if ((entry.control & 1) == 0) send(function.requester(), entry.address, entry.data);
        settle();
    }

    FakeDistributor distributor{simulation};
    FakeRedistributors redistributors{simulation, cpu_count};
    FakeIts its{simulation, its_base, memory, redistributors, interrupts};
    FakeSmmu smmu{simulation, memory};
    std::vector<std::unique_ptr<FakeFunction>> functions;
    FakePci config_space{simulation, ecam, true, functions};
    FakePci window{simulation, high, false, functions};
    sw::MachineDescription machine;
    std::unique_ptr<sw::Host> host;
};

}  // namespace smmusim::test
