// Keeps the architected events of a run for results, and shows them to whoever wants to see them at once.
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
    void clear() { events_.clear(); }

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
    void add(results::Event event) {
        events_.push_back(std::move(event));
        if (on_event) on_event(events_.back());
    }
    std::vector<results::Event> events_;
};

}  // namespace smmusim::platform
