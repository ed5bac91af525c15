// An SMMU over a fake memory, brought up by its registers as a driver does, with page tables built by hand.
#pragma once

#include <gtest/gtest.h>

#include "smmu/uarch/smmu.hpp"
#include "support/fake_memory.hpp"

namespace smmusim::test {

namespace arch = smmu::arch;
namespace spec = smmu::spec;
namespace uarch = smmu::uarch;

/// Counts pulses.
class FakeInterrupt final : public sim::InterruptInput {
public:
    u64 pulses = 0;
    std::function<void()> on_pulse;  ///< may be empty
    void pulse() override {
        ++pulses;
        if (on_pulse) on_pulse();
    }
    void drive(bool) override {}
};

/// One client transaction and its end.
class Client final : public sim::Initiator {
public:
    explicit Client(sim::Simulation& simulation) : simulation_(simulation) {}
    void submit(sim::Target& target, sim::Command command, u32 stream, u64 address, u32 size = 64, u64 value = 0,
                const std::function<void(sim::Attributes&)>& change = {}) {
        access = simulation_.accesses().make(command, address, size);
        access->attributes.stream_id = stream;
        access->attributes.requester_id = stream;
        if (command == sim::Command::Write) {
            std::memset(access->data(), 0, size);
            std::memcpy(access->data(), &value, std::min<u32>(size, 8));
        }
        if (change) change(access->attributes);
        access->push(*this);
        target.receive(*access, simulation_.now());
    }
    void complete(sim::Access&, Time at) override {
        done = true;
        completed = at;
    }
    sim::AccessPtr access;
    bool done = false;
    Time completed = 0;

private:
    sim::Simulation& simulation_;
};

class SmmuMachine {
public:
    static constexpr u64 base = 0x0905'0000;
    static constexpr u64 ram = 0x4000'0000;
    static constexpr u64 strtab = ram + 0x10'0000;
    static constexpr u64 cds = ram + 0x20'0000;
    static constexpr u64 cmdq = ram + 0x30'0000;
    static constexpr u64 evtq = ram + 0x31'0000;
    static constexpr u64 tables = ram + 0x40'0000;
    static constexpr unsigned cmdq_log2 = 6;
    static constexpr unsigned evtq_log2 = 4;

    explicit SmmuMachine(uarch::SmmuConfig config = small_config())
        : memory(simulation, 100 * nanosecond),
          port(memory),
          smmu(simulation, "smmu0", config, std::vector<sim::Port*>(config.tbus.size(), &port), port,
               {&event_irq, &pri_irq, &sync_irq, &gerror_irq, &wake_up, {&tcu_monitor_irq, &tbu_monitor_irq}}) {}

    /// No walk caches, small TLBs.
    static uarch::SmmuConfig small_config() {
        uarch::SmmuConfig config;
        config.tcu.walk_cache.entries = 0;
        config.tcu.ipa_cache.entries = 0;
        return config;
    }

    void run() { simulation.scheduler().run(end_of_time); }
    void run_to(Time at) {
        simulation.scheduler().run(at, sim::Scheduler::Until::Limit);
        simulation.scheduler().advance_to(at);
    }
    u64 read32(u64 offset) { return mmio(sim::Command::Read, offset, 4, 0); }
    u64 read64(u64 offset) { return mmio(sim::Command::Read, offset, 8, 0); }
    u64 read_sized(u64 offset, u32 size) { return mmio(sim::Command::Read, offset, size, 0); }
    void write32(u64 offset, u64 value) { mmio(sim::Command::Write, offset, 4, value); }
    void write64(u64 offset, u64 value) { mmio(sim::Command::Write, offset, 8, value); }
    void write_sized(u64 offset, u32 size, u64 value) { mmio(sim::Command::Write, offset, size, value); }

    /// Linear stream table of 256 entries, both queues, SMMUEN.
    void bring_up(bool enable = true, u64 cr2 = 0b10) {
        write32(0x28, 0xD75);
        write32(0x2C, cr2);  // RECINVSID unless the test wants otherwise
        write64(0x80, strtab);
        write32(0x88, 8);
        write64(0x90, cmdq | cmdq_log2);
        write32(0x98, 0);
        write32(0x9C, 0);
        write64(0xA0, evtq | evtq_log2);
        write32(0x100A8, 0);
        write32(0x100AC, 0);
        write32(0x50, 0b101);
        write32(0x20, enable ? 0b1101 : 0b1100);
        run();
    }
    void set_ste(u32 stream, const spec::Ste& ste) { memory.write(strtab + u64{stream} * 64, ste.words.data(), 64); }
    void set_cd(u64 address, const spec::Cd& cd) { memory.write(address, cd.words.data(), 64); }

    /// A stage 1 stream with 4 KiB pages, T0SZ 16; returns the address of its level 0 table.
    u64 stage1_stream(u32 stream, u16 asid = 1) {
        spec::Ste ste;
        ste.set(spec::Ste::V, true);
        ste.set(spec::Ste::Cfg, spec::Ste::Config::Stage1);
        ste.set(spec::Ste::S1ContextPtr, cds + u64{stream} * 64);
        ste.set(spec::Ste::SHCFG, 1);
        set_ste(stream, ste);
        const u64 root = table();
        spec::Cd cd;
        cd.set(spec::Cd::V, true);
        cd.set(spec::Cd::AA64, true);
        cd.set(spec::Cd::T0SZ, 16);
        cd.set(spec::Cd::EPD1, true);
        cd.set(spec::Cd::IPS, 5);
        cd.set(spec::Cd::R, true);
        cd.set(spec::Cd::A, true);
        cd.set(spec::Cd::ASID, asid);
        cd.set(spec::Cd::TTB0, root);
        cd.set(spec::Cd::MAIR, 0xFF);
        set_cd(cds + u64{stream} * 64, cd);
        return root;
    }
    /// A fresh, empty 4 KiB table.
    u64 table() { return tables + 0x1000 * next_table_++; }
    /// Maps one 4 KiB page of a 4-level tree of stage 1.
    void map(u64 root, u64 address, u64 physical, u64 attributes = 0xF43) {
        u64 place = root;
        for (unsigned level = 0; level < 3; ++level) {
            const u64 entry = place + ((address >> (39 - 9 * level)) & 511) * 8;
            u64 descriptor = memory.get<u64>(entry);
            if (descriptor == 0) {
                descriptor = table() | 3;
                memory.put(entry, descriptor);
            }
            place = descriptor & ~u64{0xFFF};
        }
        memory.put(place + ((address >> 12) & 511) * 8, (physical & ~u64{0xFFF}) | attributes);
    }
    u64 leaf_address(u64 root, u64 address) {
        u64 place = root;
        for (unsigned level = 0; level < 3; ++level)
            place = memory.get<u64>(place + ((address >> (39 - 9 * level)) & 511) * 8) & ~u64{0xFFF};
        return place + ((address >> 12) & 511) * 8;
    }

    void command(u64 low, u64 high = 0) {
        const u64 index = producer_ & sim::low_mask(cmdq_log2);
        memory.put(cmdq + index * 16, low);
        memory.put(cmdq + index * 16 + 8, high);
        producer_ = spec::QueueIndexes::next(producer_, cmdq_log2);
    }
    void ring() { write32(0x98, producer_); }
    u32 producer() const { return producer_; }
    u32 consumer() { return static_cast<u32>(inspect32(0x9C)) & 0xF'FFFF; }
    u64 inspect32(u64 offset) {
        const sim::AccessPtr access = simulation.accesses().make(sim::Command::Read, base + offset, 4);
        smmu.registers().inspect(*access);
        return access->value();
    }

    u32 events() { return static_cast<u32>(inspect32(0x100A8)) & 0x1F; }
    spec::Event event(u32 index) {
        spec::Event event;
        memory.read(evtq + (index & 15) * 32, event.words.data(), 32);
        return event;
    }

    sim::Simulation simulation;
    FakeInterrupt event_irq, pri_irq, sync_irq, gerror_irq, wake_up, tcu_monitor_irq, tbu_monitor_irq;
    FakeMemory memory;
    sim::DirectPort port;
    uarch::Smmu smmu;

private:
    u64 mmio(sim::Command command, u64 offset, u32 size, u64 value) {
        Client client(simulation);
        client.access = simulation.accesses().make(command, base + offset, size);
        client.access->set_value(value);
        client.access->push(client);
        smmu.registers().receive(*client.access, simulation.now());
        return client.access->value();
    }

    u64 next_table_ = 0;
    u32 producer_ = 0;
};

/// Commands that tests issue.
namespace cmd {
inline constexpr u64 sync = 0x46;
inline constexpr u64 cfgi_all = 0x04;
inline constexpr u64 tlbi_nsnh_all = 0x30;
inline u64 tlbi_nh_asid(u16 vmid, u16 asid) { return 0x11 | u64{vmid} << 32 | u64{asid} << 48; }
inline u64 tlbi_nh_va(u16 vmid, u16 asid) { return 0x12 | u64{vmid} << 32 | u64{asid} << 48; }
}  // namespace cmd

}  // namespace smmusim::test
