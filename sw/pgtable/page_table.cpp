#include "sw/pgtable/page_table.hpp"

#include <fmt/format.h>

#include "sw/pgtable/descriptor.hpp"

namespace smmusim::sw::pgtable {

Task<Result<u64>> PageTable::new_table(cpu::Cpu& cpu, u64 size) {
    // A start table is aligned to its size, and at least to 64 bytes (DDI 0487, D8.2).
    const u64 bytes = std::max<u64>(size, 64);
    const std::optional<u64> table = memory_.allocate(bytes, std::bit_ceil(bytes));
    if (!table) co_return Error(-ENOMEM);
    tables_.push_back(*table);
    table_bytes_ += bytes;
    const sim::Status status = co_await cpu.zero_block(memory_.cpu_address(*table), bytes);
    if (!sim::succeeded(status)) co_return Error(-EFAULT);
    co_return *table;
}

Task<int> PageTable::create(cpu::Cpu& cpu) {
    const Result<u64> table = co_await new_table(cpu, geometry_.root_bytes());
    if (table) root_ = *table;
    co_return table.error();
}

void PageTable::destroy() {
    for (const u64 table : tables_) memory_.release(table);
    tables_.clear();
    root_ = table_bytes_ = 0;
}

u64 PageTable::entry_address(u64 table, unsigned level, u64 input) const {
    const u64 entries = level == geometry_.start_level() ? geometry_.root_entries() : geometry_.table_entries();
    return memory_.cpu_address(table) + ((input >> geometry_.low_bit(level)) & (entries - 1)) * 8;
}

unsigned PageTable::leaf_level(u64 input, u64 output, u64 size) const {
    if (geometry_.blocks)
        for (unsigned level = std::max(geometry_.start_level(), 1u); level < 3; ++level) {
            const u64 leaf = geometry_.leaf_size(level);
            if (geometry_.block_level(level) && size >= leaf && ((input | output) & (leaf - 1)) == 0) return level;
        }
    return 3;
}

Task<Result<PageTable::Slot>> PageTable::descend(cpu::Cpu& cpu, u64 input, unsigned wanted, bool grow) {
    Slot slot{root_, geometry_.start_level(), 0};
    for (;; ++slot.level) {
        const u64 entry = entry_address(slot.table, slot.level, input);
        const cpu::Loaded loaded = co_await cpu.load(entry);
        if (!loaded.ok()) co_return Error(-EFAULT);
        slot.descriptor = loaded.value;
        if (slot.level == wanted) co_return slot;
        if (!valid(slot.descriptor) && grow) {
            const Result<u64> descriptor = co_await extend(cpu, entry);
            if (!descriptor) co_return Error(descriptor.error());
            slot.descriptor = *descriptor;
        }
        if (!table(slot.descriptor, slot.level)) co_return slot;
        slot.table = address(slot.descriptor, geometry_);
    }
}

Task<Result<u64>> PageTable::extend(cpu::Cpu& cpu, u64 entry) {
    if (!growth_) growth_.emplace(cpu.simulation(), fmt::format("the growth of the page table at {:#x}", root_));
    const auto turn = co_await growth_->acquire();
    const cpu::Loaded loaded = co_await cpu.load(entry);
    if (!loaded.ok()) co_return Error(-EFAULT);
    if (valid(loaded.value)) co_return loaded.value;
    // Its zeros are in memory before the descriptor that leads to it is stored: new_table() waits for them.
    const Result<u64> next = co_await new_table(cpu, geometry_.granule());
    if (!next) co_return Error(next.error());
    co_await cpu.store(entry, table_descriptor(*next));
    co_await cpu.dma_wmb();  // whoever looks next finds it
    co_return table_descriptor(*next);
}

Task<PageTable::Progress> PageTable::map(cpu::Cpu& cpu, u64 input, u64 output, u64 size, u32 prot) {
    Progress progress;
    if (size == 0 || ((input | output | size) & (geometry_.granule() - 1)) != 0) {
        progress.error = -EINVAL;
        co_return progress;
    }
    const auto beyond = [size](u64 address, unsigned bits) {
        const u64 mask = sim::low_mask(bits);
        return address > mask || size - 1 > mask - address;
    };
    if (beyond(input, geometry_.input_bits) || beyond(output, geometry_.output_bits)) {
        progress.error = -ERANGE;
        co_return progress;
    }
    while (progress.bytes < size && progress.error == 0) {
        u64 at = input + progress.bytes;
        const unsigned wanted = leaf_level(at, output + progress.bytes, size - progress.bytes);
        unsigned level = wanted;
        Result<Slot> slot = co_await descend(cpu, at, level, true);
        // Where pages have been a table stays: what would be a block is mapped in it.
        while (slot && slot->level == level && table(slot->descriptor, level)) {
            ++level;
            slot = co_await descend(cpu, at, level, true);
        }
        if (!slot || slot->level != level) {
            progress.error = slot ? -EEXIST : slot.error();
            break;
        }
        // Fills this table as far as it goes before walking again.
        u64 existing = slot->descriptor;
        const u64 leaf = geometry_.leaf_size(level);
        const u64 reach = leaf * geometry_.table_entries();
        for (;;) {
            if (valid(existing)) {
                if (!table(existing, level)) progress.error = -EEXIST;
                break;
            }
            const u64 entry = entry_address(slot->table, level, at);
            co_await cpu.store(entry, leaf_descriptor(geometry_, level, output + progress.bytes, prot));
            progress.bytes += leaf;
            at += leaf;
            const bool next_table = (at & (reach - 1)) == 0;
            if (progress.bytes >= size || next_table) break;
            if (level == wanted && leaf_level(at, output + progress.bytes, size - progress.bytes) != level) break;
            const cpu::Loaded loaded = co_await cpu.load(entry_address(slot->table, level, at));
            if (!loaded.ok()) {
                progress.error = -EFAULT;
                break;
            }
            existing = loaded.value;
        }
    }
    // Whoever is told of the mapping finds the descriptors in memory.
    co_await cpu.dma_wmb();
    co_return progress;
}

Task<u64> PageTable::unmap(cpu::Cpu& cpu, u64 input, u64 size) {
    u64 done = 0;
    while (done < size) {
        const u64 at = input + done;
        if (at > sim::low_mask(geometry_.input_bits)) break;
        const Result<Slot> slot = co_await descend(cpu, at, 3, false);
        if (!slot || !valid(slot->descriptor)) break;
        const u64 leaf = geometry_.leaf_size(slot->level);
        if ((at & (leaf - 1)) != 0 || size - done < leaf) break;
        co_await cpu.store(entry_address(slot->table, slot->level, at), 0);
        done += leaf;
    }
    co_await cpu.dma_wmb();
    co_return done;
}

Task<std::optional<u64>> PageTable::translate(cpu::Cpu& cpu, u64 input) {
    if (input > sim::low_mask(geometry_.input_bits)) co_return std::nullopt;
    const Result<Slot> slot = co_await descend(cpu, input, 3, false);
    if (!slot || !valid(slot->descriptor)) co_return std::nullopt;
    const u64 offset = input & (geometry_.leaf_size(slot->level) - 1);
    const u64 base = address(slot->descriptor, geometry_) & ~(geometry_.leaf_size(slot->level) - 1);
    co_return base | offset;
}

}  // namespace smmusim::sw::pgtable
