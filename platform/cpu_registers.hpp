// Joins a CPU and its interrupt controller's CPU interface: system registers one way, the interrupt line the other.
#pragma once

#include <functional>

#include "gic/uarch/cpu_interface.hpp"
#include "sw/cpu/cpu.hpp"

namespace smmusim::platform {

class CpuRegisters final : public sw::cpu::SystemRegisters, public gic::uarch::InterruptLine {
public:
    explicit CpuRegisters(gic::uarch::CpuInterface& interface) : interface_(interface) {}

    void connect(sw::cpu::Cpu& cpu) {
        cpu_ = &cpu;
        interface_.connect(*this);
    }
    u64 read(sw::cpu::SystemRegister which) override {
        u64 value = 0;
        if (virtualises(which)) interface_.guest().read(name(which), value);
        else value = interface_.read(icc(which));
        return value;
    }
    void write(sw::cpu::SystemRegister which, u64 value) override {
        if (virtualises(which)) interface_.guest().write(name(which), value);
        else interface_.write(icc(which), value);
    }
    void irq(bool asserted) override {
        cpu_->irq(asserted);
        if (on_irq) on_irq(asserted);
    }

    void virtual_irq(bool asserted) override { cpu_->virtual_irq(asserted); }

    /// Told of the line after the CPU.
    std::function<void(bool asserted)> on_irq;

private:
    /// A register of the hypervisor for its guest, or of the guest.
    static bool virtualises(sw::cpu::SystemRegister which) { return which >= sw::cpu::SystemRegister::ICH_HCR_EL2; }
    static gic::spec::Icc icc(sw::cpu::SystemRegister which) {
        using gic::spec::Icc;
        using sw::cpu::SystemRegister;
        switch (which) {
            case SystemRegister::ICC_SRE_EL1: return Icc::SRE;
            case SystemRegister::ICC_PMR_EL1: return Icc::PMR;
            case SystemRegister::ICC_BPR1_EL1: return Icc::BPR1;
            case SystemRegister::ICC_CTLR_EL1: return Icc::CTLR;
            case SystemRegister::ICC_IGRPEN1_EL1: return Icc::IGRPEN1;
            case SystemRegister::ICC_IAR1_EL1: return Icc::IAR1;
            case SystemRegister::ICC_EOIR1_EL1: return Icc::EOIR1;
            case SystemRegister::ICC_DIR_EL1: return Icc::DIR;
            case SystemRegister::ICC_HPPIR1_EL1: return Icc::HPPIR1;
            case SystemRegister::ICC_RPR_EL1: return Icc::RPR;
            default: break;
        }
        return Icc::PMR;
    }

    gic::uarch::CpuInterface& interface_;
    sw::cpu::Cpu* cpu_ = nullptr;
};

}  // namespace smmusim::platform
