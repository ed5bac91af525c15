// A guest's interrupts without the host: its CPUs, and the events of its functions that are virtual LPIs.
#include <algorithm>

#include "sw/its/registers.hpp"
#include "sw/kvm/guest.hpp"

namespace smmusim::sw::kvm {

Guest::~Guest() {
    for (const auto& [vintid, vlpi] : vlpis_) vlpi.vector->withdrawn = nullptr;
}

Task<int> Guest::create_vcpus(cpu::Cpu& cpu, u32 count) {
    if (vm_) co_return -EEXIST;
    Result<std::unique_ptr<its::Vm>> made = co_await services_.vpes.create_vm(cpu, count);
    if (!made) co_return made.error();
    vm_ = std::move(*made);
    for (u32 index = 0; index < count; ++index)
        vcpus_.push_back(std::make_unique<Vcpu>(services_.simulation, name_ + ".vcpu" + std::to_string(index),
                                                services_.vpes, *vm_->vpes[index], interrupts_, services_.interrupts));
    co_return 0;
}

Task<int> Guest::destroy_vcpus(cpu::Cpu& cpu) {
    if (!vm_) co_return -EINVAL;
    // First no message finds a vPE any more, then nobody runs one, then their tables may go.
    while (!vlpis_.empty()) {
        const msi::Vector& vector = *vlpis_.begin()->second.vector;
        const int error = co_await unmap_vlpi(cpu, *vector.source, vector.index);
        if (error != 0) co_return error;
    }
    for (const auto& vcpu : vcpus_) {
        const int error = co_await vcpu->stop();
        if (error != 0) co_return error;
    }
    vcpus_.clear();
    co_await services_.vpes.destroy_vm(cpu, *vm_);
    vm_ = nullptr;
    co_return 0;
}

Task<int> Guest::map_vlpi(cpu::Cpu& cpu, msi::Source& source, u32 index, u32 vcpu, u32 vintid) {
    if (vcpu >= vcpus_.size() || vintid < its::first_lpi) co_return -EINVAL;
    // The guest's configuration is there before the first message looks at it.
    co_await services_.vpes.set_property(cpu, *vm_, vintid, true);
    msi::Vector* const vector = services_.msi.vector(source, index);
    const auto taken = vlpis_.find(vintid);
    if (vector == nullptr || (taken != vlpis_.end() && taken->second.vector != vector)) co_return -EINVAL;
    const std::optional<Vlpi> known = taken == vlpis_.end() ? std::nullopt : std::optional(taken->second);
    const std::optional<u32> before = vector->forwarded ? std::optional(vector->forwarded->vintid) : std::nullopt;
    interrupts_.add(vintid, [this](cpu::Cpu& on, u32 fired) { return handle_vlpi(on, fired); });
    vlpis_[vintid] = {vector, vcpu};
    const msi::VirtualRoute route = services_.vpes.route(vcpus_[vcpu]->vpe(), vintid);
    const int error = co_await services_.msi.set_vcpu_affinity(cpu, source, index, route);
    if (error != 0) {
        if (known) {
            vlpis_[vintid] = *known;
        } else {
            vlpis_.erase(vintid);
            interrupts_.remove(vintid);
        }
        co_return error;
    }
    if (before && *before != vintid) vlpis_.erase(*before);
    vector->withdrawn = [this](msi::Vector& gone) { vlpis_.erase(find(gone)); };
    co_return 0;
}

Task<int> Guest::unmap_vlpi(cpu::Cpu& cpu, msi::Source& source, u32 index) {
    const int error = co_await services_.msi.set_vcpu_affinity(cpu, source, index, std::nullopt);
    co_return error;
}

Guest::Vlpis::const_iterator Guest::find(const msi::Vector& vector) const {
    return std::find_if(vlpis_.begin(), vlpis_.end(),
                        [&vector](const auto& vlpi) { return vlpi.second.vector == &vector; });
}

Task<int> Guest::enable_vlpi(cpu::Cpu& cpu, msi::Source& source, u32 index, bool enabled) {
    const msi::Vector* const vector = services_.msi.vector(source, index);
    if (vector == nullptr || !vector->forwarded) co_return -EINVAL;
    co_await services_.vpes.set_property(cpu, *vm_, vector->forwarded->vintid, enabled);
    const int error = co_await source.controller->invalidate_forwarded(cpu, *vector);
    co_return error;
}

Task<> Guest::handle_vlpi(cpu::Cpu& cpu, u32 vintid) {
    const auto found = vlpis_.find(vintid);
    // The guest has given it up between the message and its handler.
    if (found == vlpis_.end()) co_return;
    ++direct_;
    co_await handle(cpu, *found->second.vector);
}

}  // namespace smmusim::sw::kvm
