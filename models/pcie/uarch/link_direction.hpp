// One direction of a link: a wire, the credits of its receiver, and who waits for either.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <string>

#include "pcie/spec/packet.hpp"
#include "pcie/uarch/config.hpp"
#include "pcie/uarch/serializer.hpp"
#include "sim/ring.hpp"
#include "sim/simulation.hpp"
#include "sim/statistics.hpp"

namespace smmusim::pcie::uarch {

/// Somebody who sends packets and may have to wait for the wire or for credits.
class Sender {
public:
    /// What it waited for may be there; it waits again if it is not, or if it has more to send.
    virtual void link_ready() = 0;

protected:
    ~Sender() = default;

    /// It has nothing to send any more.
    void stop_waiting() {
        wire_hook_.unlink();
        credit_hook_.unlink();
    }

private:
    friend class LinkDirection;
    using Hook = sim::intrusive::list_member_hook<sim::AutoUnlink>;
    Hook wire_hook_;
    Hook credit_hook_;
    Time lead_ = 0;
};

class LinkDirection {
public:
    LinkDirection(sim::Simulation& simulation, std::string name, const LinkConfig& config, const CreditConfig& credits);
    ~LinkDirection();
    LinkDirection(const LinkDirection&) = delete;
    LinkDirection& operator=(const LinkDirection&) = delete;

    /// True if the receiver has advertised room for the packet.
    bool affordable(const spec::Packet& packet);

    struct Sent {
        Time start;    ///< first byte on the link
        Time arrival;  ///< last byte at the receiver
    };
    /// Sends a packet that affordable() allows now, having been asked; its first byte not before `earliest`.
    Sent send(const spec::Packet& packet, Time earliest);

    /// The receiver frees the packet's buffers at `at`; the sender knows a credit return later.
    void give_back(const spec::Packet& packet, Time at);

    /// When the wire has sent what it has.
    Time free_at() const { return wire_.free_at(); }
    /// Calls the sender when the wire is free, or `lead` before; senders take turns.
    void wait_for_wire(Sender& sender, Time lead);
    /// Calls the sender when credits have come back.
    void wait_for_credits(Sender& sender);

    /// The largest payload in use decides how often acknowledgements and credit updates are sent.
    void set_payload_limit(u32 bytes);

    /// Empty wire, all credits.
    void reset();
    void statistics(sim::StatisticsVisitor& visit);
    const std::string& name() const { return name_; }

private:
    struct Return {
        Time at;
        u32 header;
        u32 data;
    };
    struct Pool {
        u32 header_limit = 0;  ///< 0: infinite
        u32 data_limit = 0;
        u32 header = 0;  ///< at hand, as far as they have been collected
        u32 data = 0;
        u32 header_used = 0;  ///< of packets that have not been given back
        u32 data_used = 0;
        sim::Ring<Return> returning;  ///< in order of time
    };
    template <Sender::Hook Sender::*Member>
    using Senders = sim::intrusive::list<Sender, sim::intrusive::member_hook<Sender, Sender::Hook, Member>,
                                         sim::intrusive::constant_time_size<false>>;
    using WireWaiters = Senders<&Sender::wire_hook_>;
    using CreditWaiters = Senders<&Sender::credit_hook_>;

    static void wire_free(void* direction, void*);
    static void credits_back(void* direction, void*);
    void arm_wire();
    void arm_credits();
    /// The header and the data credits of the class (PCIe, flow control).
    static bool covers(const Pool& pool, const spec::Packet& packet) {
        return (pool.header_limit == 0 || pool.header >= packet.header_credits()) &&
               (pool.data_limit == 0 || pool.data >= packet.data_credits());
    }
    /// Credits that have come back; asked for when those at hand do not do.
    void collect(Pool& pool);
    Pool& pool_of(const spec::Packet& packet) { return pools_[static_cast<u8>(packet.packet_class)]; }

    sim::Simulation& simulation_;
    std::string name_;
    LinkConfig config_;
    u32 framing_bytes_;
    Serializer wire_;
    std::array<Pool, spec::packet_classes> pools_;
    WireWaiters wire_waiters_;
    CreditWaiters credit_waiters_;
    sim::Scheduler::Token wire_token_;
    sim::Scheduler::Token credit_token_;
    Time credit_wake_ = end_of_time;

    u64 packets_ = 0;
    u64 wire_bytes_ = 0;
    u64 payload_bytes_ = 0;
    u64 credit_waits_ = 0;
};

[[gnu::always_inline]] inline bool LinkDirection::affordable(const spec::Packet& packet) {
    Pool& pool = pool_of(packet);
    if (covers(pool, packet)) [[likely]]
        return true;
    collect(pool);
    return covers(pool, packet);
}

[[gnu::always_inline]] inline LinkDirection::Sent LinkDirection::send(const spec::Packet& packet, Time earliest) {
    Pool& pool = pool_of(packet);
    assert(covers(pool, packet));
    if (pool.header_limit != 0) {
        pool.header -= packet.header_credits();
        pool.header_used += packet.header_credits();
    }
    if (pool.data_limit != 0) {
        pool.data -= packet.data_credits();
        pool.data_used += packet.data_credits();
    }
    const u32 bytes = framing_bytes_ + packet.header_bytes + packet.payload_bytes;
    const Serializer::Interval interval = wire_.transmit(std::max(earliest, simulation_.now()), bytes);
    ++packets_;
    wire_bytes_ += bytes;
    payload_bytes_ += packet.payload_bytes;
    return {interval.start, interval.end + config_.propagation};
}

[[gnu::always_inline]] inline void LinkDirection::give_back(const spec::Packet& packet, Time at) {
    Pool& pool = pool_of(packet);
    // A reset has given everything back already. What comes late from before it can only return credits of packets
    // sent since, early; there are never more than were advertised.
    const u32 header = std::min(packet.header_credits(), pool.header_used);
    const u32 data = std::min(packet.data_credits(), pool.data_used);
    if ((header | data) == 0) return;
    pool.header_used -= header;
    pool.data_used -= data;
    at += config_.credit_return;
    sim::make_room(pool.returning);
    auto place = pool.returning.end();
    while (place != pool.returning.begin() && std::prev(place)->at > at) --place;
    if (place == pool.returning.end()) pool.returning.push_back({at, header, data});
    else pool.returning.insert(place, {at, header, data});
    if (!credit_waiters_.empty()) arm_credits();
}

}  // namespace smmusim::pcie::uarch
