#include "sw/smmu/stream_table.hpp"

#include "sw/smmu/registers.hpp"

namespace smmusim::sw::smmu {

namespace {
constexpr u64 format_two_level = 1u << 16;  // STRTAB_BASE_CFG.FMT
constexpr u32 level1_bits = 17;             // as many level 1 descriptors as this driver provides
}  // namespace

Task<Result<u64>> StreamTable::new_table(cpu::Cpu& cpu, u64 entries) {
    const u64 bytes = entries * entry_bytes;
    const std::optional<u64> table = pool_.allocate(bytes, std::max<u64>(bytes, 4096));
    if (!table) co_return Error(-ENOMEM);
    // V=1 with Config=0 aborts silently (5.2): a stream that nobody configured is no error of the table.
    Ste abort;
    abort.set(Ste::V, true);
    std::vector<u8> image(bytes);
    for (u64 entry = 0; entry < entries; ++entry) abort.store(image.data() + entry * entry_bytes);
    const sim::Status status = co_await cpu.write_block(*table, std::move(image));
    if (!sim::succeeded(status)) co_return Error(-EFAULT);
    co_return *table;
}

Task<int> StreamTable::create(cpu::Cpu& cpu, u32 stream_bits, bool two_level_possible) {
    // A table that one leaf would hold gains nothing from a second level.
    two_level_ = two_level_possible && stream_bits > split;
    stream_bits_ = two_level_ ? std::min(stream_bits, level1_bits + split) : stream_bits;
    if (!two_level_) {
        const Result<u64> table = co_await new_table(cpu, 1ull << stream_bits_);
        if (table) memory_ = *table;
        co_return table.error();
    }
    const u64 bytes = u64{8} << (stream_bits_ - split);
    const std::optional<u64> table = pool_.allocate(bytes, std::max<u64>(bytes, 4096));
    if (!table) co_return -ENOMEM;
    memory_ = *table;
    const sim::Status status = co_await cpu.zero_block(memory_, bytes);
    co_return sim::succeeded(status) ? 0 : -EFAULT;
}

u64 StreamTable::base_register() const { return base_allocate | memory_; }

u32 StreamTable::configuration_register() const {
    return static_cast<u32>(stream_bits_ | (two_level_ ? format_two_level | split << 6 : 0));
}

Task<Result<u64>> StreamTable::entry(cpu::Cpu& cpu, u32 stream) {
    if (stream_bits_ < 32 && stream >> stream_bits_ != 0) co_return Error(-ERANGE);
    if (!two_level_) co_return memory_ + stream* entry_bytes;
    const u32 index = stream >> split;
    const u64 within = (stream & ((1u << split) - 1)) * entry_bytes;
    const auto leaf = leaves_.find(index);
    if (leaf != leaves_.end()) co_return leaf->second + within;
    const Result<u64> table = co_await new_table(cpu, 1u << split);
    if (!table) co_return Error(table.error());
    leaves_.emplace(index, *table);
    // The leaf is in memory; now the descriptor, then the SMMU forgets that there was none (L1STD, 5.1).
    constexpr u64 span = split + 1;
    co_await cpu.store(memory_ + index * 8ull, *table | span);
    co_await cpu.dma_wmb();
    Command command(Command::Operation::CFGI_STE);
    command.set(Command::StreamID, stream);
    std::vector<Command> commands{command};
    const int error = co_await commands_.issue(cpu, std::move(commands), true);
    if (error != 0) co_return Error(error);
    co_return *table + within;
}

}  // namespace smmusim::sw::smmu
