// Doorbells of SPIs besides the distributor's own: the MBI alias, one frame per cluster of CPUs, and a fixed window.
#pragma once

#include "gic/spec/message_frames.hpp"
#include "gic/uarch/distributor.hpp"

namespace smmusim::gic::uarch {

/// What a frame says of itself.
struct MessageFrameRegisters {
    u32 first_spi;
    u32 count;
    u64 read_typer(u32);
};

/// Sets and clears the SPIs that it owns, whoever writes.
class MessageFrame final
    : public RegisterFrame<MessageFrameRegisters, spec::message_frame_registers<MessageFrameRegisters>> {
public:
    MessageFrame(sim::Simulation& simulation, std::string name, const sim::Clock& clock, u32 cycles, u64 base,
                 MessageFrameRegisters spis, SpiDoorbell& doorbell);

private:
    bool take_message(sim::Access& access, u64 offset) override;
    MessageFrameRegisters device_;
    SpiDoorbell& doorbell_;
};

/// A page for each CPU; the data of a message are a vector of that CPU. Nothing can be read.
class MessageWindow final : public Frame {
public:
    MessageWindow(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config, u32 cpus,
                  SpiDoorbell& doorbell);

private:
    bool defined(u64, u32) const override { return false; }
    u64 read(u64, u32) override { return 0; }
    void write(u64, u32, u64) override {}
    bool take_message(sim::Access& access, u64 offset) override;

    MessageWindowConfig config_;
    u32 cpus_;
    SpiDoorbell& doorbell_;
};

/// All of them that the machine has.
class MessageFrames {
public:
    MessageFrames(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config, u32 cpus,
                  SpiDoorbell& doorbell);
    const std::vector<std::unique_ptr<Frame>>& frames() const { return frames_; }

private:
    std::vector<std::unique_ptr<Frame>> frames_;
};

}  // namespace smmusim::gic::uarch
