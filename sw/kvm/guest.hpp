// A guest: its memory, the functions assigned to it, and the injection of their interrupts.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "sw/msi/msi_domain.hpp"
#include "sw/vfio/container.hpp"

namespace smmusim::sw::kvm {

using sim::Task;

class Guest {
public:
    /// The guest's handler for vector `vector` of `source`, on the CPU that runs it.
    using Handler = std::function<Task<>(cpu::Cpu& cpu, msi::Source& source, u32 vector)>;

    Guest(std::string name, vfio::Container& container, msi::MsiDomain& msi, u32 injection_cycles)
        : name_(std::move(name)), container_(container), msi_(msi), injection_cycles_(injection_cycles) {}

    /// Guest-physical [guest, guest + size) is host memory at `host`, for its CPUs and its devices alike. Errors of
    /// Container::map_dma.
    Task<int> add_memory(cpu::Cpu& cpu, u64 guest, u64 host, u64 size);
    Task<int> remove_memory(cpu::Cpu& cpu, u64 guest, u64 size);
    /// Physical address of a guest-physical one.
    std::optional<u64> physical(u64 guest) const;

    /// Enables `vectors` messages of the function; each interrupt is injected into the guest.
    Task<int> enable_msix(cpu::Cpu& cpu, msi::Source& source, u32 vectors);
    void set_handler(Handler handler) { handler_ = std::move(handler); }

    const std::string& name() const { return name_; }
    vfio::Container& container() { return container_; }
    u64 injected() const { return injected_; }

private:
    Task<> inject(cpu::Cpu& cpu, msi::Vector& vector);

    std::string name_;
    vfio::Container& container_;
    msi::MsiDomain& msi_;
    u32 injection_cycles_;
    struct Memory {
        u64 host;
        u64 size;
    };
    std::map<u64, Memory> slots_;  ///< by guest-physical address
    Handler handler_;
    u64 injected_ = 0;
};

}  // namespace smmusim::sw::kvm
