// The command queue: fetches, decodes and executes commands in order (IHI 0070, 3.5.2 and chapter 4).
#pragma once

#include "sim/access.hpp"
#include "sim/clock.hpp"
#include "sim/resources.hpp"
#include "sim/statistics.hpp"
#include "smmu/arch/commands.hpp"
#include "smmu/arch/registers.hpp"
#include "smmu/uarch/config.hpp"

namespace smmusim::smmu::uarch {

/// What commands do to the rest of the SMMU.
class CommandTarget {
public:
    virtual void invalidate(const arch::ConfigurationScope& scope) = 0;
    virtual void invalidate(const arch::TranslationScope& scope) = 0;
    virtual void prefetch(const arch::Prefetch& prefetch) = 0;
    virtual void invalidate(const sim::AtcInvalidation& invalidation) = 0;
    virtual void respond(const sim::PageResponse& response) = 0;
    virtual void resume(const arch::Resume& resume) = 0;
    virtual void terminate_stalls(u32 stream) = 0;
    /// Returns when everything that earlier commands invalidated is finished (4.7.3); false if a requester has not
    /// answered an earlier ATC invalidation in time.
    virtual sim::Task<bool> synchronise() = 0;
    virtual void signal_completion(const arch::CompletionSignal& signal) = 0;
    /// Software that waits for room in the command queue may look again (IDR0.SEV).
    virtual void command_queue_has_room() = 0;

protected:
    ~CommandTarget() = default;
};

class CommandQueue {
public:
    CommandQueue(sim::Simulation& simulation, std::string name, const TcuConfig& config, const sim::Clock& clock,
                 arch::Registers& registers, sim::Port& memory, CommandTarget& target);

    /// The producer index, an enable or an error state changed.
    void changed();
    /// Starts no further command; returns when none is being fetched or executed.
    sim::Task<> stop();
    /// CR0ACK shows that the queue is off: from now on the register decides.
    void stopped() { stopping_ = false; }
    void reset();
    void statistics(sim::StatisticsVisitor& visit);

private:
    bool runnable() const;
    sim::Task<> run();
    sim::Task<bool> execute(spec::Command command);

    sim::Simulation& simulation_;
    std::string name_;
    std::string fetch_name_;
    TcuConfig config_;
    const sim::Clock& clock_;
    arch::Registers& registers_;
    sim::Port& memory_;
    CommandTarget& target_;
    sim::Scope scope_;
    sim::Signal ended_;
    bool stopping_ = false;  ///< CMDQEN falls, CR0ACK does not show it yet
    bool running_ = false;
    u64 commands_ = 0;
    u64 syncs_ = 0;
    u64 errors_ = 0;
    sim::Histogram sync_latency_;
};

}  // namespace smmusim::smmu::uarch
