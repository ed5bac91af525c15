// A small PCIe machine for tests: endpoints, a link, a root complex, and a memory upstream.
#pragma once

#include <numeric>

#include "pcie/uarch/endpoint.hpp"
#include "pcie/uarch/root_complex.hpp"
#include "support/fake_memory.hpp"

namespace smmusim::pcie::uarch {

struct Rig {
    static constexpr u64 ecam_base = 0x40'1000'0000;
    static constexpr u64 bar0 = 0x1000'0000;
    static constexpr u64 bar2 = 0x80'0000'0000;

    explicit Rig(EndpointConfig endpoint_config = {}, LinkConfig link_config = {},
                 RootComplexConfig complex_config = {})
        : memory(simulation),
          port(memory),
          link(simulation, link_config, "link0"),
          complex(simulation, complex_config, "pcie0", ecam_base),
          root(complex.add_port(link, port)),
          endpoint(simulation, endpoint_config, link) {
        complex.attach(root, endpoint);
    }

    /// Memory decoding, bus mastering, BARs, as software programs them.
    void bring_up(Endpoint& function) {
        function.config_write(spec::header::bar0, 4, static_cast<u32>(bar0));
        function.config_write(spec::header::bar0 + 8, 4, static_cast<u32>(bar2));
        function.config_write(spec::header::bar0 + 12, 4, static_cast<u32>(bar2 >> 32));
        function.config_write(spec::header::command, 2, spec::command::memory | spec::command::bus_master);
    }
    void bring_up() { bring_up(endpoint); }

    static u32 capability(const Endpoint& function, u32 identifier) {
        for (u32 at = function.config_read(spec::header::capabilities, 1); at != 0;
             at = function.config_read(at + 1, 1))
            if (function.config_read(at, 1) == identifier) return at;
        return 0;
    }
    void enable_msix(u32 extra = 0) {
        endpoint.config_write(capability(endpoint, 0x11) + spec::msix::control, 2, spec::msix::control_enable | extra);
    }

    sim::DmaHandle read(u64 address, u64 size) {
        auto operation = std::make_shared<sim::DmaOperation>();
        operation->address = address;
        operation->size = size;
        return operation;
    }
    sim::DmaHandle write(u64 address, u64 size, u8 first = 0) {
        auto operation = read(address, size);
        operation->command = sim::Command::Write;
        operation->data.resize(size);
        std::iota(operation->data.begin(), operation->data.end(), first);
        return operation;
    }
    sim::DmaHandle submit(sim::DmaHandle operation) {
        endpoint.submit(operation);
        return operation;
    }
    void run() { simulation.scheduler().run(end_of_time); }
    void run_to(Time when) { simulation.scheduler().run(when, sim::Scheduler::Until::Limit); }

    /// A timed access of the machine to one of the windows.
    struct Bus final : sim::Initiator {
        sim::AccessPtr access;
        Time completed = end_of_time;
        void complete(sim::Access&, Time at) override { completed = at; }
        bool done() const { return completed != end_of_time; }
    };
    void send(Bus& bus, sim::Target& target, sim::Command command, u64 address, u32 size, u64 value = 0) {
        bus.access = simulation.accesses().make(command, address, size);
        if (command == sim::Command::Write) bus.access->set_value(value);
        bus.completed = end_of_time;
        bus.access->push(bus);
        target.receive(*bus.access, simulation.now());
    }
    u64 bus_read(sim::Target& target, u64 address, u32 size, sim::Status* status = nullptr) {
        Bus bus;
        send(bus, target, sim::Command::Read, address, size);
        run();
        if (status != nullptr) *status = bus.access->status;
        return bus.access->value();
    }
    sim::Status bus_write(sim::Target& target, u64 address, u32 size, u64 value) {
        Bus bus;
        send(bus, target, sim::Command::Write, address, size, value);
        run();
        return bus.access->status;
    }
    /// An entry of the MSI-X table, through the window.
    void program(u32 vector, u64 address, u32 data, bool masked = false) {
        bus_write(complex.window(), bar2 + vector * 16, 8, address);
        bus_write(complex.window(), bar2 + vector * 16 + 8, 4, data);
        bus_write(complex.window(), bar2 + vector * 16 + 12, 4, masked);
    }

    sim::Simulation simulation;
    test::FakeMemory memory;
    sim::DirectPort port;
    Link link;
    RootComplex complex;
    RootPort& root;
    Endpoint endpoint;
};

/// Finds a counter or histogram by name.
class Statistics final : public sim::StatisticsVisitor {
public:
    void counter(const char* name, u64& value, const char*, const char*) override { values[prefix_ + name] = value; }
    void gauge(const char* name, u64 value, const char*, const char*) override { values[prefix_ + name] = value; }
    void derived(const char* name, double value, const char*, const char*) override { figures[prefix_ + name] = value; }
    void text(const char*, const std::string&, const char*) override {}
    void latency(const char* name, sim::Histogram& histogram, const char*) override {
        values[prefix_ + name + ".count"] = histogram.count();
        values[prefix_ + name + ".max"] = histogram.maximum();
    }
    void distribution(const char*, sim::Histogram&, const char*, const char*) override {}
    void enter(const std::string& name) override {
        lengths_.push_back(prefix_.size());
        prefix_ += name + ".";
    }
    void leave() override {
        prefix_.resize(lengths_.back());
        lengths_.pop_back();
    }
    template <class Component>
    static Statistics of(Component& component) {
        Statistics statistics;
        component.statistics(statistics);
        return statistics;
    }

    std::map<std::string, u64> values;
    std::map<std::string, double> figures;

private:
    std::string prefix_;
    std::vector<std::size_t> lengths_;
};

}  // namespace smmusim::pcie::uarch
