// A raw requester: sends what it is told in front of an SMMU, with any identity; no link, no bus-master gate.
#pragma once

#include <memory>
#include <string>

#include "sim/dma.hpp"
#include "sim/statistics.hpp"

namespace smmusim::platform {

/// An operation within 4 KiB is one transaction; a larger one is cut at 4 KiB only. All of an operation is sent at
/// once, in order of address.
class Requester final : public sim::Reporter {
public:
    Requester(sim::Simulation& simulation, std::string name, sim::Port& port);
    ~Requester();
    Requester(const Requester&) = delete;
    Requester& operator=(const Requester&) = delete;

    /// Sends the operation now, as `operation->attributes` say. Throws std::invalid_argument for an empty one, for
    /// data that is not of its size, and for an instruction write.
    void submit(sim::DmaHandle operation);

    /// Ends what is under way with a timeout. Until end_reset(), while the rest of the machine is reset, what is
    /// submitted ends so at once: nobody would answer it.
    void begin_reset();
    void end_reset() { resetting_ = false; }

    void report(std::string& text) const override;
    void statistics(sim::StatisticsVisitor& visit);

private:
    struct Operation;
    using Operations = sim::intrusive::list<Operation, sim::intrusive::constant_time_size<false>>;

    void end(Operation& operation);
    void finish(sim::DmaOperation& done);

    sim::Simulation& simulation_;
    std::string name_;
    sim::Port& port_;
    std::unique_ptr<Operations> operations_;
    bool resetting_ = false;
    u64 reads_ = 0;
    u64 writes_ = 0;
    u64 bytes_ = 0;
    u64 faults_ = 0;
    sim::Histogram latency_;
};

}  // namespace smmusim::platform
