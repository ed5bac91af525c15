// The PRI queue: page requests on their way to software, and the answers that the SMMU gives itself (IHI 0070, 3.5.4).
#pragma once

#include <deque>

#include "sim/access.hpp"
#include "sim/clock.hpp"
#include "sim/resources.hpp"
#include "smmu/uarch/config.hpp"
#include "smmu/uarch/interrupts.hpp"

namespace smmusim::smmu::uarch {

/// What the PRI queue asks of the rest of the SMMU.
class PageRequestService {
public:
    /// STE.PPAR of a stream whose entry can be read and is valid.
    struct ResponsePasid {
        bool known = false;
        bool required = false;
    };
    virtual sim::Task<ResponsePasid> response_pasid(u32 stream) = 0;
    /// The SMMU's own answer to a page request group.
    virtual void answer(const sim::PageResponse& response) = 0;

protected:
    ~PageRequestService() = default;
};

class PriQueue {
public:
    PriQueue(sim::Simulation& simulation, std::string name, const TcuConfig& config, const sim::Clock& clock,
             arch::Registers& registers, sim::Port& memory, Interrupts& interrupts, PageRequestService& service);

    void request(const sim::PageRequest& request);
    /// No write is under way.
    sim::Task<> idle();
    void reset();
    void statistics(sim::StatisticsVisitor& visit);

private:
    sim::Task<> write();
    sim::Task<bool> deliver(const sim::PageRequest& request);
    sim::Task<> discard_by_overflow(sim::PageRequest request);
    void fail(const sim::PageRequest& request);

    sim::Simulation& simulation_;
    std::string name_;
    std::string write_name_;
    TcuConfig config_;
    const sim::Clock& clock_;
    arch::Registers& registers_;
    sim::Port& memory_;
    Interrupts& interrupts_;
    PageRequestService& service_;
    sim::Scope scope_;
    sim::Signal progress_;
    std::deque<sim::PageRequest> waiting_;
    bool running_ = false;
    u64 requests_ = 0;
    u64 records_ = 0;
    u64 answered_ = 0;
};

}  // namespace smmusim::smmu::uarch
