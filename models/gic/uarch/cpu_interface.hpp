// One CPU interface: holds the interrupt that was forwarded, drives the core's lines, serves the ICC registers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gic/arch/cpu_interface.hpp"
#include "gic/uarch/config.hpp"
#include "gic/uarch/lines.hpp"
#include "gic/uarch/virtual_cpu_interface.hpp"
#include "sim/clock.hpp"
#include "sim/simulation.hpp"
#include "sim/statistics.hpp"

namespace smmusim::gic::uarch {

class CpuInterface {
public:
    CpuInterface(sim::Simulation& simulation, std::string name, const sim::Clock& clock,
                 const CpuInterfaceConfig& config, u8 priority_bits, u32 id_bits, u32 cpu, SgiRouter& sgis);
    ~CpuInterface();
    CpuInterface(const CpuInterface&) = delete;
    CpuInterface& operator=(const CpuInterface&) = delete;

    void attach(InterruptSource& source, VirtualCpuInterface& guest) {
        source_ = &source;
        guest_ = &guest;
    }
    /// What a guest on this core sees.
    VirtualCpuInterface& guest() { return *guest_; }
    /// The core; without one the lines lead nowhere.
    void connect(InterruptLine& line);
    void reset();

    // The registers as the core's instructions see them at this moment.
    u64 read(spec::Icc name);
    void write(spec::Icc name, u64 value);

    // Without time: what is on its way from the redistributor arrives first.
    /// False if no register of this architected name ("ICC_PMR_EL1") can be read, or written.
    bool read(std::string_view name, u64& value);
    bool write(std::string_view name, u64 value);
    /// INTIDs that could be acknowledged now, in that order.
    std::vector<u32> pending();
    /// Acknowledges the most urgent of either group; 1023 if there is none.
    u32 acknowledge();
    /// Priority drop, and deactivation as ICC_CTLR_EL1.EOImode says.
    void end(u32 intid);

    /// An SError interrupt of the core, which nothing masks here.
    void system_error(u32 code);

    bool irq_asserted() const { return asserted_[1]; }
    bool fiq_asserted() const { return asserted_[0]; }

    // For the redistributor.
    arch::Groups groups() const { return state_.groups(); }
    const arch::Candidate& held() const { return held_; }
    /// An interrupt arrives and takes the place of the one that is held, if any.
    void offer(const arch::Candidate& candidate);
    /// The interrupt that is held is none any more.
    void withdraw();

    void statistics(sim::StatisticsVisitor& visit);

private:
    u32 acknowledge(u8 group);
    void end(u32 intid, u8 group);
    void evaluate();
    void drive(u8 group, bool asserted);
    void return_journey();
    void signal();
    /// The message's way ends: the core is told, or took the interrupt before it was.
    void tell();
    static void signal_due(void* cpu_interface, void*);
    void trace(const char* what, u32 intid) const;

    sim::Simulation& simulation_;
    std::string name_;
    const sim::Clock& clock_;
    CpuInterfaceConfig config_;
    u32 cpu_;
    SgiRouter& sgis_;
    InterruptSource* source_ = nullptr;
    VirtualCpuInterface* guest_ = nullptr;
    InterruptLine* line_ = nullptr;
    arch::CpuInterface state_;
    arch::Candidate held_;
    bool signalled_ = false;  ///< the core has been told of the one that is held
    bool asserted_[2] = {false, false};
    sim::Scheduler::Token due_;

    u64 signals_ = 0;
    u64 acknowledges_ = 0;
    u64 spurious_ = 0;
    u64 ends_ = 0;
    u64 system_errors_ = 0;
};

}  // namespace smmusim::gic::uarch
