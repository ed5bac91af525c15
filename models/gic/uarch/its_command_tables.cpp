// The tables as commands read and write them: through the caches, but without filling them.
#include "gic/uarch/its.hpp"

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
        result.access = arch::TableAccess::Done;
        co_return result;
    }
    result = co_await read_entry<spec::DeviceEntry>(device_entry(device), &command_reads_);
    co_return result;
}

sim::Task<arch::Fetched<spec::TranslationEntry>> Its::read_event(spec::DeviceEntry table, u32 device, u32 event) {
    arch::Fetched<spec::TranslationEntry> result;
    if (const spec::TranslationEntry* const cached = event_cache_.peek(EventKey{device, event}); cached != nullptr) {
        result.entry = *cached;
        result.access = arch::TableAccess::Done;
        co_return result;
    }
    const TableEntry entry = event_place(table, event);
    result = co_await read_entry<spec::TranslationEntry>(entry, &command_reads_);
    co_return result;
}

sim::Task<arch::Fetched<spec::CollectionEntry>> Its::read_collection(u32 icid) {
    arch::Fetched<spec::CollectionEntry> result;
    if (const spec::CollectionEntry* const cached = collection_cache_.peek(Key{icid}); cached != nullptr) {
        result.entry = *cached;
        result.access = arch::TableAccess::Done;
        co_return result;
    }
    result = co_await read_entry<spec::CollectionEntry>(collection_entry(icid), &command_reads_);
    co_return result;
}

sim::Task<arch::TableAccess> Its::write_device(u32 device, spec::DeviceEntry entry) {
    const arch::TableAccess access = co_await write_entry(device_entry(device), entry);
    mark_stale([&](const Flight& flight) { return flight.device == device; });
    device_cache_.erase(Key{device});
    event_cache_.erase_if([&](const EventKey& key, const spec::TranslationEntry&) { return key.device == device; });
    co_return access;
}

sim::Task<arch::TableAccess> Its::write_event(spec::DeviceEntry table, u32 device, u32 event,
                                              spec::TranslationEntry entry) {
    const TableEntry place = event_place(table, event);
    const arch::TableAccess access = co_await write_entry(place, entry);
    mark_stale([&](const Flight& flight) { return flight.device == device && flight.event == event; });
    event_cache_.erase(EventKey{device, event});
    co_return access;
}

sim::Task<arch::Fetched<spec::VpeEntry>> Its::read_vpe(u32 vpe) {
    arch::Fetched<spec::VpeEntry> result;
    if (const spec::VpeEntry* const cached = vpe_cache_.peek(Key{vpe}); cached != nullptr) {
        result.entry = *cached;
        result.access = arch::TableAccess::Done;
        co_return result;
    }
    result = co_await read_entry<spec::VpeEntry>(vpe_entry(vpe), &command_reads_);
    co_return result;
}

sim::Task<arch::TableAccess> Its::write_vpe(u32 vpe, spec::VpeEntry entry) {
    const arch::TableAccess access = co_await write_entry(vpe_entry(vpe), entry);
    mark_stale([&](const Flight& flight) { return flight.vpe == vpe; });
    vpe_cache_.erase(Key{vpe});
    co_return access;
}

sim::Task<arch::TableAccess> Its::write_collection(u32 icid, spec::CollectionEntry entry) {
    const arch::TableAccess access = co_await write_entry(collection_entry(icid), entry);
    mark_stale([&](const Flight& flight) { return flight.icid == icid; });
    collection_cache_.erase(Key{icid});
    co_return access;
}

}  // namespace smmusim::gic::uarch
