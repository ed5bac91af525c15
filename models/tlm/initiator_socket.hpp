// A device's port as a TLM-2.0 initiator socket.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "tlm/kernel_bridge.hpp"
#include "tlm/payload.hpp"

namespace smmusim::tlm {

/// Sends accesses in the base protocol to whatever is bound, and straight to the device when that is a target socket
/// of ours: the same calls, without the payload in between. While a foreign target has not accepted a request, later
/// ones wait here, in order (request exclusion rule).
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

    void send(sim::Access& access, Time at) override {
        if (neighbour_ != nullptr) [[likely]]
            neighbour_->receive(access, at);
        else send_abroad(access, at);
    }
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

    bool foreign() {
        if (peer_ == nullptr) [[unlikely]]
            meet_peer();
        return neighbour_ == nullptr;
    }
    void meet_peer();
    /// To a foreign target; and the first one of all, to anybody.
    void send_abroad(sim::Access& access, Time at);
    void request_abroad(sim::Access& access, Time at);
    /// The request is over if it was this one; false if it was not.
    bool accepted(const Payload& payload);
    void send_next(Time earliest);
    void finish(Payload& payload, Time at);

    KernelBridge& bridge_;
    Socket socket_;
    bool requesting_ = false;             ///< a foreign target has not accepted the last request yet
    const Payload* requested_ = nullptr;  ///< by a foreign target: its END_REQ is still due
    std::deque<Held> held_;
    std::vector<Payload*> abroad_;  ///< with a foreign target
    ::tlm::tlm_fw_transport_if<>* peer_ = nullptr;
    sim::Target* neighbour_ = nullptr;  ///< the device, if the peer is a socket of ours
};

}  // namespace smmusim::tlm
