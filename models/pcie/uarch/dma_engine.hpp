// What a function sends: DMA operations cut into packets, and messages, in the order that PCIe prescribes.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "pcie/arch/function.hpp"
#include "pcie/arch/tags.hpp"
#include "pcie/uarch/dma_parts.hpp"
#include "pcie/uarch/link.hpp"
#include "pcie/uarch/message_log.hpp"
#include "sim/pool.hpp"
#include "sim/ring.hpp"

namespace smmusim::pcie::uarch {

/// Posted requests (writes, messages) leave in order of submission, reads among themselves too. A read never leaves
/// before a write submitted earlier; a write passes reads that lack a tag or credit, a message all of them.
class DmaEngine final : public Sender, public sim::Initiator, public sim::Reporter {
public:
    DmaEngine(sim::Simulation& simulation, const EndpointConfig& config, std::string name,
              arch::FunctionState& function, Link& link, MessageLog& messages);
    ~DmaEngine();
    DmaEngine(const DmaEngine&) = delete;
    DmaEngine& operator=(const DmaEngine&) = delete;

    void connect(RootSide& root, u32 number);

    /// Why a function cannot execute this operation; null if it can.
    static const char* problem(const sim::DmaOperation& operation);

    /// Queues an operation without a problem(). With bus mastering off it ends at once.
    void submit(const sim::DmaHandle& operation);
    /// Queues a message behind the writes submitted before.
    void send(const arch::Message& message);

    /// The configuration space was written: limits may have changed, bus mastering may be off.
    void configuration_changed();
    /// Drops everything, in flight too: operations end with a timeout.
    void reset();

    /// Posted requests ever queued, and those of them that have left wholly or were dropped.
    u64 posted_queued() const { return posted_queued_; }
    u64 posted_sent() const { return posted_sent_; }
    /// Calls the sender when the next posted request has left.
    void wait_for_posted(Sender& sender) { follower_ = &sender; }

    u32 tags_in_use() const { return tags_.in_use(); }
    void statistics(sim::StatisticsVisitor& visit);
    void link_ready() override { pump(); }
    void complete(sim::Access& access, Time at) override;
    void report(std::string& text) const override;

private:
    struct Posted {
        DmaTransfer* transfer = nullptr;  ///< null: a message
        arch::Message message;
        u64 sequence = 0;
    };

    /// What keeps something from being sent now, a bit each.
    using Obstacles = u8;
    static constexpr Obstacles none = 0, out_of_pace = 1, out_of_credit = 2;

    bool queued() const { return !read_queue_.empty() || !posted_queue_.empty(); }
    /// Sends what can be sent.
    void pump() {
        if (queued() && !pumping_) issue();
    }
    void issue();
    bool issue_next();
    Obstacles try_read(bool in_pace);
    Obstacles try_posted(bool in_pace);
    Obstacles try_both(bool read, bool in_pace);
    spec::Packet packet_of(const Posted& posted) const;
    void issue_posted();
    void issue_read(const spec::Packet& packet);
    void launch(DmaRequest& request, Time arrival);
    void count_packet(Time at, const char* kind, const sim::Access& access);
    void trace_packet(Time at, const char* kind, const sim::Access& access);
    void limit(sim::Attributes& attributes) const;

    static void next_in_pace(void* engine, void*);
    static void read_arrived(void* engine, void* request);
    static void last_part_done(void* engine, void* transfer);
    void write_done(DmaRequest& request, Time at);
    void finish(DmaTransfer& transfer);
    void drop_queued();
    void account(sim::DmaOperation& operation);
    std::vector<sim::DmaHandle> clear();

    sim::Simulation& simulation_;
    const EndpointConfig& config_;
    std::string name_;
    arch::FunctionState& function_;
    Link& link_;
    MessageLog& messages_;
    RootSide* root_ = nullptr;
    u32 number_ = 0;  ///< at the root port

    sim::Pool<DmaTransfer> transfers_;
    std::unique_ptr<DmaRequest[]> reads_;  ///< by tag
    sim::Pool<DmaRequest> writes_;
    arch::TagPool tags_;

    std::deque<Posted> posted_queue_;
    sim::Ring<DmaTransfer*> read_queue_;
    u64 sequence_ = 0;
    u64 posted_queued_ = 0;       ///< ever
    u64 posted_sent_ = 0;         ///< of these, wholly
    Sender* follower_ = nullptr;  ///< waits for a posted request to leave
    Time next_issue_ = 0;
    bool pumping_ = false;
    bool lacks_tag_ = false;  ///< the next read has been found without a tag
    bool paced_ = false;      ///< next_in_pace() is scheduled

    u64 read_operations_ = 0;
    u64 write_operations_ = 0;
    u64 bytes_ = 0;
    u64 faults_ = 0;
    u64 read_packets_ = 0;
    u64 write_packets_ = 0;
    u64 tag_waits_ = 0;
    Time first_issue_ = 0;
    Time last_completion_ = 0;
    sim::Histogram latency_;
};

}  // namespace smmusim::pcie::uarch
