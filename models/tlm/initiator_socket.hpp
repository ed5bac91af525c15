// A device's port as a TLM-2.0 initiator socket.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "tlm/kernel_bridge.hpp"
#include "tlm/payload.hpp"

namespace smmusim::tlm {

/// Sends accesses in the base protocol. A target of ours answers BEGIN_REQ at once; with a foreign one the request
/// exclusion rule holds: while it has only accepted a request, later ones wait here, in order.
class InitiatorSocket final : public sim::Port, public ::tlm::tlm_bw_transport_if<> {
public:
    using Socket = ::tlm::tlm_initiator_socket<>;

    /// Created inside a module, before the end of elaboration.
    InitiatorSocket(KernelBridge& bridge, const std::string& name);
    ~InitiatorSocket() override;

    /// To be bound to any base-protocol target socket of the default width.
    Socket& socket() { return socket_; }

    /// Forgets what has not been sent yet; foreign targets answer in their own time, to nobody.
    void reset() { held_.clear(); }

    void send(sim::Access& access, Time at) override;
    Time perform(sim::Access& access) override;
    void inspect(sim::Access& access) override;

private:
    struct Held {
        sim::Access* access;
        Time at;
    };

    ::tlm::tlm_sync_enum nb_transport_bw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

    bool foreign();
    void request(sim::Access& access, Time at);
    void send_next(Time earliest);
    void finish(Payload& payload, Time at);

    KernelBridge& bridge_;
    Socket socket_;
    const Payload* requesting_ = nullptr;  ///< not accepted yet, or by a foreign target whose END_REQ is still due
    std::deque<Held> held_;
    std::vector<Payload*> abroad_;  ///< with a foreign target
    Peer peer_ = Peer::Unknown;
};

}  // namespace smmusim::tlm
