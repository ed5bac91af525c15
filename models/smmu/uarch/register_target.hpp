// Registers on a bus: accesses arrive at absolute addresses and are answered after a latency.
#pragma once

#include <cstring>
#include <string>

#include <fmt/format.h>

#include "sim/access.hpp"
#include "sim/trace.hpp"

namespace smmusim::smmu::uarch {

/// `Registers` has `u64 read(offset, size)` and `void write(offset, size, value)`.
template <class Registers>
class RegisterTarget final : public sim::Target {
public:
    RegisterTarget(sim::Simulation& simulation, const std::string& name, u64 base, Time latency, Registers& registers)
        : simulation_(simulation), name_(name), base_(base), latency_(latency), registers_(registers) {}

    void receive(sim::Access& access, Time at) override {
        if (at <= simulation_.now()) answer(access);
        else simulation_.scheduler().at(at, &RegisterTarget::arrived, this, &access);
    }
    Time perform(sim::Access& access) override {
        apply(access);
        return latency_;
    }
    void inspect(sim::Access& access) override {
        access.status = sim::Status::Ok;
        if (access.size > 8 || access.is_write()) return;
        access.set_value(registers_.read(access.address - base_, access.size));
    }

private:
    static void arrived(void* target, void* access) {
        static_cast<RegisterTarget*>(target)->answer(*static_cast<sim::Access*>(access));
    }
    void answer(sim::Access& access) {
        apply(access);
        access.respond(simulation_.now() + latency_);
    }
    void apply(sim::Access& access);

    sim::Simulation& simulation_;
    std::string name_;
    u64 base_;
    Time latency_;
    Registers& registers_;
};

template <class Registers>
void RegisterTarget<Registers>::apply(sim::Access& access) {
    const u64 offset = access.address - base_;
    // Misaligned, wrong-sized and Secure accesses, atomics and undefined offsets are RAZ/WI.
    access.status = sim::Status::Ok;
    if (access.size > 8 || access.command == sim::Command::Atomic) {
        if (access.command != sim::Command::Write) std::memset(access.data(), 0, access.size);
        return;
    }
    if (access.is_write()) registers_.write(offset, access.size, access.value());
    else access.set_value(registers_.read(offset, access.size));
    if (auto* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Mmio)) {
        trace->line(sim::Trace::Kind::Mmio, simulation_.now(), name_,
                    fmt::format("{} {:#x} size {} {:#x}", access.is_write() ? "write" : "read", offset, access.size,
                                access.value()));
    }
}

}  // namespace smmusim::smmu::uarch
