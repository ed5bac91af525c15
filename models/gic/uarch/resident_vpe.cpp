#include "gic/uarch/resident_vpe.hpp"

#include "gic/arch/its_table.hpp"
#include "gic/spec/memory_attributes.hpp"

namespace smmusim::gic::uarch {

using sim::Journey;
using spec::PropBaser;
using spec::VpeEntry;
using spec::VPendBaser;
using spec::VpeScratch;
using spec::VPropBaser;

namespace {

u32 end_of(u32 bits) { return bits < 14 ? spec::first_lpi : u32{1} << std::min(bits, 24u); }

/// GICv4.1: the vPE table as a redistributor finds it.
arch::Table vpe_table(const VPropBaser& baser) {
    arch::Table table;
    const u64 page = baser[VPropBaser::Page_Size];
    table.base = baser[VPropBaser::Physical_Address];
    table.entry_bytes = VpeEntry::entry_bytes;
    table.page_bytes = page == 0 ? 4 * KiB : page == 1 ? 16 * KiB : 64 * KiB;
    table.indirect = baser[VPropBaser::Indirect];
    const u64 bytes = (baser[VPropBaser::Size] + 1) * table.page_bytes;
    if (baser[VPropBaser::Valid])
        table.entries =
            table.indirect ? bytes / spec::level1_entry_bytes * table.per_page() : bytes / table.entry_bytes;
    return table;
}

}  // namespace

ResidentVpe::ResidentVpe(const Surroundings& surroundings, const RedistributorConfig& config, const std::string& name,
                         u8 priority_mask)
    : simulation_(surroundings.simulation),
      memory_(surroundings.memory),
      registers_(surroundings.registers),
      physical_(surroundings.physical),
      cpu_(surroundings.cpu),
      counters_(surroundings.counters),
      table_wait_(name + ".virtual_table"),
      bank_(surroundings.simulation, surroundings.clock, surroundings.memory, config, name + ".virtual", priority_mask,
            surroundings.lpi_counters, *this),
      turn_(simulation_, name + ".virtual_tables", 1),
      scope_(simulation_, name + ".vpe") {}

void ResidentVpe::reset() {
    scope_.cancel();
    bank_.reset();
    loaded_ = false;
    vpe_ = sim::no_id;
    pending_table_ = 0;
    scratch_ = {};
}

// Memory

sim::AccessPtr ResidentVpe::make(sim::Command command, u64 address, u32 size) {
    sim::AccessPtr access = simulation_.accesses().make(command, address, size);
    access->attributes.transaction_class = sim::TransactionClass::TableWalk;
    const VPendBaser baser = registers_.virtual_pending();
    // With a vPE table the attributes of that are those of the pending tables, too.
    access->attributes.memory =
        with_vpe_table() ? spec::memory_attributes(registers_.virtual_properties()) : spec::memory_attributes(baser);
    return access;
}

sim::Task<sim::Status> ResidentVpe::transfer(sim::Access& access) {
    if (access.command == sim::Command::Read) ++counters_.table_reads;
    else ++counters_.table_writes;
    const sim::Status status = co_await sim::transfer(simulation_, memory_, access, table_wait_);
    co_return status;
}

sim::Task<u8> ResidentVpe::read_byte(u64 address) {
    const sim::AccessPtr access = make(sim::Command::Read, address, 1);
    const sim::Status status = co_await transfer(*access);
    co_return sim::succeeded(status) ? access->data()[0] : u8{0};
}

sim::Task<VpeScratch> ResidentVpe::read_scratch(u64 table) {
    VpeScratch scratch;
    const sim::AccessPtr access = make(sim::Command::Read, table, VpeScratch::bytes);
    const sim::Status status = co_await transfer(*access);
    if (sim::succeeded(status)) scratch.load(access->data());
    co_return scratch;
}

sim::Task<> ResidentVpe::write_scratch(u64 table, VpeScratch scratch) {
    const sim::AccessPtr access = make(sim::Command::Write, table, VpeScratch::bytes);
    scratch.store(access->data());
    co_await transfer(*access);
}

sim::Task<VpeEntry> ResidentVpe::read_vpe_entry(u32 vpe) {
    VpeEntry entry;
    const arch::Table table = vpe_table(registers_.virtual_properties());
    if (!table.contains(vpe)) co_return entry;
    u64 address = table.address(vpe);
    if (table.indirect) {
        spec::Level1Entry level1;
        const sim::AccessPtr access = make(sim::Command::Read, table.level1_address(vpe), spec::level1_entry_bytes);
        const sim::Status status = co_await transfer(*access);
        if (sim::succeeded(status)) level1.load(access->data());
        if (!level1[spec::Level1Entry::Valid]) co_return entry;
        address = table.address(level1, vpe);
    }
    const sim::AccessPtr access = make(sim::Command::Read, address, VpeEntry::bytes);
    const sim::Status status = co_await transfer(*access);
    if (sim::succeeded(status)) entry.load(access->data());
    co_return entry;
}

// Residency

void ResidentVpe::schedule() {
    ++counters_.schedules;
    scope_.spawn("load of a vPE", load());
}

sim::Task<LpiTables> ResidentVpe::tables_of_resident() {
    LpiTables tables;
    const VPendBaser pending = registers_.virtual_pending();
    if (!with_vpe_table()) {
        PropBaser properties;
        properties.words[0] = registers_.virtual_properties().words[0];
        tables.properties = properties[PropBaser::Physical_Address];
        tables.property_attributes = spec::memory_attributes(properties);
        tables.pending = pending[VPendBaser::Physical_Address];
        tables.pending_attributes = spec::memory_attributes(pending);
        tables.end = end_of(std::min(static_cast<u32>(properties[PropBaser::IDbits]) + 1, registers_.id_bits()));
        co_return tables;
    }
    const VpeEntry entry = co_await read_vpe_entry(static_cast<u32>(pending[VPendBaser::vPEID]));
    if (!entry[VpeEntry::Valid]) co_return tables;
    tables.properties = entry[VpeEntry::VConf_addr];
    tables.pending = entry[VpeEntry::VPT_addr];
    tables.property_attributes = tables.pending_attributes = spec::memory_attributes(registers_.virtual_properties());
    tables.end = entry.lpi_end();
    co_return tables;
}

sim::Task<> ResidentVpe::load() {
    const auto turn = co_await turn_.take();
    const LpiTables tables = co_await tables_of_resident();
    // GICv4.1: a vPE that is not in the table has no interrupts.
    if (tables.end != spec::first_lpi) {
        if (with_vpe_table()) {
            const VpeScratch scratch = co_await read_scratch(tables.pending);
            scratch_ = scratch;
            scratch_.set(VpeScratch::DoorbellArmed, false);
        }
        vpe_ = static_cast<u32>(registers_.virtual_pending()[VPendBaser::vPEID]);
        pending_table_ = tables.pending;
        bank_.open(tables);
        loaded_ = true;
        co_await bank_.scanned();
    }
    registers_.vpe_settled(false);
    cpu_.update();
}

void ResidentVpe::deschedule(bool doorbell) {
    cpu_.update();
    scope_.spawn("write-back of a vPE", unload(doorbell));
}

sim::Task<> ResidentVpe::unload(bool doorbell) {
    const auto turn = co_await turn_.take();
    if (!loaded_) {
        registers_.vpe_settled(false);
        co_return;
    }
    // 12.11, GICR_VPENDBASER.PendingLast: something waits for the vPE. What is not known to be disabled counts.
    bool pending = (scratch_[VpeScratch::Pending] & scratch_[VpeScratch::Enabled]) != 0;
    for (const auto& [intid, lpi] : bank_.lpis().all()) pending = pending || !lpi.property || lpi.property->enable;
    co_await bank_.close();
    if (with_vpe_table()) {
        scratch_.set(VpeScratch::DoorbellArmed, doorbell && !pending);
        co_await write_scratch(pending_table_, scratch_);
    }
    loaded_ = false;
    scratch_ = {};
    registers_.vpe_settled(pending);
}

bool ResidentVpe::holds(const VirtualTarget& target) const {
    if (!loaded_) return false;
    return with_vpe_table() ? vpe_ == target.vpe : pending_table_ == target.pending_table;
}

// Messages

sim::Task<> ResidentVpe::set(VirtualTarget target, u32 intid, std::shared_ptr<Journey> journey) {
    ++counters_.messages;
    if (journey) journey->enter(Journey::Part::Redistributor, simulation_.now());
    const auto turn = co_await turn_.take();
    bool fresh = false;
    if (!spec::is_lpi(intid) || intid >= target.end) {
        ++counters_.dropped;
        if (journey) journey->settle(Journey::Outcome::Blocked);
        co_return;
    }
    if (holds(target)) {
        ++counters_.direct;
        fresh = bank_.add(intid, journey);
    } else {
        const bool changed = co_await change_bit(target, intid, true);
        fresh = changed;
        if (fresh) co_await ring(target, intid);
    }
    if (!fresh) ++counters_.coalesced;
    if (journey) journey->settle(fresh ? Journey::Outcome::Delivered : Journey::Outcome::Coalesced);
}

/// An interrupt is pending for a vPE that is not resident: its doorbell says so to the hypervisor.
sim::Task<> ResidentVpe::ring(VirtualTarget target, u32 intid) {
    if (target.doorbell == spec::spurious) co_return;
    if (with_vpe_table()) {
        // 5.4: the default doorbell, once after it was asked for, for an interrupt that is enabled.
        VpeScratch scratch = co_await read_scratch(target.pending_table);
        if (!scratch[VpeScratch::DoorbellArmed]) co_return;
        if (spec::is_lpi(intid)) {
            const u8 property = co_await read_byte(spec::property_address(target.properties, intid));
            if (!spec::LpiProperty::decode(property).enable) co_return;
        }
        scratch.set(VpeScratch::DoorbellArmed, false);
        co_await write_scratch(target.pending_table, scratch);
    }
    ++counters_.doorbells;
    physical_.set_pending(target.doorbell, nullptr);
}

sim::Task<> ResidentVpe::clear(VirtualTarget target, u32 intid) {
    const bool was_pending = co_await take(target, intid);
    (void)was_pending;
}

sim::Task<bool> ResidentVpe::take(VirtualTarget target, u32 intid) {
    const auto turn = co_await turn_.take();
    if (!spec::is_lpi(intid) || intid >= target.end) co_return false;
    if (holds(target)) {
        const bool was_pending = bank_.lpis().take(intid).has_value();
        cpu_.update();
        co_return was_pending;
    }
    co_return co_await change_bit(target, intid, false);
}

/// While a vPE moves, or several ITSs lead to it, two redistributors may change bits of one byte at the same time.
sim::Task<bool> ResidentVpe::change_bit(const VirtualTarget& target, u32 intid, bool pending) {
    const u64 address = target.pending_table + spec::pending_byte(intid);
    const u8 bit = static_cast<u8>(1u << (intid % 8));
    u8 bits = co_await read_byte(address);
    while (((bits & bit) != 0) != pending) {
        const sim::AccessPtr access = make(sim::Command::Atomic, address, 1);
        access->operation = sim::AtomicOperation::CompareSwap;
        access->compare = bits;
        access->operand = static_cast<u8>(bits ^ bit);
        const sim::Status status = co_await transfer(*access);
        const u8 found = access->data()[0];
        if (!sim::succeeded(status) || found == bits) co_return true;
        bits = found;
    }
    co_return false;
}

sim::Task<> ResidentVpe::invalidate(VirtualTarget target, u32 intid) {
    const auto turn = co_await turn_.take();
    // Nothing of a vPE that is not resident is cached.
    if (holds(target)) bank_.invalidate(intid);
}

sim::Task<> ResidentVpe::invalidate_all(VirtualTarget target) {
    const auto turn = co_await turn_.take();
    if (holds(target)) bank_.invalidate_all();
}

// Virtual SGIs

sim::Task<> ResidentVpe::configure_sgi(VirtualTarget target, VirtualSgiSettings settings) {
    const auto turn = co_await turn_.take();
    const u64 bit = u64{1} << settings.intid;
    VpeScratch scratch = scratch_;
    const bool here = holds(target);
    if (!here) {
        const VpeScratch read = co_await read_scratch(target.pending_table);
        scratch = read;
    }
    const auto put = [&](auto field, bool value) {
        scratch.set(field, value ? scratch[field] | bit : scratch[field] & ~bit);
    };
    if (settings.clear) {
        put(VpeScratch::Pending, false);
    } else {
        put(VpeScratch::Enabled, settings.enable);
        put(VpeScratch::Group1, settings.group1);
        scratch.set_priority(settings.intid, settings.priority);
    }
    if (here) {
        scratch_ = scratch;
        cpu_.update();
    } else {
        co_await write_scratch(target.pending_table, scratch);
    }
}

sim::Task<> ResidentVpe::set_sgi(VirtualTarget target, u32 intid) {
    ++counters_.messages;
    const auto turn = co_await turn_.take();
    const u64 bit = u64{1} << intid;
    if (holds(target)) {
        ++counters_.direct;
        if ((scratch_[VpeScratch::Pending] & bit) != 0) ++counters_.coalesced;
        scratch_.set(VpeScratch::Pending, scratch_[VpeScratch::Pending] | bit);
        cpu_.update();
        co_return;
    }
    VpeScratch scratch = co_await read_scratch(target.pending_table);
    if ((scratch[VpeScratch::Pending] & bit) != 0) {
        ++counters_.coalesced;
        co_return;
    }
    scratch.set(VpeScratch::Pending, scratch[VpeScratch::Pending] | bit);
    co_await write_scratch(target.pending_table, scratch);
    if ((scratch[VpeScratch::Enabled] & bit) != 0) co_await ring(target, intid);
}

void ResidentVpe::query_sgis(u32 vpe) { scope_.spawn("query of virtual SGIs", answer_query(vpe)); }

sim::Task<> ResidentVpe::answer_query(u32 vpe) {
    const auto turn = co_await turn_.take();
    VirtualTarget target;
    target.vpe = vpe;
    if (holds(target)) {
        registers_.answer_sgi_query(static_cast<u16>(scratch_[VpeScratch::Pending]));
        co_return;
    }
    const VpeEntry entry = co_await read_vpe_entry(vpe);
    u16 pending = 0;
    if (entry[VpeEntry::Valid]) {
        const VpeScratch scratch = co_await read_scratch(entry[VpeEntry::VPT_addr]);
        pending = static_cast<u16>(scratch[VpeScratch::Pending]);
    }
    registers_.answer_sgi_query(pending);
}

// The guest

arch::Candidate ResidentVpe::best() const {
    const VPendBaser baser = registers_.virtual_pending();
    if (!loaded_ || !baser[VPendBaser::Valid]) return {};
    // GICv4.1: each group is let through by the hypervisor; GICv4.0 has no such bits.
    const bool group0 = !with_vpe_table() || baser[VPendBaser::VGrp0En];
    const bool group1 = !with_vpe_table() || baser[VPendBaser::VGrp1En];
    arch::Candidate best;
    if (group1) best = bank_.lpis().best();
    u64 sgis = scratch_[VpeScratch::Pending] & scratch_[VpeScratch::Enabled];
    for (; sgis != 0; sgis &= sgis - 1) {
        const u32 intid = static_cast<u32>(__builtin_ctzll(sgis));
        const u8 group = (scratch_[VpeScratch::Group1] >> intid & 1) != 0 ? 1 : 0;
        if (group == 1 ? !group1 : !group0) continue;
        best = arch::first_of(best, arch::Candidate{intid, scratch_.priority(intid), group});
    }
    return best;
}

void ResidentVpe::acknowledge(u32 intid) {
    if (spec::is_lpi(intid)) bank_.lpis().take(intid);
    else scratch_.set(VpeScratch::Pending, scratch_[VpeScratch::Pending] & ~(u64{1} << intid));
}

void VirtualCounters::statistics(sim::StatisticsVisitor& visit) {
    visit.enter("virtual");
    visit.counter("messages", messages, "messages", "vLPIs and virtual SGIs set pending, found pending, or dropped");
    visit.counter("direct", direct, "messages", "of these for a vPE that was resident");
    visit.counter("coalesced", coalesced, "messages", "of these found pending");
    visit.counter("dropped", dropped, "messages", "of these dropped: vINTID beyond the vPE's tables");
    visit.counter("doorbells", doorbells, "interrupts", "doorbells rung for vPEs that were not resident");
    visit.counter("schedules", schedules, "writes", "vPEs made resident");
    visit.counter("table_reads", table_reads, "reads", "reads of vPE tables and of pending tables of absent vPEs");
    visit.counter("table_writes", table_writes, "writes", "writes of pending tables of absent vPEs");
    visit.leave();
}

}  // namespace smmusim::gic::uarch
