// The distributor on the bus: its frame with the doorbell for SPIs, the GICv2m frame, and the wired inputs.
#pragma once

#include <deque>
#include <map>

#include "gic/arch/distributor.hpp"
#include "gic/uarch/config.hpp"
#include "gic/uarch/frame.hpp"
#include "gic/uarch/redistributor.hpp"
#include "sim/interrupt.hpp"

namespace smmusim::gic::uarch {

/// Where writes to doorbells of SPIs go.
class SpiDoorbell {
public:
    virtual void set_spi(u32 intid, std::shared_ptr<sim::Journey> journey) = 0;
    virtual void clear_spi(u32 intid) = 0;
    virtual void pulse_spi(u32 intid, std::shared_ptr<sim::Journey> journey) = 0;

protected:
    ~SpiDoorbell() = default;
};

class DistributorFrame final : public RegisterFrame<arch::Distributor, spec::distributor_registers<arch::Distributor>> {
public:
    DistributorFrame(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config,
                     arch::Distributor& distributor, SpiDoorbell& doorbell);

private:
    bool take_message(sim::Access& access, u64 offset) override;
    SpiDoorbell& doorbell_;
};

/// The GICv2m frame's identification.
struct V2mRegisters {
    u32 first_spi;
    u32 count;
    u64 read_typer(u32);
};

class V2mFrame final : public RegisterFrame<V2mRegisters, spec::v2m_registers<V2mRegisters>> {
public:
    V2mFrame(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config, SpiDoorbell& doorbell);

private:
    bool take_message(sim::Access& access, u64 offset) override;
    V2mRegisters device_;
    SpiDoorbell& doorbell_;
};

class Distributor final : public arch::DistributorListener, public SpiDoorbell, public SpiJourneys {
public:
    Distributor(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config);

    /// The redistributors, once they exist.
    void attach(Redistributor& redistributor) { redistributors_.push_back(&redistributor); }
    void reset();

    arch::Distributor& state() { return state_; }
    DistributorFrame& frame() { return frame_; }
    V2mFrame& v2m() { return v2m_; }
    /// The wired input of an implemented SPI.
    sim::InterruptInput& input(u32 intid);

    void set_spi(u32 intid, std::shared_ptr<sim::Journey> journey) override;
    void clear_spi(u32 intid) override;
    void pulse_spi(u32 intid, std::shared_ptr<sim::Journey> journey) override;
    std::shared_ptr<sim::Journey>* spi_journey(u32 intid) override;
    void distributor_changed() override;

    void statistics(sim::StatisticsVisitor& visit);

private:
    class Input final : public sim::InterruptInput {
    public:
        Input(Distributor& distributor, u32 intid) : distributor_(distributor), intid_(intid) {}
        void pulse() override;
        void drive(bool asserted) override;

    private:
        Distributor& distributor_;
        u32 intid_;
    };

    void settle(u32 intid, arch::MessageResult result, std::shared_ptr<sim::Journey> journey);

    sim::Simulation& simulation_;
    arch::Distributor state_;
    DistributorFrame frame_;
    V2mFrame v2m_;
    std::vector<Redistributor*> redistributors_;
    std::deque<Input> inputs_;
    std::map<u32, std::shared_ptr<sim::Journey>> journeys_;
    u64 messages_ = 0;
    u64 coalesced_ = 0;
    u64 ignored_ = 0;
};

}  // namespace smmusim::gic::uarch
