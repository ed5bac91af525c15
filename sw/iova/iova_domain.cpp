#include "sw/iova/iova_domain.hpp"

#include <bit>
#include <cassert>

namespace smmusim::sw::iova {

IovaDomain::IovaDomain(unsigned order, u64 start, std::optional<u64> limit_32bit)
    : order_(order), start_(start), limit_32bit_(limit_32bit.value_or(order < 32 ? u64{1} << (32 - order) : 1)) {
    anchor_ = ranges_.emplace(~u64{0}, Range{~u64{0}, true}).first;
    cursor_ = cursor_32bit_ = anchor_;
    smallest_failed_ = ~u64{0};
}

/// The first gap met walking down from `from`, entirely below `high` and at or above `low`.
std::optional<u64> IovaDomain::search(Ranges::iterator from, u64 frames, u64 mask, u64 high, u64 low) const {
    for (auto above = from;; --above) {
        high = std::min(high, above->first);
        if (high < frames) return std::nullopt;
        const u64 first = (high - frames) & mask;
        if (first < low) return std::nullopt;
        if (above == ranges_.begin() || first > std::prev(above)->second.high) return first;
    }
}

std::optional<u64> IovaDomain::allocate(u64 frames, u64 limit, bool size_aligned) {
    assert(frames != 0 && limit != ~u64{0});
    const bool below_4g = limit < limit_32bit_;
    if (below_4g && frames >= smallest_failed_) return std::nullopt;
    const u64 mask = size_aligned ? ~(std::bit_ceil(frames) - 1) : ~u64{0};
    const auto from = cursor(limit);
    // Frames above the cursor were passed over by earlier searches; they are tried once more before giving up.
    const u64 retry_above = from == anchor_ ? ~u64{0} : from->second.high + 1;
    std::optional<u64> first = search(from, frames, mask, limit + 1, start_);
    if (!first && retry_above <= limit)
        first = search(ranges_.upper_bound(limit), frames, mask, limit + 1, std::max(retry_above, start_));
    if (!first) {
        if (below_4g) smallest_failed_ = frames;
        return std::nullopt;
    }
    const auto range = ranges_.emplace(*first, Range{*first + frames - 1, false}).first;
    (range->second.high < limit_32bit_ ? cursor_32bit_ : cursor_) = range;
    allocated_ += frames;
    return first;
}

void IovaDomain::free(u64 first) {
    const auto range = ranges_.find(first);
    if (range == ranges_.end() || range->second.reserved) return;
    if (first < limit_32bit_) {
        smallest_failed_ = ~u64{0};
        if (first >= cursor_32bit_->first) cursor_32bit_ = std::next(range);
    }
    if (cursor_32bit_ == range) cursor_32bit_ = std::next(range);  // it may have moved above 4 GiB
    if (first >= cursor_->first) cursor_ = std::next(range);
    allocated_ -= range->second.high - first + 1;
    ranges_.erase(range);
}

void IovaDomain::reserve(u64 low, u64 high) {
    assert(low <= high && high != ~u64{0});
    auto range = ranges_.upper_bound(low);
    if (range != ranges_.begin() && std::prev(range)->second.high >= low) --range;
    while (range != anchor_ && range->first <= high) {
        low = std::min(low, range->first);
        high = std::max(high, range->second.high);
        if (!range->second.reserved) allocated_ -= range->second.high - range->first + 1;
        if (cursor_ == range) cursor_ = anchor_;
        if (cursor_32bit_ == range) cursor_32bit_ = anchor_;
        range = ranges_.erase(range);
    }
    ranges_.emplace(low, Range{high, true});
}

bool IovaDomain::contains(u64 frame) const {
    const auto above = ranges_.upper_bound(frame);
    return above != ranges_.begin() && std::prev(above)->second.high >= frame;
}

}  // namespace smmusim::sw::iova
