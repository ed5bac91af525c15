#include "gic/uarch/its.hpp"

#include <fmt/format.h>

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

Its::Its(const Surroundings& surroundings, const ItsConfig& config, u32 id_bits, u32 register_cycles,
         const std::string& name, u64 base)
    : RegisterFrame(surroundings.simulation, name, surroundings.clock, base, spec::its_size, register_cycles, state_),
      simulation_(surroundings.simulation),
      clock_(surroundings.clock),
      memory_(surroundings.memory),
      redistributors_(surroundings.redistributors),
      config_(config),
      path_(name),
      table_wait_(name + ".table"),
      queue_wait_(name + ".command_queue"),
      state_({config.device_bits, config.event_bits, id_bits, static_cast<u32>(redistributors_.size())}, *this),
      device_cache_(config.device_cache),
      event_cache_(config.event_cache),
      collection_cache_(config.collection_cache),
      progress_(simulation_, name + ".earlier_translations"),
      translation_slots_(simulation_, name + ".translation_slots", config.translation_slots),
      scope_(simulation_, name) {}

void Its::reset() {
    scope_.cancel();
    state_.reset();
    device_cache_.clear();
    event_cache_.clear();
    collection_cache_.clear();
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

sim::Task<arch::Fetched<sim::Record<1>>> Its::read_entry(u64 address, sim::MemoryAttributes attributes) {
    const sim::AccessPtr access = memory_access(sim::Command::Read, sim::TransactionClass::TableWalk, address,
                                                spec::table_entry_bytes, attributes);
    const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, table_wait_);
    arch::Fetched<sim::Record<1>> result;
    result.ok = sim::succeeded(status);
    if (result.ok) result.entry.load(access->data());
    if (sim::Trace* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Walk))
        trace->line(sim::Trace::Kind::Walk, simulation_.now(), path_,
                    fmt::format("entry at {:#x}: {}", address,
                                result.ok ? fmt::format("{:#018x}", result.entry.words[0]) : "refused"));
    co_return result;
}

sim::Task<bool> Its::write_entry(u64 address, sim::Record<1> entry, sim::MemoryAttributes attributes) {
    ++command_writes_;
    const sim::AccessPtr access = memory_access(sim::Command::Write, sim::TransactionClass::TableWalk, address,
                                                spec::table_entry_bytes, attributes);
    entry.store(access->data());
    const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, table_wait_);
    co_return sim::succeeded(status);
}

void Its::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("translations", translations_, "messages", "messages translated and sent to a redistributor");
    visit.counter("table_reads", table_reads_, "reads", "table entries read from memory for messages");
    visit.counter("device_cache.misses", device_misses_, "look-ups", "device table entries that were not cached");
    visit.counter("event_cache.misses", event_misses_, "look-ups", "translation entries that were not cached");
    visit.counter("collection_cache.misses", collection_misses_, "look-ups",
                  "collection table entries that were not cached");
    visit.counter("commands", commands_, "commands", "commands executed, failed ones included");
    visit.counter("syncs", syncs_, "commands", "of these SYNC");
    visit.counter("command_errors", command_errors_, "commands", "of these failed");
    visit.counter("command_fetches", command_fetches_, "reads", "reads of the command queue");
    visit.counter("command_reads", command_reads_, "reads", "table entries read from memory for commands");
    visit.counter("command_writes", command_writes_, "writes", "table entries written by commands");
    visit.latency("sync_latency_ns", sync_latency_, "from the execution of SYNC to its completion");
    visit.counter("dropped.disabled", drops_.disabled, "messages", "dropped: GITS_CTLR.Enabled was 0");
    visit.counter("dropped.device_out_of_range", drops_.device_out_of_range, "messages",
                  "dropped: no DeviceID, or one beyond the device table");
    visit.counter("dropped.unmapped_device", drops_.unmapped_device, "messages", "dropped: device not mapped");
    visit.counter("dropped.event_out_of_range", drops_.event_out_of_range, "messages",
                  "dropped: EventID beyond the device's table");
    visit.counter("dropped.unmapped_event", drops_.unmapped_event, "messages", "dropped: event not mapped");
    visit.counter("dropped.unmapped_collection", drops_.unmapped_collection, "messages",
                  "dropped: collection not mapped");
    visit.counter("dropped.invalid_entry", drops_.invalid_entry, "messages",
                  "dropped: a table holds what no command writes");
    visit.counter("dropped.table_access", drops_.table_access, "messages", "dropped: the bus refused a table read");
    visit.gauge("translation_slots.peak", translation_slots_.peak(), "slots", "messages translated at the same time");
    Frame::statistics(visit);
}

}  // namespace smmusim::gic::uarch
