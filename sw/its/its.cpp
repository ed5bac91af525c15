#include "sw/its/its.hpp"

#include <algorithm>
#include <bit>

#include "sim/bits.hpp"
#include "sw/its/registers.hpp"

namespace smmusim::sw::its {

using Operation = Command::Operation;

namespace {
constexpr u64 translation_table_alignment = 256;  // of an interrupt translation table (5.2)
constexpr u32 fewest_events_of_device0 = 32;      // DeviceID 0 may stand for platform devices
}  // namespace

ItsDriver::ItsDriver(sim::Simulation& simulation, std::string name, const ItsDescription& description,
                     const DriverConfig& config, GicDriver& gic, cpu::PagePool& pool)
    : name_(std::move(name)),
      description_(description),
      config_(config),
      polling_{config.poll_interval, config.timeout},
      gic_(gic),
      pool_(pool),
      queue_(simulation, name_ + ".command_queue", description.base, polling_),
      lock_(simulation, name_ + ".devices") {}

Task<int> ItsDriver::disable(cpu::Cpu& cpu) {
    const cpu::Loaded control = co_await cpu.mmio_read(description_.base + gits::CTLR);
    if (!control.ok()) co_return -ENODEV;
    if ((control.value & gits::CTLR_Enabled) != 0) co_await cpu.mmio_write(description_.base + gits::CTLR, 0);
    // Tables may change only when the ITS is quiescent (12.19.2).
    const int error = co_await cpu::poll(cpu, polling_, description_.base + gits::CTLR, 4,
                                         [](u64 value) { return (value & gits::CTLR_Quiescent) != 0; });
    co_return error;
}

Task<int> ItsDriver::init(cpu::Cpu& cpu) {
    int error = co_await disable(cpu);
    if (error != 0) co_return error;
    const cpu::Loaded type = co_await cpu.mmio_read(description_.base + gits::TYPER, 8);
    if (!type.ok() || (type.value & 1) == 0 || !gic_.has_lpis()) co_return -ENODEV;
    entry_bytes_ = (type.value >> 4 & 15) + 1;
    event_bits_ = static_cast<u32>(type.value >> 8 & 31) + 1;
    device_limit_ = u64{2} << (type.value >> 13 & 31);
    by_address_ = (type.value >> 19 & 1) != 0;
    collection_limit_ = type.value >> 24 & 0xFF;
    virtual_lpis_ = gic_.version() != GicVersion::V3 && (type.value & gits::TYPER_Virtual) != 0;
    if (virtual_lpis_) {
        const cpu::Loaded control = co_await cpu.mmio_read(description_.base + gits::CTLR);
        number_ = static_cast<u32>(control.value >> 4 & 15);  // GITS_CTLR.ITS_Number
    }
    for (u32 table = 0; table < 8 && error == 0; ++table) error = co_await create_table(cpu, table);
    if (error != 0) co_return error;
    error = co_await queue_.create(cpu, pool_);
    if (error != 0) co_return error;
    queue_.set_harmless(sync(target(cpu.index())));
    co_await cpu.mmio_write(description_.base + gits::CTLR, gits::CTLR_Enabled);
    co_return 0;
}

Task<int> ItsDriver::create_table(cpu::Cpu& cpu, u32 index) {
    const u64 address = description_.base + gits::BASER + index * 8;
    const cpu::Loaded before = co_await cpu.mmio_read(address, 8);
    const u64 type = before.value >> 56 & 7;
    const bool vpes = type == gits::TYPE_vpe && virtual_lpis_;
    if (type != gits::TYPE_device && type != gits::TYPE_collection && !vpes) co_return 0;
    const u64 entry = (before.value >> 48 & 31) + 1;
    // The largest page size that the register keeps (12.19.1).
    u64 page_code = 2;
    for (; page_code != 0; --page_code) {
        co_await cpu.mmio_write(address, page_code << 8, 8);
        const cpu::Loaded kept = co_await cpu.mmio_read(address, 8);
        if ((kept.value >> 8 & 3) == page_code) break;
    }
    Table table;
    table.entry_bytes = entry;
    table.page_bytes = 4 * KiB << (2 * page_code);
    const auto [entries, most] = wanted(type, table.page_bytes);
    table.entries = entries;
    if (type == gits::TYPE_device && table.entries * entry > most) {
        // Too much for a flat table: two levels, if the ITS has them (12.19.1).
        co_await cpu.mmio_write(address, page_code << 8 | gits::BASER_Indirect, 8);
        const cpu::Loaded kept = co_await cpu.mmio_read(address, 8);
        table.indirect = (kept.value & gits::BASER_Indirect) != 0;
    }
    const u64 per_page = table.page_bytes / entry;
    const u64 size = table.indirect ? (table.entries + per_page - 1) / per_page * gits::level1_entry_bytes
                                    : std::min(table.entries * entry, most);
    const u64 bytes = std::min(sim::align_up(size, table.page_bytes), 256 * table.page_bytes);
    // GITS_TYPER.SVPET: the ITSs and the redistributors share one vPE table.
    const bool shared = vpes && gic_.shared_vpe_table() != 0;
    if (shared) table.base = gic_.shared_vpe_table();
    else {
        const std::optional<u64> memory = pool_.allocate(bytes, table.page_bytes);
        if (!memory) co_return -ENOMEM;
        table.base = *memory;
        const sim::Status status = co_await cpu.zero_block(table.base, bytes);
        if (!sim::succeeded(status)) co_return -EFAULT;
    }
    // With 64 KiB pages bits [51:48] of the address stand in [15:12].
    const u64 place = page_code == 2
                          ? (table.base & ~sim::low_mask(16) & sim::low_mask(48)) | (table.base >> 48 & 15) << 12
                          : table.base;
    const u64 value = gits::valid | place | inner_shareable | page_code << 8 | (bytes / table.page_bytes - 1) |
                      (table.indirect ? gits::BASER_Indirect : 0);
    co_await cpu.mmio_write(address, value | write_back << its_cache_shift, 8);
    const cpu::Loaded kept = co_await cpu.mmio_read(address, 8);
    if ((kept.value & shareability_mask) == 0)
        co_await cpu.mmio_write(address, (value & ~shareability_mask) | noncacheable << its_cache_shift, 8);
    table.entries =
        std::min(table.entries, table.indirect ? bytes / gits::level1_entry_bytes * per_page : bytes / entry);
    if (vpes && gic_.version() == GicVersion::V4_1)
        gic_.share_vpe_table(table.base, page_code, bytes / table.page_bytes);
    adopt(type, std::move(table));
    co_return 0;
}

std::pair<u64, u64> ItsDriver::wanted(u64 type, u64 page_bytes) const {
    if (type == gits::TYPE_device) return {device_limit_, config_.device_table_bytes};
    if (type == gits::TYPE_vpe) return {config_.vpes, 128 * page_bytes};  // GICR_VPROPBASER.Size has seven bits
    return {gic_.cpus(), 256 * page_bytes};
}

void ItsDriver::adopt(u64 type, Table table) {
    if (type == gits::TYPE_vpe) {
        vpe_limit_ = std::min<u64>(table.entries, config_.vpes);
    } else if (type == gits::TYPE_collection) {
        collection_limit_ = std::max(collection_limit_, table.entries);
    } else {
        device_limit_ = table.entries;
        device_table_ = std::move(table);
    }
}

Task<int> ItsDriver::add_page(cpu::Cpu& cpu, u32 device_id) {
    const u64 index = device_id / (device_table_.page_bytes / device_table_.entry_bytes);
    if (!device_table_.indirect || device_table_.pages.contains(index)) co_return 0;
    const std::optional<u64> page = pool_.allocate(device_table_.page_bytes, device_table_.page_bytes);
    if (!page) co_return -ENOMEM;
    const sim::Status status = co_await cpu.zero_block(*page, device_table_.page_bytes);
    if (!sim::succeeded(status)) {
        pool_.release(*page);
        co_return -EFAULT;
    }
    // The page is zero before level 1 says that it is there, and that is seen before the command that needs it (5.2).
    co_await cpu.dma_wmb();
    co_await cpu.store(device_table_.base + index * gits::level1_entry_bytes, *page | gits::valid, 8);
    co_await cpu.dma_wmb();
    device_table_.pages.emplace(index, *page);
    co_return 0;
}

Task<int> ItsDriver::map_collection(cpu::Cpu& cpu, u32 collection) {
    if (collection >= collection_limit_) co_return -ENOSPC;
    const u64 rd = target(collection);
    std::vector<Command> commands{mapc(collection, rd), sync(rd), invall(collection), sync(rd)};
    const int error = co_await queue_.issue(cpu, std::move(commands));
    co_return error;
}

std::vector<msi::Doorbell> ItsDriver::doorbells() const {
    msi::Doorbell doorbell;
    doorbell.address = description_.base + gits::TRANSLATER;
    return {doorbell};
}

msi::Message ItsDriver::compose(const msi::Vector& vector) const {
    return {description_.base + gits::TRANSLATER, vector.event};
}

Task<Result<ItsDriver::Device*>> ItsDriver::create_device(cpu::Cpu& cpu, const msi::Source& source, u32 events) {
    const auto known = devices_.find(source.device_id);
    if (known != devices_.end()) co_return &known->second;
    if (source.device_id >= device_limit_) co_return Error(-ENOSPC);
    const int no_page = co_await add_page(cpu, source.device_id);
    if (no_page != 0) co_return Error(no_page);
    events = std::max({events, 2u, source.device_id == 0 ? fewest_events_of_device0 : 0u});
    Device device;
    device.event_bits = static_cast<u32>(std::bit_width(events - 1));
    if (device.event_bits > event_bits_) co_return Error(-ENOSPC);
    device.shared = source.shared;
    device.used.resize(u64{1} << device.event_bits);
    const u64 bytes = std::max(device.used.size() * entry_bytes_, translation_table_alignment);
    const std::optional<u64> table = pool_.allocate(bytes, translation_table_alignment);
    if (!table) co_return Error(-ENOMEM);
    device.table = *table;
    const sim::Status status = co_await cpu.zero_block(*table, bytes);
    int error = sim::succeeded(status) ? 0 : -EFAULT;
    if (error == 0) {
        std::vector<Command> commands{mapd(source.device_id, device.event_bits, device.table)};
        error = co_await queue_.issue(cpu, std::move(commands));
    }
    if (error != 0) {
        pool_.release(*table);
        co_return Error(error);
    }
    co_return &devices_.emplace(source.device_id, std::move(device)).first->second;
}

Task<> ItsDriver::retire_device(cpu::Cpu& cpu, u32 device_id) {
    std::vector<Command> commands{mapd(device_id, 0, 0)};
    co_await queue_.issue(cpu, std::move(commands));
    const auto device = devices_.find(device_id);
    pool_.release(device->second.table);
    devices_.erase(device);
}

Task<int> ItsDriver::allocate(cpu::Cpu& cpu, msi::Source& source, std::vector<msi::Vector*> vectors) {
    const auto turn = co_await lock_.acquire();
    const u32 count = static_cast<u32>(vectors.size());
    const Result<Device*> device = co_await create_device(cpu, source, std::max(source.events, count));
    if (!device) co_return device.error();
    std::vector<bool>& used = (*device)->used;
    const bool fresh = std::find(used.begin(), used.end(), true) == used.end();
    int error = static_cast<std::size_t>(std::count(used.begin(), used.end(), false)) < count ? -ENOSPC : 0;
    std::optional<u32> intid;
    if (error == 0) {
        intid = gic_.lpis().numbers().allocate(count);
        if (!intid) error = -ENOSPC;
    }
    if (error != 0) {
        if (fresh && !(*device)->shared) co_await retire_device(cpu, source.device_id);
        co_return error;
    }
    u32 event = 0;
    for (msi::Vector* vector : vectors) {
        while (used[event]) ++event;
        used[event] = true;
        vector->event = event;
        vector->intid = (*intid)++;
    }
    co_return 0;
}

Task<> ItsDriver::release(cpu::Cpu& cpu, msi::Vector& vector) {
    const auto turn = co_await lock_.acquire();
    const u32 device_id = vector.source->device_id;
    Device& device = devices_.at(device_id);
    device.used[vector.event] = false;
    gic_.lpis().numbers().release(vector.intid, 1);
    const bool last = std::find(device.used.begin(), device.used.end(), true) == device.used.end();
    // A table that several functions share stays: another of them may be about to use it.
    if (last && !device.shared) co_await retire_device(cpu, device_id);
}

Task<int> ItsDriver::activate(cpu::Cpu& cpu, msi::Vector& vector) {
    const u32 device = vector.source->device_id;
    const u64 rd = target(vector.cpu);
    std::vector<Command> mapping{mapti(device, vector.event, vector.intid, vector.cpu), sync(rd)};
    int error = co_await queue_.issue(cpu, std::move(mapping));
    if (error != 0) co_return error;
    // The byte is in memory before the redistributor is told to look again (5.1.1).
    co_await gic_.lpis().set_enabled(cpu, vector.intid, true);
    std::vector<Command> enabling{event_command(Operation::INV, device, vector.event), sync(rd)};
    error = co_await queue_.issue(cpu, std::move(enabling));
    co_return error;
}

Task<> ItsDriver::deactivate(cpu::Cpu& cpu, msi::Vector& vector) {
    const u32 device = vector.source->device_id;
    const u64 rd = target(vector.cpu);
    // The commands below are about the physical interrupt.
    if (vector.forwarded) co_await set_vcpu_affinity(cpu, vector, std::nullopt);
    co_await gic_.lpis().set_enabled(cpu, vector.intid, false);
    std::vector<Command> commands{event_command(Operation::INV, device, vector.event), sync(rd),
                                  event_command(Operation::DISCARD, device, vector.event), sync(rd)};
    co_await queue_.issue(cpu, std::move(commands));
}

Task<Result<msi::Controller::Moved>> ItsDriver::set_affinity(cpu::Cpu& cpu, msi::Vector& vector, u32 new_cpu) {
    if (new_cpu >= gic_.cpus() || vector.forwarded) co_return Error(-EINVAL);
    if (new_cpu == vector.cpu) co_return Moved::Done;
    // SYNC to the redistributor that the event leaves: after it, no message of the event arrives there (5.3).
    std::vector<Command> commands{movi(vector.source->device_id, vector.event, new_cpu), sync(target(vector.cpu))};
    const int error = co_await queue_.issue(cpu, std::move(commands));
    if (error != 0) co_return Error(error);
    vector.cpu = new_cpu;
    co_return Moved::Done;
}

}  // namespace smmusim::sw::its
