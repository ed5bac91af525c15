// The command queue of one ITS: 64 KiB, in order, with recovery when the ITS stalls on a bad command.
#pragma once

#include <set>
#include <vector>

#include "sw/cpu/lock.hpp"
#include "sw/cpu/page_pool.hpp"
#include "sw/cpu/poll.hpp"
#include "sw/its/commands.hpp"

namespace smmusim::sw::its {

using sim::Task;

class CommandQueue {
public:
    CommandQueue(sim::Simulation& simulation, std::string name, u64 registers, cpu::PollPolicy polling)
        : name_(std::move(name)), registers_(registers), polling_(polling), lock_(simulation, name_) {}

    /// Memory, GITS_CBASER, GITS_CWRITER; the ITS is disabled. 0 or -ENOMEM.
    Task<int> create(cpu::Cpu& cpu, cpu::PagePool& pool);
    /// What a bad command is replaced by: a SYNC to this redistributor.
    void set_harmless(Command command) { harmless_ = command; }

    /// 0 when all are consumed; -EIO if the ITS stalled on one of them (it was skipped), -ETIMEDOUT.
    Task<int> issue(cpu::Cpu& cpu, std::vector<Command> commands);

    u64 commands() const { return produced_; }
    u64 stalls() const { return stalls_; }

private:
    static constexpr u64 bytes = 64 * KiB;
    static constexpr u64 entries = bytes / Command::bytes;
    u64 offset_of(u64 position) const { return position % entries * Command::bytes; }
    /// `inserting`: the caller holds the lock.
    Task<int> wait_consumed(cpu::Cpu& cpu, u64 target, bool inserting);
    Task<int> restart(cpu::Cpu& cpu, bool inserting);

    std::string name_;
    u64 registers_;
    cpu::PollPolicy polling_;
    cpu::Lock lock_;
    u64 memory_ = 0;
    Command harmless_;
    u64 produced_ = 0;  ///< commands ever inserted
    u64 consumed_ = 0;  ///< commands known to be consumed
    u64 stalls_ = 0;
    std::set<u64> skipped_;  ///< positions of commands that the ITS refused and nobody was told of yet
};

}  // namespace smmusim::sw::its
