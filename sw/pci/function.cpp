#include "sw/pci/function.hpp"

#include <fmt/format.h>

namespace smmusim::sw::pci {

namespace {
constexpr u32 nobody = 0xFFFF, all_ones = 0xFFFF'FFFF;
constexpr u32 bar_io = 1, bar_type_64 = 2;  // bits 0 and [2:1]
// Offsets in an MSI-X entry (PCIe 7.7.2.5).
constexpr u64 entry_address = 0, entry_upper_address = 4, entry_data = 8, entry_control = 12;
constexpr u64 control_mask = 1;
}  // namespace

Function::Function(u64 ecam, u32 requester) : requester_(requester), config_(ecam, requester & 0xFFFF) {}

std::string Function::name() const {
    return fmt::format("{:04x}:{:02x}:{:02x}.{}", requester_ >> 16, requester_ >> 8 & 0xFF, requester_ >> 3 & 0x1F,
                       requester_ & 7);
}

Task<bool> Function::probe(cpu::Cpu& cpu) {
    const u32 vendor = co_await config_.read(cpu, config::vendor, 2);
    if (vendor == nobody) co_return false;
    const u32 type = co_await config_.read(cpu, config::header_type, 1);
    multifunction_ = (type & config::multifunction) != 0;
    const u32 status = co_await config_.read(cpu, config::status, 2);
    if ((status & config::status_capabilities) == 0) co_return true;
    u32 next = co_await config_.read(cpu, config::capabilities, 1);
    constexpr unsigned most = 48;  // as many as fit: a list that bites its tail ends too
    for (unsigned seen = 0; seen < most && next >= 0x40; ++seen) {
        const u32 header = co_await config_.read(cpu, next & ~3u, 2);
        if ((header & 0xFF) == config::capability_msix) {
            msix_ = next & ~3u;
            const u32 control = co_await config_.read(cpu, msix_ + config::msix_control, 2);
            const u32 table = co_await config_.read(cpu, msix_ + config::msix_table, 4);
            vectors_ = (control & config::msix_size_mask) + 1;
            table_bar_ = table & 7;
            table_offset_ = table & ~7u;
            if (table_bar_ > 5) msix_ = vectors_ = table_bar_ = 0;
        }
        next = header >> 8;
    }
    co_return true;
}

Task<int> Function::change_command(cpu::Cpu& cpu, u32 set, u32 clear) {
    const u32 before = co_await config_.read(cpu, config::command, 2);
    const int error = co_await config_.write(cpu, config::command, (before & ~clear) | set, 2);
    co_return error;
}

Task<int> Function::size_bar(cpu::Cpu& cpu, u32 number) {
    const u32 offset = config::bar0 + number * 4;
    co_await config_.write(cpu, offset, all_ones, 4);
    const u32 low = co_await config_.read(cpu, offset, 4);
    if (low == 0 || (low & bar_io) != 0) co_return 0;
    Bar& bar = bars_[number];
    bar.wide = (low >> 1 & 3) == bar_type_64;
    u64 mask = low & ~u32{15};
    if (bar.wide) {
        if (number == 5) co_return -EINVAL;
        co_await config_.write(cpu, offset + 4, all_ones, 4);
        const u32 high = co_await config_.read(cpu, offset + 4, 4);
        mask |= u64{high} << 32;
    } else {
        mask |= ~u64{0} << 32;
    }
    bar.size = ~mask + 1;
    co_return 0;
}

Task<int> Function::assign_bars(cpu::Cpu& cpu, Windows& windows) {
    // A function must not answer where its BARs are while they are sized.
    co_await change_command(cpu, 0, config::command_memory);
    for (u32 number = 0; number < bars_.size(); ++number) {
        const int error = co_await size_bar(cpu, number);
        if (error != 0) co_return error;
        Bar& bar = bars_[number];
        if (bar.size == 0) continue;
        constexpr u64 smallest = 4096;  // functions do not share a page
        const u64 size = std::max(bar.size, smallest);
        std::optional<u64> place;
        if (bar.wide) place = windows.high.allocate(size, size);
        if (!place) place = windows.low.allocate(size, size);
        if (!place) co_return -ENOSPC;
        bar.address = *place;
        const u32 offset = config::bar0 + number * 4;
        co_await config_.write(cpu, offset, static_cast<u32>(bar.address), 4);
        if (!bar.wide) continue;
        co_await config_.write(cpu, offset + 4, static_cast<u32>(bar.address >> 32), 4);
        ++number;  // its upper half
    }
    const int error = co_await change_command(cpu, config::command_memory, 0);
    co_return error;
}

Task<int> Function::set_bus_master(cpu::Cpu& cpu, bool on) {
    const u32 set = on ? config::command_master : 0;
    const int error = co_await change_command(cpu, set, set ^ config::command_master);
    co_return error;
}

Task<int> Function::set_control(cpu::Cpu& cpu, u32 set, u32 clear) {
    const u32 offset = msix_ + config::msix_control;
    const u32 before = co_await config_.read(cpu, offset, 2);
    const int error = co_await config_.write(cpu, offset, (before & ~clear) | set, 2);
    co_return error;
}

Task<int> Function::enable(cpu::Cpu& cpu) {
    if (msix_ == 0) co_return -ENODEV;
    // All masked at once while the entries are masked one by one: after reset they are, after a driver maybe not.
    int error = co_await set_control(cpu, config::msix_enable | config::msix_function_mask, 0);
    for (u32 index = 0; index < vectors_ && error == 0; ++index) error = co_await set_masked(cpu, index, true);
    if (error == 0) error = co_await change_command(cpu, config::command_intx_disable | config::command_master, 0);
    if (error == 0) error = co_await set_control(cpu, 0, config::msix_function_mask);
    co_return error;
}

Task<int> Function::disable(cpu::Cpu& cpu) {
    const int error = co_await set_control(cpu, 0, config::msix_enable);
    co_return error;
}

Task<int> Function::write_message(cpu::Cpu& cpu, u32 index, msi::Message message) {
    const u64 at = entry(index);
    const sim::Status low = co_await cpu.mmio_write(at + entry_address, message.address & 0xFFFF'FFFF);
    const sim::Status high = co_await cpu.mmio_write(at + entry_upper_address, message.address >> 32);
    const sim::Status data = co_await cpu.mmio_write(at + entry_data, message.data);
    co_return sim::succeeded(low) && sim::succeeded(high) && sim::succeeded(data) ? 0 : -EIO;
}

Task<int> Function::set_masked(cpu::Cpu& cpu, u32 index, bool masked) {
    const u64 control = entry(index) + entry_control;
    const u64 wanted = masked ? control_mask : 0;
    const sim::Status status = co_await cpu.mmio_write(control, wanted);
    if (!sim::succeeded(status)) co_return -EIO;
    // A read behind the write: when it is answered, the function has seen the write (PCIe 2.4.1).
    const cpu::Loaded answer = co_await cpu.mmio_read(control);
    co_return answer.ok() && (answer.value & control_mask) == wanted ? 0 : -EIO;
}

}  // namespace smmusim::sw::pci
