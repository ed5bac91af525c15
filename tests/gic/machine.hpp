// A GIC on a fake memory, with what a driver would do to bring it up, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "gic/uarch/gic.hpp"
#include "support/fake_memory.hpp"

namespace smmusim::gic::test {

using spec::ItsCommand;
using uarch::GicConfig;
using uarch::ItsConfig;

/// What a core's lines did.
class Core final : public uarch::InterruptLine {
public:
    explicit Core(sim::Simulation& simulation) : simulation_(simulation) {}
    void irq(bool asserted) override {
        line = asserted;
        if (asserted) rises.push_back(simulation_.now());
        else falls.push_back(simulation_.now());
    }
    void fiq(bool asserted) override { fast_line = asserted; }
    void virtual_irq(bool asserted) override { virtual_line = asserted; }
    void system_error(u32 code) override { errors.push_back(code); }

    bool line = false;
    bool fast_line = false;
    bool virtual_line = false;
    std::vector<Time> rises;
    std::vector<Time> falls;
    std::vector<u32> errors;

private:
    sim::Simulation& simulation_;
};

/// How journeys ended.
class Observer final : public sim::JourneyObserver {
public:
    void settled(const sim::Journey& journey) override { outcomes.push_back(journey.outcome()); }
    void signalled(const sim::Journey& journey) override {
        ends.push_back(journey.end());
        last = &journey;
    }
    std::vector<sim::Journey::Outcome> outcomes;
    std::vector<Time> ends;
    const sim::Journey* last = nullptr;
};

/// A timed write whose completion is recorded.
class Writer final : public sim::Initiator {
public:
    explicit Writer(sim::Simulation& simulation) : simulation_(simulation) {}
    void complete(sim::Access& access, Time at) override {
        status = access.status;
        completed.push_back(at);
    }
    void write(sim::Target& target, u64 address, u32 size, u64 value, u32 device = sim::no_id,
               std::shared_ptr<sim::Journey> journey = nullptr) {
        accesses_.push_back(simulation_.accesses().make(sim::Command::Write, address, size));
        sim::Access& access = *accesses_.back();
        access.set_value(value);
        access.attributes.device_id = device;
        access.set_journey(std::move(journey));
        access.push(*this);
        target.receive(access, simulation_.now());
    }
    /// Of writes that are completed.
    void forget() {
        accesses_.clear();
        completed.clear();
    }
    sim::Status status = sim::Status::Pending;
    std::vector<Time> completed;

private:
    sim::Simulation& simulation_;
    std::vector<sim::AccessPtr> accesses_;
};

inline ItsCommand command(ItsCommand::Code code) {
    ItsCommand result;
    result.set(ItsCommand::Command, code);
    return result;
}
inline ItsCommand mapd(u32 device, u64 itt, u32 size, bool valid = true) {
    ItsCommand result = command(ItsCommand::Code::MAPD);
    result.set(ItsCommand::DeviceID, device);
    result.set(ItsCommand::ITT_addr, itt);
    result.set(ItsCommand::Size, size);
    result.set(ItsCommand::V, valid);
    return result;
}
inline ItsCommand mapc(u32 icid, u64 redistributor, bool valid = true) {
    ItsCommand result = command(ItsCommand::Code::MAPC);
    result.set(ItsCommand::ICID, icid);
    result.set(ItsCommand::RDbase, redistributor);
    result.set(ItsCommand::V, valid);
    return result;
}
inline ItsCommand mapti(u32 device, u32 event, u32 intid, u32 icid) {
    ItsCommand result = command(ItsCommand::Code::MAPTI);
    result.set(ItsCommand::DeviceID, device);
    result.set(ItsCommand::EventID, event);
    result.set(ItsCommand::pINTID, intid);
    result.set(ItsCommand::ICID, icid);
    return result;
}
/// MAPI, MOVI (with the new collection), INV, INT, CLEAR, DISCARD.
inline ItsCommand about(ItsCommand::Code code, u32 device, u32 event, u32 icid = 0) {
    ItsCommand result = command(code);
    result.set(ItsCommand::DeviceID, device);
    result.set(ItsCommand::EventID, event);
    result.set(ItsCommand::ICID, icid);
    return result;
}
inline ItsCommand sync(u64 redistributor) {
    ItsCommand result = command(ItsCommand::Code::SYNC);
    result.set(ItsCommand::RDbase, redistributor);
    return result;
}
inline ItsCommand invall(u32 icid) {
    ItsCommand result = command(ItsCommand::Code::INVALL);
    result.set(ItsCommand::ICID, icid);
    return result;
}
inline ItsCommand movall(u64 from, u64 to) {
    ItsCommand result = command(ItsCommand::Code::MOVALL);
    result.set(ItsCommand::RDbase, from);
    result.set(ItsCommand::RDbase2, to);
    return result;
}

class Machine {
public:
    static constexpr u64 gicd = 0x0800'0000;
    static constexpr u64 gicr = 0x080A'0000;
    static constexpr u64 gits = 0x0808'0000;
    static constexpr u64 frame = 0x0802'0000;
    static constexpr u64 properties = 0x4010'0000;
    static constexpr u64 pending_tables = 0x4020'0000;
    static constexpr u64 skip_scan = u64{1} << 62;  ///< GICR_PENDBASER.PTZ
    static constexpr u64 device_table = 0x4030'0000;
    static constexpr u64 collection_table = 0x4040'0000;
    static constexpr u64 queue = 0x4050'0000;
    static constexpr u64 itts = 0x4060'0000;
    static constexpr u64 all_memory = 0x4000'0000;
    static constexpr u32 cpus = 4;

    explicit Machine(const GicConfig& config = {}, const ItsConfig& its_config = {}, u32 its_count = 1)
        : memory(simulation),
          port(memory),
          gic(simulation, config, std::vector<ItsConfig>(its_count, its_config), ports(its_count)),
          writer(simulation),
          frames(spec::redistributor_size(config.version)) {
        for (u32 cpu = 0; cpu < cpus; ++cpu) {
            cores.push_back(std::make_unique<Core>(simulation));
            gic.cpu_interface(cpu).connect(*cores.back());
        }
    }

    // Functional register accesses.
    void write(sim::Target& target, u64 address, u64 value, u32 size = 4) {
        const sim::AccessPtr access = simulation.accesses().make(sim::Command::Write, address, size);
        access->set_value(value);
        target.perform(*access);
        last_status = access->status;
    }
    u64 read(sim::Target& target, u64 address, u32 size = 4) {
        const sim::AccessPtr access = simulation.accesses().make(sim::Command::Read, address, size);
        target.perform(*access);
        last_status = access->status;
        return access->value();
    }
    void set_d(u32 offset, u64 value, u32 size = 4) { write(gic.distributor(), gicd + offset, value, size); }
    u64 d(u32 offset) { return read(gic.distributor(), gicd + offset); }
    void set_r(u32 cpu, u32 offset, u64 value, u32 size = 4) {
        write(gic.redistributors(), gicr + cpu * frames + offset, value, size);
    }
    u64 r(u32 cpu, u32 offset, u32 size = 4) { return read(gic.redistributors(), gicr + cpu * frames + offset, size); }
    void set_s(u32 offset, u64 value, u32 size = 8) { write(gic.its(0), gits + offset, value, size); }
    u64 s(u32 offset, u32 size = 8) { return read(gic.its(0), gits + offset, size); }
    uarch::CpuInterface& cpu(u32 index = 0) { return gic.cpu_interface(index); }
    u64 icc(const char* name, u32 index = 0) {
        u64 value = 0;
        EXPECT_TRUE(cpu(index).read(name, value)) << name;
        return value;
    }
    void icc(const char* name, u64 value, u32 index) { EXPECT_TRUE(cpu(index).write(name, value)) << name; }

    void run() { simulation.scheduler().run(end_of_time); }
    void run_until(Time when) {
        simulation.scheduler().run(when, sim::Scheduler::Until::Limit);
        simulation.scheduler().advance_to(when);
    }
    Time now() const { return simulation.now(); }

    /// Distributor and CPU interfaces on, everything in group 1, nobody asleep.
    void start_cpus() {
        set_d(0x0000, 0x3);
        for (u32 word = 1; word <= 8; ++word) set_d(0x0080 + 4 * word, 0xFFFF'FFFF);
        for (u32 cpu = 0; cpu < cpus; ++cpu) {
            set_r(cpu, 0x0014, 0);
            set_r(cpu, 0x10080, 0xFFFF'FFFF);
            icc("ICC_PMR_EL1", 0xF0, cpu);
            icc("ICC_IGRPEN1_EL1", 1, cpu);
        }
    }
    void set_lpi_tables(u32 cpu, u64 pend_flags = 0) {
        set_r(cpu, 0x0070, properties | 15, 8);
        set_r(cpu, 0x0078, (pending_tables + cpu * 0x10000) | pend_flags, 8);
    }
    void enable_lpis() {
        for (u32 cpu = 0; cpu < cpus; ++cpu) {
            set_lpi_tables(cpu, skip_scan);
            set_r(cpu, 0x0000, 1);
        }
        run();
    }
    void configure_lpi(u32 intid, u8 byte) { memory.put<u8>(properties + intid - 8192, byte); }
    void start_its() {
        set_s(0x0100, device_table | u64{1} << 63 | 127);
        set_s(0x0108, collection_table | u64{1} << 63 | 7);
        set_s(0x0080, queue | u64{1} << 63 | 15);
        set_s(0x0088, 0);
        set_s(0x0000, 1, 4);
    }
    void start() {
        start_cpus();
        enable_lpis();
        start_its();
    }

    /// Puts commands into the queue and tells the ITS.
    void submit(const std::vector<ItsCommand>& commands) {
        for (const ItsCommand& entry : commands) {
            memory.write(queue + write_offset, entry.words.data(), 32);
            write_offset = (write_offset + 32) % 0x10000;
        }
        set_s(0x0088, write_offset);
    }
    void execute(const std::vector<ItsCommand>& commands) {
        submit(commands);
        run();
    }
    u64 creadr() { return s(0x0090); }
    u32 error() { return gic.its(0).last_failure().code; }
    u64 itt(u32 device) const { return itts + device * 0x1000; }

    /// Device with 32 events; event n is LPI 8192 + 32 * device + n in collection `icid`, which is CPU `icid`.
    static u32 lpi(u32 device, u32 event) { return 8192 + 32 * device + event; }
    void map(u32 device, u32 events, u32 icid = 0, u8 property = 0xA1) {
        std::vector<ItsCommand> commands{mapc(icid, icid), mapd(device, itt(device), 4)};
        for (u32 event = 0; event < events; ++event) {
            configure_lpi(lpi(device, event), property);
            commands.push_back(mapti(device, event, lpi(device, event), icid));
        }
        commands.push_back(sync(icid));
        execute(commands);
        EXPECT_EQ(error(), 0u);
    }
    void doorbell(u32 device, u32 event, std::shared_ptr<sim::Journey> journey = nullptr, u32 size = 4) {
        writer.write(gic.its(0), gits + spec::translater, size, event, device, std::move(journey));
    }

    sim::Simulation simulation;
    smmusim::test::FakeMemory memory;
    sim::DirectPort port;
    uarch::Gic gic;
    std::vector<std::unique_ptr<Core>> cores;
    Writer writer;
    Observer observer;
    u64 write_offset = 0;
    u64 frames;  ///< bytes of a redistributor
    sim::Status last_status = sim::Status::Pending;

private:
    uarch::Gic::Ports ports(u32 its_count) {
        uarch::Gic::Ports all;
        for (u32 cpu = 0; cpu < cpus; ++cpu) all.redistributors.push_back(&port);
        all.itss.assign(its_count, &port);
        return all;
    }
};

/// Every counter by its full name.
class Counters final : public sim::StatisticsVisitor {
public:
    explicit Counters(sim::HasStatistics& component) { component.statistics(*this); }
    u64 operator[](const std::string& name) const {
        const auto found = values_.find(name);
        EXPECT_NE(found, values_.end()) << name;
        return found == values_.end() ? ~u64{0} : found->second;
    }
    void counter(const char* name, u64& value, const char*, const char*) override { values_[prefix_ + name] = value; }
    void gauge(const char* name, u64 value, const char*, const char*) override { values_[prefix_ + name] = value; }
    void derived(const char*, double, const char*, const char*) override {}
    void text(const char*, const std::string&, const char*) override {}
    void latency(const char*, sim::Histogram&, const char*) override {}
    void distribution(const char*, sim::Histogram&, const char*, const char*) override {}
    void enter(const std::string& name) override { prefix_ += name + "."; }
    void leave() override { prefix_.erase(prefix_.rfind('.', prefix_.size() - 2) + 1); }

private:
    std::map<std::string, u64> values_;
    std::string prefix_;
};

}  // namespace smmusim::gic::test
