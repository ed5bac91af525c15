// A bus for tests of software: address ranges with memory and with register models behind them.
#pragma once

#include <vector>

#include "support/fake_memory.hpp"

namespace smmusim::test {

/// Registers that take effect when an access arrives and are answered after a fixed latency.
class FakeDevice : public sim::Target {
public:
    FakeDevice(sim::Simulation& simulation, u64 base) : simulation_(simulation), base_(base) {}

    struct Write {
        u64 offset;
        u64 value;
        Time at;
    };
    std::vector<Write> writes;  ///< every register write, in order
    u64 reads = 0;

    void receive(sim::Access& access, Time at) override {
        if (at <= simulation_.now()) arrive(access);
        else
            simulation_.scheduler().at(
                at,
                [](void* device, void* late) {
                    static_cast<FakeDevice*>(device)->arrive(*static_cast<sim::Access*>(late));
                },
                this, &access);
    }
    Time perform(sim::Access& access) override {
        apply(access);
        return latency;
    }
    void inspect(sim::Access& access) override { apply(access); }

    static constexpr Time latency = 50 * nanosecond;

protected:
    virtual u64 read_register(u64 offset, u32 size) = 0;
    virtual void write_register(u64 offset, u64 value, u32 size) = 0;
    sim::Simulation& simulation_;

private:
    void arrive(sim::Access& access) {
        apply(access);
        access.respond(access.status, simulation_.now() + latency);
    }
    void apply(sim::Access& access) {
        access.status = sim::Status::Ok;
        const u64 offset = access.address - base_;
        if (access.is_write()) {
            writes.push_back({offset, access.value(), simulation_.now()});
            write_register(offset, access.value(), access.size);
        } else {
            ++reads;
            access.set_value(read_register(offset, access.size));
        }
    }
    u64 base_;
};

/// Routes by address; what no range covers is answered with a decode error.
class FakeBus final : public sim::Target {
public:
    explicit FakeBus(sim::Simulation& simulation) : simulation_(simulation) {}
    void add(u64 base, u64 size, sim::Target& target) { ranges_.push_back({base, size, &target}); }

    void receive(sim::Access& access, Time at) override {
        if (sim::Target* const target = find(access)) target->receive(access, at);
        else access.respond(sim::Status::Unsupported, simulation_.now());
    }
    Time perform(sim::Access& access) override {
        if (sim::Target* const target = find(access)) return target->perform(access);
        access.status = sim::Status::Unsupported;
        return 0;
    }
    void inspect(sim::Access& access) override { perform(access); }

private:
    struct Range {
        u64 base;
        u64 size;
        sim::Target* target;
    };
    sim::Target* find(const sim::Access& access) const {
        for (const Range& range : ranges_)
            if (access.address >= range.base && access.address - range.base < range.size) return range.target;
        return nullptr;
    }
    sim::Simulation& simulation_;
    std::vector<Range> ranges_;
};

}  // namespace smmusim::test
