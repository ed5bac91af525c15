#include "gic/arch/its_translation.hpp"

namespace smmusim::gic::arch {

using spec::ItsError;

sim::Task<ItsTranslation> find_event(const Its& its, ItsTables& tables, u32 device, u32 event) {
    ItsTranslation result;
    // A DeviceID beyond Devbits or beyond the table, or no valid table at all; or a write that has none.
    if (!its.device_table().contains(device) || device == sim::no_id) {
        result.error = ItsError::DeviceOutOfRange;
        co_return result;
    }
    const Fetched<spec::DeviceEntry> dte = co_await tables.read_device(device);
    result.device = dte.entry;
    if (!dte.ok()) result.error = error_of(dte.access, ItsError::DeviceOutOfRange);
    else if (!dte.entry[spec::DeviceEntry::Valid]) result.error = ItsError::UnmappedDevice;
    else if (event >= dte.entry.events()) result.error = ItsError::IdOutOfRange;
    if (result.error != ItsError::None) co_return result;

    const Fetched<spec::TranslationEntry> ite = co_await tables.read_event(dte.entry, device, event);
    result.intid = static_cast<u32>(ite.entry[spec::TranslationEntry::INTID]);
    result.icid = static_cast<u32>(ite.entry[spec::TranslationEntry::ICID]);
    if (!ite.ok()) result.error = ItsError::AccessFailure;
    else if (!ite.entry[spec::TranslationEntry::Valid]) result.error = ItsError::UnmappedInterrupt;
    result.is_virtual = its.has_virtual() && ite.entry[spec::TranslationEntry::Virtual];
    if (result.is_virtual) result.doorbell = static_cast<u32>(ite.entry[spec::TranslationEntry::Doorbell]);
    if (result.error != ItsError::None) co_return result;
    // Only software that writes into the table itself gets here.
    const bool ringable = result.doorbell == spec::spurious || its.implements_lpi(result.doorbell);
    if (!its.implements_lpi(result.intid) || !ringable) result.error = ItsError::InvalidEntry;
    co_return result;
}

sim::Task<ItsTranslation> find_collection(const Its& its, ItsTables& tables, ItsTranslation found) {
    if (!its.has_collection(found.icid)) {
        found.error = ItsError::CollectionOutOfRange;
        co_return found;
    }
    Fetched<spec::CollectionEntry> cte;
    if (its.holds_collection(found.icid)) {
        cte.entry = its.held_collection(found.icid);
        cte.access = TableAccess::Done;
    } else {
        const Fetched<spec::CollectionEntry> read = co_await tables.read_collection(found.icid);
        cte = read;
    }
    const std::optional<u32> redistributor = its.redistributor(cte.entry[spec::CollectionEntry::RDbase]);
    if (!cte.ok()) found.error = error_of(cte.access, ItsError::CollectionOutOfRange);
    else if (!cte.entry[spec::CollectionEntry::Valid]) found.error = ItsError::UnmappedCollection;
    // Only software that writes into the table itself gets here.
    else if (!redistributor) found.error = ItsError::InvalidEntry;
    found.redistributor = redistributor.value_or(0);
    co_return found;
}

sim::Task<ItsTranslation> find_vpe(const Its& its, ItsTables& tables, ItsTranslation found) {
    if (!its.vpe_table().contains(found.icid)) {
        found.error = ItsError::VcpuOutOfRange;
        co_return found;
    }
    const Fetched<spec::VpeEntry> fetched = co_await tables.read_vpe(found.icid);
    found.vpe = fetched.entry;
    const std::optional<u32> redistributor = its.redistributor(found.vpe[spec::VpeEntry::RDbase]);
    if (!fetched.ok()) found.error = error_of(fetched.access, ItsError::VcpuOutOfRange);
    else if (!found.vpe[spec::VpeEntry::Valid]) found.error = ItsError::VcpuInvalid;
    else if (!redistributor) found.error = ItsError::InvalidEntry;
    found.redistributor = redistributor.value_or(0);
    // GICv4.1: the doorbell is the vPE's.
    if (its.limits().version == spec::Version::V4_1) {
        const u32 doorbell = static_cast<u32>(found.vpe[spec::VpeEntry::Doorbell]);
        found.doorbell = its.implements_lpi(doorbell) ? doorbell : spec::spurious;
    }
    co_return found;
}

sim::Task<ItsTranslation> translate(const Its& its, ItsTables& tables, u32 device, u32 event) {
    const ItsTranslation found = co_await find_event(its, tables, device, event);
    if (found.error != ItsError::None) co_return found;
    if (found.is_virtual) {
        const ItsTranslation guest = co_await find_vpe(its, tables, found);
        co_return guest;
    }
    const ItsTranslation result = co_await find_collection(its, tables, found);
    co_return result;
}

}  // namespace smmusim::gic::arch
