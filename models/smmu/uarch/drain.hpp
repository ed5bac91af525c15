// What CMD_SYNC waits for: transactions that used something invalidated and are not finished yet (IHI 0070, 4.7.3).
#pragma once

#include "sim/resources.hpp"

namespace smmusim::smmu::uarch {

class Drain {
public:
    Drain(sim::Simulation& simulation, const std::string& owner)
        : simulation_(simulation), emptied_(simulation, owner + ".marked transactions") {}

    void mark() { ++marked_; }
    /// A marked transaction is globally visible, or gone, at `at`.
    void finished(Time at) {
        until(at);
        if (--marked_ == 0) emptied_.notify_all();
    }
    /// A transaction in scope whose end is known already.
    void until(Time at) { until_ = std::max(until_, at); }

    sim::Task<> wait() {
        for (;;) {
            while (marked_ != 0) co_await emptied_.wait();
            if (until_ <= simulation_.now()) co_return;
            co_await simulation_.until(until_);
        }
    }
    void reset() { marked_ = until_ = 0; }

private:
    sim::Simulation& simulation_;
    sim::Signal emptied_;
    u64 marked_ = 0;
    Time until_ = 0;
};

}  // namespace smmusim::smmu::uarch
