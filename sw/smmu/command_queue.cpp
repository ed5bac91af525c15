#include "sw/smmu/command_queue.hpp"

#include "sw/smmu/registers.hpp"

namespace smmusim::sw::smmu {

namespace {
constexpr u64 sync_by_event = 2;  // CMD_SYNC.CS = SIG_SEV
constexpr u32 error_shift = 24;   // CMDQ_CONS.ERR
constexpr u64 cerror_ill = 1, cerror_abt = 2;
}  // namespace

Task<int> CommandQueue::create(cpu::Cpu& cpu, cpu::PagePool& pool, u32 log2_entries, bool wake_by_event) {
    // A queue is aligned to its size (6.3.26).
    const u64 bytes = Command::bytes << log2_entries;
    const std::optional<u64> memory = pool.allocate(bytes, std::max<u64>(bytes, 4096));
    if (!memory) co_return -ENOMEM;
    memory_ = *memory;
    log2_entries_ = log2_entries;
    wake_by_event_ = wake_by_event;
    produced_ = consumed_ = 0;
    co_await cpu.mmio_write(registers_ + offset::CMDQ_BASE, base_allocate | memory_ | log2_entries_, 8);
    co_await cpu.mmio_write(registers_ + offset::CMDQ_PROD, 0);
    co_await cpu.mmio_write(registers_ + offset::CMDQ_CONS, 0);
    co_return 0;
}

void CommandQueue::note_consumed(u64 cons) {
    const u64 modulus = entries() * 2;  // index and wrap bit
    const u64 advanced = (cons - consumed_) & (modulus - 1);
    // Two CPUs may see their reads answered in another order: an older value would seem to run ahead of PROD.
    if (consumed_ + advanced <= produced_) consumed_ += advanced;
}

Task<int> CommandQueue::wait_consumed(cpu::Cpu& cpu, u64 target) {
    const int error = co_await cpu::poll(cpu, polling_, registers_ + offset::CMDQ_CONS, 4, [this, target](u64 cons) {
        note_consumed(cons);
        return consumed_ >= target;
    });
    co_return error;
}

Task<int> CommandQueue::issue(cpu::Cpu& cpu, std::vector<Command> commands, bool sync) {
    if (sync) {
        Command barrier(Command::Operation::SYNC);
        if (wake_by_event_) barrier.set(Command::CS, sync_by_event);
        commands.push_back(barrier);
        ++statistics_.sync_cmds;
    }
    auto turn = co_await lock_.acquire();
    for (std::size_t next = 0; next < commands.size();) {
        const u64 room = entries() - (produced_ - consumed_);
        if (room == 0) {
            const int error = co_await wait_consumed(cpu, produced_ - entries() + 1);
            if (error != 0) co_return error;
            continue;
        }
        const u64 count = std::min({room, batch, u64{commands.size() - next}});
        for (u64 i = 0; i < count; ++i) {
            const Command& command = commands[next + i];
            statistics_.tlbi_cmds += command.invalidates_tlb();
            co_await cpu.store(slot(produced_ + i), command.words[0]);
            co_await cpu.store(slot(produced_ + i) + 8, command.words[1]);
        }
        next += count;
        produced_ += count;
        ++prod_writes_;
        // The commands are visible before the index that announces them (3.5.1): an ordered write.
        const sim::Status status =
            co_await cpu.mmio_write(registers_ + offset::CMDQ_PROD, produced_ & (entries() * 2 - 1));
        if (!sim::succeeded(status)) co_return -EIO;
    }
    const u64 target = produced_;
    turn.release();
    if (!sync) co_return 0;
    const int error = co_await wait_consumed(cpu, target);
    co_return error;
}

Task<bool> CommandQueue::skip_failed(cpu::Cpu& cpu) {
    ++errors_;
    const cpu::Loaded cons = co_await cpu.mmio_read(registers_ + offset::CMDQ_CONS);
    const u64 reason = cons.value >> error_shift & 0x7F;
    // A SYNC that reports a failed ATC_INV may simply run again (4.8); a fetch that failed once will fail again.
    if (reason != cerror_ill) co_return reason != cerror_abt;
    const Command harmless(Command::Operation::SYNC);
    co_await cpu.store(slot(cons.value), harmless.words[0]);
    co_await cpu.store(slot(cons.value) + 8, harmless.words[1]);
    co_await cpu.dma_wmb();
    co_return true;
}

}  // namespace smmusim::sw::smmu
