// The whole interrupt controller: distributor, a redistributor and a CPU interface per CPU, ITSs, GICv2m frame.
#pragma once

#include <memory>

#include "gic/uarch/distributor.hpp"
#include "gic/uarch/its.hpp"
#include "gic/uarch/message_frames.hpp"

namespace smmusim::gic::uarch {

/// All redistributors on the bus: contiguous, 128 KiB each.
class RedistributorRegion final : public Frame {
public:
    RedistributorRegion(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config, u32 cpus);
    void attach(Redistributor& redistributor);

private:
    using Registers = sim::RegisterFile<arch::Redistributor, spec::redistributor_registers<arch::Redistributor>>;

    bool defined(u64 offset, u32 size) const override;
    u64 read(u64 offset, u32 size) override;
    void write(u64 offset, u32 size, u64 value) override;
    /// GICR_SETLPIR
    bool take_message(sim::Access& access, u64 offset) override;

    u64 frames_;  ///< size of one redistributor
    std::vector<Redistributor*> redistributors_;
    mutable std::vector<Registers> registers_;
};

class Gic final : public SgiRouter, public ErrorLine, public sim::HasStatistics {
public:
    /// What the controller is connected to; addresses of accesses are absolute everywhere.
    struct Ports {
        std::vector<sim::Port*> redistributors;  ///< memory traffic, one per CPU
        std::vector<sim::Port*> itss;            ///< memory traffic, one per ITS
    };

    Gic(sim::Simulation& simulation, const GicConfig& config, const std::vector<ItsConfig>& itss, const Ports& ports);
    ~Gic() override;
    Gic(const Gic&) = delete;
    Gic& operator=(const Gic&) = delete;

    /// Architected reset; work in flight is dropped, wired levels stay.
    void reset();

    u32 cpus() const { return static_cast<u32>(cpu_interfaces_.size()); }
    Frame& distributor() { return distributor_.frame(); }
    Frame& redistributors() { return region_; }
    /// Null in a machine without the frame.
    Frame* v2m() { return config_.v2m.present ? &distributor_.v2m() : nullptr; }
    /// The other doorbells of SPIs.
    const std::vector<std::unique_ptr<Frame>>& message_frames() const { return message_frames_.frames(); }
    std::size_t its_count() const { return itss_.size(); }
    Its& its(std::size_t index) { return *itss_[index]; }

    /// The CPU interface of a CPU; CpuInterface::connect() names its core.
    CpuInterface& cpu_interface(u32 cpu) { return *cpu_interfaces_[cpu]; }
    Redistributor& redistributor(u32 cpu) { return *redistributors_[cpu]; }

    /// The wired input of an implemented SPI (INTID 32 and up).
    sim::InterruptInput& input(u32 intid) { return distributor_.input(intid); }
    /// The wired input of a PPI (INTID 16 to 31).
    sim::InterruptInput& private_input(u32 cpu, u32 intid);

    void send_sgi(u32 sender, u64 request, u8 group) override;
    void report(u32 code) override;
    void statistics(sim::StatisticsVisitor& visit) override;

private:
    class PrivateInput final : public sim::InterruptInput {
    public:
        PrivateInput(Redistributor& redistributor, u32 intid) : redistributor_(redistributor), intid_(intid) {}
        void pulse() override { redistributor_.pulse_private(intid_); }
        void drive(bool asserted) override { redistributor_.drive_private(intid_, asserted); }

    private:
        Redistributor& redistributor_;
        u32 intid_;
    };

    sim::Task<> deliver_sgi(u32 target, u32 intid, u8 group);

    sim::Simulation& simulation_;
    GicConfig config_;
    sim::Clock clock_;
    Distributor distributor_;
    MessageFrames message_frames_;
    RedistributorRegion region_;
    RedistributorCounters redistributor_counters_;
    std::vector<std::unique_ptr<CpuInterface>> cpu_interfaces_;
    std::vector<std::unique_ptr<VirtualCpuInterface>> virtual_cpu_interfaces_;
    std::vector<std::unique_ptr<Redistributor>> redistributors_;
    std::vector<std::unique_ptr<Its>> itss_;
    std::deque<PrivateInput> private_inputs_;
    sim::Scope scope_;
};

}  // namespace smmusim::gic::uarch
