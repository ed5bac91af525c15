// A guest's own stage 1: context descriptor and tables in guest memory, with addresses as the guest sees them.
#pragma once

#include "sw/cpu/page_pool.hpp"
#include "sw/kvm/guest.hpp"
#include "sw/pgtable/page_table.hpp"
#include "sw/smmu/domain.hpp"

namespace smmusim::sw::kvm {

/// Guest memory for tables: the hardware follows guest-physical addresses, the CPU reaches them through the slots.
class GuestTables final : public pgtable::TableMemory {
public:
    GuestTables(const Guest& guest, u64 base, u64 size) : guest_(guest), pool_(base, size) {}
    std::optional<u64> allocate(u64 size, u64 alignment) override { return pool_.allocate(size, alignment); }
    void release(u64 table) override { pool_.release(table); }
    u64 cpu_address(u64 table) const override;

private:
    const Guest& guest_;
    cpu::PagePool pool_;
};

/// The guest's driver of a virtual SMMU, as far as one address space goes.
class GuestStage1 {
public:
    /// [tables, tables + size) is guest RAM, contiguous in the host, that the guest spends on tables.
    GuestStage1(sim::Simulation& simulation, const Guest& guest, u64 tables, u64 size,
                const pgtable::Geometry& geometry, u32 output_code, u32 asid)
        : memory_(guest, tables, size),
          table_(geometry, memory_),
          lock_(simulation, guest.name() + ".stage1"),
          output_code_(output_code),
          asid_(asid) {}

    /// Builds an empty table and the context descriptor: 0, -ENOMEM, -EFAULT.
    Task<int> create(cpu::Cpu& cpu);
    /// What the guest's STE would point to: a guest-physical address.
    u64 context_pointer() const { return context_; }

    Task<int> map(cpu::Cpu& cpu, u64 iova, u64 guest_address, u64 size, u32 prot);
    /// Bytes unmapped; the host carries the guest's invalidation out on `domain`, if the guest is attached.
    Task<Result<u64>> unmap(cpu::Cpu& cpu, u64 iova, u64 size, smmu::SmmuDomain* domain);

private:
    GuestTables memory_;
    pgtable::PageTable table_;
    cpu::Lock lock_;
    u32 output_code_;
    u32 asid_;
    u64 context_ = 0;
};

}  // namespace smmusim::sw::kvm
