// Many equal DMA operations of one requester, a given number of them outstanding: load for measurements.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sim/dma.hpp"
#include "sim/histogram.hpp"
#include "sim/sequence.hpp"

namespace smmusim::platform {

/// What is asked for.
struct TrafficPlan {
    enum class Order : u8 { Random, Sequential };

    sim::Command command = sim::Command::Read;
    Order order = Order::Random;
    u64 base = 0;         ///< first byte of the window
    u64 window = 0;       ///< its size
    u64 size = 64;        ///< of one operation
    u64 stride = 0;       ///< between places in the window; 0: `size`
    u64 count = 1;        ///< operations in all
    u64 warmup = 0;       ///< the first so many are not measured
    u64 outstanding = 1;  ///< operations under way at one time
    u64 seed = 1;
    sim::Attributes attributes;  ///< substream, privilege, instruction

    /// Why it cannot be executed; null if it can.
    const char* problem() const;
};

/// Submits the next operation whenever one has ended. Lives until the last one has; if it goes before, no more are
/// submitted.
class Traffic : public std::enable_shared_from_this<Traffic> {
public:
    using Submit = std::function<void(const sim::DmaHandle&)>;

    Traffic(sim::Simulation& simulation, const TrafficPlan& plan, Submit submit);
    /// Submits the first operations; they may end at once.
    void start();
    bool done() const { return completed_ == plan_.count; }
    /// Called when the last operation has ended.
    std::function<void()> on_done;

    u64 completed() const { return completed_; }
    u64 faults() const { return faults_; }  ///< operations that did not end ok, of all
    u64 bytes() const { return bytes_; }    ///< of measured operations that ended ok
    /// From the end of the last operation of the warm-up, or the start, to the end of the last one.
    Time elapsed() const { return last_ - measured_from_; }
    /// Submission to end of measured operations that ended ok.
    const sim::Histogram& latency() const { return latency_; }

private:
    struct Lane {
        sim::DmaHandle operation;
        bool submitting = false;
    };
    void drive(std::size_t lane);
    void ended(std::size_t lane);
    void prepare(sim::DmaOperation& operation);

    sim::Simulation& simulation_;
    TrafficPlan plan_;
    Submit submit_;
    u64 places_;
    sim::Sequence random_;
    std::vector<Lane> lanes_;
    u64 submitted_ = 0;
    u64 completed_ = 0;
    u64 faults_ = 0;
    u64 bytes_ = 0;
    Time measured_from_ = 0;
    Time last_ = 0;
    sim::Histogram latency_;
};

}  // namespace smmusim::platform
