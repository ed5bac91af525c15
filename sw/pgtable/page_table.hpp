// One VMSAv8-64 translation table in memory: map, unmap, look up, through the stores and loads of a CPU.
#pragma once

#include <optional>
#include <vector>

#include "sw/cpu/lock.hpp"
#include "sw/cpu/page_pool.hpp"
#include "sw/pgtable/geometry.hpp"
#include "sw/result.hpp"

namespace smmusim::sw::pgtable {

using sim::Task;

/// Where tables come from. A table has an address as the hardware follows it and one at which the CPU reaches it;
/// they differ when a guest builds the table in its own memory.
class TableMemory {
public:
    virtual ~TableMemory() = default;
    virtual std::optional<u64> allocate(u64 size, u64 alignment) = 0;
    virtual void release(u64 table) = 0;
    virtual u64 cpu_address(u64 table) const = 0;
};

/// Tables in physical memory.
class PhysicalTables final : public TableMemory {
public:
    explicit PhysicalTables(cpu::PagePool& pool) : pool_(pool) {}
    std::optional<u64> allocate(u64 size, u64 alignment) override { return pool_.allocate(size, alignment); }
    void release(u64 table) override { pool_.release(table); }
    u64 cpu_address(u64 table) const override { return table; }

private:
    cpu::PagePool& pool_;
};

/// Several CPUs may use it at once, on ranges that do not overlap, as with the tables of Linux: the owner sees to that.
class PageTable {
public:
    PageTable(const Geometry& geometry, TableMemory& memory) : geometry_(geometry), memory_(memory) {}
    ~PageTable() { destroy(); }
    PageTable(const PageTable&) = delete;
    PageTable& operator=(const PageTable&) = delete;

    /// Allocates the start table: 0 or -ENOMEM.
    Task<int> create(cpu::Cpu& cpu);
    /// Gives all tables back; the hardware must not use them any more.
    void destroy();

    /// How far a map came: `bytes` of it are mapped, also when `error` is not 0.
    struct Progress {
        int error = 0;
        u64 bytes = 0;
    };
    /// -EINVAL: not aligned or empty; -ERANGE: beyond the address sizes; -EEXIST: something is mapped there; -ENOMEM.
    Task<Progress> map(cpu::Cpu& cpu, u64 input, u64 output, u64 size, u32 prot);
    /// Bytes unmapped, from `input` up to the first hole; a leaf is removed whole or not at all.
    Task<u64> unmap(cpu::Cpu& cpu, u64 input, u64 size);
    Task<std::optional<u64>> translate(cpu::Cpu& cpu, u64 input);

    const Geometry& geometry() const { return geometry_; }
    u64 root() const { return root_; }
    /// Bytes of all tables.
    u64 table_bytes() const { return table_bytes_; }

private:
    struct Slot {
        u64 table;  ///< as the hardware follows it
        unsigned level;
        u64 descriptor;  ///< in the entry for the input address
    };
    u64 entry_address(u64 table, unsigned level, u64 input) const;
    unsigned leaf_level(u64 input, u64 output, u64 size) const;
    /// Walks to the entry of level `wanted`, or to where the walk ends before; makes missing tables if `grow`.
    Task<Result<Slot>> descend(cpu::Cpu& cpu, u64 input, unsigned wanted, bool grow);
    Task<Result<u64>> new_table(cpu::Cpu& cpu, u64 size);
    /// The descriptor of the table below an empty entry: of a new one, or of that of whoever was faster.
    Task<Result<u64>> extend(cpu::Cpu& cpu, u64 entry);

    Geometry geometry_;
    TableMemory& memory_;
    u64 root_ = 0;
    u64 table_bytes_ = 0;
    std::vector<u64> tables_;
    std::optional<cpu::Lock> growth_;  ///< since the first table was added
};

}  // namespace smmusim::sw::pgtable
