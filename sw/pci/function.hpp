// One PCIe function: found in configuration space, given its BARs, with its MSI-X table.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "sw/cpu/page_pool.hpp"
#include "sw/msi/controller.hpp"
#include "sw/pci/config_space.hpp"

namespace smmusim::sw::pci {

/// Address ranges of CPU accesses to BARs.
struct Windows {
    cpu::PagePool low;   ///< below 4 GiB
    cpu::PagePool high;  ///< for 64-bit BARs; may be empty
};

class Function final : public msi::MessageTable {
public:
    /// `requester` is segment << 16 | bus, device, function.
    Function(u64 ecam, u32 requester);

    /// Reads the header and the capabilities. False: nobody there.
    Task<bool> probe(cpu::Cpu& cpu);
    /// Sizes and places the BARs and lets the function answer there: 0 or -ENOSPC.
    Task<int> assign_bars(cpu::Cpu& cpu, Windows& windows);
    Task<int> set_bus_master(cpu::Cpu& cpu, bool on);

    /// "0000:00:01.0"
    std::string name() const;
    u32 requester() const { return requester_; }
    bool multifunction() const { return multifunction_; }
    /// 0: none.
    u64 bar_size(u32 bar) const { return bars_[bar].size; }
    u64 bar_address(u32 bar) const { return bars_[bar].address; }
    ConfigSpace& config() { return config_; }

    u32 capacity() const override { return vectors_; }
    Task<int> enable(cpu::Cpu& cpu) override;
    Task<int> disable(cpu::Cpu& cpu) override;
    Task<int> write_message(cpu::Cpu& cpu, u32 index, msi::Message message) override;
    Task<int> set_masked(cpu::Cpu& cpu, u32 index, bool masked) override;

private:
    struct Bar {
        u64 size = 0;
        u64 address = 0;
        bool wide = false;
    };
    Task<int> size_bar(cpu::Cpu& cpu, u32 number);
    Task<int> set_control(cpu::Cpu& cpu, u32 set, u32 clear);
    Task<int> change_command(cpu::Cpu& cpu, u32 set, u32 clear);
    u64 entry(u32 index) const { return bars_[table_bar_].address + table_offset_ + u64{16} * index; }

    u32 requester_;
    ConfigSpace config_;
    bool multifunction_ = false;
    std::array<Bar, 6> bars_{};
    u32 msix_ = 0;  ///< offset of the capability; 0: none
    u32 vectors_ = 0;
    u32 table_bar_ = 0;
    u32 table_offset_ = 0;
};

}  // namespace smmusim::sw::pci
