// Messages of commands about virtual interrupts.
#include "gic/uarch/its.hpp"

namespace smmusim::gic::uarch {

using arch::VirtualOrder;
using spec::ItsCommand;

namespace {

VirtualSgiSettings settings_of(const ItsCommand& command) {
    VirtualSgiSettings settings;
    settings.intid = static_cast<u32>(command[ItsCommand::vSGI]);
    settings.priority = static_cast<u8>(command[ItsCommand::Priority]);
    settings.enable = command[ItsCommand::Enable];
    settings.group1 = command[ItsCommand::Group];
    settings.clear = command[ItsCommand::Clear];
    return settings;
}

}  // namespace

void Its::send(VirtualOrder order) { scope_.spawn("message of a command", deliver_virtual(order)); }

sim::Task<> Its::deliver_virtual(VirtualOrder order) {
    Flight flight(*this);
    const u32 first = order.place.redistributor;
    const bool moves = order.kind == VirtualOrder::Kind::Move;
    co_await in_turn(flight, first);
    const auto credit = co_await message_credits_.take();
    flight.send(first, moves ? order.onward.redistributor : sim::no_id);
    co_await simulation_.until(after(config_.message_cycles));
    LpiReceiver& receiver = *redistributors_[first];
    const VirtualTarget target = target_of(state_, order.place);
    const u32 intid = order.place.intid;
    if (order.kind == VirtualOrder::Kind::Set) co_await receiver.set_virtual(target, intid, nullptr);
    if (order.kind == VirtualOrder::Kind::Clear) co_await receiver.clear_virtual(target, intid);
    if (order.kind == VirtualOrder::Kind::Invalidate) co_await receiver.invalidate_virtual(target, intid);
    if (order.kind == VirtualOrder::Kind::InvalidateAll) co_await receiver.invalidate_all_virtual(target);
    if (order.kind == VirtualOrder::Kind::ConfigureSgi) {
        const VirtualSgiSettings settings = settings_of(order.command);
        co_await receiver.configure_virtual_sgi(target, settings);
    }
    if (!moves) co_return;
    const bool was_pending = co_await receiver.take_virtual(target, intid);
    if (!was_pending) co_return;
    co_await simulation_.until(after(config_.message_cycles));
    const VirtualTarget onward = target_of(state_, order.onward);
    LpiReceiver& next = *redistributors_[order.onward.redistributor];
    co_await next.set_virtual(onward, intid, nullptr);
}

}  // namespace smmusim::gic::uarch
