#include "tlm/response_path.hpp"

namespace smmusim::tlm {

void ResponsePath::respond(::tlm::tlm_generic_payload& payload) {
    due_.push_back(&payload);
    send();
}

void ResponsePath::respond(::tlm::tlm_generic_payload& payload, Time at) {
    bridge_.simulation().scheduler().at(at, &ResponsePath::respond_event, this, &payload);
}

void ResponsePath::respond_event(void* self, void* payload) {
    static_cast<ResponsePath*>(self)->respond(*static_cast<::tlm::tlm_generic_payload*>(payload));
}

void ResponsePath::continue_event(void* self, void*) {
    auto& path = *static_cast<ResponsePath*>(self);
    path.pausing_ = false;
    path.send();
}

void ResponsePath::send() {
    const Time now = bridge_.simulation().now();
    while (responding_ == nullptr && !pausing_ && !due_.empty()) {
        ::tlm::tlm_generic_payload& payload = *due_.front();
        due_.pop_front();
        responding_ = &payload;
        ::tlm::tlm_phase phase = ::tlm::BEGIN_RESP;
        sc_core::sc_time delay = bridge_.delay_until(now);
        const ::tlm::tlm_sync_enum answer = socket_->nb_transport_bw(payload, phase, delay);
        bridge_.called_foreign();
        const bool ended = answer == ::tlm::TLM_COMPLETED || (answer == ::tlm::TLM_UPDATED && phase == ::tlm::END_RESP);
        // An initiator may also have sent END_RESP on the forward path during the call.
        if (ended && responding_ == &payload) end(payload, bridge_.absolute(delay));
    }
}

void ResponsePath::end(::tlm::tlm_generic_payload& payload, Time at) {
    if (responding_ != &payload) return;
    responding_ = nullptr;
    release(payload);
    if (at <= bridge_.simulation().now() && due_.empty()) return;
    pausing_ = true;
    bridge_.simulation().scheduler().at(at, &ResponsePath::continue_event, this);
}

}  // namespace smmusim::tlm
