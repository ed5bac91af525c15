#include "sw/its/gic.hpp"

#include <algorithm>
#include <cerrno>

#include "sim/bits.hpp"
#include "sw/its/registers.hpp"

namespace smmusim::sw::its {

namespace {
constexpr u64 all_priorities = 0x0101'0101u * u64{default_priority};
constexpr u64 priority_mask = 0xF0;  // everything of higher priority is signalled
constexpr unsigned most_id_bits = 16;
}  // namespace

GicDriver::GicDriver(const GicDescription& description, const DriverConfig& config, cpu::PagePool& pool,
                     std::vector<u32> affinities)
    : description_(description),
      polling_{config.poll_interval, config.timeout},
      affinities_(std::move(affinities)),
      redistributors_(affinities_.size()),
      lpis_(pool) {}

Task<int> GicDriver::wait_for_writes(cpu::Cpu& cpu) {
    const int error = co_await cpu::poll(cpu, polling_, description_.distributor + gicd::CTLR, 4,
                                         [](u64 value) { return (value & gicd::CTLR_RWP) == 0; });
    co_return error;
}

Task<int> GicDriver::init_distributor(cpu::Cpu& cpu) {
    const u64 base = description_.distributor;
    const cpu::Loaded id = co_await cpu.mmio_read(base + gicd::PIDR2);
    const u64 revision = id.value & 0xF0;  // PIDR2.ArchRev
    if (!id.ok() || (revision != 0x30 && revision != 0x40)) co_return -ENODEV;
    const cpu::Loaded type = co_await cpu.mmio_read(base + gicd::TYPER);
    interrupts_ = std::min<u32>(32 * (static_cast<u32>(type.value & 31) + 1), 1020);
    has_message_spis_ = (type.value >> 16 & 1) != 0;
    has_lpis_ = (type.value >> 17 & 1) != 0;

    co_await cpu.mmio_write(base + gicd::CTLR, 0);
    int error = co_await wait_for_writes(cpu);
    if (error != 0) co_return error;
    for (u32 intid = 32; intid < interrupts_; intid += 32) {
        co_await cpu.mmio_write_relaxed(base + gicd::ICENABLER + intid / 8, 0xFFFF'FFFF);
        co_await cpu.mmio_write_relaxed(base + gicd::IGROUPR + intid / 8, 0xFFFF'FFFF);
    }
    for (u32 intid = 32; intid < interrupts_; intid += 4)
        co_await cpu.mmio_write_relaxed(base + gicd::IPRIORITYR + intid, all_priorities);
    // ARE first: it may change only while the groups are disabled (12.9.4).
    co_await cpu.mmio_write(base + gicd::CTLR, gicd::CTLR_ARE);
    error = co_await wait_for_writes(cpu);
    if (error != 0) co_return error;
    co_await cpu.mmio_write(base + gicd::CTLR, gicd::CTLR_ARE | gicd::CTLR_EnableGrp1);
    error = co_await wait_for_writes(cpu);
    if (error != 0 || !has_lpis_) co_return error;

    unsigned id_bits = std::min<unsigned>((type.value >> 19 & 31) + 1, most_id_bits);
    const u64 lpi_count = type.value >> 11 & 31;  // num_LPIs: 2^(n+1) of them, if not 0
    if (lpi_count != 0)
        while (id_bits > 14 && (u64{1} << id_bits) - first_lpi > u64{2} << lpi_count) --id_bits;
    error = co_await lpis_.create(cpu, id_bits);
    co_return error;
}

Task<int> GicDriver::find_redistributor(cpu::Cpu& cpu) {
    const u32 affinity = affinities_[cpu.index()];
    u64 frame = description_.redistributors;
    while (frame < description_.redistributors + description_.redistributors_size) {
        const cpu::Loaded type = co_await cpu.mmio_read(frame + gicr::TYPER, 8);
        if (!type.ok()) co_return -ENODEV;
        if (type.value >> 32 == affinity) {
            Redistributor& found = redistributors_[cpu.index()];
            found.base = frame;
            found.number = static_cast<u32>(type.value >> 8 & 0xFFFF);
            found.lpis = (type.value & gicr::TYPER_PLPIS) != 0;
            if ((type.value & gicr::TYPER_VLPIS) != 0)
                found.version = (type.value & gicr::TYPER_RVPEID) != 0 ? GicVersion::V4_1 : GicVersion::V4_0;
            co_return 0;
        }
        if ((type.value & gicr::TYPER_Last) != 0) break;
        frame += (type.value & gicr::TYPER_VLPIS) != 0 ? 2 * gicr::frame_bytes : gicr::frame_bytes;
    }
    co_return -ENODEV;
}

Task<int> GicDriver::init_cpu(cpu::Cpu& cpu) {
    using cpu::SystemRegister;
    int error = co_await find_redistributor(cpu);
    if (error != 0) co_return error;
    const u64 base = redistributors_[cpu.index()].base;
    // Awake before anything else (12.11.42).
    co_await cpu.mmio_write(base + gicr::WAKER, 0);
    error = co_await cpu::poll(cpu, polling_, base + gicr::WAKER, 4,
                               [](u64 value) { return (value & gicr::WAKER_ChildrenAsleep) == 0; });
    if (error != 0) co_return error;
    co_await cpu.mmio_write(base + gicr::ICENABLER0, 0xFFFF'FFFF);
    co_await cpu.mmio_write(base + gicr::IGROUPR0, 0xFFFF'FFFF);
    for (u32 intid = 0; intid < 32; intid += 4)
        co_await cpu.mmio_write_relaxed(base + gicr::IPRIORITYR + intid, all_priorities);
    if (has_lpis_ && redistributors_[cpu.index()].lpis) {
        error = co_await init_lpis(cpu);
        if (error != 0) co_return error;
    }
    co_await cpu.write(SystemRegister::ICC_SRE_EL1, 1);
    co_await cpu.write(SystemRegister::ICC_PMR_EL1, priority_mask);
    co_await cpu.write(SystemRegister::ICC_BPR1_EL1, 0);
    co_await cpu.write(SystemRegister::ICC_CTLR_EL1, 0);  // EOImode 0: ending also deactivates
    co_await cpu.write(SystemRegister::ICC_IGRPEN1_EL1, 1);
    co_return 0;
}

Task<int> GicDriver::init_lpis(cpu::Cpu& cpu) {
    const u64 base = redistributors_[cpu.index()].base;
    const cpu::Loaded control = co_await cpu.mmio_read(base + gicr::CTLR);
    if ((control.value & gicr::CTLR_EnableLPIs) != 0) {
        // Somebody left them on; where they cannot be switched off, the tables cannot be changed (12.11.2).
        co_await cpu.mmio_write(base + gicr::CTLR, 0);
        const int error = co_await cpu::poll(cpu, polling_, base + gicr::CTLR, 4, [](u64 value) {
            return (value & (gicr::CTLR_RWP | gicr::CTLR_EnableLPIs)) == 0;
        });
        if (error != 0) co_return -EBUSY;
    }
    const std::optional<u64> pending = co_await lpis_.new_pending_table(cpu);
    if (!pending) co_return -ENOMEM;
    constexpr u64 attributes = inner_shareable | write_back << redistributor_cache_shift;
    const u64 tables[2] = {lpis_.configuration() | attributes | u64{lpis_.id_bits() - 1},
                           *pending | attributes | gicr::PENDBASER_PTZ};
    constexpr u64 registers[2] = {gicr::PROPBASER, gicr::PENDBASER};
    for (unsigned which = 0; which < 2; ++which) {
        co_await cpu.mmio_write(base + registers[which], tables[which], 8);
        const cpu::Loaded answer = co_await cpu.mmio_read(base + registers[which], 8);
        redistributors_[cpu.index()].attributes = attributes;
        if ((answer.value & shareability_mask) != 0) continue;
        // Not shareable: then not cacheable either (12.11.30).
        constexpr u64 caches = u64{7} << redistributor_cache_shift;
        const u64 plain = (tables[which] & ~(shareability_mask | caches)) | noncacheable << redistributor_cache_shift;
        co_await cpu.mmio_write(base + registers[which], plain, 8);
        redistributors_[cpu.index()].attributes = noncacheable << redistributor_cache_shift;
    }
    co_await cpu.mmio_write(base + gicr::CTLR, gicr::CTLR_EnableLPIs);
    co_return 0;
}

Task<int> GicDriver::enable_spi(cpu::Cpu& cpu, u32 intid, bool edge, u32 target) {
    if (intid < 32 || intid >= interrupts_ || target >= affinities_.size()) co_return -EINVAL;
    const u64 base = description_.distributor;
    const u64 configuration = base + gicd::ICFGR + intid / 16 * 4;
    const cpu::Loaded before = co_await cpu.mmio_read(configuration);
    const unsigned bit = intid % 16 * 2 + 1;
    const u64 triggers = sim::with_bits(before.value, bit, bit, edge ? 1 : 0);
    co_await cpu.mmio_write(configuration, triggers);
    const int error = co_await route_spi(cpu, intid, target);
    if (error != 0) co_return error;
    co_await cpu.mmio_write(base + gicd::ISENABLER + intid / 32 * 4, 1ull << intid % 32);
    co_return 0;
}

Task<int> GicDriver::route_spi(cpu::Cpu& cpu, u32 intid, u32 target) {
    if (intid < 32 || intid >= interrupts_ || target >= affinities_.size()) co_return -EINVAL;
    const u64 affinity = affinities_[target];
    const u64 route = (affinity & 0xFF'FFFF) | (affinity >> 24 & 0xFF) << 32;
    co_await cpu.mmio_write(description_.distributor + gicd::IROUTER + 8ull * intid, route, 8);
    co_return 0;
}

Task<> GicDriver::disable_spi(cpu::Cpu& cpu, u32 intid) {
    co_await cpu.mmio_write(description_.distributor + gicd::ICENABLER + intid / 32 * 4, 1ull << intid % 32);
    co_await wait_for_writes(cpu);
}

Task<> GicDriver::clear_spi(cpu::Cpu& cpu, u32 intid) {
    co_await cpu.mmio_write(description_.distributor + gicd::ICPENDR + intid / 32 * 4, 1ull << intid % 32);
}

u64 GicDriver::target(u32 cpu, bool by_address) const {
    const Redistributor& redistributor = redistributors_[cpu];
    return by_address ? redistributor.base : u64{redistributor.number} << 16;
}

GicVersion GicDriver::version() const {
    GicVersion least = GicVersion::V4_1;
    for (const Redistributor& each : redistributors_) least = std::min(least, each.version);
    return has_lpis_ ? least : GicVersion::V3;
}

void GicDriver::share_vpe_table(u64 base, u64 page_code, u64 pages) {
    vpe_table_ = base;
    vpe_table_size_ = page_code << gicr::VPROPBASER_Page_Size | (pages - 1);
}

u64 GicDriver::vpe_table(u32 cpu) const { return gits::valid | vpe_table_ | vpe_table_size_ | table_attributes(cpu); }

}  // namespace smmusim::sw::its
