#include "smmu/uarch/interrupts.hpp"

namespace smmusim::smmu::uarch {

using spec::GlobalError;
using spec::InterruptSource;

namespace {

constexpr std::size_t index_of(InterruptSource source) { return static_cast<std::size_t>(source); }

/// What the abort of a message sets in GERROR.
GlobalError abort_of(InterruptSource source) {
    switch (source) {
        case InterruptSource::Event: return GlobalError::MsiEventqAbt;
        case InterruptSource::Pri: return GlobalError::MsiPriqAbt;
        case InterruptSource::GlobalError: return GlobalError::MsiGerrorAbt;
        case InterruptSource::Sync: break;
    }
    return GlobalError::MsiCmdqAbt;
}

}  // namespace

Interrupts::Interrupts(sim::Simulation& simulation, std::string name, u32 device_id, arch::Registers& registers,
                       sim::Port& memory, const InterruptWires& wires)
    : simulation_(simulation),
      name_(std::move(name)),
      write_name_(name_ + ": the write of a message"),
      device_id_(device_id),
      registers_(registers),
      memory_(memory),
      wires_(wires),
      scope_(simulation, name_),
      progress_(simulation, name_ + ": earlier messages") {}

sim::InterruptInput* Interrupts::wire(InterruptSource source) const {
    switch (source) {
        case InterruptSource::Event: return wires_.event;
        case InterruptSource::Pri: return wires_.pri;
        case InterruptSource::GlobalError: return wires_.global_error;
        case InterruptSource::Sync: break;
    }
    return wires_.sync;
}

void Interrupts::raise(InterruptSource source) {
    // An occurrence before the enable never triggers (3.18).
    if (!registers_.enabled(source)) return;
    if (wire(source) != nullptr) wire(source)->pulse();
    if (registers_.identification().idr0.MSI != 0) send(source, registers_.message(source));
}

void Interrupts::signal(const arch::CompletionSignal& signal) {
    using Kind = spec::Command::CompletionSignal;
    if (signal.kind == Kind::Sev) wake_up();
    if (signal.kind != Kind::Irq) return;
    if (wires_.sync != nullptr) wires_.sync->pulse();
    if (registers_.identification().idr0.MSI != 0)
        send(InterruptSource::Sync, {signal.address, signal.data, signal.memory});
}

void Interrupts::wake_up() {
    if (registers_.identification().idr0.SEV == 0) return;
    ++wake_ups_;
    if (wires_.wake_up != nullptr) wires_.wake_up->pulse();
}

void Interrupts::send(InterruptSource source, const arch::InterruptMessage& message) {
    if (message.address == 0) return;
    ++sent_[index_of(source)];
    scope_.spawn("a message", write(source, message));
}

sim::Task<> Interrupts::write(InterruptSource source, arch::InterruptMessage message) {
    const sim::AccessPtr access = simulation_.accesses().make(sim::Command::Write, message.address, 4);
    access->attributes.transaction_class = sim::TransactionClass::Message;
    access->attributes.privileged = true;
    access->attributes.device_id = device_id_;
    access->attributes.memory = message.memory;
    access->set_value(message.data);
    const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, write_name_);
    ++messages_;
    ++finished_[index_of(source)];
    if (!sim::succeeded(status)) {
        ++aborted_;
        registers_.raise(abort_of(source));
    }
    progress_.notify_all();
}

sim::Task<> Interrupts::settled(InterruptSource source) {
    const u64 goal = sent_[index_of(source)];
    while (finished_[index_of(source)] < goal) co_await progress_.wait();
}

void Interrupts::reset() {
    scope_.cancel();
    sent_ = finished_ = {};
}

void Interrupts::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("messages", messages_, "1", "interrupts sent as messages");
    visit.counter("aborted", aborted_, "1", "messages that were aborted");
    visit.counter("wake_ups", wake_ups_, "1", "wake-up events sent to CPUs");
}

}  // namespace smmusim::smmu::uarch
