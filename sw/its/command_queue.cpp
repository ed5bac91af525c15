#include "sw/its/command_queue.hpp"

#include <cerrno>

#include "sw/its/registers.hpp"

namespace smmusim::sw::its {

Task<int> CommandQueue::create(cpu::Cpu& cpu, cpu::PagePool& pool) {
    const std::optional<u64> memory = pool.allocate(bytes, 64 * KiB);
    if (!memory) co_return -ENOMEM;
    memory_ = *memory;
    produced_ = consumed_ = 0;
    constexpr u64 pages = bytes / 4096 - 1;
    const u64 base = gits::valid | memory_ | inner_shareable | write_back << its_cache_shift | pages;
    co_await cpu.mmio_write(registers_ + gits::CBASER, base, 8);
    const cpu::Loaded answer = co_await cpu.mmio_read(registers_ + gits::CBASER, 8);
    if ((answer.value & shareability_mask) == 0) {
        constexpr u64 caches = u64{7} << its_cache_shift;
        const u64 plain = (base & ~(shareability_mask | caches)) | noncacheable << its_cache_shift;
        co_await cpu.mmio_write(registers_ + gits::CBASER, plain, 8);
    }
    co_await cpu.mmio_write(registers_ + gits::CWRITER, 0, 8);
    co_return 0;
}

Task<int> CommandQueue::wait_consumed(cpu::Cpu& cpu, u64 target, bool inserting) {
    for (;;) {
        bool stalled = false;
        const int error =
            co_await cpu::poll(cpu, polling_, registers_ + gits::CREADR, 8, [this, target, &stalled](u64 readr) {
                const u64 index = (readr >> 5) % entries;
                const u64 advanced = (index + entries - consumed_ % entries) % entries;
                // An answer that overtook a later one would seem to run ahead of what was inserted.
                if (consumed_ + advanced <= produced_) consumed_ += advanced;
                stalled = (readr & gits::CREADR_Stalled) != 0;
                return consumed_ >= target || stalled;
            });
        if (error != 0 || consumed_ >= target) co_return error;
        const int restarted = co_await restart(cpu, inserting);
        if (restarted != 0) co_return restarted;
    }
}

Task<int> CommandQueue::restart(cpu::Cpu& cpu, bool inserting) {
    cpu::Lock::Guard turn;
    if (!inserting) turn = co_await lock_.acquire();
    const cpu::Loaded readr = co_await cpu.mmio_read(registers_ + gits::CREADR, 8);
    if (!readr.ok()) co_return -EIO;
    if ((readr.value & gits::CREADR_Stalled) == 0) co_return 0;  // another CPU did it
    const u64 index = (readr.value >> 5) % entries;
    const u64 position = consumed_ + (index + entries - consumed_ % entries) % entries;
    ++stalls_;
    skipped_.insert(position);
    for (unsigned word = 0; word < 4; ++word)
        co_await cpu.store(memory_ + offset_of(position) + word * 8, harmless_.words[word]);
    co_await cpu.mmio_write(registers_ + gits::CWRITER, offset_of(produced_) | gits::CWRITER_Retry, 8);
    co_return 0;
}

Task<int> CommandQueue::issue(cpu::Cpu& cpu, std::vector<Command> commands) {
    auto turn = co_await lock_.acquire();
    const u64 first = produced_;
    for (std::size_t next = 0; next < commands.size();) {
        // One entry stays free: a full queue would look empty.
        const u64 room = entries - 1 - (produced_ - consumed_);
        if (room == 0) {
            const int error = co_await wait_consumed(cpu, produced_ - (entries - 2), true);
            if (error != 0) co_return error;
            continue;
        }
        const u64 count = std::min<u64>(room, commands.size() - next);
        for (u64 i = 0; i < count; ++i)
            for (unsigned word = 0; word < 4; ++word)
                co_await cpu.store(memory_ + offset_of(produced_ + i) + word * 8, commands[next + i].words[word]);
        next += count;
        produced_ += count;
        // The commands are in memory before the offset that announces them: an ordered write.
        const sim::Status status = co_await cpu.mmio_write(registers_ + gits::CWRITER, offset_of(produced_), 8);
        if (!sim::succeeded(status)) co_return -EIO;
    }
    const u64 end = produced_;
    turn.release();
    const int error = co_await wait_consumed(cpu, end, false);
    if (error != 0) co_return error;
    const auto bad = skipped_.lower_bound(first);
    if (bad == skipped_.end() || *bad >= end) co_return 0;
    skipped_.erase(bad, skipped_.lower_bound(end));
    co_return -EIO;
}

}  // namespace smmusim::sw::its
