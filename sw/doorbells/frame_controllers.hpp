// The drivers of the frames that take messages for SPIs: GICv2m, MBI, and a controller with one frame per cluster.
#pragma once

#include "sw/doorbells/description.hpp"
#include "sw/doorbells/spi_controller.hpp"

namespace smmusim::sw::doorbells {

/// A GICv2m frame: MSI_TYPER says which SPIs it owns.
class GicV2m final : public SpiController {
public:
    GicV2m(const DoorbellDescription& description, its::GicDriver& gic)
        : SpiController("gicv2m", gic), base_(description.gicv2m) {}
    Task<int> init(cpu::Cpu& cpu) override;

private:
    u64 base_;
};

/// Message-based SPIs of the distributor. The doorbell is in a frame of its own: in the distributor's a function that
/// may write its page could reprogram every interrupt.
class Mbi final : public SpiController {
public:
    Mbi(const DoorbellDescription& description, its::GicDriver& gic)
        : SpiController("mbi", gic), base_(description.mbi) {}
    Task<int> init(cpu::Cpu& cpu) override;

private:
    u64 base_;
};

/// One frame for each cluster of CPUs: moving a vector to another cluster changes its address.
class MultiFrame final : public SpiController {
public:
    MultiFrame(const DoorbellDescription& description, its::GicDriver& gic)
        : SpiController("multiframe", gic), clusters_(description.clusters) {}
    Task<int> init(cpu::Cpu& cpu) override;

private:
    std::vector<Cluster> clusters_;
};

/// A window that is decoded before translation, as on x86: nothing is mapped, and moving a vector changes its address.
class WindowController final : public SpiController {
public:
    WindowController(const DoorbellDescription& description, its::GicDriver& gic)
        : SpiController("x86", gic), window_(description.window) {}
    Task<int> init(cpu::Cpu& cpu) override;
    bool translated() const override { return false; }
    std::vector<msi::Doorbell> doorbells() const override { return {}; }

private:
    FixedWindow window_;
};

}  // namespace smmusim::sw::doorbells
