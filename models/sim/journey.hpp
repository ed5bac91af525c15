// The way of one MSI from the first byte on the link to the CPU interface, stamped by every part that it crosses.
#pragma once

#include <array>
#include <memory>

#include "sim/types.hpp"

namespace smmusim::sim {

class Journey;

/// Who sent the message and wants to know how it ended.
class JourneyObserver {
public:
    virtual ~JourneyObserver() = default;
    /// The message set an interrupt pending, found it pending, or did neither. Called once.
    virtual void settled(const Journey& journey) = 0;
    /// The CPU interface signalled the interrupt that this message set pending. Called at most once, after settled().
    virtual void signalled(const Journey& journey) = 0;
};

class Journey {
public:
    enum class Part : u8 { Link, Interconnect, Smmu, Its, Redistributor, CpuInterface };
    static constexpr std::size_t parts = 6;
    static constexpr std::array<const char*, parts> names{"link", "interconnect",  "smmu",
                                                          "its",  "redistributor", "cpu_interface"};

    enum class Outcome : u8 { Underway, Delivered, Coalesced, Blocked };

    Journey(JourneyObserver& observer, u32 vector, Time begin) : vector_(vector), begin_(begin), observer_(&observer) {}

    /// A part's own clock when the message reached it and when it left it; a part may be crossed more than once.
    void enter(Part part, Time at) { entered_[static_cast<u8>(part)] = at; }
    void leave(Part part, Time at) { spent_[static_cast<u8>(part)] += at - entered_[static_cast<u8>(part)]; }

    /// How the message ended; the first call counts.
    void settle(Outcome outcome) {
        if (outcome_ != Outcome::Underway) return;
        outcome_ = outcome;
        if (observer_ != nullptr) observer_->settled(*this);
    }
    void signal(Time at) {
        if (signalled_) return;
        signalled_ = true;
        end_ = at;
        if (observer_ != nullptr) observer_->signalled(*this);
    }
    /// The sender is gone.
    void forget() { observer_ = nullptr; }

    u32 vector() const { return vector_; }
    Outcome outcome() const { return outcome_; }
    Time begin() const { return begin_; }
    Time end() const { return end_; }
    Time spent(Part part) const { return spent_[static_cast<u8>(part)]; }

private:
    u32 vector_;
    Time begin_;
    Time end_ = 0;
    Outcome outcome_ = Outcome::Underway;
    bool signalled_ = false;
    std::array<Time, parts> entered_{};
    std::array<Time, parts> spent_{};
    JourneyObserver* observer_;
};

}  // namespace smmusim::sim
