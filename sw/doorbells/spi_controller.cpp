#include "sw/doorbells/spi_controller.hpp"

#include <algorithm>
#include <cerrno>

namespace smmusim::sw::doorbells {

void SpiController::set_frames(std::vector<SpiFrame> frames) {
    frames_ = std::move(frames);
    u32 places = frames_.empty() ? 0 : ~u32{0};
    for (const SpiFrame& frame : frames_) places = std::min(places, frame.count);
    used_.assign(places, false);
}

const SpiFrame* SpiController::frame_of(u32 cpu) const {
    const auto found =
        std::find_if(frames_.begin(), frames_.end(), [cpu](const SpiFrame& frame) { return frame.serves(cpu); });
    return found == frames_.end() ? nullptr : &*found;
}

std::vector<msi::Doorbell> SpiController::doorbells() const {
    std::vector<msi::Doorbell> all;
    for (const SpiFrame& frame : frames_) all.emplace_back().address = frame.doorbell;
    return all;
}

Task<int> SpiController::allocate(cpu::Cpu&, msi::Source&, std::vector<msi::Vector*> vectors) {
    if (static_cast<std::size_t>(std::count(used_.begin(), used_.end(), false)) < vectors.size()) co_return -ENOSPC;
    for (const msi::Vector* vector : vectors)
        if (frame_of(vector->cpu) == nullptr) co_return -EINVAL;
    u32 place = 0;
    for (msi::Vector* vector : vectors) {
        while (used_[place]) ++place;
        used_[place] = true;
        vector->event = place;
        vector->intid = frame_of(vector->cpu)->first + place;
    }
    co_return 0;
}

Task<> SpiController::release(cpu::Cpu&, msi::Vector& vector) {
    used_[vector.event] = false;
    co_return;
}

Task<int> SpiController::activate(cpu::Cpu& cpu, msi::Vector& vector) {
    for (const SpiFrame& frame : frames_) {
        const u32 intid = frame.first + vector.event;
        // What an earlier owner of the SPI left behind is not this vector's.
        co_await gic_.clear_spi(cpu, intid);
        const u32 target = frame.serves(vector.cpu) ? vector.cpu : frame.first_cpu;
        const int error = co_await gic_.enable_spi(cpu, intid, true, target);
        if (error != 0) co_return error;
    }
    co_return 0;
}

Task<> SpiController::deactivate(cpu::Cpu& cpu, msi::Vector& vector) {
    for (const SpiFrame& frame : frames_) co_await gic_.disable_spi(cpu, frame.first + vector.event);
}

msi::Message SpiController::compose(const msi::Vector& vector) const {
    const SpiFrame& frame = *frame_of(vector.cpu);
    return {frame.doorbell, frame.first_data + vector.event};
}

Task<Result<msi::Controller::Moved>> SpiController::set_affinity(cpu::Cpu& cpu, msi::Vector& vector, u32 new_cpu) {
    const SpiFrame* const frame = frame_of(new_cpu);
    if (frame == nullptr) co_return Error(-EINVAL);
    const int error = co_await gic_.route_spi(cpu, frame->first + vector.event, new_cpu);
    if (error != 0) co_return Error(error);
    const bool moved = frame != frame_of(vector.cpu);
    vector.cpu = new_cpu;
    // In another frame it is another SPI at another doorbell; the one before stays on for messages on their way.
    vector.intid = frame->first + vector.event;
    co_return moved ? Moved::Rewrite : Moved::Done;
}

std::vector<u32> SpiController::intids(const msi::Vector& vector) const {
    std::vector<u32> all;
    for (const SpiFrame& frame : frames_) all.push_back(frame.first + vector.event);
    return all;
}

}  // namespace smmusim::sw::doorbells
