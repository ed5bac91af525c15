// Where a part of the SMMU tells what happens in it: nothing but the test of a mask while no counter waits for it.
#pragma once

#include "smmu/spec/pmcg.hpp"

namespace smmusim::smmu::uarch {

class EventTap {
public:
    /// Counts what the tap reports.
    class Listener {
    public:
        virtual void event(spec::MonitorEvent event, u32 stream) = 0;

    protected:
        ~Listener() = default;
    };

    void report(spec::MonitorEvent event, u32 stream) {
        if ((wanted_ & spec::bit_of(event)) != 0) [[unlikely]]
            listener_->event(event, stream);
    }
    /// `events`: a bit for each that `listener` wants to hear of.
    void listen(Listener& listener, u64 events) {
        listener_ = &listener;
        wanted_ = events;
    }

private:
    u64 wanted_ = 0;
    Listener* listener_ = nullptr;
};

}  // namespace smmusim::smmu::uarch
