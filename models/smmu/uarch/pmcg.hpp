// A performance monitor counter group of the TCU or of one TBU: counts what its part reports and the clock, and
// interrupts at the very cycle of an overflow (IHI 0070, chapter 10).
#pragma once

#include "sim/clock.hpp"
#include "sim/interrupt.hpp"
#include "sim/resources.hpp"
#include "sim/statistics.hpp"
#include "smmu/arch/pmcg_registers.hpp"
#include "smmu/uarch/pmcg_config.hpp"
#include "smmu/uarch/pmcg_tap.hpp"
#include "smmu/uarch/register_target.hpp"

namespace smmusim::smmu::uarch {

class Pmcg final : private arch::PmcgEffects, private EventTap::Listener {
public:
    struct Surroundings {
        sim::Simulation& simulation;
        const sim::Clock& clock;
        sim::Port& memory;  ///< for messages
        EventTap& tap;      ///< of the part that is monitored
        sim::InterruptInput* wire;
        Time register_latency;
        Time update_latency;
    };
    /// `events`: what the part reports, a bit for each; `base`: address of page 0.
    Pmcg(const Surroundings& surroundings, std::string name, const PmcgConfig& config,
         const spec::Identification& identification, u64 events, u64 base);
    ~Pmcg();

    u64 base() const { return base_; }
    /// 128 KiB; addresses are absolute.
    sim::Target& registers() { return target_; }
    void reset();
    void statistics(sim::StatisticsVisitor& visit);

private:
    // PmcgEffects
    u64 cycle() const override;
    void counting_changed() override;
    void interrupt_update_requested() override;
    void interrupt() override;
    // EventTap::Listener
    void event(spec::MonitorEvent event, u32 stream) override { registers_.count(event, stream); }

    static void overflow_due(void* group, void*);
    sim::Task<> update_interrupts();
    sim::Task<> send(arch::InterruptMessage message);

    Surroundings surroundings_;
    std::string name_;
    std::string write_name_;
    u64 base_;
    u32 device_id_;
    arch::PmcgRegisters registers_;
    RegisterTarget<arch::PmcgRegisters> target_;
    sim::Scheduler::Token overflow_;
    sim::Scope scope_;
    sim::Signal progress_;
    u64 sent_ = 0;
    u64 finished_ = 0;
    bool updating_ = false;
    u64 interrupts_ = 0;
    u64 messages_ = 0;
    u64 aborted_ = 0;
};

}  // namespace smmusim::smmu::uarch
