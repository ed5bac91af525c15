#include "smmu/uarch/pri_queue.hpp"

#include <fmt/format.h>

#include "sim/trace.hpp"
#include "smmu/spec/page_request.hpp"
#include "smmu/uarch/queue_access.hpp"

namespace smmusim::smmu::uarch {

using sim::PageRequest;
using sim::PageResponse;
using spec::GlobalError;
using spec::InterruptSource;
using spec::PriEntry;
using spec::Queue;

PriQueue::PriQueue(sim::Simulation& simulation, std::string name, const TcuConfig& config, const sim::Clock& clock,
                   arch::Registers& registers, sim::Port& memory, Interrupts& interrupts, PageRequestService& service)
    : simulation_(simulation),
      name_(std::move(name)),
      write_name_(name_ + ": the write of a page request"),
      config_(config),
      clock_(clock),
      registers_(registers),
      memory_(memory),
      interrupts_(interrupts),
      service_(service),
      scope_(simulation, name_),
      progress_(simulation, name_ + ": earlier page requests") {}

void PriQueue::request(const PageRequest& request) {
    ++requests_;
    waiting_.push_back(request);
    if (running_) return;
    running_ = true;
    scope_.spawn("page requests", write());
}

sim::Task<> PriQueue::write() {
    while (!waiting_.empty()) {
        const PageRequest request = waiting_.front();
        waiting_.pop_front();
        co_await simulation_.until(clock_.after(simulation_.now(), config_.event_latency));
        if (!registers_.enabled(Queue::Pri) || registers_.error_active(GlobalError::PriqAbt)) {
            fail(request);
        } else if (registers_.overflowed(Queue::Pri) || registers_.indexes(Queue::Pri).full()) {
            // 3.5.4: an overflow blocks the queue until software has acknowledged it.
            registers_.overflow(Queue::Pri);
            co_await discard_by_overflow(request);
        } else {
            const bool written = co_await deliver(request);
            if (written) continue;
            registers_.raise(GlobalError::PriqAbt);
            fail(request);
        }
    }
    running_ = false;
    progress_.notify_all();
}

/// False if the write was aborted.
sim::Task<bool> PriQueue::deliver(const PageRequest& request) {
    PriEntry entry;
    entry.set(PriEntry::StreamID, request.stream_id);
    if (request.substream_id != sim::no_id) {
        entry.set(PriEntry::SSV, true);
        entry.set(PriEntry::SubstreamID, request.substream_id);
    }
    entry.set(PriEntry::Priv, request.privileged);
    entry.set(PriEntry::X, request.execute);
    entry.set(PriEntry::R, request.read);
    entry.set(PriEntry::W, request.write);
    entry.set(PriEntry::Last, request.last);
    entry.set(PriEntry::PRGIndex, request.group);
    entry.set(PriEntry::Address, request.address);

    const bool was_empty = registers_.indexes(Queue::Pri).empty();
    const sim::AccessPtr access = queue_access<PriEntry>(simulation_.accesses(), registers_, Queue::Pri);
    entry.store(access->data());
    const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, write_name_);
    if (status != sim::Status::Ok) co_return false;
    ++records_;
    registers_.advance(Queue::Pri);
    // LO = 1: an interrupt per Last request, else on empty to non-empty (3.18.1).
    if (registers_.interrupt_per_last_request() ? request.last : was_empty) interrupts_.raise(InterruptSource::Pri);
    if (auto* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Event))
        trace->line(
            sim::Trace::Kind::Event, simulation_.now(), name_,
            fmt::format("page request StreamID {:#x} address {:#x} R {} W {} group {} last {}", request.stream_id,
                        request.address, request.read, request.write, request.group, request.last));
    co_return true;
}

/// The automatic answer of a full queue: success, so that the requester tries again (3.5.4, 3.9.1).
sim::Task<> PriQueue::discard_by_overflow(PageRequest request) {
    if (request.stop_marker() || !request.last) co_return;
    if (registers_.interrupt_per_last_request()) interrupts_.raise(InterruptSource::Pri);
    PageResponse response{request.stream_id, sim::no_id, request.group, PageResponse::Code::Success};
    if (request.substream_id != sim::no_id) {
        if (registers_.identification().idr3.PPS != 0) {
            response.substream_id = request.substream_id;
        } else {
            const PageRequestService::ResponsePasid pasid = co_await service_.response_pasid(request.stream_id);
            if (!pasid.known) response.code = PageResponse::Code::Failure;
            else if (pasid.required) response.substream_id = request.substream_id;
        }
    }
    ++answered_;
    service_.answer(response);
}

/// Queue off or in error: the requester is told that nobody listens.
void PriQueue::fail(const PageRequest& request) {
    if (request.stop_marker() || !request.last) return;
    ++answered_;
    service_.answer({request.stream_id, sim::no_id, request.group, PageResponse::Code::Failure});
}

sim::Task<> PriQueue::idle() {
    while (running_) co_await progress_.wait();
}

void PriQueue::reset() {
    scope_.cancel();
    waiting_.clear();
    running_ = false;
}

void PriQueue::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("requests", requests_, "1", "page requests received");
    visit.counter("records", records_, "1", "page requests written to the queue");
    visit.counter("answered", answered_, "1", "page requests that the SMMU answered itself");
}

}  // namespace smmusim::smmu::uarch
