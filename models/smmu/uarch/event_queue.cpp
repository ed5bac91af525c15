#include "smmu/uarch/event_queue.hpp"

#include <fmt/format.h>

#include "sim/trace.hpp"

namespace smmusim::smmu::uarch {

using spec::Event;
using spec::GlobalError;

EventQueue::EventQueue(sim::Simulation& simulation, std::string name, const TcuConfig& config, const sim::Clock& clock,
                       arch::Registers& registers, sim::Port& memory, sim::InterruptInput* interrupt)
    : simulation_(simulation),
      name_(std::move(name)),
      write_name_(name_ + ": the write of a record"),
      config_(config),
      clock_(clock),
      registers_(registers),
      memory_(memory),
      interrupt_(interrupt),
      scope_(simulation, name_),
      progress_(simulation, name_ + ": earlier records") {}

void EventQueue::record(const Event& event) {
    ++accepted_;
    waiting_.push_back(event);
    changed();
}

void EventQueue::changed() {
    if (writing_ || waiting_.empty()) return;
    writing_ = true;
    scope_.spawn("writing of records", write());
}

sim::Task<> EventQueue::write() {
    while (!waiting_.empty()) {
        const Event event = waiting_.front();
        waiting_.pop_front();
        co_await simulation_.until(clock_.after(simulation_.now(), config_.event_latency));
        const bool deliverable = registers_.event_queue_enabled() && !registers_.error_active(GlobalError::EventqAbt);
        bool written = false;
        if (deliverable && registers_.event_indexes().full()) {
            registers_.event_overflow();  // 7.4: full is an overflow, not an abort
        } else if (deliverable) {
            const bool was_empty = registers_.event_indexes().empty();
            const sim::AccessPtr access =
                simulation_.accesses().make(sim::Command::Write, registers_.event_address(), Event::bytes);
            access->attributes.transaction_class = sim::TransactionClass::Queue;
            access->attributes.privileged = true;
            event.store(access->data());
            const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, write_name_);
            if (status == sim::Status::Ok) {
                // The record is visible before PROD, PROD before the interrupt (3.5.1).
                written = true;
                registers_.produce_event();
                ++records_;
                if (listener_ != nullptr) listener_->recorded(simulation_.now(), event);
                if (was_empty && registers_.event_interrupt_enabled()) {
                    ++interrupts_;
                    if (interrupt_ != nullptr) interrupt_->pulse();
                }
                if (auto* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Event)) {
                    trace->line(
                        sim::Trace::Kind::Event, simulation_.now(), name_,
                        fmt::format("{} StreamID {:#x} InputAddr {:#x} RnW {} S2 {} IPA {:#x}",
                                    spec::event_name(static_cast<u8>(event[Event::Number])), event[Event::StreamID],
                                    event[Event::InputAddr], event[Event::RnW], event[Event::S2], event[Event::IPA]));
                }
            } else {
                registers_.raise(GlobalError::EventqAbt);
            }
        }
        if (!written) ++dropped_;
        ++left_;
        progress_.notify_all();
    }
    writing_ = false;
}

sim::Task<> EventQueue::settled() {
    const u64 goal = accepted_;
    while (left_ < goal) co_await progress_.wait();
}

void EventQueue::reset() {
    scope_.cancel();
    waiting_.clear();
    writing_ = false;
    accepted_ = left_ = 0;
}

void EventQueue::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("records", records_, "1", "event records written");
    visit.counter("dropped", dropped_, "1", "records dropped: queue off, full or in error");
    visit.counter("interrupts", interrupts_, "1", "event queue interrupts: empty to non-empty");
}

}  // namespace smmusim::smmu::uarch
