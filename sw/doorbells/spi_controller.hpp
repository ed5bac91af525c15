// What all doorbells of SPIs have in common: whoever can write one can raise every interrupt behind it.
#pragma once

#include "sw/its/gic.hpp"
#include "sw/msi/controller.hpp"

namespace smmusim::sw::doorbells {

using sim::Task;

/// A doorbell and the SPIs that messages to it become.
struct SpiFrame {
    u64 doorbell = 0;
    u32 first = 0;       ///< INTID of the first SPI
    u32 count = 0;       ///< of them
    u32 first_data = 0;  ///< data of a message for the first; the next has the next
    u32 first_cpu = 0;   ///< its SPIs are routed to these CPUs only
    u32 cpus = ~u32{0};

    bool serves(u32 cpu) const { return cpu >= first_cpu && cpu - first_cpu < cpus; }
};

/// A vector has a place in every frame, so that it can follow its affinity without an allocation.
class SpiController : public msi::Controller {
public:
    /// Finds the frames. 0, -ENODEV: there are none.
    virtual Task<int> init(cpu::Cpu& cpu) = 0;

    const std::string& name() const final { return name_; }
    bool isolates_sources() const final { return false; }  // the data alone says which interrupt it is
    std::vector<msi::Doorbell> doorbells() const override;
    Task<int> allocate(cpu::Cpu& cpu, msi::Source& source, std::vector<msi::Vector*> vectors) final;
    Task<> release(cpu::Cpu& cpu, msi::Vector& vector) final;
    Task<int> activate(cpu::Cpu& cpu, msi::Vector& vector) final;
    Task<> deactivate(cpu::Cpu& cpu, msi::Vector& vector) final;
    msi::Message compose(const msi::Vector& vector) const final;
    Task<Result<Moved>> set_affinity(cpu::Cpu& cpu, msi::Vector& vector, u32 target) final;
    std::vector<u32> intids(const msi::Vector& vector) const final;

    const std::vector<SpiFrame>& frames() const { return frames_; }

protected:
    SpiController(std::string name, its::GicDriver& gic) : gic_(gic), name_(std::move(name)) {}
    /// All frames have the same number of SPIs.
    void set_frames(std::vector<SpiFrame> frames);

    its::GicDriver& gic_;

private:
    /// Null: no frame serves the CPU.
    const SpiFrame* frame_of(u32 cpu) const;

    std::string name_;
    std::vector<SpiFrame> frames_;
    std::vector<bool> used_;  ///< by place in a frame, which is the vector's event
};

}  // namespace smmusim::sw::doorbells
