// The root complex's end of one link: passes requests of functions upstream and requests of the machine down.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "pcie/uarch/link.hpp"
#include "sim/trace.hpp"

namespace smmusim::pcie::uarch {

/// Upstream everything is passed on in order of arrival. Downstream the three classes queue for credits: nothing
/// passes a posted request, posted requests and completions pass non-posted ones.
class RootPort final : public RootSide, public Sender, public sim::Reporter {
public:
    RootPort(sim::Simulation& simulation, const RootComplexConfig& config, std::string name, Link& link,
             sim::Port& upstream);
    ~RootPort();
    RootPort(const RootPort&) = delete;
    RootPort& operator=(const RootPort&) = delete;

    /// Puts a function behind the port, with the identifiers that its requests get.
    void attach(Function& function, u32 stream_id, u32 device_id);
    const Link& link() const { return link_; }
    sim::Port& upstream() { return upstream_; }
    /// Another root port uses the same port upstream: requests are passed on at their arrival, not ahead of it.
    void share_upstream() { shared_ = true; }

    /// What is upstream says when it takes a read in; until then the read keeps its buffer of the link.
    void hold_until_accepted() { holds_ = true; }

    /// Sends a request of the machine to a function behind this port.
    void forward(Function& function, DownstreamRequest& request);

    void request(u32 function, sim::Access& access, const spec::Packet& packet, Time at) override;
    void completion(DownstreamRequest& request, Time at) override;
    void performed(DownstreamRequest& request, Time at) override;
    void link_ready() override { drain(); }
    void report(std::string& text) const override;

    /// Drops what is queued, forgets what is under way and resets the link; requests of the machine that are queued
    /// here end with a timeout.
    void reset();
    void statistics(sim::StatisticsVisitor& visit);

    /// Gets requests of the machine back when they are answered.
    class Owner {
    public:
        virtual void answered(DownstreamRequest& request, sim::Status status, Time at) = 0;

    protected:
        ~Owner() = default;
    };
    void set_owner(Owner& owner) { owner_ = &owner; }

private:
    /// An upstream request on its way through the machine; what a completion uses comes first.
    struct alignas(64) Hop final : sim::Initiator, sim::Acceptance {
        RootPort* port = nullptr;
        sim::Access* access = nullptr;
        sim::Scheduler::Token token;
        u64 generation = 0;  ///< resets before it
        u32 function = 0;
        spec::Packet packet;
        u64 sequence = 0;  ///< of a posted request
        void complete(sim::Access& answered, Time at) override { port->answered(*this, answered, at); }
        void accepted(sim::Access&, Time at) override { port->accepted(*this, at); }
    };
    struct Attachment {
        Function* function;
        u32 stream_id;
        u32 device_id;
    };
    /// What waits for the link downstream: the completion of a hop, or a request.
    struct Item {
        u64 sequence = 0;
        Hop* hop = nullptr;
        DownstreamRequest* request = nullptr;
        Function* function = nullptr;
        u64 address = 0;
        u64 remaining = 0;
    };

    static void pass_on(void* port, void* hop);
    static void completion_ready(void* port, void* hop);
    void send_upstream(Hop& hop, Time at);
    void accepted(const Hop& hop, Time at);
    void answered(Hop& hop, sim::Access& access, Time at);
    Hop& take_hop();
    void release(Hop& hop);
    void visible(Hop& hop, Time at);
    void answer(DownstreamRequest& request, sim::Status status, Time at);
    void enqueue(spec::PacketClass packet_class, Item& item);
    void drain();
    u32 piece_of(const Item& item) const;
    spec::Packet packet_of(const Item& item, u32 piece) const;
    /// Sends one packet of an item; true if it was the last.
    bool transmit(Item& item, u32 piece, const spec::Packet& packet);

    sim::Simulation& simulation_;
    const RootComplexConfig& config_;
    std::string name_;
    Link& link_;
    sim::Port& upstream_;
    Owner* owner_ = nullptr;
    bool shared_ = false;
    bool holds_ = false;
    std::vector<Attachment> attachments_;

    std::deque<Hop> hops_;  ///< storage
    std::vector<Hop*> free_hops_;
    u64 generation_ = 0;
    u64 under_way_ = 0;  ///< requests since the last reset

    // Posted requests in order of arrival: when each became visible, end_of_time while it is under way.
    std::deque<Time> posted_;
    u64 posted_oldest_ = 0;   ///< sequence of the front
    Time visible_until_ = 0;  ///< latest of those in front of it
    struct Pushing {
        DownstreamRequest* request;
        Time ready;  ///< without the wait
    };
    std::deque<Pushing> pushing_;  ///< completions that wait for posted requests ahead

    std::array<std::deque<Item>, spec::packet_classes> queues_;
    u64 item_sequence_ = 0;

    u64 reads_ = 0;
    u64 writes_ = 0;
    u64 requests_ = 0;
};

}  // namespace smmusim::pcie::uarch
