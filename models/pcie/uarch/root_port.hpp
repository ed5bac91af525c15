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
class RootPort final : public RootSide,
                       public Sender,
                       public sim::Initiator,
                       public sim::Acceptance,
                       public sim::Reporter {
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

    void request(u32 function, sim::Access& access, Time at) override;
    void complete(sim::Access& access, Time at) override;
    void accepted(sim::Access& access, Time at) override;
    void completion(DownstreamRequest& request, Time at) override;
    void performed(DownstreamRequest& request, Time at) override;
    void link_ready() override { drain(); }
    void report(std::string& text) const override;

    /// Drops what is queued, forgets what is under way and resets the link. Requests of the machine are forgotten on
    /// both sides of the link: their owner ends them.
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
    struct Attachment {
        Function* function;
        u32 requester_id;
        u32 stream_id;
        u32 device_id;
    };
    /// What waits for the link downstream: the completion of a read, or a request.
    struct Item {
        u64 sequence = 0;
        sim::Access* read = nullptr;
        DownstreamRequest* request = nullptr;
        Function* function = nullptr;
        u64 address = 0;
        u64 remaining = 0;
    };

    /// What the port leaves in the scratch of a read: its function, and how often the port was reset before it. Of a
    /// write it is its place among the posted requests.
    u64 note_of(u32 function) const { return resets_ << 32 | function; }
    bool current(u64 note) const { return note >> 32 == resets_; }
    /// The read's way through this port ends.
    void release(u64 note) { under_way_ -= current(note); }

    static void pass_on(void* port, void* access);
    static void completion_ready(void* port, void* read);
    void send_upstream(sim::Access& access, Time at);
    void give_up(sim::Access& read);
    void visible(const sim::Access& write, Time at);
    void answer(DownstreamRequest& request, sim::Status status, Time at);
    void enqueue(spec::PacketClass packet_class, Item& item);
    void drain();
    u32 completion_piece(const Function& function, u64 address, u64 remaining) const;
    static spec::Packet completion_packet(u64 address, u32 piece);
    Time put_on_wire(const spec::Packet& packet, const char* kind, u64 address, u32 piece);
    void trace_packet(Time at, const char* kind, u64 address, u32 piece);
    void deliver(sim::Access& read, Time arrival);
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

    u64 resets_ = 0;
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
    u64 queued_ = 0;  ///< in all of them
    u64 item_sequence_ = 0;

    u64 reads_ = 0;
    u64 writes_ = 0;
    u64 requests_ = 0;
};

}  // namespace smmusim::pcie::uarch
