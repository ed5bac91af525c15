// The generic payload that an access wears on TLM-2.0 connections, and the extension that carries its attributes.
#pragma once

#include <tlm>

#include "sim/access.hpp"

namespace smmusim::tlm {

/// Ignorable extension. On a payload of ours it leads to the access; a foreign initiator may attach one of its own
/// to say who it is (StreamID, DeviceID, security, ...).
class AccessExtension final : public ::tlm::tlm_extension<AccessExtension> {
public:
    AccessExtension() = default;
    explicit AccessExtension(sim::Access& access) : access_(&access), embedded_(true) {}

    sim::Attributes& attributes() { return access_ != nullptr ? access_->attributes : attributes_; }
    sim::Access* access() const { return access_; }

    ::tlm::tlm_extension_base* clone() const override {
        auto copy = std::make_unique<AccessExtension>();
        copy->copy_from(*this);
        return copy.release();
    }
    void copy_from(const ::tlm::tlm_extension_base& other) override {
        attributes() = const_cast<AccessExtension&>(static_cast<const AccessExtension&>(other)).attributes();
    }
    void free() override {
        if (!embedded_) delete this;
    }
    void forget_access() { access_ = nullptr; }

private:
    sim::Attributes attributes_;
    sim::Access* access_ = nullptr;
    bool embedded_ = false;  ///< part of a payload of ours
};

/// Attached to a pooled access at its first hop through a foreign module and reused with it. Reference counts follow
/// the base protocol: a foreign module that still holds the payload after the last hop keeps it, and the access gets a
/// new one.
class Payload final : public ::tlm::tlm_generic_payload, private ::tlm::tlm_mm_interface {
public:
    static Payload& of(sim::Access& access);

    /// The access that wears it; null when the access was dropped while a foreign module held the payload.
    sim::Access* access() const { return extension_.access(); }

    /// Begins a hop: the payload says what the access says.
    void begin_hop(const sim::Access& access);
    /// Ends a hop: the access, if it is still there, learns the response.
    void end_hop();
    /// Ends a hop to a foreign module that will never answer.
    void cancel_hop();

    /// For AccessPool::set_cleaner: foreign modules keep what they hold, but it leads nowhere.
    static void discard(void* payload) { static_cast<Payload*>(payload)->drop(); }

    /// For calls that are over when they return.
    void load(const sim::Access& access);
    void store_status(sim::Access& access) const;

private:
    explicit Payload(sim::Access& access);
    ~Payload() override = default;
    void free(::tlm::tlm_generic_payload* payload) override;
    void drop();

    AccessExtension extension_;
    int hops_ = 0;
};

::tlm::tlm_response_status response_of(sim::Status status);
sim::Status status_of(::tlm::tlm_response_status response);

}  // namespace smmusim::tlm
