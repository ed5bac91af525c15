// What several kinds of steps have in common.
#pragma once

#include "scenarios/engine/stage.hpp"
#include "scenarios/engine/step.hpp"

namespace smmusim::scenarios {

/// A step that software does on one CPU.
class SoftwareStep : public Step {
public:
    void fields(sim::ConfigVisitor& visit) override { visit(cpu, {"cpu", "CPU that the software runs on"}); }

protected:
    u32 cpu = 0;
};

/// A step that concerns one guest.
class GuestStep : public SoftwareStep {
public:
    void fields(sim::ConfigVisitor& visit) override {
        visit(guest, {"guest", "name of the guest"});
        SoftwareStep::fields(visit);
    }
    void check(Names& names) const override { names.require(Names::Kind::Guest, guest, where()); }

protected:
    std::string guest;
};

template <class T>
std::unique_ptr<Step> make_step() {
    return std::make_unique<T>();
}

std::span<const StepKind> guest_steps();
std::span<const StepKind> interrupt_steps();
std::span<const StepKind> vcpu_steps();
std::span<const StepKind> dma_steps();
std::span<const StepKind> check_steps();

}  // namespace smmusim::scenarios
