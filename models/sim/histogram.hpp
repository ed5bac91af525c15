// Distribution of a latency: exact count, sum, minimum and maximum; percentiles from log-linear buckets.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::sim {

/// 128 buckets per power of two: a percentile is at most 0.8 % above the true value, and never above the maximum.
class Histogram {
public:
    void add(u64 value) {
        const u32 index = bucket(value);
        if (index >= size_) [[unlikely]]
            grow(index);
        ++buckets_[index];
        ++count_;
        sum_ += value;
        if (value < minimum_) [[unlikely]]
            minimum_ = value;
        if (value > maximum_) [[unlikely]]
            maximum_ = value;
    }
    void reset() { *this = {}; }

    u64 count() const { return count_; }
    u64 sum() const { return sum_; }
    u64 minimum() const { return count_ == 0 ? 0 : minimum_; }
    u64 maximum() const { return maximum_; }
    double mean() const { return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_); }

    /// The smallest recorded bound that at least `numerator / denominator` of the values do not exceed.
    u64 percentile(u64 numerator, u64 denominator) const {
        if (count_ == 0) return 0;
        const u64 rank = std::max<u64>(1, (count_ * numerator + denominator - 1) / denominator);
        u64 seen = 0;
        for (u32 index = 0; index < buckets_.size(); ++index) {
            seen += buckets_[index];
            if (seen >= rank) return std::min(upper_bound(index), maximum_);
        }
        return maximum_;
    }

private:
    static constexpr unsigned precision = 7;

    [[gnu::noinline]] void grow(u32 index) {
        buckets_.resize(index + 1);
        size_ = index + 1;
    }

    static u32 bucket(u64 value) {
        if (value < (u64{2} << precision)) return static_cast<u32>(value);
        const unsigned exponent = static_cast<unsigned>(std::bit_width(value)) - 1 - precision;
        return static_cast<u32>((u64{exponent} << precision) + (value >> exponent));
    }
    static u64 upper_bound(u32 index) {
        if (index < (2u << precision)) return index;
        const unsigned exponent = (index >> precision) - 1;
        const u64 mantissa = (u64{1} << precision) + (index & ((1u << precision) - 1));
        return ((mantissa + 1) << exponent) - 1;
    }

    std::vector<u64> buckets_;
    u32 size_ = 0;  ///< of the buckets
    u64 count_ = 0;
    u64 sum_ = 0;
    u64 minimum_ = ~u64{0};
    u64 maximum_ = 0;
};

}  // namespace smmusim::sim
