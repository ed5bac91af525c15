#include "gic/uarch/its.hpp"

#include <fmt/format.h>

#include "gic/spec/redistributor.hpp"
#include "sim/trace.hpp"

namespace smmusim::gic::uarch {

Flight::Flight(Its& its) : sequence(its.sequence_++), its_(its) { its.flights_.push_back(*this); }

Flight::~Flight() {
    unlink();
    its_.progress_.notify_all();
}

void Flight::send(u32 redistributor, u32 other) {
    stage = Stage::Sent;
    target = redistributor;
    onward = other;
    its_.progress_.notify_all();
}

namespace {

arch::Its::Limits limits_of(const ItsConfig& config, const GicConfig& gic, std::size_t redistributors, u32 number) {
    arch::Its::Limits limits;
    limits.device_bits = config.device_bits;
    limits.event_bits = config.event_bits;
    limits.collection_bits = config.collection_bits;
    limits.id_bits = gic.id_bits;
    limits.hardware_collections = config.hardware_collections;
    limits.collection_table = config.collection_table;
    limits.collections_add_up = config.collections_add_up;
    limits.indirect_devices = config.indirect_devices;
    limits.indirect_collections = config.indirect_collections;
    limits.system_errors = config.command_errors == CommandErrorPolicy::SError;
    limits.redistributors = static_cast<u32>(redistributors);
    limits.target_addresses = config.target_addresses;
    limits.redistributor_base = gic.redistributor.base;
    limits.redistributor_size = spec::redistributor_size(gic.version);
    limits.version = gic.version;
    limits.number = number;
    return limits;
}

}  // namespace

Its::Its(const Surroundings& surroundings, const ItsConfig& config, const GicConfig& gic, const std::string& name,
         u64 base, u32 number)
    : RegisterFrame(surroundings.simulation, name, surroundings.clock, base, spec::its_size(gic.version),
                    gic.register_cycles, state_),
      simulation_(surroundings.simulation),
      clock_(surroundings.clock),
      memory_(surroundings.memory),
      redistributors_(surroundings.redistributors),
      errors_(surroundings.errors),
      config_(config),
      path_(name),
      table_wait_(name + ".table"),
      queue_wait_(name + ".command_queue"),
      state_(limits_of(config, gic, redistributors_.size(), number), *this),
      device_cache_(config.device_cache),
      event_cache_(config.event_cache),
      collection_cache_(config.collection_cache),
      vpe_cache_(config.vpe_cache),
      progress_(simulation_, name + ".earlier_translations"),
      translation_slots_(simulation_, name + ".translation_slots", config.translation_slots),
      message_credits_(simulation_, name + ".message_credits", config.message_credits),
      scope_(simulation_, name) {}

void Its::reset() {
    scope_.cancel();
    state_.reset();
    device_cache_.clear();
    event_cache_.clear();
    collection_cache_.clear();
    vpe_cache_.clear();
    running_ = quiescing_ = false;
    accept_free_ = 0;
    failure_ = {};
}

void Its::enabled_changed(bool enabled) {
    if (enabled) queue_written();
    else scope_.spawn("disable", quiesce());
}

sim::Task<> Its::quiesce() {
    quiescing_ = true;
    while (running_ || !flights_.empty()) co_await progress_.wait();
    // 12.18, GITS_CTLR.Quiescent: memory holds everything, and what is cached is read anew after the next enable.
    device_cache_.clear();
    event_cache_.clear();
    collection_cache_.clear();
    vpe_cache_.clear();
    quiescing_ = false;
}

// Memory

sim::AccessPtr Its::memory_access(sim::Command command, sim::TransactionClass what, u64 address, u32 size,
                                  const sim::MemoryAttributes& attributes) {
    sim::AccessPtr access = simulation_.accesses().make(command, address, size);
    access->attributes.transaction_class = what;
    access->attributes.memory = attributes;
    return access;
}

void Its::trace_read(u64 address, u64 word, bool ok) const {
    if (sim::Trace* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Walk))
        trace->line(sim::Trace::Kind::Walk, simulation_.now(), path_,
                    fmt::format("entry at {:#x}: {}", address, ok ? fmt::format("{:#018x}", word) : "refused"));
}

sim::Task<Its::Place> Its::locate(TableEntry entry, u64* reads) {
    Place place;
    if (!entry.table.indirect) {
        place.address = entry.table.address(entry.id);
        co_return place;
    }
    ++*reads;
    const u64 address = entry.table.level1_address(entry.id);
    const sim::AccessPtr access = memory_access(sim::Command::Read, sim::TransactionClass::TableWalk, address,
                                                spec::level1_entry_bytes, entry.attributes);
    const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, table_wait_);
    spec::Level1Entry level1;
    if (sim::succeeded(status)) level1.load(access->data());
    trace_read(address, level1.words[0], sim::succeeded(status));
    // 5.2: software may add pages while the table is in use, so that level 1 is read each time.
    if (!sim::succeeded(status)) place.access = arch::TableAccess::Refused;
    else if (!level1[spec::Level1Entry::Valid]) place.access = arch::TableAccess::NoPage;
    place.address = entry.table.address(level1, entry.id);
    co_return place;
}

void Its::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("translations", translations_, "messages", "messages translated and sent to a redistributor");
    visit.counter("table_reads", table_reads_, "reads",
                  "table entries, level 1 included, read from memory for messages");
    visit.counter("device_cache.misses", device_misses_, "look-ups", "device table entries that were not cached");
    visit.counter("event_cache.misses", event_misses_, "look-ups", "translation entries that were not cached");
    visit.counter("collection_cache.misses", collection_misses_, "look-ups",
                  "collection table entries that were not cached");
    visit.counter("vpe_cache.misses", vpe_misses_, "look-ups", "vPE table entries that were not cached");
    visit.counter("commands", commands_, "commands", "commands executed, failed ones included");
    visit.counter("syncs", syncs_, "commands",
                  "waits for a redistributor: SYNC, VSYNC, and commands that move, map or unmap a vPE");
    visit.counter("command_errors", command_errors_, "commands", "of these failed");
    visit.counter("command_fetches", command_fetches_, "reads", "reads of the command queue");
    visit.counter("command_reads", command_reads_, "reads", "table entries read from memory for commands");
    visit.counter("command_writes", command_writes_, "writes", "table entries written by commands");
    visit.latency("sync_latency_ns", sync_latency_, "how long those waited");
    visit.counter("dropped.disabled", drops_.disabled, "messages", "dropped: GITS_CTLR.Enabled was 0");
    visit.counter("dropped.device_out_of_range", drops_.device_out_of_range, "messages",
                  "dropped: no DeviceID, or one beyond the device table");
    visit.counter("dropped.unmapped_device", drops_.unmapped_device, "messages", "dropped: device not mapped");
    visit.counter("dropped.event_out_of_range", drops_.event_out_of_range, "messages",
                  "dropped: EventID beyond the device's table");
    visit.counter("dropped.unmapped_event", drops_.unmapped_event, "messages", "dropped: event not mapped");
    visit.counter("dropped.unmapped_collection", drops_.unmapped_collection, "messages",
                  "dropped: collection not mapped");
    visit.counter("dropped.unmapped_vpe", drops_.unmapped_vpe, "messages", "dropped: vPE not mapped");
    visit.counter("dropped.invalid_entry", drops_.invalid_entry, "messages",
                  "dropped: a table holds what no command writes");
    visit.counter("dropped.table_access", drops_.table_access, "messages", "dropped: the bus refused a table read");
    visit.gauge("translation_slots.peak", translation_slots_.peak(), "slots", "messages translated at the same time");
    visit.gauge("message_credits.peak", message_credits_.peak(), "credits",
                "messages on their way to redistributors at the same time");
    Frame::statistics(visit);
}

}  // namespace smmusim::gic::uarch
