// The counters of one performance monitor counter group: what they count, when they overflow, what is captured
// (IHI 0070, 10.2 to 10.4).
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "smmu/spec/pmcg.hpp"

namespace smmusim::smmu::arch {

/// What a group implements.
struct PmcgShape {
    u32 counters = 1;
    u32 counter_bits = 64;
    bool shared_filter = false;  ///< the filter of counter 0 applies to all
    bool capture = true;
    bool msi = true;
    bool relocated = false;  ///< counter values, overflow status and CAPR are in page 1
    u64 events = 0;          ///< CEID0
    u32 stream_bits = 16;
    u8 minor_revision = 2;
};

class PmcgCounters {
public:
    explicit PmcgCounters(const PmcgShape& shape);

    /// Counts the clock up to `cycle`; true if an overflow asks for an interrupt.
    [[nodiscard]] bool advance(u64 cycle);
    /// Counts an event that happens now; the same answer.
    [[nodiscard]] bool count(spec::MonitorEvent event, u32 stream);
    /// The cycle in which a counter of cycles overflows next, if nothing changes.
    std::optional<u64> next_overflow() const;
    /// A bit for each event that a running counter waits for; cycles are not among them.
    u64 listening() const { return listening_; }

    // Registers. Each setter takes effect at once.
    u64 value(u32 counter) const { return counters_[counter].value; }
    void set_value(u32 counter, u64 value) { counters_[counter].value = value & value_mask(); }
    u64 captured(u32 counter) const { return counters_[counter].captured; }
    u32 type(u32 counter) const { return static_cast<u32>(counters_[counter].type.raw()); }
    void set_type(u32 counter, u64 value);
    u32 stream(u32 counter) const { return counters_[counter].stream; }
    void set_stream(u32 counter, u64 value);
    bool running() const { return running_; }
    void set_running(bool running);
    u64 enabled() const { return enabled_; }
    void set_enabled(u64 counters);
    u64 interrupting() const { return interrupting_; }
    void set_interrupting(u64 counters) { interrupting_ = counters & counter_mask(); }
    u64 overflowed() const { return overflowed_; }
    void set_overflowed(u64 counters) { overflowed_ = counters & counter_mask(); }
    void capture();
    void reset();

    u64 overflows = 0;  ///< since the start
    u64 captures = 0;

private:
    struct Counter {
        u64 value = 0;
        u64 captured = 0;
        spec::PmcgEvtyper type;
        u32 stream = 0;
    };

    u64 value_mask() const { return sim::low_mask(shape_.counter_bits); }
    u64 counter_mask() const { return sim::low_mask(shape_.counters); }
    u32 stream_mask() const { return static_cast<u32>(sim::low_mask(shape_.stream_bits)); }
    bool matches(u32 counter, u32 stream) const;
    bool overflow(u64 counters);
    void choose();

    PmcgShape shape_;
    std::vector<Counter> counters_;
    std::array<u64, spec::monitor_events> counting_{};  ///< by event: the counters that count it now
    u64 listening_ = 0;
    u64 cycle_ = 0;  ///< up to which the clock has been counted
    bool running_ = false;
    u64 enabled_ = 0;
    u64 interrupting_ = 0;
    u64 overflowed_ = 0;
};

}  // namespace smmusim::smmu::arch
