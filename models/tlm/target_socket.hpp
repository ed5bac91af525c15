// A TLM-2.0 target socket in front of a device's target.
#pragma once

#include <string>
#include <vector>

#include "tlm/foreign_transaction.hpp"
#include "tlm/kernel_bridge.hpp"
#include "tlm/payload.hpp"

namespace smmusim::tlm {

/// Payloads of ours lead to the access itself; those of foreign initiators are translated into accesses.
class TargetSocket final : public ::tlm::tlm_fw_transport_if<>, private sim::Initiator {
public:
    using Socket = ::tlm::tlm_target_socket<>;

    /// Created inside a module, before the end of elaboration.
    TargetSocket(KernelBridge& bridge, sim::Target& target, const std::string& name);

    /// What is behind it.
    sim::Target& device() { return target_; }

    /// Any base-protocol initiator socket of the default width may be bound to it.
    Socket& socket() { return socket_; }

    /// What foreign initiators are that do not say it themselves.
    sim::Attributes& foreign_attributes() { return foreign_.default_attributes; }

    /// After the scheduler was cleared: foreign initiators get an error for what was under way.
    void reset();

private:
    ::tlm::tlm_sync_enum nb_transport_fw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) override;
    void b_transport(::tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override;
    unsigned int transport_dbg(::tlm::tlm_generic_payload& payload) override;
    bool get_direct_mem_ptr(::tlm::tlm_generic_payload&, ::tlm::tlm_dmi& dmi) override {
        dmi.allow_none();
        return false;
    }
    void complete(sim::Access& access, Time at) override;

    /// An access of ours arrives by way of a foreign module.
    void receive(sim::Access& access, Time at);

    /// The access that a payload of ours carries, or null.
    sim::Access* access_of(::tlm::tlm_generic_payload& payload) const;

    KernelBridge& bridge_;
    sim::Target& target_;
    Socket socket_;
    ResponsePath responses_;
    ForeignTransactions foreign_;
    std::vector<Payload*> passing_;  ///< of ours, under way, by way of a foreign module
};

}  // namespace smmusim::tlm
