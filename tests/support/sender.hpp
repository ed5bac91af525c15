// Sends accesses straight to a target and notes when and how each ended.
#pragma once

#include <memory>
#include <vector>

#include "sim/access.hpp"

namespace smmusim::test {

/// One access that was sent.
struct Sent final : sim::Initiator {
    sim::AccessPtr access;
    bool done = false;
    Time at = 0;
    void complete(sim::Access&, Time when) override {
        done = true;
        at = when;
    }
    sim::Status status() const { return access->status; }
};

class Sender {
public:
    Sender(sim::Simulation& simulation, sim::Target& target) : simulation_(simulation), target_(target) {}

    sim::Attributes attributes;  ///< of everything that is sent from now on

    Sent& read(u64 address, u32 size) { return send(make(sim::Command::Read, address, size)); }
    Sent& write(u64 address, u64 value, u32 size = 8) {
        sim::AccessPtr access = make(sim::Command::Write, address, size);
        access->set_value(value);
        return send(std::move(access));
    }
    Sent& atomic(sim::AtomicOperation operation, u64 address, u64 operand, u64 compare = 0, u32 size = 8) {
        sim::AccessPtr access = make(sim::Command::Atomic, address, size);
        access->operation = operation;
        access->operand = operand;
        access->compare = compare;
        return send(std::move(access));
    }
    sim::AccessPtr make(sim::Command command, u64 address, u32 size) {
        sim::AccessPtr access = simulation_.accesses().make(command, address, size);
        access->attributes = attributes;
        return access;
    }
    Sent& send(sim::AccessPtr access) {
        sent_.push_back(std::make_unique<Sent>());
        Sent& sent = *sent_.back();
        sent.access = std::move(access);
        sent.access->push(sent);
        target_.receive(*sent.access, simulation_.now());
        return sent;
    }

private:
    sim::Simulation& simulation_;
    sim::Target& target_;
    std::vector<std::unique_ptr<Sent>> sent_;
};

}  // namespace smmusim::test
