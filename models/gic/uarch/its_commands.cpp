// The command queue, the messages that commands send, and what commands wait for.
#include "gic/arch/its_commands.hpp"

#include <fmt/format.h>

#include "gic/spec/memory_attributes.hpp"
#include "gic/uarch/its.hpp"
#include "sim/trace.hpp"

namespace smmusim::gic::uarch {

using sim::Journey;
using spec::Cbaser;
using spec::ItsCommand;
using spec::ItsError;

void Its::queue_written() {
    if (!running_ && state_.command_waits()) scope_.spawn("command queue", run_commands());
}

sim::Task<> Its::run_commands() {
    running_ = true;
    while (state_.command_waits()) {
        const Cbaser cbaser = state_.cbaser();
        const sim::MemoryAttributes attributes = spec::memory_attributes(
            cbaser[Cbaser::InnerCache], cbaser[Cbaser::OuterCache], cbaser[Cbaser::Shareability]);
        ++command_fetches_;
        const sim::AccessPtr access = memory_access(sim::Command::Read, sim::TransactionClass::Queue,
                                                    state_.command_address(), ItsCommand::bytes, attributes);
        const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, queue_wait_);
        ItsCommand command;
        ItsError error = ItsError::AccessFailure;
        if (sim::succeeded(status)) {
            command.load(access->data());
            ++commands_;
            co_await simulation_.until(after(config_.command_cycles));
            const ItsError result = co_await arch::execute(state_, *this, command);
            error = result;
        }
        note(command, error);
        // 5.3.3: a command error may stall the queue. A command that could not be fetched, or not carried out because
        // the bus refused a table access, always does: there is nothing that could be skipped.
        const bool stall = error == ItsError::AccessFailure ||
                           (error != ItsError::None && config_.command_errors == CommandErrorPolicy::Stall);
        if (stall) state_.stall();
        else state_.advance();
        if (error != ItsError::None && config_.command_errors == CommandErrorPolicy::SError)
            errors_.report(failure_.code);
    }
    running_ = false;
    progress_.notify_all();
}

void Its::note(const ItsCommand& command, ItsError error) {
    const u32 code = spec::error_code(static_cast<u8>(command[ItsCommand::Command]), error);
    if (error != ItsError::None) {
        ++command_errors_;
        failure_ = {code, state_.read_offset(), command};
    }
    sim::Trace* const trace = simulation_.trace();
    if (trace == nullptr) return;
    if (trace->wants(sim::Trace::Kind::Command)) {
        std::string text = spec::name_of(command[ItsCommand::Command]);
        for (const sim::NamedField& field : ItsCommand::fields)
            if (command.value(field) != 0) text += fmt::format(" {}={:#x}", field.name, command.value(field));
        trace->line(sim::Trace::Kind::Command, simulation_.now(), path_, text);
    }
    if (error != ItsError::None && trace->wants(sim::Trace::Kind::Event))
        trace->line(sim::Trace::Kind::Event, simulation_.now(), path_,
                    fmt::format("command error {:#08x} at offset {:#x}", code, state_.read_offset()));
}

// Messages to redistributors

void Its::post(const Order& order) { scope_.spawn("message of a command", deliver(order)); }

sim::Task<> Its::deliver(Order order) {
    Flight flight(*this);
    co_await in_turn(flight, order.redistributor);
    const auto credit = co_await message_credits_.take();
    flight.send(order.redistributor, order.onward);
    co_await simulation_.until(after(config_.message_cycles));
    LpiReceiver& receiver = *redistributors_[order.redistributor];
    // What the table in memory says is pending comes before what arrives now.
    co_await receiver.scanned();
    std::vector<u32> moving;
    switch (order.kind) {
        case Order::Kind::Set: receiver.set_pending(order.intid, nullptr); break;
        case Order::Kind::Clear: receiver.clear_pending(order.intid); break;
        // 5.3: wherever the configuration of the interrupt is cached, be it since before it was moved.
        case Order::Kind::Discard: receiver.clear_pending(order.intid); [[fallthrough]];
        case Order::Kind::Invalidate:
            for (LpiReceiver* const each : redistributors_) each->invalidate_property(order.intid);
            break;
        case Order::Kind::InvalidateAll:
            for (LpiReceiver* const each : redistributors_)
                if (each != &receiver) each->drop_properties();
            receiver.invalidate_properties();
            break;
        case Order::Kind::Move: moving.push_back(order.intid); break;
        case Order::Kind::MoveAll: moving = receiver.pending_lpis(); break;
    }
    std::vector<std::pair<u32, std::shared_ptr<Journey>>> taken;
    for (const u32 intid : moving) {
        std::shared_ptr<Journey> journey;
        if (!receiver.take_pending(intid, journey)) continue;
        // Between two redistributors an interrupt is the ITS's.
        if (journey) {
            journey->leave(Journey::Part::Redistributor, simulation_.now());
            journey->enter(Journey::Part::Its, simulation_.now());
        }
        taken.emplace_back(intid, std::move(journey));
    }
    if (taken.empty()) co_return;
    co_await simulation_.until(after(config_.message_cycles));
    co_await redistributors_[order.onward]->scanned();
    for (auto& [intid, journey] : taken) {
        if (journey) journey->leave(Journey::Part::Its, simulation_.now());
        redistributors_[order.onward]->set_pending(intid, std::move(journey));
    }
}

sim::Task<> Its::in_turn(const Flight& flight, u32 redistributor) {
    // What an earlier command moves there arrives first.
    while (any_before(flight.sequence, [&](const Flight& other) { return other.onward == redistributor; }))
        co_await progress_.wait();
}

// What commands wait for

sim::Task<> Its::drain_event(u32 device, u32 event) {
    const u64 epoch = sequence_;
    while (any_before(epoch, [&](const Flight& flight) {
        return flight.device == device && flight.event == event && flight.stage == Flight::Stage::Translating;
    }))
        co_await progress_.wait();
}

sim::Task<> Its::drain_device(u32 device) {
    const u64 epoch = sequence_;
    while (any_before(epoch, [&](const Flight& flight) {
        return flight.device == device && flight.stage == Flight::Stage::Translating;
    }))
        co_await progress_.wait();
}

sim::Task<> Its::drain_all() {
    const u64 epoch = sequence_;
    while (any_before(epoch, [](const Flight& flight) { return flight.stage == Flight::Stage::Translating; }))
        co_await progress_.wait();
}

sim::Task<> Its::synchronize(u32 redistributor) {
    ++syncs_;
    const Time start = simulation_.now();
    // Only what began before: messages that come later neither delay it nor are covered by it.
    const u64 epoch = sequence_;
    co_await drain_all();
    // To the redistributor, behind everything that was sent there, and back.
    co_await simulation_.until(after(2 * config_.message_cycles));
    while (any_before(epoch, [&](const Flight& flight) { return flight.concerns(redistributor); }))
        co_await progress_.wait();
    sync_latency_.add(simulation_.now() - start);
}

}  // namespace smmusim::gic::uarch
