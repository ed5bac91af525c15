// The command queue of one SMMU: several CPUs insert, the SMMU consumes (IHI 0070, 3.5 and 4.1).
#pragma once

#include <vector>

#include "sw/cpu/lock.hpp"
#include "sw/cpu/page_pool.hpp"
#include "sw/cpu/poll.hpp"
#include "sw/iommu/domain.hpp"
#include "sw/smmu/structures.hpp"

namespace smmusim::sw::smmu {

using sim::Task;

class CommandQueue {
public:
    CommandQueue(sim::Simulation& simulation, std::string name, u64 registers, cpu::PollPolicy polling,
                 iommu::Statistics& statistics)
        : name_(std::move(name)),
          registers_(registers),
          polling_(polling),
          statistics_(statistics),
          lock_(simulation, name_) {}

    /// Memory and registers; the caller enables the queue afterwards. 0 or -ENOMEM.
    Task<int> create(cpu::Cpu& cpu, cpu::PagePool& pool, u32 log2_entries, bool wake_by_event);

    /// Inserts the commands in order; with `sync`, adds a CMD_SYNC and waits until it is consumed.
    /// 0, -ETIMEDOUT, -EIO.
    Task<int> issue(cpu::Cpu& cpu, std::vector<Command> commands, bool sync);

    /// After GERROR.CMDQ_ERR, before it is acknowledged: makes the command at RD harmless. False: the queue cannot go
    /// on (its memory does not answer) and the error should stay.
    Task<bool> skip_failed(cpu::Cpu& cpu);

    u64 errors() const { return errors_; }
    u64 prod_writes() const { return prod_writes_; }
    u64 produced() const { return produced_; }

private:
    static constexpr u64 batch = 64;  ///< commands per write of PROD
    u64 entries() const { return u64{1} << log2_entries_; }
    u64 slot(u64 position) const { return memory_ + (position & (entries() - 1)) * Command::bytes; }
    Task<int> wait_consumed(cpu::Cpu& cpu, u64 target);
    void note_consumed(u64 cons);

    std::string name_;
    u64 registers_;
    cpu::PollPolicy polling_;
    iommu::Statistics& statistics_;
    cpu::Lock lock_;  ///< insertion; waiting for a SYNC happens outside
    u64 memory_ = 0;
    u32 log2_entries_ = 0;
    bool wake_by_event_ = false;
    u64 produced_ = 0;  ///< commands ever inserted; its low bits are PROD
    u64 consumed_ = 0;  ///< commands known to be consumed
    u64 errors_ = 0;
    u64 prod_writes_ = 0;
};

}  // namespace smmusim::sw::smmu
