// Vectors: enabling, routing, disabling, and messages after the end.
#include <fmt/format.h>

#include "scenarios/engine/steps/step_base.hpp"

namespace smmusim::scenarios {

namespace {

using sim::ConfigVisitor;
using sim::Task;
using sim::Unit;

/// A step that software does with one function.
class DeviceStep : public SoftwareStep {
public:
    void fields(ConfigVisitor& visit) override {
        visit(device, {"device", "name of the function"});
        SoftwareStep::fields(visit);
    }
    void check(Names& names) const override { names.require(Names::Kind::Device, device, where()); }

protected:
    std::string device;
};

class EnableMsix final : public DeviceStep {
public:
    void fields(ConfigVisitor& visit) override {
        DeviceStep::fields(visit);
        visit(guest_, {"guest", "guest that the interrupts are injected into; empty: the host handles them"});
        visit(vectors_, {"vectors", "number of vectors", Unit::Count, sim::Origin::Choice, "", 1, 2048});
    }
    void check(Names& names) const override {
        DeviceStep::check(names);
        if (!guest_.empty()) names.require(Names::Kind::Guest, guest_, where());
    }
    Task<> run(Stage& stage) override {
        sw::HostDevice& found = stage.host_device(device);
        int error = 0;
        if (guest_.empty()) {
            error = co_await stage.host().enable_msix(stage.cpu(cpu), found, vectors_);
            for (const auto& vector : found.msi.vectors)
                if (vector)
                    vector->handler = [&stage](sw::cpu::Cpu& on, sw::msi::Vector& fired) {
                        return stage.on_interrupt(on, *fired.source, fired.index);
                    };
        } else {
            error = co_await stage.assigned.at(guest_).guest->enable_msix(stage.cpu(cpu), found.msi, vectors_);
        }
        Stage::require(error, "enable_msix");
        stage.watch(stage.device(device));
    }

private:
    std::string guest_;
    u32 vectors_ = 1;
};

class Affinity final : public DeviceStep {
public:
    void fields(ConfigVisitor& visit) override {
        DeviceStep::fields(visit);
        visit(vector_, {"vector", "number of the vector"});
        visit(target_, {"target", "CPU that shall handle it"});
    }
    Task<> run(Stage& stage) override {
        sw::HostDevice& found = stage.host_device(device);
        const int error = co_await stage.host().set_affinity(stage.cpu(cpu), found, vector_, target_);
        Stage::require(error, fmt::format("affinity of vector {} to cpu{}", vector_, target_));
        WatchedVector& watched = stage.vector(device, vector_);
        watched.expected_cpu = target_;
        watched.message = found.msi.vectors[vector_]->message;
    }

private:
    u32 vector_ = 0;
    u32 target_ = 0;
};

/// Every message is waited for: one that a move loses stops the step, one too many shows in the number of handlers.
class Shuffle final : public DeviceStep {
public:
    void fields(ConfigVisitor& visit) override {
        DeviceStep::fields(visit);
        visit(vectors_,
              {"vectors", "vectors 0 to this are moved and raised", Unit::Count, sim::Origin::Choice, "", 1, 2048});
        visit(moves_, {"moves", "number of moves; with each one message is sent"});
        visit(spread_, {"spread", "a move begins up to this long after its message was raised", Unit::Time});
    }
    Task<> run(Stage& stage) override {
        sw::HostDevice& found = stage.host_device(device);
        for (u64 move = 0; move < moves_; ++move) {
            const u32 moved = static_cast<u32>(stage.random().below(vectors_));
            const u32 raised = stage.random().below(2) == 0 ? moved : static_cast<u32>(stage.random().below(vectors_));
            const u32 target = static_cast<u32>(stage.random().below(stage.host().cpus()));
            WatchedVector& sender = stage.vector(device, raised);
            WatchedVector& watched = stage.vector(device, moved);
            const u64 before = sender.handled;
            watched.left_cpu = std::exchange(watched.expected_cpu, target);
            stage.endpoint(stage.device(device)).raise(raised);
            co_await stage.simulation().delay(stage.random().below(spread_ + 1));
            const int error = co_await stage.host().set_affinity(stage.cpu(cpu), found, moved, target);
            Stage::require(error, fmt::format("shuffle: vector {} to cpu{}", moved, target));
            while (sender.handled == before) co_await sender.fired.wait();
            watched.left_cpu.reset();
            watched.message = found.msi.vectors[moved]->message;
        }
    }

private:
    u32 vectors_ = 1;
    u64 moves_ = 1;
    Time spread_ = 2 * microsecond;
};

class DisableMsix final : public DeviceStep {
public:
    void fields(ConfigVisitor& visit) override {
        DeviceStep::fields(visit);
        visit(first_,
              {"first", "first vector; each is disabled by itself", Unit::Count, sim::Origin::Choice, "", 0, 2047});
        visit(count_, {"count", "number of vectors; 0: all that are enabled, from the first on", Unit::Count,
                       sim::Origin::Choice, "", 0, 2048});
    }
    Task<> run(Stage& stage) override {
        sw::HostDevice& found = stage.host_device(device);
        const u32 end = count_ == 0 ? static_cast<u32>(found.msi.vectors.size()) : first_ + count_;
        for (u32 index = first_; index < end; ++index) {
            if (count_ == 0 && stage.host().msi().vector(found.msi, index) == nullptr) continue;
            const int error = co_await stage.host().disable_vector(stage.cpu(cpu), found, index);
            Stage::require(error, fmt::format("disable_msix of vector {}", index));
        }
    }

private:
    u32 first_ = 0;
    u32 count_ = 0;
};

class Raise final : public Step {
public:
    void fields(ConfigVisitor& visit) override {
        visit(device_, {"device", "name of the function"});
        visit(vector_, {"vector", "number of the vector"});
        visit(wait_, {"wait", "wait until its handler has run"});
    }
    void check(Names& names) const override { names.require(Names::Kind::Device, device_, where()); }
    Task<> run(Stage& stage) override {
        WatchedVector& watched = stage.vector(device_, vector_);
        const u64 before = watched.handled;
        stage.endpoint(stage.device(device_)).raise(vector_);
        while (wait_ && watched.handled == before) co_await watched.fired.wait();
    }

private:
    std::string device_;
    u32 vector_ = 0;
    bool wait_ = true;
};

constexpr std::array interrupt_kinds{
    StepKind{"enable_msix", "enable MSI-X vectors of a function and watch their handlers", make_step<EnableMsix>},
    StepKind{"affinity", "route a vector to another CPU", make_step<Affinity>},
    StepKind{"shuffle", "route vectors to CPUs at random while the function raises them", make_step<Shuffle>},
    StepKind{"disable_msix", "disable vectors one by one", make_step<DisableMsix>},
    StepKind{"raise", "the function raises a vector by itself", make_step<Raise>},
};

}  // namespace

std::span<const StepKind> interrupt_steps() { return interrupt_kinds; }

}  // namespace smmusim::scenarios
