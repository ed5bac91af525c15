#include "sw/smmu/entry_writer.hpp"

#include <bit>
#include <cerrno>

namespace smmusim::sw::smmu {

namespace {

/// The entry in memory, as far as this writer has brought it.
struct Progress {
    u64 address = 0;
    EntryWords now{};
};

/// Stores the doublewords of `mask` that differ, and synchronises if there were any.
Task<int> step(cpu::Cpu& cpu, Progress& entry, const EntryWords& target, unsigned mask, EntrySync& sync) {
    bool changed = false;
    for (unsigned word = 0; word < entry.now.size(); ++word) {
        if ((mask >> word & 1) == 0 || entry.now[word] == target[word]) continue;
        entry.now[word] = target[word];
        changed = true;
        co_await cpu.store(entry.address + word * 8, target[word]);
    }
    if (!changed) co_return 0;
    co_await cpu.dma_wmb();
    const int error = co_await sync.sync(cpu);
    co_return error;
}

}  // namespace

Task<int> write_entry(cpu::Cpu& cpu, u64 address, EntryWords target, EntryWords (*used)(const EntryWords&),
                      EntrySync& sync) {
    constexpr unsigned all = 0xFF, first = 1;
    Progress entry;
    entry.address = address;
    for (unsigned word = 0; word < entry.now.size(); ++word) {
        const cpu::Loaded loaded = co_await cpu.load(address + word * 8);
        if (!loaded.ok()) co_return -EFAULT;
        entry.now[word] = loaded.value;
    }
    // Bits that nobody looks at yet may take their new value at once.
    const EntryWords seen = used(entry.now), wanted = used(target);
    EntryWords prepared{};
    unsigned critical = 0;
    for (unsigned word = 0; word < prepared.size(); ++word) {
        prepared[word] = (entry.now[word] & seen[word]) | (target[word] & ~seen[word]);
        if (((prepared[word] ^ target[word]) & wanted[word]) != 0) critical |= 1u << word;
    }
    int error = 0;
    if (std::popcount(critical) > 1) {
        EntryWords invalid = entry.now;
        invalid[0] = 0;  // V is bit 0 of an STE; a CD is not read with V=0 either, its bit 31 is in this word too
        error = co_await step(cpu, entry, invalid, first, sync);
        if (error == 0) error = co_await step(cpu, entry, target, all & ~first, sync);
        if (error == 0) error = co_await step(cpu, entry, target, first, sync);
        co_return error;
    }
    error = co_await step(cpu, entry, prepared, all & ~critical, sync);
    if (error == 0) error = co_await step(cpu, entry, target, critical, sync);
    if (error == 0) error = co_await step(cpu, entry, target, all, sync);
    co_return error;
}

}  // namespace smmusim::sw::smmu
