// The SystemC module around a device: its ports and targets as TLM-2.0 sockets.
#pragma once

#include <memory>
#include <vector>

#include "tlm/initiator_socket.hpp"
#include "tlm/target_socket.hpp"

namespace smmusim::tlm {

/// Sockets may be added until the end of elaboration, because a device needs its ports before it exists and its
/// targets exist with it.
class Module final : public sc_core::sc_module {
public:
    Module(const sc_core::sc_module_name& name, KernelBridge& bridge) : sc_core::sc_module(name), bridge_(bridge) {}

    InitiatorSocket& initiator(const std::string& name);
    TargetSocket& target(const std::string& name, sim::Target& target);

    /// Part of the reset of a whole machine, after the scheduler was cleared and what was in flight dropped.
    void reset();

private:
    KernelBridge& bridge_;
    std::vector<std::unique_ptr<InitiatorSocket>> initiators_;
    std::vector<std::unique_ptr<TargetSocket>> targets_;
};

/// Connects a port to a target of any kind.
inline void connect(InitiatorSocket& port, TargetSocket& target) { port.socket().bind(target.socket()); }

}  // namespace smmusim::tlm
