// The driver of one SMMUv3: probe, reset, streams, domains, events, errors.
#pragma once

#include <map>
#include <set>

#include "sw/cpu/interrupts.hpp"
#include "sw/smmu/config.hpp"
#include "sw/smmu/domain.hpp"
#include "sw/smmu/entry_writer.hpp"
#include "sw/smmu/event_queue.hpp"
#include "sw/smmu/registers.hpp"
#include "sw/smmu/stream_table.hpp"

namespace smmusim::sw::smmu {

/// Where an SMMU is and how its wires arrive.
struct SmmuDescription {
    u64 base = 0x0905'0000;
    u32 event_intid = 106;
    u32 gerror_intid = 109;
};

class SmmuDriver final : public iommu::Driver, public Invalidator {
public:
    SmmuDriver(sim::Simulation& simulation, std::string name, const SmmuDescription& description,
               const DriverConfig& config, cpu::PagePool& pool, iommu::Statistics& statistics);

    /// Reads the ID registers: 0, -EIO if nothing answers, -ENODEV if the driver cannot work with it.
    Task<int> probe(cpu::Cpu& cpu);
    /// Brings it up; every stream aborts until it is attached. 0, -ENOMEM, -ETIMEDOUT.
    Task<int> reset(cpu::Cpu& cpu);
    /// Registers the handlers; the interrupts must be enabled at the GIC already.
    void connect(cpu::InterruptTable& interrupts);

    Task<Result<std::unique_ptr<iommu::Domain>>> make_domain(cpu::Cpu& cpu, iommu::DomainRequest request) override;
    Task<> retire_domain(cpu::Cpu& cpu, iommu::Domain& domain) override;
    Task<int> attach(cpu::Cpu& cpu, iommu::Device& device, iommu::Domain& domain) override;
    Task<int> invalidate(cpu::Cpu& cpu, std::vector<Command> commands) override;
    bool range_invalidation() const override { return features_.range_invalidation; }

    /// Shape of the tables that the driver makes for a stage.
    pgtable::Geometry geometry(pgtable::Stage stage) const;
    const std::string& name() const { return name_; }
    const SmmuDescription& description() const { return description_; }
    const Features& features() const { return features_; }
    CommandQueue& commands() { return commands_; }
    EventQueue& events() { return events_; }
    const StreamTable& streams() const { return streams_; }
    u64 global_errors() const { return global_errors_; }
    void statistics(sim::StatisticsVisitor& visit);

private:
    class StreamSync;

    Task<int> update(cpu::Cpu& cpu, u64 offset, u64 acknowledge, u32 value);
    Task<int> disable(cpu::Cpu& cpu);
    Task<> on_event_interrupt(cpu::Cpu& cpu, u32 intid);
    Task<> on_error_interrupt(cpu::Cpu& cpu, u32 intid);
    Task<Result<u64>> write_context(cpu::Cpu& cpu, u32 stream, const SmmuDomain& domain);
    Ste stream_entry(const SmmuDomain& domain, u64 context) const;
    void describe_stage2(Ste& ste, const SmmuDomain& domain) const;

    sim::Simulation& simulation_;
    std::string name_;
    SmmuDescription description_;
    DriverConfig config_;
    cpu::PagePool& pool_;
    pgtable::PhysicalTables tables_;
    iommu::Statistics& statistics_;
    Features features_{0, 0, 0, 0};
    cpu::PollPolicy polling_;
    CommandQueue commands_;
    EventQueue events_;
    StreamTable streams_;
    std::map<u32, u64> contexts_;  ///< StreamID -> its context descriptor
    std::set<u32> asids_, vmids_;  ///< in use
    u32 domains_made_ = 0;
    u64 global_errors_ = 0;
};

}  // namespace smmusim::sw::smmu
