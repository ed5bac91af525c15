#include "sw/its/vpe.hpp"

#include <algorithm>

#include "sim/bits.hpp"
#include "sw/its/registers.hpp"

namespace smmusim::sw::its {

Task<int> VpeDriver::init(cpu::Cpu& cpu) {
    available_ = gic_.version() != GicVersion::V3 && !itss_.empty() &&
                 std::all_of(itss_.begin(), itss_.end(), [](const auto& its) { return its->has_virtual_lpis(); });
    if (!available_) co_return 0;
    resident_.assign(gic_.cpus(), nullptr);
    u64 limit = ~u64{0};
    for (const auto& its : itss_) limit = std::min(limit, its->vpe_limit());
    ids_ = NumberRanges(0, static_cast<u32>(limit));
    if (with_vpe_table()) {
        // 12.11, GICR_VPROPBASER: the redistributors look into the table that the ITSs write.
        for (u32 index = 0; index < gic_.cpus(); ++index)
            co_await cpu.mmio_write(gic_.redistributor(index) + gicr::VPROPBASER, gic_.vpe_table(index), 8);
        co_return 0;
    }
    const int error = co_await itss_.front()->create_proxy(cpu, static_cast<u32>(limit));
    co_return error;
}

msi::VirtualRoute VpeDriver::route(const Vpe& vpe, u32 vintid) const {
    // GITS_TYPER.nID: with GICv4.1 the vPE has a doorbell, its events have none.
    return {vpe.id, vintid, with_vpe_table() ? no_doorbell : vpe.doorbell};
}

Task<> VpeDriver::set_property(cpu::Cpu& cpu, const Vm& vm, u32 vintid, bool enabled) {
    co_await LpiTables::store_property(cpu, vm.properties, vintid, enabled);
}

// Guests come and go

Task<Result<std::unique_ptr<Vm>>> VpeDriver::create_vm(cpu::Cpu& cpu, u32 count) {
    if (!available_) co_return Error(-ENODEV);
    auto vm = std::make_unique<Vm>();
    const std::optional<u64> properties = co_await gic_.lpis().new_configuration_table(cpu);
    if (!properties) co_return Error(-ENOMEM);
    vm->properties = *properties;
    int error = count == 0 ? -EINVAL : 0;
    for (u32 index = 0; index < count && error == 0; ++index)
        error = co_await create_vpe(cpu, *vm, index % static_cast<u32>(gic_.cpus()));
    if (error != 0) {
        co_await destroy_vm(cpu, *vm);
        co_return Error(error);
    }
    co_return std::move(vm);
}

Task<int> VpeDriver::create_vpe(cpu::Cpu& cpu, Vm& vm, u32 target) {
    const std::optional<u32> id = ids_.allocate(1);
    if (!id) co_return -ENOSPC;
    auto vpe = std::make_unique<Vpe>();
    vpe->id = *id;
    vpe->properties = vm.properties;
    vpe->cpu = target;
    const std::optional<u32> doorbell = gic_.lpis().numbers().allocate(1);
    std::optional<u64> pending;
    if (doorbell) pending = co_await gic_.lpis().new_pending_table(cpu);
    if (!pending) {
        if (doorbell) gic_.lpis().numbers().release(*doorbell, 1);
        ids_.release(*id, 1);
        co_return doorbell ? -ENOMEM : -ENOSPC;
    }
    vpe->doorbell = *doorbell;
    vpe->pending = *pending;
    Vpe& made = *vm.vpes.emplace_back(std::move(vpe));
    int error = 0;
    for (std::size_t index = 0; index < itss_.size() && error == 0; ++index)
        error = co_await itss_[index]->map_vpe(cpu, made, index == 0);
    if (error != 0) co_return error;
    if (!with_vpe_table()) error = co_await itss_.front()->map_doorbell(cpu, made);
    // GICv4.1 rings only when it is asked to.
    else co_await set_doorbell(cpu, made, true);
    co_return error;
}

Task<> VpeDriver::destroy_vm(cpu::Cpu& cpu, Vm& vm) {
    for (const auto& vpe : vm.vpes) co_await destroy_vpe(cpu, *vpe);
    vm.vpes.clear();
    pool_.release(vm.properties);
}

Task<> VpeDriver::destroy_vpe(cpu::Cpu& cpu, Vpe& vpe) {
    co_await set_doorbell(cpu, vpe, false);
    if (!with_vpe_table()) co_await itss_.front()->unmap_doorbell(cpu, vpe);
    for (const auto& its : itss_) co_await its->unmap_vpe(cpu, vpe);
    gic_.lpis().numbers().release(vpe.doorbell, 1);
    ids_.release(vpe.id, 1);
    pool_.release(vpe.pending);
}

// Where a vPE runs

Task<int> VpeDriver::move(cpu::Cpu& cpu, Vpe& vpe, u32 target) {
    const auto turn = co_await lock_.acquire();
    // GITS_TYPER.VMOVP = 0: every ITS gets the command, with one sequence number (5.3).
    u64 list = 0;
    for (const auto& its : itss_) list |= u64{1} << its->number();
    ++sequence_;
    const u32 before = vpe.cpu;
    vpe.cpu = target;
    int error = 0;
    for (std::size_t index = 0; index < itss_.size() && error == 0; ++index)
        error = co_await itss_[index]->move_vpe(cpu, vpe, sequence_, list);
    if (error == 0 && !with_vpe_table()) error = co_await itss_.front()->move_doorbell(cpu, vpe, before);
    if (error != 0) vpe.cpu = before;  // the next one to run it tries again
    co_return error;
}

Task<int> VpeDriver::settled(cpu::Cpu& cpu, u64 vpendbaser) {
    // 12.11, GICR_VPENDBASER.Dirty: until then the vPE's state is on its way, and a write has no effect.
    const int error = co_await cpu::poll(cpu, polling_, vpendbaser, 8,
                                         [](u64 value) { return (value & gicr::VPENDBASER_Dirty) == 0; });
    co_return error;
}

Task<int> VpeDriver::make_resident(cpu::Cpu& cpu, Vpe& vpe) {
    const u32 here = cpu.index();
    if (vpe.resident || resident_[here] != nullptr) co_return -EBUSY;
    vpe.resident = true;
    resident_[here] = &vpe;
    int error = 0;
    if (vpe.cpu != here) error = co_await move(cpu, vpe, here);
    if (error == 0 && !with_vpe_table()) {
        co_await set_doorbell(cpu, vpe, false);
        error = co_await itss_.front()->clear_doorbell(cpu, vpe);
    }
    const u64 vpendbaser = gic_.redistributor(here) + gicr::VPENDBASER;
    if (error == 0) error = co_await settled(cpu, vpendbaser);
    const bool asked = error == 0;
    if (asked) {
        u64 value = gits::valid | gicr::VPENDBASER_VGrp1En | vpe.id;
        if (!with_vpe_table()) {
            const u64 attributes = gic_.table_attributes(here);
            const u64 size = gic_.lpis().id_bits() - 1;
            co_await cpu.mmio_write(gic_.redistributor(here) + gicr::VPROPBASER, vpe.properties | attributes | size, 8);
            value = gits::valid | vpe.pending | attributes | gicr::VPENDBASER_PendingLast;
        }
        co_await cpu.mmio_write(vpendbaser, value, 8);
        error = co_await settled(cpu, vpendbaser);
    }
    // Once asked for, the redistributor may have it, even if it does not say so in time.
    if (error != 0 && !asked) {
        vpe.resident = false;
        resident_[here] = nullptr;
    }
    co_return error;
}

Task<int> VpeDriver::make_non_resident(cpu::Cpu& cpu, Vpe& vpe, bool doorbell) {
    if (resident_[cpu.index()] != &vpe) co_return -EINVAL;
    // GICv4.0: every event rings while the vPE is absent, so that the host says by the LPI's configuration whether it
    // wants to hear it.
    if (doorbell && !with_vpe_table()) co_await set_doorbell(cpu, vpe, true);
    const u64 vpendbaser = gic_.redistributor(cpu.index()) + gicr::VPENDBASER;
    const cpu::Loaded before = co_await cpu.mmio_read(vpendbaser, 8);
    u64 value = before.value & ~(gits::valid | gicr::VPENDBASER_PendingLast | gicr::VPENDBASER_Dirty);
    if (doorbell && with_vpe_table()) value |= gicr::VPENDBASER_Doorbell;
    co_await cpu.mmio_write(vpendbaser, value, 8);
    const int error = co_await settled(cpu, vpendbaser);
    const cpu::Loaded after = co_await cpu.mmio_read(vpendbaser, 8);
    vpe.pending_last = (after.value & gicr::VPENDBASER_PendingLast) != 0;
    if (error != 0) co_return error;  // it may still be there
    vpe.resident = false;
    resident_[cpu.index()] = nullptr;
    co_return 0;
}

// Doorbells

Task<> VpeDriver::set_doorbell(cpu::Cpu& cpu, Vpe& vpe, bool enabled) {
    co_await gic_.lpis().set_enabled(cpu, vpe.doorbell, enabled);
    co_await itss_.front()->invalidate_doorbell(cpu, vpe);
}

Task<> VpeDriver::silence_doorbell(cpu::Cpu& cpu, Vpe& vpe) {
    // GICv4.1 has rung once and waits until it is asked again.
    if (!with_vpe_table()) co_await set_doorbell(cpu, vpe, false);
}

}  // namespace smmusim::sw::its
