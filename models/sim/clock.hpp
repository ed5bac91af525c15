// A device's clock: cycle k starts at floor(k * 10^12 / Hz) picoseconds.
#pragma once

#include "sim/types.hpp"

namespace smmusim::sim {

class Clock {
public:
    explicit Clock(u64 hertz)
        : hertz_(hertz),
          period_(second % hertz == 0 ? second / hertz : 0),
          reciprocal_(period_ == 0 ? 0 : ~u64{0} / period_ + 1),
          exact_below_(exact_below(period_, reciprocal_)) {}

    u64 hertz() const { return hertz_; }

    /// Start of cycle `cycle`.
    Time edge(u64 cycle) const {
        if (period_ != 0) [[likely]]
            return cycle * period_;
        return static_cast<Time>(static_cast<u128>(cycle) * second / hertz_);
    }

    /// Number of the first cycle that starts at or after `time`.
    u64 cycle_at(Time time) const {
        if (period_ != 0) [[likely]] {
            const u64 numerator = time + period_ - 1;
            if (numerator >= exact_below_) [[unlikely]]
                return numerator / period_;
            return static_cast<u64>(static_cast<u128>(numerator) * reciprocal_ >> 64);
        }
        return uneven_cycle_at(time);
    }

    /// The edge `cycles` cycles after the first edge at or after `time`; zero cycles take no time at all.
    [[gnu::always_inline]] Time after(Time time, u64 cycles) const {
        return cycles == 0 ? time : edge(cycle_at(time) + cycles);
    }

    /// Length of `cycles` cycles counted from an edge at 0.
    Time span(u64 cycles) const { return edge(cycles); }

private:
    /// The reciprocal is too large by less than one part in 2^64 / excess: below that many the product, cut to a whole
    /// number, is the quotient.
    static u64 exact_below(Time period, u64 reciprocal) {
        if (reciprocal == 0) return 0;           // a period of 1, or none
        const u64 excess = reciprocal * period;  // beyond 2^64
        return excess == 0 ? ~u64{0} : ~u64{0} / excess;
    }
    [[gnu::noinline]] u64 uneven_cycle_at(Time time) const {
        u64 cycle = static_cast<u64>(static_cast<u128>(time) * hertz_ / second);
        while (edge(cycle) < time) ++cycle;
        return cycle;
    }

    u64 hertz_;
    Time period_;     ///< when it is a whole number of picoseconds, else 0
    u64 reciprocal_;  ///< of the period, scaled by 2^64 and rounded up
    u64 exact_below_;
};

}  // namespace smmusim::sim
