#include "gic/uarch/message_frames.hpp"

#include <fmt/format.h>

namespace smmusim::gic::uarch {

u64 MessageFrameRegisters::read_typer(u32) {
    spec::GicmTyper typer;
    typer.set(spec::GicmTyper::NumSPIs, count);
    typer.set(spec::GicmTyper::INTID, first_spi);
    typer.set(spec::GicmTyper::CLR, true);
    typer.set(spec::GicmTyper::Valid, true);
    return typer.words[0];
}

MessageFrame::MessageFrame(sim::Simulation& simulation, std::string name, const sim::Clock& clock, u32 cycles, u64 base,
                           MessageFrameRegisters spis, SpiDoorbell& doorbell)
    : RegisterFrame(simulation, std::move(name), clock, base, spec::message_frame_size, cycles, device_),
      device_(spis),
      doorbell_(doorbell) {}

bool MessageFrame::take_message(sim::Access& access, u64 offset) {
    if (!is_message(access) || (offset != spec::gicm_setspi && offset != spec::gicm_clrspi)) return false;
    const u64 number = access.value() & 0x1FFF;
    // Only its own SPIs; no requester is checked, which is why it isolates nobody.
    const bool owned = number >= device_.first_spi && number < u64{device_.first_spi} + device_.count;
    const u32 intid = owned ? static_cast<u32>(number) : spec::spurious;
    if (offset == spec::gicm_setspi) doorbell_.set_spi(intid, access.journey());
    else doorbell_.clear_spi(intid);
    return true;
}

MessageWindow::MessageWindow(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config, u32 cpus,
                             SpiDoorbell& doorbell)
    : Frame(simulation, "message_window", clock, config.message_window.base, spec::message_window_size,
            config.register_cycles),
      config_(config.message_window),
      cpus_(cpus),
      doorbell_(doorbell) {}

bool MessageWindow::take_message(sim::Access& access, u64 offset) {
    if (access.command != sim::Command::Write || access.size != 4 || offset % spec::message_window_page != 0)
        return false;
    spec::WindowData data;
    data.words[0] = access.value();
    const u64 cpu = offset / spec::message_window_page;
    const u64 place = data[spec::WindowData::Vector] - spec::first_window_vector;
    const bool known = cpu < cpus_ && place < config_.count && data[spec::WindowData::DeliveryMode] == 0;
    const u64 intid = known ? config_.first_spi + cpu * config_.count + place : spec::spurious;
    doorbell_.set_spi(static_cast<u32>(intid), access.journey());
    return true;
}

MessageFrames::MessageFrames(sim::Simulation& simulation, const sim::Clock& clock, const GicConfig& config, u32 cpus,
                             SpiDoorbell& doorbell) {
    const auto add = [&](std::string name, u64 base, u32 first_spi, u32 count) {
        const MessageFrameRegisters spis{first_spi, count};
        frames_.push_back(std::make_unique<MessageFrame>(simulation, std::move(name), clock, config.register_cycles,
                                                         base, spis, doorbell));
    };
    if (config.mbi.present) add("mbi", config.mbi.base, config.mbi.first_spi, config.mbi.count);
    const MultiFrameConfig& clusters = config.multi_frame;
    for (u32 index = 0; clusters.present && index < clusters.frames(cpus); ++index)
        add(fmt::format("msi_frame{}", index), clusters.frame(index), clusters.first_spi + index * clusters.count,
            clusters.count);
    if (config.message_window.present)
        frames_.push_back(std::make_unique<MessageWindow>(simulation, clock, config, cpus, doorbell));
}

}  // namespace smmusim::gic::uarch
