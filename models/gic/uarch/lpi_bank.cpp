#include "gic/uarch/lpi_bank.hpp"

#include <algorithm>
#include <map>

namespace smmusim::gic::uarch {

namespace {

constexpr u32 scan_bytes = 256;  ///< of one read of the pending table: the longest burst that rarely is split

}  // namespace

LpiBank::LpiBank(sim::Simulation& simulation, const sim::Clock& clock, sim::Port& memory,
                 const RedistributorConfig& config, const std::string& name, u8 priority_mask, LpiCounters& counters,
                 LpiListener& listener)
    : simulation_(simulation),
      clock_(clock),
      memory_(memory),
      config_(config),
      property_wait_(name + ".property"),
      table_wait_(name + ".pending_table"),
      priority_mask_(priority_mask),
      counters_(counters),
      listener_(listener),
      properties_(config.property_cache),
      scan_(simulation_, table_wait_, 1),
      scope_(simulation_, name) {}

void LpiBank::reset() {
    scope_.cancel();
    lpis_.clear();
    properties_.clear();
    table_words_.clear();
    tables_ = {};
    open_ = closing_ = false;
    readers_ = 0;
}

sim::AccessPtr LpiBank::table_access(sim::Command command, u64 address, u32 size,
                                     const sim::MemoryAttributes& attributes) {
    sim::AccessPtr access = simulation_.accesses().make(command, address, size);
    access->attributes.transaction_class = sim::TransactionClass::TableWalk;
    access->attributes.memory = attributes;
    return access;
}

std::vector<u32> LpiBank::pending() const {
    std::vector<u32> intids;
    for (const auto& [intid, lpi] : lpis_.all()) intids.push_back(intid);
    return intids;
}

bool LpiBank::add(u32 intid, std::shared_ptr<sim::Journey> journey) {
    if (!lpis_.add(intid, std::move(journey))) return false;
    if (open_) fetch(intid);
    return true;
}

// Properties

void LpiBank::fetch(u32 intid) {
    for (const Fetch& fetch : fetches_)
        if (fetch.intid == intid && !fetch.abandoned) return;
    if (!lpis_.want_property(intid) || readers_ == config_.property_slots) return;
    ++readers_;
    scope_.spawn("reads of LPI properties", read_properties());
}

sim::Task<> LpiBank::read_properties() {
    while (const std::optional<u32> intid = lpis_.next_wanted()) co_await read_property(*intid);
    --readers_;
}

sim::Task<> LpiBank::read_property(u32 intid) {
    Fetch self(intid);
    fetches_.push_back(self);
    // An LPI that was cleared meanwhile needs no property.
    while (!self.abandoned && lpis_.contains(intid)) {
        self.stale = false;
        std::optional<spec::LpiProperty> property;
        const spec::LpiProperty* const cached = properties_.find(IntidKey{intid});
        if (cached != nullptr) property = *cached;
        co_await simulation_.until(clock_.after(simulation_.now(), config_.property_cycles));
        if (self.abandoned) co_return;
        // 5.1.4: what was cached before an INV is not used after it.
        if (self.stale) continue;
        if (property) {
            ++counters_.property_hits;
        } else {
            ++counters_.property_reads;
            const sim::AccessPtr access = table_access(
                sim::Command::Read, spec::property_address(tables_.properties, intid), 1, tables_.property_attributes);
            const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, property_wait_);
            if (self.abandoned) co_return;
            if (self.stale) continue;
            if (sim::succeeded(status)) {
                property = spec::LpiProperty::decode(access->data()[0]);
                property->priority &= priority_mask_;
                properties_.insert(IntidKey{intid}, *property);
            } else {
                // No property: the LPI stays pending and disabled until it is invalidated.
                ++counters_.property_failures;
                property = spec::LpiProperty{};
            }
        }
        lpis_.set_property(intid, *property);
        self.unlink();
        listener_.lpis_changed();
        co_return;
    }
}

void LpiBank::invalidate(u32 intid) {
    properties_.erase(IntidKey{intid});
    for (Fetch& fetch : fetches_)
        if (fetch.intid == intid) fetch.stale = true;
    if (!open_ || !lpis_.contains(intid)) return;
    // A forwarded interrupt that was not acknowledged is retrieved; a pending one is looked at anew.
    lpis_.forget_property(intid);
    listener_.lpis_changed();
    if (lpis_.contains(intid)) fetch(intid);
}

void LpiBank::invalidate_all() {
    properties_.clear();
    for (Fetch& fetch : fetches_) fetch.stale = true;
    if (!open_) return;
    const std::vector<u32> all = pending();
    for (const u32 intid : all) lpis_.forget_property(intid);
    listener_.lpis_changed();
    for (const u32 intid : all)
        if (lpis_.contains(intid)) fetch(intid);
}

void LpiBank::drop_properties() {
    properties_.clear();
    for (Fetch& fetch : fetches_) fetch.stale = true;
}

// The pending table

void LpiBank::open(const LpiTables& tables) {
    properties_.clear();
    table_words_.clear();
    tables_ = tables;
    open_ = true;
    if (tables.end == spec::first_lpi) return;
    if (!tables.empty) scope_.spawn("scan of the pending table", scan());
}

sim::Task<> LpiBank::scanned() { const sim::Slots::Slot turn = co_await scan_.take(); }

sim::Task<> LpiBank::scan() {
    const sim::Slots::Slot turn = co_await scan_.take();
    const u64 end = tables_.end / 8;
    for (u64 offset = spec::first_pending_byte; offset < end; offset += scan_bytes) {
        ++counters_.pending_reads;
        const sim::AccessPtr access =
            table_access(sim::Command::Read, tables_.pending + offset, scan_bytes, tables_.pending_attributes);
        const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, table_wait_);
        if (!sim::succeeded(status)) continue;
        for (u32 byte = 0; byte < scan_bytes; ++byte) {
            const u8 bits = access->data()[byte];
            if (bits == 0) continue;
            table_words_.insert((offset + byte) / 8);
            for (u32 bit = 0; bit < 8; ++bit)
                if ((bits >> bit & 1) != 0) add(static_cast<u32>((offset + byte) * 8 + bit), nullptr);
        }
    }
}

sim::Task<> LpiBank::close() {
    open_ = false;
    closing_ = true;
    properties_.clear();
    for (Fetch& fetch : fetches_) fetch.abandoned = true;
    lpis_.forget_properties();
    listener_.lpis_changed();
    co_await scanned();
    closing_ = false;
    // Words that must change: those with a pending LPI, and those that were not zero when they were read.
    std::map<u64, u64> words;
    for (const u64 word : table_words_) words[word] = 0;
    for (const u32 intid : pending()) words[intid / 64] |= u64{1} << (intid % 64);
    lpis_.clear();
    table_words_.clear();
    for (const auto& [word, value] : words) {
        ++counters_.pending_writes;
        const sim::AccessPtr access =
            table_access(sim::Command::Write, tables_.pending + word * 8, 8, tables_.pending_attributes);
        access->set_value(value);
        co_await sim::transfer(simulation_, memory_, *access, table_wait_);
    }
}

}  // namespace smmusim::gic::uarch
