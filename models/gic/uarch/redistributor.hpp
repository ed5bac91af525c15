// One redistributor in time: reads LPI properties and pending tables, and forwards the most urgent interrupt.
#pragma once

#include <set>

#include "gic/arch/distributor.hpp"
#include "gic/arch/pending_lpis.hpp"
#include "gic/arch/redistributor.hpp"
#include "gic/uarch/cpu_interface.hpp"
#include "sim/access.hpp"
#include "sim/resources.hpp"
#include "sim/spread.hpp"

namespace smmusim::gic::uarch {

/// Counters of all redistributors together.
struct RedistributorCounters {
    u64 messages = 0;
    u64 property_hits = 0;
    u64 property_reads = 0;
    u64 property_failures = 0;
    u64 pending_reads = 0;
    u64 pending_writes = 0;
    u64 coalesced = 0;
    u64 moved = 0;
    u64 dropped_disabled = 0;
    u64 dropped_out_of_range = 0;

    void statistics(sim::StatisticsVisitor& visit);
};

/// Journeys of the messages that made SPIs pending.
class SpiJourneys {
public:
    virtual std::shared_ptr<sim::Journey>* spi_journey(u32 intid) = 0;

protected:
    ~SpiJourneys() = default;
};

class Redistributor final : public LpiReceiver, public InterruptSource, public arch::RedistributorListener {
public:
    struct Surroundings {
        sim::Simulation& simulation;
        const sim::Clock& clock;
        sim::Port& memory;
        arch::Distributor& distributor;
        SpiJourneys& spi_journeys;
        CpuInterface& cpu_interface;
        RedistributorCounters& counters;
    };

    Redistributor(const Surroundings& surroundings, const RedistributorConfig& config, u32 cpu, bool last,
                  u8 priority_bits);
    ~Redistributor();

    void reset();
    arch::Redistributor& state() { return state_; }
    const arch::PendingLpis& lpis() const { return lpis_; }

    /// A wired PPI, or an SGI that arrived.
    void drive_private(u32 intid, bool asserted);
    void pulse_private(u32 intid);
    void send_sgi(u32 intid, u8 group);

    // LpiReceiver
    void set_pending(u32 intid, std::shared_ptr<sim::Journey> journey) override;
    void clear_pending(u32 intid) override;
    bool take_pending(u32 intid, std::shared_ptr<sim::Journey>& journey) override;
    std::vector<u32> pending_lpis() const override;
    void invalidate_property(u32 intid) override;
    void invalidate_properties() override;

    // InterruptSource
    void acknowledge(const arch::Candidate& candidate) override;
    void deactivate(u32 intid) override;
    std::shared_ptr<sim::Journey>* journey(u32 intid) override;
    void update() override;
    void hurry() override;
    std::vector<arch::Candidate> candidates() const override;

    // arch::RedistributorListener
    void private_changed() override { update(); }
    void lpis_enabled() override;
    void lpis_disabled() override;
    void clear_lpi(u32 intid) override { clear_pending(intid); }

private:
    /// One read of a property under way.
    struct Fetch : sim::intrusive::list_base_hook<sim::AutoUnlink> {
        explicit Fetch(u32 wanted) : intid(wanted) {}
        u32 intid;
        bool stale = false;      ///< invalidated since: read again
        bool abandoned = false;  ///< LPIs were disabled since: the result is nobody's
    };
    struct IntidKey {
        u32 intid = 0;
        bool operator==(const IntidKey&) const = default;
        u64 hash() const { return sim::spread(u64{intid}); }
    };

    arch::Groups groups() const;
    arch::Candidate best() const;
    arch::Candidate find(u32 intid) const;
    void arrive();
    static void forward_due(void* redistributor, void*);

    void fetch(u32 intid);
    sim::Task<> read_properties();
    sim::Task<> read_property(u32 intid);
    sim::Task<> scan_pending_table();
    sim::Task<> write_pending_table();
    sim::AccessPtr table_access(sim::Command command, u64 address, u32 size, const sim::MemoryAttributes& attributes);
    void trace(const char* what, u32 intid) const;

    sim::Simulation& simulation_;
    const sim::Clock& clock_;
    sim::Port& memory_;
    arch::Distributor& distributor_;
    SpiJourneys& spi_journeys_;
    CpuInterface& cpu_;
    RedistributorCounters& counters_;
    RedistributorConfig config_;
    std::string name_;
    std::string property_wait_;
    std::string table_wait_;
    u8 priority_mask_;
    arch::Redistributor state_;
    arch::PendingLpis lpis_;
    sim::AssocCache<IntidKey, spec::LpiProperty> properties_;
    arch::Candidate forwarded_;  ///< on its way to the CPU interface
    sim::Scheduler::Token due_;
    bool scanning_ = false;
    std::set<u64> table_words_;  ///< 64-bit words of the pending table that are not zero in memory
    u32 readers_ = 0;            ///< activities that read properties
    sim::Signal table_done_;
    sim::intrusive::list<Fetch, sim::intrusive::constant_time_size<false>> fetches_;
    sim::Scope scope_;
};

}  // namespace smmusim::gic::uarch
