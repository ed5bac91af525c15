// The time of transfers at a rate that is no whole number of picoseconds for a byte.
#pragma once

#include <array>

#include "sim/types.hpp"

namespace smmusim::sim {

/// The part of a picosecond that a transfer leaves over is carried to the next, so that a long burst takes exactly its
/// bytes.
class ExactRate {
public:
    /// Picoseconds for a byte, as a fraction.
    ExactRate(u64 numerator, u64 denominator) : numerator_(numerator), denominator_(denominator) {}

    /// What `bytes` more take.
    Time take(u64 bytes) {
        // Sizes come again and again, several of them in turn: few divisions are made.
        Division& known = divisions_[bytes / 4 % divisions_.size()];
        if (known.bytes != bytes) [[unlikely]]
            divide(known, bytes);
        carried_ += known.remainder;
        const bool whole = carried_ >= denominator_;
        carried_ -= whole ? denominator_ : 0;
        return known.quotient + whole;
    }
    /// After a pause nothing is carried.
    void restart() { carried_ = 0; }

private:
    struct Division {
        u64 bytes = 0;
        Time quotient = 0;
        u64 remainder = 0;
    };
    [[gnu::noinline, gnu::cold]] void divide(Division& division, u64 bytes) const {
        const u128 total = static_cast<u128>(bytes) * numerator_;
        division = {bytes, static_cast<Time>(total / denominator_), static_cast<u64>(total % denominator_)};
    }

    u64 numerator_;
    u64 denominator_;
    u64 carried_ = 0;
    std::array<Division, 32> divisions_{};
};

}  // namespace smmusim::sim
