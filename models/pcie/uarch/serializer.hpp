// The wire of one direction of a link: one byte after another, in exact time.
#pragma once

#include "pcie/spec/link_rate.hpp"

namespace smmusim::pcie::uarch {

/// Back-to-back packets share picoseconds: the fraction that a packet leaves over is carried to the next, so that a
/// long burst takes exactly its bytes.
class Serializer {
public:
    struct Interval {
        Time start;  ///< first byte
        Time end;    ///< last byte
    };

    Serializer() = default;
    explicit Serializer(spec::ByteTime byte_time) : byte_time_(byte_time) {}

    /// Takes effect with the next packet.
    void set_byte_time(spec::ByteTime byte_time) {
        byte_time_ = byte_time;
        fraction_ = 0;
        divided_ = 0;
    }

    Interval transmit(Time earliest, u64 bytes) {
        if (earliest > free_at_) {
            free_at_ = earliest;
            fraction_ = 0;
        }
        const Time start = free_at_;
        if (bytes != divided_) [[unlikely]] {  // most packets of a direction are of the size of the one before
            divided_ = bytes;
            const u128 total = static_cast<u128>(bytes) * byte_time_.numerator;
            quotient_ = static_cast<Time>(total / byte_time_.denominator);
            remainder_ = static_cast<u64>(total % byte_time_.denominator);
        }
        free_at_ += quotient_;
        fraction_ += remainder_;
        if (fraction_ >= byte_time_.denominator) {
            fraction_ -= byte_time_.denominator;
            ++free_at_;
        }
        busy_ += free_at_ - start;
        return {start, free_at_};
    }
    Time free_at() const { return free_at_; }
    u64& busy() { return busy_; }
    void reset() {
        free_at_ = 0;
        fraction_ = 0;
    }

private:
    spec::ByteTime byte_time_{1, 1};
    Time free_at_ = 0;
    u64 fraction_ = 0;
    u64 divided_ = 0;  ///< size of which the division is known
    Time quotient_ = 0;
    u64 remainder_ = 0;
    u64 busy_ = 0;
};

}  // namespace smmusim::pcie::uarch
