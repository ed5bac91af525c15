#include "sw/doorbells/frame_controllers.hpp"

#include <algorithm>
#include <cerrno>

namespace smmusim::sw::doorbells {

namespace {

constexpr u64 set_spi = 0x40;                 // of every frame (Server Base System Architecture; IHI 0069, 12.14)
constexpr u64 v2m_typer = 0x008;              // MSI_TYPER
constexpr u64 gicm_typer = 0x004;             // GICM_TYPER
constexpr u64 gicm_typer_valid = 1ull << 31;  // the rest of the register is meaningful

/// What GICM_TYPER says of a frame; no SPIs: there is no such frame.
Task<SpiFrame> probe(cpu::Cpu& cpu, u64 base) {
    SpiFrame frame;
    const cpu::Loaded type = co_await cpu.mmio_read(base + gicm_typer);
    if (!type.ok() || (type.value & gicm_typer_valid) == 0) co_return frame;
    frame.doorbell = base + set_spi;
    frame.first = frame.first_data = static_cast<u32>(type.value >> 16 & 0x1FFF);
    frame.count = static_cast<u32>(type.value & 0x7FF);
    co_return frame;
}

}  // namespace

Task<int> GicV2m::init(cpu::Cpu& cpu) {
    if (base_ == 0) co_return -ENODEV;
    const cpu::Loaded type = co_await cpu.mmio_read(base_ + v2m_typer);
    SpiFrame frame;
    frame.doorbell = base_ + set_spi;
    frame.first = frame.first_data = static_cast<u32>(type.value >> 16 & 0x3FF);
    frame.count = static_cast<u32>(type.value & 0x3FF);
    if (!type.ok() || frame.count == 0) co_return -ENODEV;
    std::vector<SpiFrame> frames{frame};
    set_frames(std::move(frames));
    co_return 0;
}

Task<int> Mbi::init(cpu::Cpu& cpu) {
    // GICD_TYPER.MBIS: the distributor takes messages at all.
    if (base_ == 0 || !gic_.has_message_spis()) co_return -ENODEV;
    const SpiFrame frame = co_await probe(cpu, base_);
    if (frame.count == 0) co_return -ENODEV;
    std::vector<SpiFrame> frames{frame};
    set_frames(std::move(frames));
    co_return 0;
}

Task<int> MultiFrame::init(cpu::Cpu& cpu) {
    std::vector<SpiFrame> frames;
    for (const Cluster& cluster : clusters_) {
        SpiFrame frame = co_await probe(cpu, cluster.frame);
        if (frame.count == 0) co_return -ENODEV;
        frame.first_cpu = cluster.first_cpu;
        frame.cpus = cluster.cpus;
        frames.push_back(frame);
    }
    if (frames.empty()) co_return -ENODEV;
    set_frames(std::move(frames));
    co_return 0;
}

Task<int> WindowController::init(cpu::Cpu&) {
    constexpr u64 page = 4 * KiB;  // address bits [19:12] name the CPU
    if (window_.count == 0) co_return -ENODEV;
    std::vector<SpiFrame> frames;
    for (u32 target = 0; target < std::min<u64>(gic_.cpus(), window_.size / page); ++target) {
        SpiFrame frame;
        frame.doorbell = window_.base + target * page;
        frame.first = window_.first_spi + target * window_.count;
        frame.count = window_.count;
        frame.first_data = window_.first_vector;
        frame.first_cpu = target;
        frame.cpus = 1;
        frames.push_back(frame);
    }
    set_frames(std::move(frames));
    co_return 0;
}

}  // namespace smmusim::sw::doorbells
