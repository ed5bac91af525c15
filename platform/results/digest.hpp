// One number for everything exact that a run produced: equal input, equal digest, on any compiler.
#pragma once

#include <span>
#include <string>

#include "platform/results/event.hpp"
#include "platform/results/statistics_table.hpp"

namespace smmusim::platform::results {

/// A 64-bit hash (FNV-1a with a final mix) of bytes in a defined order; no host type shows in it.
class Digest {
public:
    void add(u64 value);
    void add(std::string_view text);
    u64 value() const;

private:
    void byte(u8 value);
    u64 state_ = 0xcbf29ce484222325;
};

/// Over all integer statistics (no mean, no percentile) by name, and all events in order.
u64 digest_of(const StatisticsTable& statistics, std::span<const Event> events);

/// Sixteen hexadecimal digits.
std::string digest_text(u64 digest);

}  // namespace smmusim::platform::results
