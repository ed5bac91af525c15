// The wire of one direction of a link: one byte after another, in exact time.
#pragma once

#include "pcie/spec/link_rate.hpp"
#include "sim/exact_rate.hpp"

namespace smmusim::pcie::uarch {

/// Back-to-back packets share picoseconds; a packet after a pause begins with a whole one.
class Serializer {
public:
    struct Interval {
        Time start;  ///< first byte
        Time end;    ///< last byte
    };

    explicit Serializer(spec::ByteTime byte_time) : rate_(byte_time.numerator, byte_time.denominator) {}

    /// Takes effect with the next packet.
    void set_byte_time(spec::ByteTime byte_time) { rate_ = sim::ExactRate(byte_time.numerator, byte_time.denominator); }

    Interval transmit(Time earliest, u64 bytes) {
        if (earliest > free_at_) {
            free_at_ = earliest;
            rate_.restart();
        }
        const Time start = free_at_;
        free_at_ += rate_.take(bytes);
        busy_ += free_at_ - start;
        return {start, free_at_};
    }
    Time free_at() const { return free_at_; }
    u64& busy() { return busy_; }
    void reset() {
        free_at_ = 0;
        rate_.restart();
    }

private:
    Time free_at_ = 0;
    u64 busy_ = 0;
    sim::ExactRate rate_;
};

}  // namespace smmusim::pcie::uarch
