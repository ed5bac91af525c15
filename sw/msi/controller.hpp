// Messages, the vectors that send them, and what an interrupt controller must offer to receive them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sw/cpu/interrupts.hpp"
#include "sw/iommu/device.hpp"

namespace smmusim::sw::msi {

using sim::Task;

/// What a function writes to raise an interrupt.
struct Message {
    u64 address = 0;
    u32 data = 0;
    bool operator==(const Message&) const = default;
};

/// Where messages are written, in physical addresses.
struct Doorbell {
    u64 address = 0;
    u32 size = 4;
    u32 prot = iommu::IOMMU_WRITE | iommu::IOMMU_MMIO | iommu::IOMMU_NOEXEC;
};

/// The registers of a function that hold its messages (MSI-X table, MSI capability).
class MessageTable {
public:
    virtual ~MessageTable() = default;
    virtual u32 capacity() const = 0;
    /// Turns the function's messages on (every vector masked) and off; 0 or -EIO.
    virtual Task<int> enable(cpu::Cpu& cpu) = 0;
    virtual Task<int> disable(cpu::Cpu& cpu) = 0;
    /// The vector is masked while its message changes (PCIe 6.1.4.2).
    virtual Task<int> write_message(cpu::Cpu& cpu, u32 index, Message message) = 0;
    virtual Task<int> set_masked(cpu::Cpu& cpu, u32 index, bool masked) = 0;
};

/// A virtual interrupt that an event becomes without the host (GICv4).
struct VirtualRoute {
    u32 vpe = 0;
    u32 vintid = 0;
    u32 doorbell = 0;  ///< LPI that rings while the vPE is absent; 1023: none
};

class Controller;
struct Vector;

/// A function as a source of messages.
struct Source {
    iommu::Device* device = nullptr;
    Controller* controller = nullptr;
    MessageTable* table = nullptr;
    u32 device_id = 0;
    u32 events = 0;                                ///< events that all functions of this DeviceID may use together
    bool shared = false;                           ///< other functions have the same DeviceID
    std::vector<std::unique_ptr<Vector>> vectors;  ///< by index; null: not allocated
};

/// One allocated vector: what Linux keeps in msi_desc and irq_data.
struct Vector {
    /// Runs on the CPU that took the interrupt.
    using Handler = std::function<Task<>(cpu::Cpu& cpu, Vector& vector)>;

    Source* source = nullptr;
    u32 index = 0;
    u32 event = 0;
    u32 intid = 0;
    u32 cpu = 0;      ///< that it is routed to
    Message message;  ///< as it stands in the function
    bool active = false;
    u64 fired = 0;
    Handler handler;
    std::optional<VirtualRoute> forwarded;  ///< the host does not see its interrupts
    /// The vector is about to go, or its interrupts are the host's again; who had it forwarded hears of it.
    std::function<void(Vector& vector)> withdrawn;
};

/// An interrupt controller that takes messages.
class Controller {
public:
    virtual ~Controller() = default;
    virtual const std::string& name() const = 0;
    /// A device's write cannot raise an interrupt that is not its own (MSI_FLAG_IRQ_REMAPPING).
    virtual bool isolates_sources() const = 0;
    /// False: messages are decoded before the IOMMU translates, so that no doorbell is mapped.
    virtual bool translated() const { return true; }
    /// One, or one per CPU: all that a vector may ever be sent to.
    virtual std::vector<Doorbell> doorbells() const = 0;

    /// Reserves what the vectors need and fills in `event` and `intid`: 0, -ENOSPC, -ENOMEM, -EIO. May sleep.
    virtual Task<int> allocate(cpu::Cpu& cpu, Source& source, std::vector<Vector*> vectors) = 0;
    virtual Task<> release(cpu::Cpu& cpu, Vector& vector) = 0;
    /// Routes to `vector.cpu` and enables.
    virtual Task<int> activate(cpu::Cpu& cpu, Vector& vector) = 0;
    virtual Task<> deactivate(cpu::Cpu& cpu, Vector& vector) = 0;
    /// In physical addresses.
    virtual Message compose(const Vector& vector) const = 0;
    /// All interrupts that messages of the vector may become, now and after set_affinity().
    virtual std::vector<u32> intids(const Vector& vector) const { return {vector.intid}; }

    enum class Moved : u8 {
        Done,     ///< the message stays as it is (IRQ_SET_MASK_OK_DONE)
        Rewrite,  ///< the message must be composed again
    };
    /// Routes to another CPU and sets `vector.cpu`.
    virtual Task<Result<Moved>> set_affinity(cpu::Cpu& cpu, Vector& vector, u32 target) = 0;

    /// irq_set_vcpu_affinity: the event becomes a virtual interrupt of a guest, or with no route the host's interrupt
    /// again. -ENOSYS: not here; -EINVAL: it is the host's already.
    virtual Task<int> set_vcpu_affinity(cpu::Cpu&, Vector&, std::optional<VirtualRoute>) { co_return -ENOSYS; }
    /// The configuration of the virtual interrupt in memory has changed.
    virtual Task<int> invalidate_forwarded(cpu::Cpu&, const Vector&) { co_return -ENOSYS; }
};

}  // namespace smmusim::sw::msi
