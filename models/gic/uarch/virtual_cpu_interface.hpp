// What a guest sees as its CPU interface: list registers of the hypervisor, and vLPIs and virtual SGIs that reach it
// without one.
#pragma once

#include <string>

#include "gic/arch/cpu_interface.hpp"
#include "gic/arch/list_registers.hpp"
#include "gic/uarch/config.hpp"
#include "gic/uarch/lines.hpp"
#include "sim/clock.hpp"
#include "sim/simulation.hpp"
#include "sim/statistics.hpp"

namespace smmusim::gic::uarch {

/// The interrupts of the resident vPE.
class VirtualSource {
public:
    virtual arch::Candidate best_virtual() const = 0;
    virtual void acknowledge_virtual(u32 intid) = 0;
    virtual std::shared_ptr<sim::Journey>* virtual_journey(u32 intid) = 0;
    /// A physical interrupt ends because the guest ended the virtual one.
    virtual void deactivate(u32 intid) = 0;
    virtual void drive_maintenance(bool asserted) = 0;

protected:
    ~VirtualSource() = default;
};

class VirtualCpuInterface {
public:
    VirtualCpuInterface(sim::Simulation& simulation, const sim::Clock& clock, const CpuInterfaceConfig& config,
                        u8 priority_bits, u32 id_bits, bool direct_injection);
    ~VirtualCpuInterface();
    VirtualCpuInterface(const VirtualCpuInterface&) = delete;
    VirtualCpuInterface& operator=(const VirtualCpuInterface&) = delete;

    void attach(VirtualSource& source) { source_ = &source; }
    void connect(InterruptLine* line) { line_ = line; }
    void reset();

    /// Registers by architected name: ICH_* of the hypervisor, ICV_* of the guest. False if there is none.
    bool read(std::string_view name, u64& value);
    bool write(std::string_view name, u64 value);

    /// The resident vPE or its interrupts changed.
    void update();
    bool asserted(u8 group) const { return asserted_[group]; }

    void statistics(sim::StatisticsVisitor& visit);

private:
    arch::Candidate best() const;
    u32 acknowledge(u8 group);
    void end(u32 intid, u8 group);
    void deactivate(u32 intid);
    u64 vmcr() const;
    void write_vmcr(u64 value);
    u64 vtr() const;
    u64 read_guest(spec::Icc name);
    void write_guest(spec::Icc name, u64 value);
    void drive(u8 group, bool asserted);
    void signal();
    /// The message of this interrupt is at the CPU interface; that of another one is at the redistributor again.
    void offer(u32 intid);
    /// The way of its message ends: the guest is told, or took the interrupt before it was.
    void tell(u32 intid);
    static void signal_due(void* interface, void*);

    sim::Simulation& simulation_;
    const sim::Clock& clock_;
    CpuInterfaceConfig config_;
    u8 priority_bits_;
    u32 id_bits_;
    bool direct_injection_;
    VirtualSource* source_ = nullptr;
    InterruptLine* line_ = nullptr;
    arch::CpuInterface state_;
    arch::ListRegisters lists_;
    bool asserted_[2] = {false, false};
    sim::Scheduler::Token due_;
    u32 offered_ = spec::spurious;

    u64 signals_ = 0;
    u64 acknowledges_ = 0;
};

}  // namespace smmusim::gic::uarch
