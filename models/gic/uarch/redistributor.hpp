// One redistributor in time: reads LPI properties and pending tables, and forwards the most urgent interrupt.
#pragma once

#include "gic/arch/distributor.hpp"
#include "gic/arch/redistributor.hpp"
#include "gic/uarch/cpu_interface.hpp"
#include "gic/uarch/lpi_bank.hpp"
#include "gic/uarch/resident_vpe.hpp"

namespace smmusim::gic::uarch {

/// Counters of all redistributors together.
struct RedistributorCounters {
    u64 messages = 0;
    LpiCounters tables;
    VirtualCounters virtual_machines;
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

class Redistributor final : public LpiReceiver,
                            public InterruptSource,
                            public VirtualSource,
                            public LpiListener,
                            public arch::RedistributorListener {
public:
    struct Surroundings {
        sim::Simulation& simulation;
        const sim::Clock& clock;
        sim::Port& memory;
        arch::Distributor& distributor;
        SpiJourneys& spi_journeys;
        CpuInterface& cpu_interface;
        VirtualCpuInterface& virtual_cpu_interface;
        RedistributorCounters& counters;
    };

    Redistributor(const Surroundings& surroundings, const RedistributorConfig& config,
                  const arch::Redistributor::Identity& identity);
    ~Redistributor();

    void reset();
    arch::Redistributor& state() { return state_; }
    const arch::PendingLpis& lpis() const { return physical_.lpis(); }
    const ResidentVpe& vpe() const { return vpe_; }

    /// A wired PPI, or an SGI that arrived.
    void drive_private(u32 intid, bool asserted);
    void pulse_private(u32 intid);
    void send_sgi(u32 intid, u8 group);
    /// GICR_SETLPIR.
    void set_lpi(u32 intid, std::shared_ptr<sim::Journey> journey);

    // LpiReceiver
    void set_pending(u32 intid, std::shared_ptr<sim::Journey> journey) override;
    void clear_pending(u32 intid) override;
    bool take_pending(u32 intid, std::shared_ptr<sim::Journey>& journey) override;
    std::vector<u32> pending_lpis() const override { return physical_.pending(); }
    void invalidate_property(u32 intid) override { physical_.invalidate(intid); }
    void invalidate_properties() override { physical_.invalidate_all(); }
    void drop_properties() override { physical_.drop_properties(); }
    sim::Answer<void> scanned() override {
        if (!physical_.scanning()) return {};
        return physical_.scanned();
    }
    sim::Task<> set_virtual(VirtualTarget target, u32 intid, std::shared_ptr<sim::Journey> journey) override {
        return vpe_.set(target, intid, std::move(journey));
    }
    sim::Task<> clear_virtual(VirtualTarget target, u32 intid) override { return vpe_.clear(target, intid); }
    sim::Task<bool> take_virtual(VirtualTarget target, u32 intid) override { return vpe_.take(target, intid); }
    sim::Task<> invalidate_virtual(VirtualTarget target, u32 intid) override { return vpe_.invalidate(target, intid); }
    sim::Task<> invalidate_all_virtual(VirtualTarget target) override { return vpe_.invalidate_all(target); }
    sim::Task<> configure_virtual_sgi(VirtualTarget target, VirtualSgiSettings settings) override {
        return vpe_.configure_sgi(target, settings);
    }
    sim::Task<> set_virtual_sgi(VirtualTarget target, u32 intid) override { return vpe_.set_sgi(target, intid); }

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
    void clear_lpi(u32 intid) override;
    void vpe_scheduled() override { vpe_.schedule(); }
    void vpe_descheduled(bool doorbell) override { vpe_.deschedule(doorbell); }
    void virtual_sgis_wanted(u32 vpe) override { vpe_.query_sgis(vpe); }

    // VirtualSource
    arch::Candidate best_virtual() const override { return vpe_.best(); }
    void acknowledge_virtual(u32 intid) override { vpe_.acknowledge(intid); }
    std::shared_ptr<sim::Journey>* virtual_journey(u32 intid) override { return vpe_.journey(intid); }
    void drive_maintenance(bool asserted) override;

    // LpiListener
    void lpis_changed() override { update(); }

private:
    /// What waited for the end of a scan has its effect though LPIs were disabled meanwhile.
    bool keeps_lpis() const { return state_.lpis_enabled() || physical_.closing(); }
    arch::Groups groups() const;
    arch::Candidate best() const;
    arch::Candidate find(u32 intid) const;
    void arrive();
    static void forward_due(void* redistributor, void*);

    sim::Task<> write_back();
    sim::Task<> set_when_scanned(u32 intid, std::shared_ptr<sim::Journey> journey);
    sim::Task<> clear_when_scanned(u32 intid);
    void trace(const char* what, u32 intid) const;

    sim::Simulation& simulation_;
    const sim::Clock& clock_;
    arch::Distributor& distributor_;
    SpiJourneys& spi_journeys_;
    CpuInterface& cpu_;
    RedistributorCounters& counters_;
    RedistributorConfig config_;
    std::string name_;
    arch::Redistributor state_;
    LpiBank physical_;
    ResidentVpe vpe_;
    arch::Candidate forwarded_;  ///< on its way to the CPU interface
    sim::Scheduler::Token due_;
    bool maintenance_ = false;
    sim::Scope scope_;
};

}  // namespace smmusim::gic::uarch
