// The part of a redistributor that serves virtual machines: which vPE is resident, its vLPIs and virtual SGIs, the
// pending tables of those that are not, and their doorbells.
#pragma once

#include "gic/arch/redistributor.hpp"
#include "gic/uarch/lpi_bank.hpp"
#include "gic/uarch/virtual_cpu_interface.hpp"
#include "gic/uarch/virtual_target.hpp"

namespace smmusim::gic::uarch {

/// Counters of all redistributors together.
struct VirtualCounters {
    u64 messages = 0;
    u64 coalesced = 0;
    u64 dropped = 0;
    u64 direct = 0;
    u64 doorbells = 0;
    u64 schedules = 0;
    u64 table_reads = 0;
    u64 table_writes = 0;

    void statistics(sim::StatisticsVisitor& visit);
};

class ResidentVpe final : public LpiListener {
public:
    struct Surroundings {
        sim::Simulation& simulation;
        const sim::Clock& clock;
        sim::Port& memory;
        arch::Redistributor& registers;
        LpiReceiver& physical;
        VirtualCpuInterface& cpu;
        LpiCounters& lpi_counters;
        VirtualCounters& counters;
    };
    ResidentVpe(const Surroundings& surroundings, const RedistributorConfig& config, const std::string& name,
                u8 priority_mask);

    void reset();

    // Registers: what a write of them starts.
    void schedule();
    void deschedule(bool doorbell);
    void query_sgis(u32 vpe);

    // Messages; each is done when its effect is.
    sim::Task<> set(VirtualTarget target, u32 intid, std::shared_ptr<sim::Journey> journey);
    sim::Task<> clear(VirtualTarget target, u32 intid);
    /// The result tells whether it was pending.
    sim::Task<bool> take(VirtualTarget target, u32 intid);
    sim::Task<> invalidate(VirtualTarget target, u32 intid);
    sim::Task<> invalidate_all(VirtualTarget target);
    sim::Task<> configure_sgi(VirtualTarget target, VirtualSgiSettings settings);
    sim::Task<> set_sgi(VirtualTarget target, u32 intid);

    // For the guest's CPU interface.
    arch::Candidate best() const;
    void acknowledge(u32 intid);
    std::shared_ptr<sim::Journey>* journey(u32 intid) { return bank_.lpis().journey(intid); }

    /// A vPE is resident, and its state is here.
    bool loaded() const { return loaded_; }
    const arch::PendingLpis& lpis() const { return bank_.lpis(); }

    void lpis_changed() override { cpu_.update(); }

private:
    bool holds(const VirtualTarget& target) const;
    bool with_vpe_table() const { return registers_.version() == spec::Version::V4_1; }
    sim::Task<> load();
    sim::Task<> unload(bool doorbell);
    sim::Task<> answer_query(u32 vpe);
    sim::Task<LpiTables> tables_of_resident();
    sim::Task<spec::VpeEntry> read_vpe_entry(u32 vpe);
    sim::Task<spec::VpeScratch> read_scratch(u64 table);
    sim::Task<> write_scratch(u64 table, spec::VpeScratch scratch);
    sim::Task<> ring(VirtualTarget target, u32 intid);
    /// In the pending table in memory; false if the interrupt was pending, or was not, already.
    sim::Task<bool> change_bit(const VirtualTarget& target, u32 intid, bool pending);
    sim::Task<u8> read_byte(u64 address);
    sim::Task<sim::Status> transfer(sim::Access& access);
    sim::AccessPtr make(sim::Command command, u64 address, u32 size);

    sim::Simulation& simulation_;
    sim::Port& memory_;
    arch::Redistributor& registers_;
    LpiReceiver& physical_;
    VirtualCpuInterface& cpu_;
    VirtualCounters& counters_;
    std::string table_wait_;
    LpiBank bank_;
    bool loaded_ = false;
    u32 vpe_ = sim::no_id;
    u64 pending_table_ = 0;
    spec::VpeScratch scratch_;  ///< of the resident vPE
    sim::Slots turn_;           ///< one at a time reads and writes pending tables
    sim::Scope scope_;
};

}  // namespace smmusim::gic::uarch
