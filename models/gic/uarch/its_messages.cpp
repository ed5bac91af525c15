// How messages of devices go through the ITS.
#include <fmt/format.h>

#include "gic/uarch/its.hpp"
#include "sim/trace.hpp"

namespace smmusim::gic::uarch {

using sim::Journey;
using spec::ItsError;

/// Tables as a message reads them: each level from its cache, or from memory and into the cache.
class Its::MessageTables final : public arch::ItsTables {
public:
    MessageTables(Its& its, Flight& flight) : its_(its), flight_(flight) {}

    sim::Task<arch::Fetched<spec::DeviceEntry>> read_device(u32 device) override {
        return read<spec::DeviceEntry>(its_.device_cache_, Key{device}, its_.config_.device_cycles, its_.device_misses_,
                                       its_.device_entry(device));
    }
    sim::Task<arch::Fetched<spec::TranslationEntry>> read_event(spec::DeviceEntry table, u32 device,
                                                                u32 event) override {
        return read<spec::TranslationEntry>(its_.event_cache_, EventKey{device, event}, its_.config_.event_cycles,
                                            its_.event_misses_, its_.event_place(table, event));
    }
    sim::Task<arch::Fetched<spec::CollectionEntry>> read_collection(u32 icid) override {
        flight_.icid = icid;
        return read<spec::CollectionEntry>(its_.collection_cache_, Key{icid}, its_.config_.collection_cycles,
                                           its_.collection_misses_, its_.collection_entry(icid));
    }
    sim::Task<arch::Fetched<spec::VpeEntry>> read_vpe(u32 vpe) override {
        flight_.vpe = vpe;
        return read<spec::VpeEntry>(its_.vpe_cache_, Key{vpe}, its_.config_.collection_cycles, its_.vpe_misses_,
                                    its_.vpe_entry(vpe));
    }

private:
    template <class Entry, class Cache, class CacheKey>
    sim::Task<arch::Fetched<Entry>> read(Cache& cache, CacheKey key, u32 cycles, u64& misses, TableEntry entry) {
        arch::Fetched<Entry> result;
        if (const Entry* const cached = cache.find(key); cached != nullptr) {
            result.entry = *cached;
            result.access = arch::TableAccess::Done;
        }
        co_await its_.simulation_.until(its_.after(cycles));
        if (result.ok()) co_return result;
        ++misses;
        result = co_await its_.read_entry<Entry>(entry, &its_.table_reads_);
        // An entry that is not valid may become so without a command that would drop it; and what a command
        // changed since this message began is not to be found by later ones.
        if (result.ok() && result.entry[Entry::Valid] && !flight_.stale) cache.insert(key, result.entry);
        co_return result;
    }

    Its& its_;
    Flight& flight_;
};

bool Its::is_message(const sim::Access& access, u64 offset) const {
    // 12.19, GITS_TRANSLATER: 32 bits, or the low 16.
    return offset == spec::translater && access.command == sim::Command::Write &&
           (access.size == 4 || access.size == 2);
}

bool Its::take_over(sim::Access& access, u64 offset) {
    if (!is_message(access, offset)) return false;
    // The DeviceID comes with the transaction and never from the data.
    scope_.spawn("message",
                 message(&access, access.attributes.device_id, static_cast<u32>(access.value()), access.journey()));
    return true;
}

bool Its::take_message(sim::Access& access, u64 offset) {
    if (is_virtual_sgi(access, offset)) {
        scope_.spawn("virtual SGI", virtual_sgi(access.value()));
        return true;
    }
    if (!is_message(access, offset)) return false;
    scope_.spawn("message",
                 message(nullptr, access.attributes.device_id, static_cast<u32>(access.value()), access.journey()));
    return true;
}

sim::Task<> Its::message(sim::Access* access, u32 device, u32 event, std::shared_ptr<Journey> journey) {
    if (journey) journey->enter(Journey::Part::Its, simulation_.now());
    auto slot = co_await translation_slots_.take();
    const Time start = std::max(simulation_.now(), accept_free_);
    accept_free_ = clock_.after(start, config_.accept_interval);
    co_await simulation_.until(clock_.after(start, config_.accept_cycles));

    Flight flight(*this);
    flight.device = device;
    flight.event = event;
    // The write has done its part whatever becomes of the message.
    if (access != nullptr) access->respond(sim::Status::Ok, simulation_.now());
    if (!state_.enabled()) {
        drop(drops_.disabled, journey, device, event);
        co_return;
    }
    MessageTables tables(*this, flight);
    const arch::ItsTranslation translation = co_await arch::translate(state_, tables, device, event);
    co_await keep_order(flight);
    if (translation.error != ItsError::None) {
        drop(reason(translation.error), journey, device, event);
        co_return;
    }
    ++translations_;
    const auto credit = co_await message_credits_.take();
    flight.send(translation.redistributor);
    slot.release();
    co_await simulation_.until(after(config_.message_cycles));
    LpiReceiver& receiver = *redistributors_[translation.redistributor];
    if (!translation.is_virtual) co_await receiver.scanned();
    if (journey) journey->leave(Journey::Part::Its, simulation_.now());
    if (!translation.is_virtual) {
        receiver.set_pending(translation.intid, journey);
        co_return;
    }
    const VirtualTarget target = target_of(state_, translation.place());
    co_await receiver.set_virtual(target, translation.intid, journey);
}

// GITS_SGIR

bool Its::is_virtual_sgi(const sim::Access& access, u64 offset) const {
    return access.command == sim::Command::Write && offset == spec::gits_sgir && access.size == 8 &&
           size() > spec::virtual_sgi_frame;
}

sim::Task<> Its::virtual_sgi(u64 value) {
    spec::GitsSgir request;
    request.words[0] = value;
    Flight flight(*this);
    co_await simulation_.until(after(config_.accept_cycles));
    if (!state_.enabled()) {
        ++drops_.disabled;
        co_return;
    }
    MessageTables tables(*this, flight);
    arch::ItsTranslation wanted;
    wanted.icid = static_cast<u32>(request[spec::GitsSgir::vPEID]);
    const arch::ItsTranslation found = co_await arch::find_vpe(state_, tables, wanted);
    if (found.error != ItsError::None) {
        ++reason(found.error);
        co_return;
    }
    const auto credit = co_await message_credits_.take();
    flight.send(found.redistributor);
    co_await simulation_.until(after(config_.message_cycles));
    const VirtualTarget target = target_of(state_, found.place());
    LpiReceiver& receiver = *redistributors_[found.redistributor];
    co_await receiver.set_virtual_sgi(target, static_cast<u32>(request[spec::GitsSgir::vINTID]));
}

/// Messages of one device leave in the order in which they came.
sim::Task<> Its::keep_order(const Flight& flight) {
    while (any_before(flight.sequence, [&](const Flight& other) {
        return other.device == flight.device && other.stage == Flight::Stage::Translating;
    }))
        co_await progress_.wait();
}

void Its::drop(u64& counter, const std::shared_ptr<Journey>& journey, u32 device, u32 event) {
    ++counter;
    if (sim::Trace* trace = simulation_.trace(); trace != nullptr && trace->wants(sim::Trace::Kind::Irq))
        trace->line(sim::Trace::Kind::Irq, simulation_.now(), path_,
                    fmt::format("message of device {:#x} event {} dropped", device, event));
    if (!journey) return;
    journey->leave(Journey::Part::Its, simulation_.now());
    journey->settle(Journey::Outcome::Blocked);
}

u64& Its::reason(ItsError error) {
    switch (error) {
        case ItsError::DeviceOutOfRange: return drops_.device_out_of_range;
        case ItsError::UnmappedDevice: return drops_.unmapped_device;
        case ItsError::IdOutOfRange: return drops_.event_out_of_range;
        case ItsError::UnmappedInterrupt: return drops_.unmapped_event;
        case ItsError::CollectionOutOfRange:
        case ItsError::UnmappedCollection: return drops_.unmapped_collection;
        case ItsError::AccessFailure: return drops_.table_access;
        case ItsError::VcpuOutOfRange:
        case ItsError::VcpuInvalid: return drops_.unmapped_vpe;
        default: return drops_.invalid_entry;
    }
}

}  // namespace smmusim::gic::uarch
