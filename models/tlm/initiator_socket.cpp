#include "tlm/initiator_socket.hpp"

#include <algorithm>

#include "tlm/target_socket.hpp"

namespace smmusim::tlm {

InitiatorSocket::InitiatorSocket(KernelBridge& bridge, const std::string& name)
    : bridge_(bridge), socket_(name.c_str()) {
    socket_.bind(static_cast<::tlm::tlm_bw_transport_if<>&>(*this));
    bridge_.simulation().accesses().set_cleaner(&Payload::discard);
}

InitiatorSocket::~InitiatorSocket() {
    for (Payload* const payload : abroad_) payload->cancel_hop();
}

void InitiatorSocket::meet_peer() {
    peer_ = socket_.operator->();
    auto* const ours = dynamic_cast<TargetSocket*>(peer_);
    neighbour_ = ours != nullptr ? &ours->device() : nullptr;
}

void InitiatorSocket::send_abroad(sim::Access& access, Time at) {
    if (peer_ == nullptr) {
        meet_peer();
        send(access, at);
    } else if (requesting_ || !held_.empty()) {
        held_.push_back({&access, at});
    } else {
        request_abroad(access, at);
    }
}

void InitiatorSocket::request_abroad(sim::Access& access, Time at) {
    Payload& payload = Payload::of(access);
    payload.begin_hop(access);
    ::tlm::tlm_phase phase = ::tlm::BEGIN_REQ;
    sc_core::sc_time delay = bridge_.delay_until(at);
    bridge_.foreign_started();
    abroad_.push_back(&payload);
    requesting_ = true;
    requested_ = &payload;
    const ::tlm::tlm_sync_enum answer = peer_->nb_transport_fw(payload, phase, delay);
    bridge_.called_foreign();

    // TLM_ACCEPTED: END_REQ or BEGIN_RESP comes on the backward path, or has come during the call.
    if (answer == ::tlm::TLM_ACCEPTED) return;
    const bool completed = answer == ::tlm::TLM_COMPLETED;
    const bool responded = answer == ::tlm::TLM_UPDATED && phase == ::tlm::BEGIN_RESP;
    const Time when = bridge_.absolute(delay);
    accepted(payload);
    if (responded) {
        phase = ::tlm::END_RESP;
        peer_->nb_transport_fw(payload, phase, delay);
        bridge_.called_foreign();
    }
    if (completed || responded) finish(payload, when);
    send_next(when);
}

bool InitiatorSocket::accepted(const Payload& payload) {
    if (requested_ != &payload) return false;
    requested_ = nullptr;
    requesting_ = false;
    return true;
}

void InitiatorSocket::send_next(Time earliest) {
    while (!requesting_ && !held_.empty()) {
        const Held next = held_.front();
        held_.pop_front();
        request_abroad(*next.access, std::max(next.at, earliest));
    }
}

void InitiatorSocket::finish(Payload& payload, Time at) {
    bridge_.foreign_finished();
    abroad_.erase(std::find(abroad_.begin(), abroad_.end(), &payload));
    sim::Access* const access = payload.access();
    payload.end_hop();
    if (access != nullptr) access->respond(std::max(at, bridge_.simulation().now()));
}

::tlm::tlm_sync_enum InitiatorSocket::nb_transport_bw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                                      sc_core::sc_time& delay) {
    if (phase != ::tlm::END_REQ && phase != ::tlm::BEGIN_RESP) return ::tlm::TLM_ACCEPTED;  // may be ignored
    bridge_.entered([&] {
        auto& ours = static_cast<Payload&>(payload);
        const Time when = bridge_.absolute(delay);
        const bool requested = accepted(ours);  // BEGIN_RESP says END_REQ too
        if (phase == ::tlm::BEGIN_RESP) finish(ours, when);
        if (requested) send_next(when);
    });
    return phase == ::tlm::BEGIN_RESP ? ::tlm::TLM_COMPLETED : ::tlm::TLM_ACCEPTED;
}

Time InitiatorSocket::perform(sim::Access& access) {
    if (!foreign()) return neighbour_->perform(access);
    Payload& payload = Payload::of(access);
    payload.load(access);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket_->b_transport(payload, delay);
    payload.store_status(access);
    return delay.value();
}

void InitiatorSocket::inspect(sim::Access& access) {
    if (!foreign()) {
        neighbour_->inspect(access);
        return;
    }
    Payload& payload = Payload::of(access);
    payload.load(access);
    const unsigned int done = socket_->transport_dbg(payload);
    // A target without debug transport has moved nothing, and says nothing.
    if (access.status == sim::Status::Pending) access.status = sim::Status::Ok;
    if (done < access.size && sim::succeeded(access.status)) access.status = sim::Status::Unsupported;
}

}  // namespace smmusim::tlm
