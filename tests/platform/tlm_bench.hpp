// A kernel with a bridge, a module of ours with a port, and a memory behind a socket.
#pragma once

#include <gtest/gtest.h>

#include <numeric>

#include "memory/ram.hpp"
#include "platform/foreign_modules.hpp"
#include "platform/sim_context.hpp"
#include "support/fake_memory.hpp"
#include "support/sender.hpp"
#include "tlm/module.hpp"

namespace smmusim::tlm {

using sim::Scheduler;
using sim::Status;

inline constexpr u64 base = 0x40000000;

/// A kernel, a bridge, one module of ours with a port and a memory behind a socket.
struct Bench {
    platform::SimContext context;
    platform::SimContext::Use use{context};
    sim::Simulation simulation;
    KernelBridge bridge{"bridge", simulation};
    test::FakeMemory memory{simulation, 100 * nanosecond};
    Module device{"device", bridge};
    Module store{"store", bridge};
    InitiatorSocket& port() { return port_ != nullptr ? *port_ : *(port_ = &device.initiator("port")); }
    TargetSocket& target() { return target_ != nullptr ? *target_ : *(target_ = &store.target("target", memory)); }

    void run(Time limit = second, Scheduler::Until until = Scheduler::Until::Idle) { bridge.run(limit, until); }

private:
    InitiatorSocket* port_ = nullptr;  // a socket that exists must be bound
    TargetSocket* target_ = nullptr;
};

/// A target that sends everything on through a port: the test's sender towards a socket.
struct Through final : sim::Target {
    explicit Through(sim::Port& way) : port(way) {}
    void receive(sim::Access& access, Time at) override { port.send(access, at); }
    Time perform(sim::Access& access) override { return port.perform(access); }
    void inspect(sim::Access& access) override { port.inspect(access); }
    sim::Port& port;
};

inline u64 picoseconds(const sc_core::sc_time& time) { return time.value(); }

struct ForeignBench : Bench {
    test::ForeignInitiator initiator{"initiator"};
    ForeignBench() { initiator.socket.bind(target().socket()); }
    test::ForeignInitiator::Job& add(::tlm::tlm_command command, u64 address, std::vector<unsigned char> data) {
        test::ForeignInitiator::Job job;
        job.command = command;
        job.address = address;
        job.data = std::move(data);
        initiator.jobs.push_back(std::move(job));
        return initiator.jobs.back();
    }
    void run_for(Time duration) { run(simulation.now() + duration, Scheduler::Until::Limit); }
};

}  // namespace smmusim::tlm
