// Configuration space as software reaches it: through ECAM (PCIe 7.2.2), with the registers that the host uses.
#pragma once

#include <cerrno>

#include "sw/cpu/cpu.hpp"

namespace smmusim::sw::pci {

using sim::Task;

namespace config {
inline constexpr u32 vendor = 0x00, command = 0x04, status = 0x06, header_type = 0x0E, bar0 = 0x10, capabilities = 0x34;
inline constexpr u32 command_memory = 1u << 1, command_master = 1u << 2, command_intx_disable = 1u << 10;
inline constexpr u32 status_capabilities = 1u << 4;
inline constexpr u32 multifunction = 0x80;
inline constexpr u32 capability_msix = 0x11;
inline constexpr u32 msix_control = 0x02, msix_table = 0x04;
inline constexpr u32 msix_enable = 1u << 15, msix_function_mask = 1u << 14, msix_size_mask = 0x7FF;
}  // namespace config

/// One function's 4 KiB.
class ConfigSpace {
public:
    ConfigSpace(u64 ecam, u32 routing_id) : base_(ecam + (u64{routing_id} << 12)) {}

    /// All ones where there is no function.
    Task<u32> read(cpu::Cpu& cpu, u32 offset, u32 size) const {
        const cpu::Loaded loaded = co_await cpu.mmio_read(base_ + offset, size);
        co_return loaded.ok() ? static_cast<u32>(loaded.value) : ~u32{0};
    }
    Task<int> write(cpu::Cpu& cpu, u32 offset, u32 value, u32 size) const {
        const sim::Status status = co_await cpu.mmio_write(base_ + offset, value, size);
        co_return sim::succeeded(status) ? 0 : -EIO;
    }

private:
    u64 base_;
};

}  // namespace smmusim::sw::pci
