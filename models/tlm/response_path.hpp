// The backward path towards a foreign initiator: one response at a time, in the order of completion.
#pragma once

#include <deque>

#include "tlm/kernel_bridge.hpp"
#include "tlm/payload.hpp"

namespace smmusim::tlm {

/// Obeys the response exclusion rule of the base protocol: after BEGIN_RESP the next one waits for END_RESP.
class ResponsePath {
public:
    ResponsePath(KernelBridge& bridge, ::tlm::tlm_target_socket<>& socket) : bridge_(bridge), socket_(socket) {}

    /// Keeps the payload alive from its request to its END_RESP.
    static void keep(::tlm::tlm_generic_payload& payload) {
        if (payload.has_mm()) payload.acquire();
    }
    /// Sends the response now, or as soon as the earlier ones have ended.
    void respond(::tlm::tlm_generic_payload& payload);
    /// The same at a later time.
    void respond(::tlm::tlm_generic_payload& payload, Time at);
    /// After the scheduler was cleared: goes on with what is due.
    void restart() {
        pausing_ = false;
        send();
    }
    /// The initiator has sent END_RESP.
    void end(::tlm::tlm_generic_payload& payload, Time at);

private:
    static void respond_event(void* self, void* payload);
    static void continue_event(void* self, void*);
    void send();
    static void release(::tlm::tlm_generic_payload& payload) {
        if (payload.has_mm()) payload.release();
    }

    KernelBridge& bridge_;
    ::tlm::tlm_target_socket<>& socket_;
    std::deque<::tlm::tlm_generic_payload*> due_;
    ::tlm::tlm_generic_payload* responding_ = nullptr;  ///< BEGIN_RESP sent, END_RESP still due
    bool pausing_ = false;                              ///< an END_RESP lies in the future
};

}  // namespace smmusim::tlm
