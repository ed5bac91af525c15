// Keeps the architected events of a run for results, and shows them to whoever explains them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "platform/results/event.hpp"
#include "smmu/uarch/event_queue.hpp"

namespace smmusim::platform {

class EventLog {
public:
    /// Called with each event when it is visible in memory.
    std::function<void(const results::Event&)> on_event;

    const std::vector<results::Event>& events() const { return events_; }

    /// The listener of one SMMU.
    class SmmuListener final : public smmu::uarch::EventListener {
    public:
        SmmuListener(EventLog& log, std::string source) : log_(log), source_(std::move(source)) {}
        void recorded(Time at, const smmu::spec::Event& event) override;

    private:
        EventLog& log_;
        std::string source_;
    };

private:
    std::vector<results::Event> events_;
};

}  // namespace smmusim::platform
