#include "smmu/uarch/event_queue.hpp"

#include <fmt/format.h>

#include "sim/trace.hpp"
#include "smmu/uarch/queue_access.hpp"

namespace smmusim::smmu::uarch {

using spec::Event;
using spec::GlobalError;
using spec::InterruptSource;
using spec::Queue;

EventQueue::EventQueue(sim::Simulation& simulation, std::string name, const TcuConfig& config, const sim::Clock& clock,
                       arch::Registers& registers, sim::Port& memory, Interrupts& interrupts, StallRecords& stalls)
    : simulation_(simulation),
      name_(std::move(name)),
      write_name_(name_ + ": the write of a record"),
      config_(config),
      clock_(clock),
      registers_(registers),
      memory_(memory),
      interrupts_(interrupts),
      stalls_(stalls),
      scope_(simulation, name_),
      progress_(simulation, name_ + ": earlier records") {}

void EventQueue::record(const Event& event) {
    ++accepted_;
    waiting_.push_back(event);
    if (writing_) return;
    writing_ = true;
    scope_.spawn("writing of records", write());
}

bool EventQueue::writable() const {
    return registers_.enabled(Queue::Event) && !registers_.error_active(GlobalError::EventqAbt) &&
           !registers_.indexes(Queue::Event).full();
}

void EventQueue::changed() {
    if (writable()) stalls_.room_for_stalls();
}

sim::Task<> EventQueue::write() {
    while (!waiting_.empty()) {
        const Event event = waiting_.front();
        waiting_.pop_front();
        co_await simulation_.until(clock_.after(simulation_.now(), config_.event_latency));
        const bool stall = spec::is_stall(event);
        const u16 tag = static_cast<u16>(event[Event::STAG]);
        // A stalled transaction may have been terminated, or its tag given up, meanwhile.
        const bool wanted = !stall || stalls_.awaits_record(tag);
        bool written = false;
        if (wanted && writable()) {
            written = co_await deliver(event);
            if (!written) registers_.raise(GlobalError::EventqAbt);
        } else if (wanted && !stall && registers_.enabled(Queue::Event) &&
                   !registers_.error_active(GlobalError::EventqAbt)) {
            registers_.overflow(Queue::Event);  // 7.4: full is an overflow, not an abort; stalls never cause one
        }
        if (stall && stalls_.awaits_record(tag)) {
            if (written) stalls_.stall_recorded(tag);
            else stalls_.stall_not_recorded(tag);
        }
        if (!written) ++dropped_;
        ++left_;
        progress_.notify_all();
    }
    writing_ = false;
    progress_.notify_all();
}

/// False if the write was aborted.
sim::Task<bool> EventQueue::deliver(const Event& event) {
    const bool was_empty = registers_.indexes(Queue::Event).empty();
    const sim::AccessPtr access = queue_access<Event>(simulation_.accesses(), registers_, Queue::Event);
    event.store(access->data());
    const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, write_name_);
    if (status != sim::Status::Ok) co_return false;
    // The record is visible before PROD, PROD before the interrupt (3.5.1).
    registers_.advance(Queue::Event);
    ++records_;
    if (listener_ != nullptr) listener_->recorded(simulation_.now(), event);
    if (was_empty) interrupts_.raise(InterruptSource::Event);
    if (auto* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Event)) {
        trace->line(sim::Trace::Kind::Event, simulation_.now(), name_,
                    fmt::format("{} StreamID {:#x} InputAddr {:#x} RnW {} S2 {} IPA {:#x}",
                                spec::event_name(static_cast<u8>(event[Event::Number])), event[Event::StreamID],
                                event[Event::InputAddr], event[Event::RnW], event[Event::S2], event[Event::IPA]));
    }
    co_return true;
}

sim::Task<> EventQueue::settled() {
    const u64 goal = accepted_;
    while (left_ < goal) co_await progress_.wait();
}

sim::Task<> EventQueue::idle() {
    while (writing_) co_await progress_.wait();
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
}

}  // namespace smmusim::smmu::uarch
