#include "sw/kvm/vcpu.hpp"

#include <cerrno>

namespace smmusim::sw::kvm {

using cpu::SystemRegister;

namespace {
constexpr u64 hcr_enabled = 1;  // ICH_HCR_EL2.En
// ICH_VMCR_EL2 of a guest that has brought its CPU interface up: VPMR 0xF0, VENG1.
constexpr u64 guest_control = u64{0xF0} << 24 | 1u << 1;
}  // namespace

Vcpu::Vcpu(sim::Simulation& simulation, std::string name, its::VpeDriver& driver, its::Vpe& vpe,
           cpu::InterruptTable& guest, cpu::InterruptTable& host)
    : lock_(simulation, name),
      answering_(simulation, name + ": its doorbell is being answered"),
      driver_(driver),
      vpe_(vpe),
      guest_(guest),
      host_(host),
      control_(guest_control) {
    host_.add(vpe_.doorbell, [this](cpu::Cpu& on, u32) { return on_doorbell(on); });
}

Vcpu::~Vcpu() { host_.remove(vpe_.doorbell); }

Task<int> Vcpu::run(cpu::Cpu& cpu) {
    const auto turn = co_await lock_.acquire();
    if (state_ == State::Running) co_return -EBUSY;
    const int error = co_await enter(cpu);
    co_return error;
}

Task<int> Vcpu::enter(cpu::Cpu& cpu) {
    const int error = co_await driver_.make_resident(cpu, vpe_);
    if (error != 0) co_return error;
    co_await cpu.write(SystemRegister::ICH_VMCR_EL2, control_);
    co_await cpu.write(SystemRegister::ICH_HCR_EL2, hcr_enabled);
    where_ = &cpu;
    state_ = State::Running;
    cpu.enter_guest(guest_);
    co_return 0;
}

Task<int> Vcpu::leave(State next) {
    cpu::Cpu& cpu = *where_;
    co_await cpu.leave_guest();
    co_await cpu.write(SystemRegister::ICH_HCR_EL2, 0);
    control_ = co_await cpu.read(SystemRegister::ICH_VMCR_EL2);
    where_ = nullptr;
    state_ = next;
    const int error = co_await driver_.make_non_resident(cpu, vpe_, next == State::Blocked);
    co_return error;
}

Task<int> Vcpu::preempt() {
    const auto turn = co_await lock_.acquire();
    if (state_ != State::Running) co_return -EINVAL;
    const int error = co_await leave(State::Stopped);
    co_return error;
}

Task<int> Vcpu::block() {
    const auto turn = co_await lock_.acquire();
    if (state_ != State::Running) co_return -EINVAL;
    cpu::Cpu& cpu = *where_;
    int error = co_await leave(State::Blocked);
    // Something came before the GIC let go of the vPE: for that no doorbell rings.
    if (error == 0 && vpe_.pending_last) error = co_await enter(cpu);
    if (error != 0) state_ = State::Stopped;  // nothing would wake it
    co_return error;
}

Task<int> Vcpu::stop() {
    host_.remove(vpe_.doorbell);
    int error = 0;
    {
        const auto turn = co_await lock_.acquire();
        if (state_ == State::Running) error = co_await leave(State::Stopped);
        state_ = State::Stopped;  // a doorbell that is being answered finds nobody to wake
    }
    co_await answering_.none();
    co_return error;
}

Task<> Vcpu::on_doorbell(cpu::Cpu& cpu) {
    ++doorbells_;
    const sim::Underway::Mark answering(answering_);
    const auto turn = co_await lock_.acquire();
    if (state_ != State::Blocked) co_return;
    const int error = co_await enter(cpu);
    if (error == 0) {
        ++wakeups_;
        co_return;
    }
    // Somebody else has the CPU: the vCPU may run as soon as there is one for it.
    state_ = State::Stopped;
    co_await driver_.silence_doorbell(cpu, vpe_);
}

}  // namespace smmusim::sw::kvm
