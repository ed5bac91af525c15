// Virtual PEs: their tables, where they run, their doorbells, on all ITSs and redistributors (GICv4.0 and 4.1).
#pragma once

#include <memory>
#include <vector>

#include "sw/its/its.hpp"

namespace smmusim::sw::its {

/// A virtual PE: what a guest's CPU is to the GIC (its_vpe).
struct Vpe {
    u32 id = 0;
    u64 properties = 0;  ///< configuration of the vLPIs, one table for all vPEs of a guest
    u64 pending = 0;     ///< virtual pending table
    u32 doorbell = 0;    ///< the LPI that tells that something waits for the vPE
    u32 cpu = 0;         ///< whose redistributor it is mapped to
    bool resident = false;
    bool pending_last = false;  ///< something waited for it when it left, as far as the GIC knew
};

/// The vPEs of a guest (its_vm).
struct Vm {
    u64 properties = 0;
    std::vector<std::unique_ptr<Vpe>> vpes;
};

class VpeDriver {
public:
    VpeDriver(sim::Simulation& simulation, GicDriver& gic, const std::vector<std::unique_ptr<ItsDriver>>& itss,
              cpu::PagePool& pool, const DriverConfig& config)
        : gic_(gic),
          itss_(itss),
          pool_(pool),
          polling_{config.poll_interval, config.timeout},
          ids_(0, 0),
          lock_(simulation, "vpes") {}

    /// After the ITSs: 0, also when the machine has no virtual LPIs; -ENOMEM, -EIO.
    Task<int> init(cpu::Cpu& cpu);
    /// Every redistributor and every ITS has virtual LPIs.
    bool available() const { return available_; }

    /// A guest of `count` vPEs, dealt out to the CPUs: -ENODEV, -ENOSPC, -ENOMEM, -EIO.
    Task<Result<std::unique_ptr<Vm>>> create_vm(cpu::Cpu& cpu, u32 count);
    /// None of its vPEs is resident, and no event is a vLPI of the guest any more.
    Task<> destroy_vm(cpu::Cpu& cpu, Vm& vm);

    /// On this CPU, where the vPE is moved if it was mapped to another: 0, -EBUSY (another vPE runs here), -EIO,
    /// -ETIMEDOUT. Its doorbell is silent from here on.
    Task<int> make_resident(cpu::Cpu& cpu, Vpe& vpe);
    /// On the CPU where it runs. `doorbell`: the next interrupt for it rings; without, it only is kept.
    Task<int> make_non_resident(cpu::Cpu& cpu, Vpe& vpe, bool doorbell);
    /// The doorbell was taken, and the vPE is not made resident: it need not ring again.
    Task<> silence_doorbell(cpu::Cpu& cpu, Vpe& vpe);

    /// How messages are routed to a vPE.
    msi::VirtualRoute route(const Vpe& vpe, u32 vintid) const;
    /// As a guest's configuration says; in memory when done, the event's ITS must still be told.
    Task<> set_property(cpu::Cpu& cpu, const Vm& vm, u32 vintid, bool enabled);

private:
    bool with_vpe_table() const { return gic_.version() == GicVersion::V4_1; }
    Task<int> create_vpe(cpu::Cpu& cpu, Vm& vm, u32 target);
    Task<> destroy_vpe(cpu::Cpu& cpu, Vpe& vpe);
    Task<int> move(cpu::Cpu& cpu, Vpe& vpe, u32 target);
    Task<> set_doorbell(cpu::Cpu& cpu, Vpe& vpe, bool enabled);
    Task<int> settled(cpu::Cpu& cpu, u64 vpendbaser);

    GicDriver& gic_;
    const std::vector<std::unique_ptr<ItsDriver>>& itss_;
    cpu::PagePool& pool_;
    cpu::PollPolicy polling_;
    bool available_ = false;
    NumberRanges ids_;
    cpu::Lock lock_;  ///< one VMOVP at a time: all ITSs see them in one order
    u32 sequence_ = 0;
    std::vector<const Vpe*> resident_;  ///< by CPU
};

}  // namespace smmusim::sw::its
