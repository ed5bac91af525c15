#include "sw/its/lpi.hpp"

#include <cerrno>

#include "sim/bits.hpp"
#include "sw/its/registers.hpp"

namespace smmusim::sw::its {

namespace {
constexpr u64 table_alignment = 64 * KiB;  // of a pending table (12.11.30); the configuration table needs less
constexpr u64 byte_default = default_priority | 1u << 1;  // bit 1 is RES1
}  // namespace

std::optional<u32> NumberRanges::allocate(u32 count) {
    for (auto range = free_.begin(); range != free_.end(); ++range) {
        const auto [first, length] = *range;
        if (length < count) continue;
        free_.erase(range);
        if (length != count) free_.emplace(first + count, length - count);
        return first;
    }
    return std::nullopt;
}

void NumberRanges::release(u32 first, u32 count) {
    auto next = free_.lower_bound(first);
    if (next != free_.end() && first + count == next->first) {
        count += next->second;
        next = free_.erase(next);
    }
    if (next != free_.begin()) {
        const auto before = std::prev(next);
        if (before->first + before->second == first) {
            before->second += count;
            return;
        }
    }
    free_.emplace(first, count);
}

u64 NumberRanges::available() const {
    u64 count = 0;
    for (const auto& [first, length] : free_) count += length;
    return count;
}

Task<int> LpiTables::create(cpu::Cpu& cpu, unsigned id_bits) {
    id_bits_ = id_bits;
    numbers_ = NumberRanges(first_lpi, (u32{1} << id_bits) - first_lpi);
    const std::optional<u64> table = co_await new_configuration_table(cpu);
    if (!table) co_return -ENOMEM;
    configuration_ = *table;
    co_return 0;
}

Task<std::optional<u64>> LpiTables::new_configuration_table(cpu::Cpu& cpu) {
    const u64 bytes = sim::align_up((u64{1} << id_bits_) - first_lpi, table_alignment);
    const std::optional<u64> table = pool_.allocate(bytes, table_alignment);
    if (!table) co_return std::nullopt;
    std::vector<u8> image(bytes, static_cast<u8>(byte_default));
    const sim::Status status = co_await cpu.write_block(*table, std::move(image));
    if (sim::succeeded(status)) co_return table;
    pool_.release(*table);
    co_return std::nullopt;
}

Task<std::optional<u64>> LpiTables::new_pending_table(cpu::Cpu& cpu) {
    const u64 bytes = sim::align_up((u64{1} << id_bits_) / 8, table_alignment);
    const std::optional<u64> table = pool_.allocate(bytes, table_alignment);
    if (!table) co_return std::nullopt;
    const sim::Status status = co_await cpu.zero_block(*table, bytes);
    if (sim::succeeded(status)) co_return table;
    pool_.release(*table);
    co_return std::nullopt;
}

Task<> LpiTables::set_enabled(cpu::Cpu& cpu, u32 intid, bool enabled) {
    co_await store_property(cpu, configuration_, intid, enabled);
}

Task<> LpiTables::store_property(cpu::Cpu& cpu, u64 table, u32 intid, bool enabled) {
    const u64 byte = byte_default | (enabled ? 1 : 0);
    co_await cpu.store(table + (intid - first_lpi), byte, 1);
    co_await cpu.dma_wmb();
}

}  // namespace smmusim::sw::its
