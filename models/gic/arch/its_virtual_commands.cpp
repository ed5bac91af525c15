// The commands of GICv4: vPEs, their interrupts, and their doorbells (IHI 0069, 5.3).
#include "gic/arch/its_commands.hpp"

namespace smmusim::gic::arch {

namespace {

using sim::Task;
using spec::ItsCommand;
using spec::ItsError;
using spec::TranslationEntry;
using spec::VpeEntry;

u32 device_of(const ItsCommand& command) { return static_cast<u32>(command[ItsCommand::DeviceID]); }
u32 event_of(const ItsCommand& command) { return static_cast<u32>(command[ItsCommand::EventID]); }
u32 vpe_of(const ItsCommand& command) { return static_cast<u32>(command[ItsCommand::vPEID]); }
u32 doorbell_of(const ItsCommand& command) { return static_cast<u32>(command[ItsCommand::Db_pINTID]); }

bool is_v4_1(const Its& its) { return its.limits().version == spec::Version::V4_1; }
bool is_doorbell(const Its& its, u32 intid) { return intid == spec::spurious || its.implements_lpi(intid); }

/// The vPE that the command names, mapped.
Task<ItsTranslation> commanded_vpe(const Its& its, ItsEnvironment& environment, u32 vpe) {
    ItsTranslation wanted;
    wanted.icid = vpe;
    const ItsTranslation found = co_await find_vpe(its, environment, wanted);
    co_return found;
}

Task<ItsError> map_vpe(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const u32 vpe = vpe_of(command);
    if (!its.vpe_table().contains(vpe)) co_return ItsError::VcpuOutOfRange;
    VpeEntry entry;
    if (command[ItsCommand::V]) {
        if (!its.redistributor(command[ItsCommand::RDbase])) co_return ItsError::ProcessorOutOfRange;
        const u32 bits = static_cast<u32>(command[ItsCommand::VPT_size]) + 1;
        if (bits < 14 || bits > its.limits().id_bits) co_return ItsError::VirtualIdOutOfRange;
        entry.set(VpeEntry::RDbase, command[ItsCommand::RDbase]);
        entry.set(VpeEntry::VPT_size, command[ItsCommand::VPT_size]);
        entry.set(VpeEntry::VPT_addr, command[ItsCommand::VPT_addr]);
        entry.set(VpeEntry::Doorbell, spec::spurious);
        if (is_v4_1(its)) {
            const u32 doorbell = static_cast<u32>(command[ItsCommand::Default_Db]);
            if (!is_doorbell(its, doorbell)) co_return ItsError::PhysicalIdOutOfRange;
            entry.set(VpeEntry::Doorbell, doorbell);
            entry.set(VpeEntry::VConf_addr, command[ItsCommand::VConf_addr]);
        }
        entry.set(VpeEntry::Valid, true);
    }
    const ItsTranslation before = co_await commanded_vpe(its, environment, vpe);
    const TableAccess access = co_await environment.write_vpe(vpe, entry);
    if (access != TableAccess::Done) co_return error_of(access, ItsError::VcpuOutOfRange);
    // What was translated with the old entry has had its effect before the memory of the vPE may go.
    co_await environment.drain_all();
    if (before.error == ItsError::None) co_await environment.synchronize(before.redistributor);
    co_return ItsError::None;
}

Task<ItsError> map_event(const Its& its, ItsEnvironment& environment, ItsCommand command, u32 intid, u32 doorbell,
                         ItsError intid_error) {
    const u32 device = device_of(command);
    const u32 event = event_of(command);
    if (!its.device_table().contains(device)) co_return ItsError::DeviceOutOfRange;
    if (!its.vpe_table().contains(vpe_of(command))) co_return ItsError::VcpuOutOfRange;
    const Fetched<spec::DeviceEntry> dte = co_await environment.read_device(device);
    if (!dte.ok()) co_return error_of(dte.access, ItsError::DeviceOutOfRange);
    if (!dte.entry[spec::DeviceEntry::Valid]) co_return ItsError::UnmappedDevice;
    if (event >= dte.entry.events()) co_return ItsError::IdOutOfRange;
    if (!its.implements_lpi(intid)) co_return intid_error;
    // GITS_TYPER.nID: events have no doorbells of their own.
    if (is_v4_1(its)) doorbell = spec::spurious;
    if (!is_doorbell(its, doorbell)) co_return ItsError::PhysicalIdOutOfRange;
    TranslationEntry entry;
    entry.set(TranslationEntry::INTID, intid);
    entry.set(TranslationEntry::ICID, vpe_of(command));
    entry.set(TranslationEntry::Doorbell, doorbell);
    entry.set(TranslationEntry::Virtual, true);
    entry.set(TranslationEntry::Valid, true);
    const TableAccess access = co_await environment.write_event(dte.entry, device, event, entry);
    co_return error_of(access, ItsError::IdOutOfRange);
}

Task<ItsError> move_event(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const u32 device = device_of(command);
    const u32 event = event_of(command);
    ItsTranslation found = co_await find_event(its, environment, device, event);
    if (found.error != ItsError::None) co_return found.error;
    if (!found.is_virtual) co_return ItsError::IdIsPhysical;
    if (!its.vpe_table().contains(vpe_of(command))) co_return ItsError::VcpuOutOfRange;
    const bool new_doorbell = command[ItsCommand::D] && !is_v4_1(its);
    if (new_doorbell && !is_doorbell(its, doorbell_of(command))) co_return ItsError::PhysicalIdOutOfRange;
    const ItsTranslation from = co_await find_vpe(its, environment, found);
    if (from.error == ItsError::AccessFailure) co_return from.error;
    if (from.error != ItsError::None) co_return ItsError::EntryVcpuInvalid;
    if (new_doorbell) found.doorbell = doorbell_of(command);
    found.icid = vpe_of(command);
    const ItsTranslation to = co_await find_vpe(its, environment, found);
    if (to.error == ItsError::AccessFailure) co_return to.error;
    if (to.error != ItsError::None) co_return ItsError::CommandVcpuInvalid;

    TranslationEntry entry;
    entry.set(TranslationEntry::INTID, found.intid);
    entry.set(TranslationEntry::ICID, found.icid);
    entry.set(TranslationEntry::Doorbell, found.doorbell);
    entry.set(TranslationEntry::Virtual, true);
    entry.set(TranslationEntry::Valid, true);
    const TableAccess access = co_await environment.write_event(found.device, device, event, entry);
    if (access != TableAccess::Done) co_return ItsError::AccessFailure;
    co_await environment.drain_event(device, event);
    if (from.icid != to.icid) environment.send({VirtualOrder::Kind::Move, from.place(), to.place(), {}});
    co_return ItsError::None;
}

/// Each ITS gets its own VMOVP (GITS_TYPER.VMOVP is 0), so that ITSList and SeqNum tell nothing that matters here.
Task<ItsError> move_vpe(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const u32 vpe = vpe_of(command);
    const ItsTranslation found = co_await commanded_vpe(its, environment, vpe);
    if (found.error != ItsError::None) co_return found.error;
    if (!its.redistributor(command[ItsCommand::RDbase])) co_return ItsError::ProcessorOutOfRange;
    VpeEntry entry = found.vpe;
    entry.set(VpeEntry::RDbase, command[ItsCommand::RDbase]);
    if (is_v4_1(its) && command[ItsCommand::DB]) {
        const u32 doorbell = static_cast<u32>(command[ItsCommand::New_Db]);
        if (!is_doorbell(its, doorbell)) co_return ItsError::PhysicalIdOutOfRange;
        entry.set(VpeEntry::Doorbell, doorbell);
    }
    const TableAccess access = co_await environment.write_vpe(vpe, entry);
    if (access != TableAccess::Done) co_return error_of(access, ItsError::VcpuOutOfRange);
    // Two redistributors must not write one pending table: the old one is done before the new one begins.
    co_await environment.drain_all();
    co_await environment.synchronize(found.redistributor);
    co_return ItsError::None;
}

Task<ItsError> synchronize(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const ItsTranslation found = co_await commanded_vpe(its, environment, vpe_of(command));
    if (found.error == ItsError::None) co_await environment.synchronize(found.redistributor);
    co_return found.error;
}

Task<ItsError> invalidate_all(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const ItsTranslation found = co_await commanded_vpe(its, environment, vpe_of(command));
    if (found.error == ItsError::None) environment.send({VirtualOrder::Kind::InvalidateAll, found.place(), {}, {}});
    co_return found.error;
}

Task<ItsError> invalidate_doorbell(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const ItsTranslation found = co_await commanded_vpe(its, environment, vpe_of(command));
    if (found.error == ItsError::None && found.doorbell != spec::spurious)
        environment.invalidate(found.redistributor, found.doorbell);
    co_return found.error;
}

Task<ItsError> configure_sgi(const Its& its, ItsEnvironment& environment, ItsCommand command) {
    const ItsTranslation found = co_await commanded_vpe(its, environment, vpe_of(command));
    if (found.error == ItsError::None) environment.send({VirtualOrder::Kind::ConfigureSgi, found.place(), {}, command});
    co_return found.error;
}

}  // namespace

sim::Task<spec::ItsError> execute_virtual(Its& its, ItsEnvironment& environment, spec::ItsCommand command) {
    using enum ItsCommand::Code;
    switch (command[ItsCommand::Command]) {
        case VMAPP: return map_vpe(its, environment, command);
        case VMAPTI:
            return map_event(its, environment, command, static_cast<u32>(command[ItsCommand::vINTID]),
                             doorbell_of(command), ItsError::VirtualIdOutOfRange);
        case VMAPI:
            return map_event(its, environment, command, event_of(command), doorbell_of(command),
                             ItsError::IdOutOfRange);
        case VMOVI: return move_event(its, environment, command);
        case VMOVP: return move_vpe(its, environment, command);
        case VSYNC: return synchronize(its, environment, command);
        case VINVALL: return invalidate_all(its, environment, command);
        case VSGI:
            if (is_v4_1(its)) return configure_sgi(its, environment, command);
            break;
        case INVDB:
            if (is_v4_1(its)) return invalidate_doorbell(its, environment, command);
            break;
        default: break;
    }
    return unknown_command();
}

}  // namespace smmusim::gic::arch
