// The redistributor's traffic to memory: the LPI configuration table and the pending table.
#include "gic/spec/memory_attributes.hpp"
#include "gic/uarch/redistributor.hpp"

namespace smmusim::gic::uarch {

using spec::PendBaser;
using spec::PropBaser;

namespace {

constexpr u32 scan_bytes = 256;  ///< of one read of the pending table: the longest burst that rarely is split

template <class Baser>
sim::MemoryAttributes attributes_of(const Baser& baser) {
    return spec::memory_attributes(baser[Baser::InnerCache], baser[Baser::OuterCache], baser[Baser::Shareability]);
}

}  // namespace

sim::AccessPtr Redistributor::table_access(sim::Command command, u64 address, u32 size,
                                           const sim::MemoryAttributes& attributes) {
    sim::AccessPtr access = simulation_.accesses().make(command, address, size);
    access->attributes.transaction_class = sim::TransactionClass::TableWalk;
    access->attributes.memory = attributes;
    return access;
}

// Properties

void Redistributor::fetch(u32 intid) {
    for (const Fetch& fetch : fetches_)
        if (fetch.intid == intid && !fetch.abandoned) return;
    if (!lpis_.want_property(intid) || readers_ == config_.property_slots) return;
    ++readers_;
    scope_.spawn("reads of LPI properties", read_properties());
}

sim::Task<> Redistributor::read_properties() {
    while (const std::optional<u32> intid = lpis_.next_wanted()) co_await read_property(*intid);
    --readers_;
}

sim::Task<> Redistributor::read_property(u32 intid) {
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
            const u64 table = state_.properties()[PropBaser::Physical_Address];
            const sim::AccessPtr access = table_access(sim::Command::Read, spec::property_address(table, intid), 1,
                                                       attributes_of(state_.properties()));
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
        update();
        co_return;
    }
}

void Redistributor::invalidate_property(u32 intid) {
    properties_.erase(IntidKey{intid});
    for (Fetch& fetch : fetches_)
        if (fetch.intid == intid) fetch.stale = true;
    if (!state_.lpis_enabled() || !lpis_.contains(intid)) return;
    // A forwarded interrupt that was not acknowledged is retrieved; a pending one is looked at anew.
    lpis_.forget_property(intid);
    update();
    if (lpis_.contains(intid)) fetch(intid);
}

void Redistributor::invalidate_properties() {
    properties_.clear();
    for (Fetch& fetch : fetches_) fetch.stale = true;
    if (!state_.lpis_enabled()) return;
    const std::vector<u32> pending = pending_lpis();
    for (const u32 intid : pending) lpis_.forget_property(intid);
    update();
    for (const u32 intid : pending)
        if (lpis_.contains(intid)) fetch(intid);
}

// The pending table

void Redistributor::lpis_enabled() {
    properties_.clear();
    table_words_.clear();
    if (state_.lpi_end() == spec::first_lpi) return;
    // 12.11, GICR_PENDBASER.PTZ: software says that there is nothing to read.
    if (!state_.pending_table()[PendBaser::PTZ]) scope_.spawn("scan of the pending table", scan_pending_table());
}

sim::Task<> Redistributor::scan_pending_table() {
    scanning_ = true;
    const u64 table = state_.pending_table()[PendBaser::Physical_Address];
    const sim::MemoryAttributes attributes = attributes_of(state_.pending_table());
    const u64 end = state_.lpi_end() / 8;
    for (u64 offset = spec::first_pending_byte; offset < end; offset += scan_bytes) {
        ++counters_.pending_reads;
        const sim::AccessPtr access = table_access(sim::Command::Read, table + offset, scan_bytes, attributes);
        const sim::Status status = co_await sim::transfer(simulation_, memory_, *access, table_wait_);
        if (!sim::succeeded(status)) continue;
        for (u32 byte = 0; byte < scan_bytes; ++byte) {
            const u8 bits = access->data()[byte];
            if (bits == 0) continue;
            table_words_.insert((offset + byte) / 8);
            for (u32 bit = 0; bit < 8; ++bit) {
                const u32 intid = static_cast<u32>((offset + byte) * 8 + bit);
                if ((bits >> bit & 1) == 0 || !lpis_.add(intid, nullptr)) continue;
                if (state_.lpis_enabled()) fetch(intid);
            }
        }
    }
    scanning_ = false;
    table_done_.notify_all();
}

void Redistributor::lpis_disabled() {
    properties_.clear();
    for (Fetch& fetch : fetches_) fetch.abandoned = true;
    lpis_.forget_properties();
    update();
    scope_.spawn("write-back of the pending table", write_pending_table());
}

sim::Task<> Redistributor::write_pending_table() {
    while (scanning_) co_await table_done_.wait();
    // Words that must change: those with a pending LPI, and those that were not zero when they were read.
    std::map<u64, u64> words;
    for (const u64 word : table_words_) words[word] = 0;
    for (const u32 intid : pending_lpis()) words[intid / 64] |= u64{1} << (intid % 64);
    lpis_.clear();
    table_words_.clear();
    const u64 table = state_.pending_table()[PendBaser::Physical_Address];
    const sim::MemoryAttributes attributes = attributes_of(state_.pending_table());
    for (const auto& [word, value] : words) {
        ++counters_.pending_writes;
        const sim::AccessPtr access = table_access(sim::Command::Write, table + word * 8, 8, attributes);
        access->set_value(value);
        co_await sim::transfer(simulation_, memory_, *access, table_wait_);
    }
    // 12.11, GICR_CTLR.RWP falls when memory holds the pending state.
    state_.write_back_done();
}

}  // namespace smmusim::gic::uarch
