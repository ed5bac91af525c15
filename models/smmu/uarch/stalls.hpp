// Stalled transactions: each waits under a tag that its event record carries (IHI 0070, 3.12.2).
#pragma once

#include <map>
#include <set>
#include <vector>

#include "smmu/uarch/pending.hpp"

namespace smmusim::smmu::uarch {

class StallTable {
public:
    static constexpr u16 no_tag = 0xFFFF;

    explicit StallTable(std::size_t capacity) : capacity_(capacity) {}

    /// A tag for the transaction, or none while all are in use: then it waits without a record.
    bool admit(Pending& pending) {
        if (by_tag_.size() >= capacity_) {
            unrecorded_.push_back(&pending);
            return false;
        }
        while (by_tag_.contains(next_)) next_ = after(next_);
        pending.tag = next_;
        pending.recorded_stall = false;
        by_tag_[next_] = &pending;
        next_ = after(next_);
        return true;
    }
    /// The stalled transaction of a tag, or null.
    Pending* find(u16 tag) const {
        const auto found = by_tag_.find(tag);
        return found != by_tag_.end() ? found->second : nullptr;
    }
    /// Its record could not be written: it keeps waiting, and is translated again when there is room.
    void withdraw(u16 tag) {
        Pending* const pending = find(tag);
        by_tag_.erase(tag);
        pending->tag = no_tag;
        unrecorded_.push_back(pending);
    }
    void remove(Pending& pending) {
        if (pending.tag != no_tag) by_tag_.erase(pending.tag);
        else std::erase(unrecorded_, &pending);
        pending.tag = no_tag;
    }
    /// Takes those that wait without a record.
    std::vector<Pending*> take_unrecorded() { return std::exchange(unrecorded_, {}); }
    /// All that are stalled, by their order of tags, then those without a record.
    std::vector<Pending*> all() const {
        std::vector<Pending*> result;
        for (const auto& [tag, pending] : by_tag_) result.push_back(pending);
        result.insert(result.end(), unrecorded_.begin(), unrecorded_.end());
        return result;
    }
    std::size_t size() const { return by_tag_.size() + unrecorded_.size(); }
    void reset() {
        by_tag_.clear();
        unrecorded_.clear();
        next_ = 0;
    }

private:
    u16 after(u16 tag) const { return tag + std::size_t{1} < capacity_ ? static_cast<u16>(tag + 1) : u16{0}; }

    std::size_t capacity_;
    std::map<u16, Pending*> by_tag_;
    std::vector<Pending*> unrecorded_;  ///< in order of arrival
    u16 next_ = 0;
};

}  // namespace smmusim::smmu::uarch
