// The driver of one ITS: tables, collections, devices, events.
#pragma once

#include <map>

#include "sw/its/command_queue.hpp"
#include "sw/its/gic.hpp"
#include "sw/msi/controller.hpp"

namespace smmusim::sw::its {

/// Where an ITS is.
struct ItsDescription {
    u64 base = 0x0808'0000;
};

struct Vpe;

class ItsDriver final : public msi::Controller {
public:
    ItsDriver(sim::Simulation& simulation, std::string name, const ItsDescription& description,
              const DriverConfig& config, GicDriver& gic, cpu::PagePool& pool);

    /// Tables, command queue, enable. 0, -ENODEV, -ENOMEM, -ETIMEDOUT.
    Task<int> init(cpu::Cpu& cpu);
    /// Maps the collection of a CPU whose redistributor is up.
    Task<int> map_collection(cpu::Cpu& cpu, u32 target);

    const std::string& name() const override { return name_; }
    bool isolates_sources() const override { return true; }  // the DeviceID comes with the write
    std::vector<msi::Doorbell> doorbells() const override;
    Task<int> allocate(cpu::Cpu& cpu, msi::Source& source, std::vector<msi::Vector*> vectors) override;
    Task<> release(cpu::Cpu& cpu, msi::Vector& vector) override;
    Task<int> activate(cpu::Cpu& cpu, msi::Vector& vector) override;
    Task<> deactivate(cpu::Cpu& cpu, msi::Vector& vector) override;
    msi::Message compose(const msi::Vector& vector) const override;
    Task<Result<Moved>> set_affinity(cpu::Cpu& cpu, msi::Vector& vector, u32 target) override;

    Task<int> set_vcpu_affinity(cpu::Cpu& cpu, msi::Vector& vector, std::optional<msi::VirtualRoute> route) override;
    Task<int> invalidate_forwarded(cpu::Cpu& cpu, const msi::Vector& vector) override;

    // GICv4: the part of one ITS in what VpeDriver does.
    bool has_virtual_lpis() const { return vpe_limit_ != 0; }
    /// vPEIDs below this fit into the vPE table.
    u64 vpe_limit() const { return vpe_limit_; }
    /// In ITSList of VMOVP.
    u32 number() const { return number_; }
    /// `first`: no other ITS knows the vPE yet.
    Task<int> map_vpe(cpu::Cpu& cpu, const Vpe& vpe, bool first);
    Task<> unmap_vpe(cpu::Cpu& cpu, const Vpe& vpe);
    /// To where `vpe.cpu` says.
    Task<int> move_vpe(cpu::Cpu& cpu, const Vpe& vpe, u32 sequence, u64 list);
    /// A device that stands for doorbells, so that commands can name them: 0, -ENOMEM, -ENOSPC.
    Task<int> create_proxy(cpu::Cpu& cpu, u32 events);
    Task<int> map_doorbell(cpu::Cpu& cpu, const Vpe& vpe);
    Task<> unmap_doorbell(cpu::Cpu& cpu, const Vpe& vpe);
    Task<int> move_doorbell(cpu::Cpu& cpu, const Vpe& vpe, u32 before);
    Task<int> clear_doorbell(cpu::Cpu& cpu, const Vpe& vpe);
    Task<> invalidate_doorbell(cpu::Cpu& cpu, const Vpe& vpe);

    const CommandQueue& queue() const { return queue_; }
    std::size_t devices() const { return devices_.size(); }

private:
    struct Device {
        u64 table = 0;
        u32 event_bits = 0;
        bool shared = false;
        std::vector<bool> used;  ///< by EventID
    };
    Task<int> disable(cpu::Cpu& cpu);
    /// A table of the ITS.
    struct Table {
        u64 base = 0;
        u64 entry_bytes = 0;
        u64 page_bytes = 0;
        u64 entries = 0;
        bool indirect = false;
        std::map<u64, u64> pages;  ///< of level 2: which entry of level 1, address
    };
    Task<int> create_table(cpu::Cpu& cpu, u32 index);
    /// How many entries a table should have, and how many bytes it may have.
    std::pair<u64, u64> wanted(u64 type, u64 page_bytes) const;
    void adopt(u64 type, Table table);
    /// Memory of a page for the entry of this device.
    Task<int> add_page(cpu::Cpu& cpu, u32 device_id);
    Task<Result<Device*>> create_device(cpu::Cpu& cpu, const msi::Source& source, u32 events);
    Task<> retire_device(cpu::Cpu& cpu, u32 device_id);
    u64 target(u32 cpu) const { return gic_.target(cpu, by_address_); }

    std::string name_;
    ItsDescription description_;
    DriverConfig config_;
    cpu::PollPolicy polling_;
    GicDriver& gic_;
    cpu::PagePool& pool_;
    CommandQueue queue_;
    cpu::Lock lock_;  ///< guards devices_
    bool by_address_ = false;
    u64 entry_bytes_ = 0;   ///< of an interrupt translation table
    u32 event_bits_ = 0;    ///< of the ITS
    u64 device_limit_ = 0;  ///< DeviceIDs below this fit into the device table
    Table device_table_;
    u64 collection_limit_ = 0;
    bool virtual_lpis_ = false;
    u64 vpe_limit_ = 0;
    u32 number_ = 0;
    u32 proxy_ = 0;  ///< DeviceID that stands for doorbells
    std::map<u32, Device> devices_;
};

}  // namespace smmusim::sw::its
