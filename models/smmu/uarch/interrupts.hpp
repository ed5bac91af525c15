// Interrupts of the SMMU: a pulse on a wire, a write of a message, or both (IHI 0070, 3.18).
#pragma once

#include <array>
#include <vector>

#include "sim/access.hpp"
#include "sim/interrupt.hpp"
#include "sim/resources.hpp"
#include "sim/statistics.hpp"
#include "smmu/arch/commands.hpp"
#include "smmu/arch/registers.hpp"

namespace smmusim::smmu::uarch {

/// The wired interrupts of an SMMU, and the wake-up event of the CPUs; any of them may be absent.
struct InterruptWires {
    sim::InterruptInput* event = nullptr;
    sim::InterruptInput* pri = nullptr;
    sim::InterruptInput* sync = nullptr;
    sim::InterruptInput* global_error = nullptr;
    sim::InterruptInput* wake_up = nullptr;
    std::vector<sim::InterruptInput*> monitors{};  ///< of the counter groups, by their number; may be fewer
};

class Interrupts {
public:
    /// `device_id`: whom the messages come from, as an interrupt controller sees it.
    Interrupts(sim::Simulation& simulation, std::string name, u32 device_id, arch::Registers& registers,
               sim::Port& memory, const InterruptWires& wires);

    /// An occurrence of a source that the registers configure; nothing if it is not enabled.
    void raise(spec::InterruptSource source);
    /// Completion of a CMD_SYNC.
    void signal(const arch::CompletionSignal& signal);
    /// A wake-up event for CPUs that wait for one.
    void wake_up();
    /// Every message of the source that was raised before is complete, or its abort is flagged.
    sim::Task<> settled(spec::InterruptSource source);
    void reset();
    void statistics(sim::StatisticsVisitor& visit);

private:
    static constexpr std::size_t sources = 4;

    sim::InterruptInput* wire(spec::InterruptSource source) const;
    void send(spec::InterruptSource source, const arch::InterruptMessage& message);
    sim::Task<> write(spec::InterruptSource source, arch::InterruptMessage message);

    sim::Simulation& simulation_;
    std::string name_;
    std::string write_name_;
    u32 device_id_;
    arch::Registers& registers_;
    sim::Port& memory_;
    InterruptWires wires_;
    sim::Scope scope_;
    sim::Signal progress_;
    std::array<u64, sources> sent_{};
    std::array<u64, sources> finished_{};
    u64 messages_ = 0;
    u64 aborted_ = 0;
    u64 wake_ups_ = 0;
};

}  // namespace smmusim::smmu::uarch
