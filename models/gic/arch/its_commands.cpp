#include "gic/arch/its_commands.hpp"

namespace smmusim::gic::arch {

namespace {

using sim::Task;
using spec::ItsCommand;
using spec::ItsError;

u32 device_of(const ItsCommand& command) { return static_cast<u32>(command[ItsCommand::DeviceID]); }
u32 event_of(const ItsCommand& command) { return static_cast<u32>(command[ItsCommand::EventID]); }
u32 icid_of(const ItsCommand& command) { return static_cast<u32>(command[ItsCommand::ICID]); }

/// INT, CLEAR, INV and DISCARD know no error for the collection or the vPE: the entry as a whole is invalid.
ItsError as_entry_error(ItsError error) {
    const bool target = error == ItsError::UnmappedCollection || error == ItsError::CollectionOutOfRange ||
                        error == ItsError::VcpuInvalid || error == ItsError::VcpuOutOfRange;
    return target ? ItsError::InvalidEntry : error;
}

Task<ItsError> map_device(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const u32 device = device_of(command);
    if (!its.device_table().contains(device)) co_return ItsError::DeviceOutOfRange;
    spec::DeviceEntry entry;
    // With V=0, Size and ITT_addr mean nothing.
    if (command[ItsCommand::V]) {
        if (command[ItsCommand::Size] > its.limits().event_bits - 1) co_return ItsError::IttSizeOutOfRange;
        entry.set(spec::DeviceEntry::Size, command[ItsCommand::Size]);
        entry.set(spec::DeviceEntry::ITT_Address, command[ItsCommand::ITT_addr]);
        entry.set(spec::DeviceEntry::Valid, true);
    }
    const TableAccess access = co_await environment.write_device(device, entry);
    if (access != TableAccess::Done) co_return error_of(access, ItsError::DeviceOutOfRange);
    // No SYNC exists for a device: once MAPD is consumed nothing reads the table that was unmapped.
    co_await environment.drain_device(device);
    co_return ItsError::None;
}

Task<ItsError> map_collection(Its& its, ItsEnvironment& environment, ItsCommand command) {
    const u32 icid = icid_of(command);
    if (!its.has_collection(icid)) co_return ItsError::CollectionOutOfRange;
    spec::CollectionEntry entry;
    if (command[ItsCommand::V]) {
        if (!its.redistributor(command[ItsCommand::RDbase])) co_return ItsError::ProcessorOutOfRange;
        entry.set(spec::CollectionEntry::RDbase, command[ItsCommand::RDbase]);
        entry.set(spec::CollectionEntry::Valid, true);
    }
    if (its.holds_collection(icid)) {
        its.held_collection(icid) = entry;
        co_return ItsError::None;
    }
    const TableAccess access = co_await environment.write_collection(icid, entry);
    co_return error_of(access, ItsError::CollectionOutOfRange);
}

Task<ItsError> map_event(const Its& its, ItsEnvironment& environment, ItsCommand command, u32 intid,
                         ItsError intid_error) {
    const u32 device = device_of(command);
    const u32 event = event_of(command);
    if (!its.device_table().contains(device)) co_return ItsError::DeviceOutOfRange;
    if (!its.has_collection(icid_of(command))) co_return ItsError::CollectionOutOfRange;
    const Fetched<spec::DeviceEntry> dte = co_await environment.read_device(device);
    if (!dte.ok()) co_return error_of(dte.access, ItsError::DeviceOutOfRange);
    if (!dte.entry[spec::DeviceEntry::Valid]) co_return ItsError::UnmappedDevice;
    if (event >= dte.entry.events()) co_return ItsError::IdOutOfRange;
    if (!its.implements_lpi(intid)) co_return intid_error;
    spec::TranslationEntry entry;
    entry.set(spec::TranslationEntry::INTID, intid);
    entry.set(spec::TranslationEntry::ICID, command[ItsCommand::ICID]);
    entry.set(spec::TranslationEntry::Valid, true);
    const TableAccess access = co_await environment.write_event(dte.entry, device, event, entry);
    co_return error_of(access, ItsError::IdOutOfRange);
}

Task<ItsError> move_event(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const u32 device = device_of(command);
    const u32 event = event_of(command);
    const ItsTranslation found = co_await find_event(its, environment, device, event);
    if (found.error == ItsError::DeviceOutOfRange) co_return found.error;
    if (!its.has_collection(icid_of(command))) co_return ItsError::CollectionOutOfRange;
    if (found.error != ItsError::None) co_return found.error;
    // VMOVI is for virtual ones.
    if (found.is_virtual) co_return ItsError::InvalidEntry;
    const ItsTranslation from = co_await find_collection(its, environment, found);
    if (from.error != ItsError::None) co_return from.error;
    ItsTranslation target = found;
    target.icid = icid_of(command);
    const ItsTranslation to = co_await find_collection(its, environment, target);
    if (to.error != ItsError::None) co_return to.error;

    spec::TranslationEntry entry;
    entry.set(spec::TranslationEntry::INTID, found.intid);
    entry.set(spec::TranslationEntry::ICID, to.icid);
    entry.set(spec::TranslationEntry::Valid, true);
    const TableAccess access = co_await environment.write_event(found.device, device, event, entry);
    if (access != TableAccess::Done) co_return ItsError::AccessFailure;
    // Messages that were translated with the old entry arrive first, so that the move finds what they set pending.
    co_await environment.drain_event(device, event);
    if (from.redistributor != to.redistributor)
        environment.move_pending(from.redistributor, to.redistributor, found.intid);
    co_return ItsError::None;
}

Task<ItsError> discard_event(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const u32 device = device_of(command);
    const u32 event = event_of(command);
    const ItsTranslation found = co_await translate(its, environment, device, event);
    if (found.error != ItsError::None) co_return as_entry_error(found.error);
    const spec::TranslationEntry nothing;
    const TableAccess access = co_await environment.write_event(found.device, device, event, nothing);
    if (access != TableAccess::Done) co_return ItsError::AccessFailure;
    co_await environment.drain_event(device, event);
    if (found.is_virtual) environment.send({VirtualOrder::Kind::Clear, found.place(), {}, {}});
    else environment.discard(found.redistributor, found.intid);
    co_return ItsError::None;
}

/// INT, CLEAR and INV: one message to where the event leads.
Task<ItsError> tell(const Its& its, ItsEnvironment& environment, ItsCommand command,
                    void (ItsEnvironment::*message)(u32, u32), VirtualOrder::Kind kind) {
    const ItsTranslation found = co_await translate(its, environment, device_of(command), event_of(command));
    if (found.error != ItsError::None) co_return as_entry_error(found.error);
    if (found.is_virtual) environment.send({kind, found.place(), {}, {}});
    else (environment.*message)(found.redistributor, found.intid);
    co_return ItsError::None;
}

Task<ItsError> invalidate_collection(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    ItsTranslation wanted;
    wanted.icid = icid_of(command);
    const ItsTranslation found = co_await find_collection(its, environment, wanted);
    if (found.error == ItsError::None) environment.invalidate_all(found.redistributor);
    co_return found.error;
}

Task<ItsError> move_all(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const std::optional<u32> from = its.redistributor(command[ItsCommand::RDbase]);
    const std::optional<u32> to = its.redistributor(command[ItsCommand::RDbase2]);
    if (!from || !to) co_return ItsError::MovallProcessorOutOfRange;
    // What a message sets pending that was translated before an earlier command changed its way moves along.
    co_await environment.drain_all();
    if (*from != *to) environment.move_all_pending(*from, *to);
    co_return ItsError::None;
}

Task<ItsError> synchronize(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const std::optional<u32> redistributor = its.redistributor(command[ItsCommand::RDbase]);
    if (!redistributor) co_return ItsError::ProcessorOutOfRange;
    co_await environment.synchronize(*redistributor);
    co_return ItsError::None;
}

Task<ItsError> start(Its& its, ItsEnvironment& environment, const ItsCommand& command) {
    using enum ItsCommand::Code;
    switch (command[ItsCommand::Command]) {
        case MAPD: return map_device(its, environment, command);
        case MAPC: return map_collection(its, environment, command);
        case MAPTI:
            return map_event(its, environment, command, static_cast<u32>(command[ItsCommand::pINTID]),
                             ItsError::PhysicalIdOutOfRange);
        // The EventID is the INTID, so that a wrong one is out of range as an ID.
        case MAPI: return map_event(its, environment, command, event_of(command), ItsError::IdOutOfRange);
        case MOVI: return move_event(its, environment, command);
        case MOVALL: return move_all(its, environment, command);
        case DISCARD: return discard_event(its, environment, command);
        case INT: return tell(its, environment, command, &ItsEnvironment::set_pending, VirtualOrder::Kind::Set);
        case CLEAR: return tell(its, environment, command, &ItsEnvironment::clear_pending, VirtualOrder::Kind::Clear);
        case INV: return tell(its, environment, command, &ItsEnvironment::invalidate, VirtualOrder::Kind::Invalidate);
        case INVALL: return invalidate_collection(its, environment, command);
        case SYNC: return synchronize(its, environment, command);
        default: break;
    }
    if (its.has_virtual()) return execute_virtual(its, environment, command);
    return unknown_command();
}

}  // namespace

sim::Task<spec::ItsError> unknown_command() { co_return ItsError::UnknownCommand; }

sim::Task<spec::ItsError> execute(Its& its, ItsEnvironment& environment, spec::ItsCommand command) {
    return start(its, environment, command);
}

}  // namespace smmusim::gic::arch
