// The DMA engine besides its work: resets, bus mastering, what it waits for, statistics.
#include <fmt/format.h>

#include "pcie/uarch/dma_engine.hpp"

namespace smmusim::pcie::uarch {

void DmaEngine::configuration_changed() {
    if (!function_.bus_master()) drop_queued();
    pump();
}

/// What has not left the function when bus mastering goes off is never sent.
void DmaEngine::drop_queued() {
    const auto end = [&](DmaTransfer& transfer) {
        transfer.note(sim::Status::Unsupported);
        transfer.issued = transfer.operation->size;
        if (transfer.done()) simulation_.scheduler().at(simulation_.now(), &DmaEngine::last_part_done, this, &transfer);
    };
    for (const Posted& posted : posted_queue_) {
        if (posted.transfer != nullptr) end(*posted.transfer);
        else messages_.count_suppressed();
    }
    for (DmaTransfer* transfer : read_queue_) end(*transfer);
    posted_queue_.clear();
    read_queue_.clear();
    posted_sent_ = posted_queued_;
    lacks_tag_ = false;
}

/// Forgets everything under way; accesses that have left finish their way without it.
std::vector<sim::DmaHandle> DmaEngine::clear() {
    simulation_.scheduler().cancel_all(this);
    const auto drop = [](DmaRequest& request) {
        request.access.reset();
        request.transfer = nullptr;
    };
    for (u32 tag = 0; tag < tags_.capacity(); ++tag) drop(reads_[tag]);
    tags_.reset();
    for (DmaRequest& request : writes_.all()) drop(request);
    writes_.give_back_all();
    std::vector<sim::DmaHandle> unfinished;
    for (DmaTransfer& transfer : transfers_.all()) {
        if (transfer.operation) unfinished.push_back(std::move(transfer.operation));
        transfer.operation = nullptr;
    }
    transfers_.give_back_all();
    posted_queue_.clear();
    read_queue_.clear();
    posted_sent_ = posted_queued_;
    stop_waiting();
    follower_ = nullptr;
    paced_ = lacks_tag_ = false;
    next_issue_ = 0;
    function_.set_transactions_pending(false);
    return unfinished;
}

void DmaEngine::report(std::string& text) const {
    const std::size_t unfinished = transfers_.in_use();
    u64 writes = writes_.in_use();
    if (unfinished == 0 && writes == 0) return;
    text += fmt::format("{}: {} operations wait for {} reads and {} writes that are under way, {} of {} tags in use",
                        name_, unfinished, tags_.in_use(), writes, tags_.in_use(), function_.usable_tags());
    const std::size_t queued = posted_queue_.size() + read_queue_.size();
    if (queued != 0) text += fmt::format(", {} more queued", queued);
    text += "\n";
}

void DmaEngine::statistics(sim::StatisticsVisitor& visit) {
    visit.counter("dma.reads", read_operations_, "operations", "read operations submitted");
    visit.counter("dma.writes", write_operations_, "operations", "write operations submitted");
    visit.counter("dma.bytes", bytes_, "bytes", "payload of the operations that ended ok");
    visit.counter("dma.faults", faults_, "operations", "operations that ended not ok, dropped writes included");
    visit.counter("dma.read_packets", read_packets_, "packets", "read requests sent");
    visit.counter("dma.write_packets", write_packets_, "packets", "writes sent, messages included");
    visit.counter("dma.tag_waits", tag_waits_, "packets", "read packets that found no free tag");
    visit.gauge("dma.tags_in_use", tags_.in_use(), "tags", "read requests outstanding now");
    visit.latency("dma.latency_ns", latency_, "submission to completion of operations that ended ok");
    const bool measured = read_operations_ + write_operations_ != 0 && last_completion_ > first_issue_;
    // 8 bits per byte and 1000 ps per ns.
    const double gigabits =
        measured ? static_cast<double>(bytes_) * 8000.0 / static_cast<double>(last_completion_ - first_issue_) : 0.0;
    visit.derived("dma.throughput_gbps", gigabits, "Gb/s",
                  "payload completed between the first submission and the last completion");
}

}  // namespace smmusim::pcie::uarch
