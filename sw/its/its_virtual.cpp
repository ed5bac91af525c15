// Virtual PEs and virtual LPIs of one ITS (GICv4).
#include "sw/its/registers.hpp"
#include "sw/its/vpe.hpp"

namespace smmusim::sw::its {

using Operation = Command::Operation;

Task<int> ItsDriver::map_vpe(cpu::Cpu& cpu, const Vpe& vpe, bool first) {
    Command map = vpe_command(Operation::VMAPP, vpe.id);
    map.set(Command::V, true);
    map.set(Command::RDbase, target(vpe.cpu));
    map.set(Command::VPT_addr, vpe.pending);
    map.set(Command::VPT_size, gic_.lpis().id_bits() - 1);
    if (gic_.version() == GicVersion::V4_1) {
        map.set(Command::Alloc, first);
        map.set(Command::PTZ, first);
        map.set(Command::VConf_addr, vpe.properties);
        map.set(Command::Default_Db, vpe.doorbell);
    }
    std::vector<Command> commands{map, vsync(vpe.id)};
    const int error = co_await queue_.issue(cpu, std::move(commands));
    co_return error;
}

Task<> ItsDriver::unmap_vpe(cpu::Cpu& cpu, const Vpe& vpe) {
    std::vector<Command> commands{vpe_command(Operation::VMAPP, vpe.id)};
    co_await queue_.issue(cpu, std::move(commands));
}

Task<int> ItsDriver::move_vpe(cpu::Cpu& cpu, const Vpe& vpe, u32 sequence, u64 list) {
    Command move = vpe_command(Operation::VMOVP, vpe.id);
    move.set(Command::RDbase, target(vpe.cpu));
    move.set(Command::SeqNum, sequence & 0xFFFF);
    move.set(Command::ITSList, list);
    std::vector<Command> commands{move, vsync(vpe.id)};
    const int error = co_await queue_.issue(cpu, std::move(commands));
    co_return error;
}

// Doorbells: with GICv4.1 the ITS knows them by their vPE, with GICv4.0 as events of a device that does not exist.

Task<int> ItsDriver::create_proxy(cpu::Cpu& cpu, u32 events) {
    const auto turn = co_await lock_.acquire();
    msi::Source source;
    source.device_id = proxy_ = static_cast<u32>(device_limit_ - 1);
    const Result<Device*> device = co_await create_device(cpu, source, events);
    if (device) --device_limit_;  // nobody else may have this DeviceID
    co_return device.error();
}

Task<int> ItsDriver::map_doorbell(cpu::Cpu& cpu, const Vpe& vpe) {
    std::vector<Command> commands{mapti(proxy_, vpe.id, vpe.doorbell, vpe.cpu), sync(target(vpe.cpu))};
    const int error = co_await queue_.issue(cpu, std::move(commands));
    co_return error;
}

Task<> ItsDriver::unmap_doorbell(cpu::Cpu& cpu, const Vpe& vpe) {
    std::vector<Command> commands{event_command(Operation::DISCARD, proxy_, vpe.id), sync(target(vpe.cpu))};
    co_await queue_.issue(cpu, std::move(commands));
}

Task<int> ItsDriver::move_doorbell(cpu::Cpu& cpu, const Vpe& vpe, u32 before) {
    std::vector<Command> commands{movi(proxy_, vpe.id, vpe.cpu), sync(target(before))};
    const int error = co_await queue_.issue(cpu, std::move(commands));
    co_return error;
}

Task<int> ItsDriver::clear_doorbell(cpu::Cpu& cpu, const Vpe& vpe) {
    std::vector<Command> commands{event_command(Operation::CLEAR, proxy_, vpe.id), sync(target(vpe.cpu))};
    const int error = co_await queue_.issue(cpu, std::move(commands));
    co_return error;
}

Task<> ItsDriver::invalidate_doorbell(cpu::Cpu& cpu, const Vpe& vpe) {
    std::vector<Command> commands;
    if (gic_.version() == GicVersion::V4_1) {
        commands.push_back(vpe_command(Operation::INVDB, vpe.id));
        commands.push_back(vsync(vpe.id));
    } else {
        commands.push_back(event_command(Operation::INV, proxy_, vpe.id));
        commands.push_back(sync(target(vpe.cpu)));
    }
    co_await queue_.issue(cpu, std::move(commands));
}

// Events of devices

Task<int> ItsDriver::set_vcpu_affinity(cpu::Cpu& cpu, msi::Vector& vector, std::optional<msi::VirtualRoute> route) {
    if (!vector.forwarded && !route) co_return -EINVAL;
    const u32 device = vector.source->device_id;
    const u64 rd = target(vector.cpu);
    const std::optional<msi::VirtualRoute> before = vector.forwarded;
    std::vector<Command> commands;
    if (before && route && before->vintid == route->vintid) {
        // What is pending goes with it (VMOVI).
        commands.push_back(vmovi(device, vector.event, route->vpe, route->doorbell));
        commands.push_back(vsync(before->vpe));
        commands.push_back(vsync(route->vpe));
    } else {
        commands.push_back(event_command(Operation::DISCARD, device, vector.event));
        commands.push_back(before ? vsync(before->vpe) : sync(rd));
        if (route) {
            commands.push_back(vmapti(device, vector.event, route->vpe, route->vintid, route->doorbell));
            // Of an earlier life of this vLPI the redistributor may know an old configuration.
            commands.push_back(event_command(Operation::INV, device, vector.event));
            commands.push_back(vsync(route->vpe));
        } else {
            commands.push_back(mapti(device, vector.event, vector.intid, vector.cpu));
            commands.push_back(sync(rd));
        }
    }
    const int error = co_await queue_.issue(cpu, std::move(commands));
    if (error == 0) vector.forwarded = route;
    co_return error;
}

Task<int> ItsDriver::invalidate_forwarded(cpu::Cpu& cpu, const msi::Vector& vector) {
    if (!vector.forwarded) co_return -EINVAL;
    std::vector<Command> commands{event_command(Operation::INV, vector.source->device_id, vector.event),
                                  vsync(vector.forwarded->vpe)};
    const int error = co_await queue_.issue(cpu, std::move(commands));
    co_return error;
}

}  // namespace smmusim::sw::its
