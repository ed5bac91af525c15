#include "tlm/target_socket.hpp"

#include <utility>

namespace smmusim::tlm {

TargetSocket::TargetSocket(KernelBridge& bridge, sim::Target& target, const std::string& name)
    : bridge_(bridge),
      target_(target),
      socket_(name.c_str()),
      responses_(bridge, socket_),
      foreign_(bridge, target, responses_) {
    socket_.bind(static_cast<::tlm::tlm_fw_transport_if<>&>(*this));
}

sim::Access* TargetSocket::access_of(::tlm::tlm_generic_payload& payload) const {
    const AccessExtension* const extension = payload.get_extension<AccessExtension>();
    if (extension == nullptr || extension->access() == nullptr) return nullptr;
    extension->access()->address = payload.get_address();  // a foreign module between may have decoded it
    return extension->access();
}

::tlm::tlm_sync_enum TargetSocket::nb_transport_fw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                                   sc_core::sc_time& delay) {
    ::tlm::tlm_sync_enum answer = ::tlm::TLM_ACCEPTED;
    bridge_.entered([&] {
        const Time at = bridge_.absolute(delay);
        if (phase == ::tlm::END_RESP) {
            responses_.end(payload, at);
            answer = ::tlm::TLM_COMPLETED;
        } else if (phase == ::tlm::BEGIN_REQ) {
            phase = ::tlm::END_REQ;
            answer = ::tlm::TLM_UPDATED;
            if (sim::Access* const access = access_of(payload)) receive(*access, at);
            else foreign_.begin(payload, at);
        }  // else an extended phase, which may be ignored
    });
    return answer;
}

void TargetSocket::receive(sim::Access& access, Time at) {
    access.push(*this);
    ResponsePath::keep(Payload::of(access));
    passing_.push_back(&Payload::of(access));
    target_.receive(access, at);
}

void TargetSocket::complete(sim::Access& access, Time at) {
    Payload& payload = Payload::of(access);
    payload.set_response_status(response_of(access.status));
    std::erase(passing_, &payload);
    responses_.respond(payload, at);
}

void TargetSocket::reset() {
    responses_.restart();
    foreign_.reset();
    for (Payload* const payload : std::exchange(passing_, {})) {
        payload->set_response_status(::tlm::TLM_GENERIC_ERROR_RESPONSE);
        responses_.respond(*payload);
    }
}

void TargetSocket::b_transport(::tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    Time latency = 0;
    bridge_.entered([&] {
        if (sim::Access* const access = access_of(payload)) {
            latency = target_.perform(*access);
            payload.set_response_status(response_of(access->status));
        } else {
            latency = foreign_.perform(payload);
        }
    });
    delay += sc_core::sc_time::from_value(latency);
}

unsigned int TargetSocket::transport_dbg(::tlm::tlm_generic_payload& payload) {
    sim::Access* const access = access_of(payload);
    if (access == nullptr) return foreign_.inspect(payload);
    target_.inspect(*access);
    payload.set_response_status(response_of(access->status));
    return sim::succeeded(access->status) ? access->size : 0;
}

}  // namespace smmusim::tlm
