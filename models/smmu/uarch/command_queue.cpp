#include "smmu/uarch/command_queue.hpp"

#include <fmt/format.h>

#include "sim/trace.hpp"
#include "smmu/uarch/queue_access.hpp"

namespace smmusim::smmu::uarch {

using arch::DecodedCommand;
using spec::Command;
using spec::CommandError;
using spec::GlobalError;
using spec::Queue;

CommandQueue::CommandQueue(sim::Simulation& simulation, std::string name, const TcuConfig& config,
                           const sim::Clock& clock, arch::Registers& registers, sim::Port& memory,
                           CommandTarget& target)
    : simulation_(simulation),
      name_(std::move(name)),
      fetch_name_(name_ + ": the fetch of a command"),
      config_(config),
      clock_(clock),
      registers_(registers),
      memory_(memory),
      target_(target),
      scope_(simulation, name_),
      ended_(simulation, name_ + ": the command under way") {}

bool CommandQueue::runnable() const {
    // An index pair that cannot be stops the queue.
    const spec::QueueIndexes indexes = registers_.indexes(Queue::Command);
    return !stopping_ && registers_.enabled(Queue::Command) && !registers_.error_active(GlobalError::CmdqErr) &&
           !indexes.empty() && indexes.consistent();
}

void CommandQueue::changed() {
    if (running_ || !runnable()) return;
    running_ = true;
    scope_.spawn("commands", run());
}

sim::Task<> CommandQueue::run() {
    while (runnable()) {
        const sim::AccessPtr access = queue_access<Command>(simulation_.accesses(), registers_, Queue::Command);
        const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, fetch_name_);
        if (stopping_) break;  // switched off meanwhile: the fetch is done, nothing is consumed
        if (status != sim::Status::Ok) {
            ++errors_;
            registers_.fail_command(CommandError::Abort);
            break;
        }
        Command command;
        command.load(access->data());
        co_await simulation_.until(clock_.after(simulation_.now(), config_.command_latency));
        const bool done = co_await execute(command);
        if (!done) break;
    }
    running_ = false;
    ended_.notify_all();
    // Software may have moved on while the last command ended.
    changed();
}

sim::Task<bool> CommandQueue::execute(Command command) {
    const DecodedCommand decoded =
        arch::decode(command, registers_.identification(), registers_.control().cr2[spec::Cr2::E2H],
                     registers_.vmid_wildcard_bits());
    if (auto* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Command)) {
        trace->line(sim::Trace::Kind::Command, simulation_.now(), name_,
                    fmt::format("{} {:016x} {:016x}{}", arch::opcode_name(command[Command::Op]), command.words[0],
                                command.words[1], decoded.error == CommandError::None ? "" : " CERROR_ILL"));
    }
    if (decoded.error != CommandError::None) {
        ++errors_;
        registers_.fail_command(decoded.error);
        co_return false;
    }
    ++commands_;
    switch (decoded.action) {
        case DecodedCommand::Action::Nothing: break;
        case DecodedCommand::Action::InvalidateConfiguration: target_.invalidate(decoded.configuration); break;
        case DecodedCommand::Action::InvalidateTranslations: target_.invalidate(decoded.translations); break;
        case DecodedCommand::Action::Prefetch: target_.prefetch(decoded.prefetch); break;
        case DecodedCommand::Action::InvalidateAtc: target_.invalidate(decoded.atc); break;
        case DecodedCommand::Action::RespondToPageRequest: target_.respond(decoded.response); break;
        case DecodedCommand::Action::Resume: target_.resume(decoded.resume); break;
        case DecodedCommand::Action::TerminateStalls: target_.terminate_stalls(decoded.resume.stream); break;
        case DecodedCommand::Action::Synchronise: {
            const Time began = simulation_.now();
            const bool complete = co_await target_.synchronise();
            if (!complete) {
                // 4.7.3: RD stays at the CMD_SYNC; run again, it waits for nothing that has timed out.
                ++errors_;
                registers_.fail_command(CommandError::AtcInvalidationSync);
                co_return false;
            }
            ++syncs_;
            sync_latency_.add(simulation_.now() - began);
            break;
        }
    }
    // CONS moves no later than the completion signal (4.7.3).
    const bool was_full = registers_.indexes(Queue::Command).full();
    registers_.advance(Queue::Command);
    if (was_full) target_.command_queue_has_room();
    if (decoded.action == DecodedCommand::Action::Synchronise) target_.signal_completion(decoded.signal);
    co_return true;
}

sim::Task<> CommandQueue::stop() {
    stopping_ = true;
    while (running_) co_await ended_.wait();
}

void CommandQueue::reset() {
    scope_.cancel();
    stopping_ = false;
    running_ = false;
}

void CommandQueue::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("commands", commands_, "1", "commands consumed");
    visit.counter("syncs", syncs_, "1", "CMD_SYNCs completed");
    visit.counter("errors", errors_, "1", "command errors");
    visit.latency("sync_latency_ns", sync_latency_, "execution of a CMD_SYNC to its completion");
}

}  // namespace smmusim::smmu::uarch
