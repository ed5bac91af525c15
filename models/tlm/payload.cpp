#include "tlm/payload.hpp"

namespace smmusim::tlm {

Payload::Payload(sim::Access& access) : tlm_generic_payload(this), extension_(access) {
    set_extension(&extension_);
    acquire();
}

Payload& Payload::of(sim::Access& access) {
    access.own_data();  // foreign modules may keep its address
    if (access.foreign() == nullptr) access.set_foreign(new Payload(access));
    return *static_cast<Payload*>(access.foreign());
}

void Payload::free(::tlm::tlm_generic_payload*) {
    clear_extension(&extension_);
    delete this;
}

void Payload::load(const sim::Access& access) {
    switch (access.command) {
        case sim::Command::Read: set_command(::tlm::TLM_READ_COMMAND); break;
        case sim::Command::Write: set_command(::tlm::TLM_WRITE_COMMAND); break;
        case sim::Command::Atomic: set_command(::tlm::TLM_IGNORE_COMMAND); break;  // only the extension says what it is
    }
    set_address(access.address);
    set_data_ptr(const_cast<u8*>(access.data()));
    set_data_length(access.size);
    set_streaming_width(access.size);
    set_byte_enable_ptr(nullptr);
    set_byte_enable_length(0);
    set_dmi_allowed(false);
    set_response_status(::tlm::TLM_INCOMPLETE_RESPONSE);
}

void Payload::store_status(sim::Access& access) const {
    // A target of ours has set both; a foreign one, or a foreign module between, only the response.
    const bool known = access.status != sim::Status::Pending && response_of(access.status) == get_response_status();
    if (!known) access.status = status_of(get_response_status());
}

void Payload::begin_hop(const sim::Access& access) {
    load(access);
    acquire();
    ++hops_;
}

void Payload::end_hop() {
    --hops_;
    sim::Access* const wearer = access();
    if (wearer != nullptr) {
        store_status(*wearer);
        if (hops_ == 0 && get_ref_count() == 2) {
            reset();  // extensions that a foreign module attached for this transaction
        } else if (hops_ == 0) {
            wearer->set_foreign(nullptr);
            release();
        }
    }
    release();
}

void Payload::cancel_hop() {
    --hops_;
    release();
}

void Payload::drop() {
    extension_.forget_access();
    release();  // the hops end when the foreign modules answer
}

::tlm::tlm_response_status response_of(sim::Status status) {
    switch (status) {
        case sim::Status::Pending: return ::tlm::TLM_INCOMPLETE_RESPONSE;
        case sim::Status::Ok:
        case sim::Status::Discarded: return ::tlm::TLM_OK_RESPONSE;
        case sim::Status::Unsupported: return ::tlm::TLM_ADDRESS_ERROR_RESPONSE;
        case sim::Status::CompleterAbort:
        case sim::Status::Poisoned:
        case sim::Status::Timeout: break;
    }
    return ::tlm::TLM_GENERIC_ERROR_RESPONSE;
}

sim::Status status_of(::tlm::tlm_response_status response) {
    if (response == ::tlm::TLM_OK_RESPONSE) return sim::Status::Ok;
    return response == ::tlm::TLM_ADDRESS_ERROR_RESPONSE ? sim::Status::Unsupported : sim::Status::CompleterAbort;
}

}  // namespace smmusim::tlm
