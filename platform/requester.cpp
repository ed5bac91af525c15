#include "platform/requester.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "sim/bits.hpp"

namespace smmusim::platform {

/// An operation under way: its transactions, and when the last of them was answered.
struct Requester::Operation final : sim::intrusive::list_base_hook<sim::AutoUnlink>, sim::Initiator {
    Operation(Requester& requester, sim::DmaHandle submitted) : owner(requester), handle(std::move(submitted)) {}
    ~Operation() { owner.simulation_.scheduler().cancel(token); }

    void send() {
        sim::AccessPool& pool = owner.simulation_.accesses();
        const sim::DmaOperation& wanted = *handle;
        for (u64 offset = 0; offset < wanted.size;) {
            const u64 address = wanted.address + offset;
            const u32 size = static_cast<u32>(std::min(wanted.size - offset, 4 * KiB - address % (4 * KiB)));
            // A translation request asks about one page, and its answer is one entry.
            const bool asks = wanted.attributes.address_type == sim::AddressType::TranslationRequest;
            sim::AccessPtr part = asks ? pool.make(wanted.command, address & ~sim::low_mask(12), 8)
                                       : pool.make(wanted.command, address, size);
            part->attributes = wanted.attributes;
            if (wanted.command == sim::Command::Write) std::copy_n(wanted.data.data() + offset, size, part->data());
            parts.push_back(std::move(part));
            offset += size;
        }
        left = parts.size();
        for (const sim::AccessPtr& part : parts) {
            part->push(*this);
            owner.port_.send(*part, owner.simulation_.now());
        }
    }
    void complete(sim::Access&, Time at) override {
        done_at = std::max(done_at, at);
        if (--left == 0) token = owner.simulation_.scheduler().at(done_at, &Operation::finish_event, this);
    }
    static void finish_event(void* self, void*) {
        auto& operation = *static_cast<Operation*>(self);
        operation.token = {};
        operation.finish();
    }
    void finish() {
        sim::DmaOperation& wanted = *handle;
        sim::Status status = sim::Status::Ok;
        for (const sim::AccessPtr& part : parts) {
            if (!sim::succeeded(part->status)) {
                status = part->status;
                break;
            }
            if (part->status == sim::Status::Discarded) status = sim::Status::Discarded;
        }
        if (wanted.command == sim::Command::Read && sim::succeeded(status))
            for (const sim::AccessPtr& part : parts)
                wanted.data.insert(wanted.data.end(), part->data(), part->data() + part->size);
        wanted.status = status;
        owner.end(*this);
    }

    Requester& owner;
    sim::DmaHandle handle;
    std::vector<sim::AccessPtr> parts;
    std::size_t left = 0;
    Time done_at = 0;
    sim::Scheduler::Token token;
};

Requester::Requester(sim::Simulation& simulation, std::string name, sim::Port& port)
    : Reporter(simulation),
      simulation_(simulation),
      name_(std::move(name)),
      port_(port),
      operations_(std::make_unique<Operations>()) {}

Requester::~Requester() {
    operations_->clear_and_dispose([](Operation* operation) { delete operation; });
}

void Requester::submit(sim::DmaHandle operation) {
    const bool write = operation->command == sim::Command::Write;
    if (operation->command == sim::Command::Atomic) throw std::invalid_argument("a raw requester has no atomics");
    if (operation->size == 0) throw std::invalid_argument("an access needs at least one byte");
    if (operation->address + (operation->size - 1) < operation->address)
        throw std::invalid_argument("the access wraps around the end of the address space");
    if (write && operation->data.size() != operation->size)
        throw std::invalid_argument("the data to write are not of the size of the access");
    if (write && operation->attributes.instruction) throw std::invalid_argument("an instruction fetch cannot write");
    operation->submitted = simulation_.now();
    ++(write ? writes_ : reads_);
    if (resetting_) {
        const sim::DmaHandle kept = std::move(operation);  // its owner may let go of it when it hears of the end
        kept->status = sim::Status::Timeout;
        finish(*kept);
        return;
    }
    auto* const started = new Operation(*this, std::move(operation));
    operations_->push_back(*started);
    started->send();
}

void Requester::end(Operation& operation) {
    const sim::DmaHandle handle = operation.handle;
    delete &operation;
    finish(*handle);
}

void Requester::finish(sim::DmaOperation& done) {
    done.completed = simulation_.now();
    if (sim::succeeded(done.status)) {
        bytes_ += done.size;
        latency_.add(done.latency());
    } else {
        ++faults_;
        done.data.clear();
    }
    if (done.on_done) done.on_done(done);
}

void Requester::begin_reset() {
    resetting_ = true;
    Operations dropped;
    dropped.swap(*operations_);
    while (!dropped.empty()) {
        Operation& operation = dropped.front();
        operation.handle->status = sim::Status::Timeout;
        end(operation);
    }
}

void Requester::report(std::string& text) const {
    for (const Operation& operation : *operations_) {
        const sim::DmaOperation& wanted = *operation.handle;
        text += fmt::format("{}: {} of {} bytes at {:#x} waits for {} of {} responses\n", name_,
                            wanted.command == sim::Command::Write ? "write" : "read", wanted.size, wanted.address,
                            operation.left, operation.parts.size());
    }
}

void Requester::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("reads", reads_, "operations", "reads submitted");
    visit.counter("writes", writes_, "operations", "writes submitted");
    visit.counter("bytes", bytes_, "bytes", "data of operations that ended well");
    visit.counter("faults", faults_, "operations", "operations that ended otherwise");
    visit.latency("latency_ns", latency_, "from submission to the last response, of operations that ended well");
}

}  // namespace smmusim::platform
