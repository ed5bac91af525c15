// The tables as commands read and write them: through the caches, but without filling them.
#include "gic/uarch/its.hpp"
#include "gic/uarch/its_entries.hpp"

namespace smmusim::gic::uarch {

// Everything that began before the end of a write may have read the old entry: it goes on with it, and fills nothing.
template <class Scope>
void Its::mark_stale(Scope in_scope) {
    for (Flight& flight : flights_)
        if (in_scope(flight)) flight.stale = true;
}

sim::Task<arch::Fetched<spec::DeviceEntry>> Its::read_device(u32 device) {
    arch::Fetched<spec::DeviceEntry> result;
    if (const spec::DeviceEntry* const cached = device_cache_.peek(Key{device}); cached != nullptr) {
        result.entry = *cached;
        result.ok = true;
        co_return result;
    }
    ++command_reads_;
    const auto raw = co_await read_entry(state_.device_table().address(device), attributes_of(state_.device_baser()));
    result = as<spec::DeviceEntry>(raw);
    co_return result;
}

sim::Task<arch::Fetched<spec::TranslationEntry>> Its::read_event(spec::DeviceEntry table, u32 device, u32 event) {
    arch::Fetched<spec::TranslationEntry> result;
    if (const spec::TranslationEntry* const cached = event_cache_.peek(EventKey{device, event}); cached != nullptr) {
        result.entry = *cached;
        result.ok = true;
        co_return result;
    }
    ++command_reads_;
    const auto raw = co_await read_entry(table.entry_address(event), attributes_of(state_.device_baser()));
    result = as<spec::TranslationEntry>(raw);
    co_return result;
}

sim::Task<arch::Fetched<spec::CollectionEntry>> Its::read_collection(u32 icid) {
    arch::Fetched<spec::CollectionEntry> result;
    if (const spec::CollectionEntry* const cached = collection_cache_.peek(Key{icid}); cached != nullptr) {
        result.entry = *cached;
        result.ok = true;
        co_return result;
    }
    ++command_reads_;
    const auto raw =
        co_await read_entry(state_.collection_table().address(icid), attributes_of(state_.collection_baser()));
    result = as<spec::CollectionEntry>(raw);
    co_return result;
}

sim::Task<bool> Its::write_device(u32 device, spec::DeviceEntry entry) {
    const bool ok =
        co_await write_entry(state_.device_table().address(device), entry, attributes_of(state_.device_baser()));
    mark_stale([&](const Flight& flight) { return flight.device == device; });
    device_cache_.erase_if([&](const Key& key, const spec::DeviceEntry&) { return key.id == device; });
    event_cache_.erase_if([&](const EventKey& key, const spec::TranslationEntry&) { return key.device == device; });
    co_return ok;
}

sim::Task<bool> Its::write_event(spec::DeviceEntry table, u32 device, u32 event, spec::TranslationEntry entry) {
    const bool ok = co_await write_entry(table.entry_address(event), entry, attributes_of(state_.device_baser()));
    mark_stale([&](const Flight& flight) { return flight.device == device && flight.event == event; });
    event_cache_.erase_if(
        [&](const EventKey& key, const spec::TranslationEntry&) { return key.device == device && key.event == event; });
    co_return ok;
}

sim::Task<bool> Its::write_collection(u32 icid, spec::CollectionEntry entry) {
    const bool ok =
        co_await write_entry(state_.collection_table().address(icid), entry, attributes_of(state_.collection_baser()));
    mark_stale([&](const Flight& flight) { return flight.icid == icid; });
    collection_cache_.erase_if([&](const Key& key, const spec::CollectionEntry&) { return key.id == icid; });
    co_return ok;
}

}  // namespace smmusim::gic::uarch
