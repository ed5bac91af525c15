// A set-associative cache of anything by key: sets, ways, replacement policy; zero entries is a machine without it.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "sim/config.hpp"

namespace smmusim::sim {

enum class Replacement : u8 { Lru, PseudoLru, RoundRobin, Random };
inline constexpr std::array<Choice, 4> replacement_names{
    Choice{"lru", 0}, Choice{"plru", 1}, Choice{"round_robin", 2}, Choice{"random", 3}};

/// Size of a cache.
struct CacheConfig {
    u32 entries = 64;
    u32 ways = 4;
    Replacement policy = Replacement::Lru;

    void fields(ConfigVisitor& visit) {
        visit(entries, {"entries", "number of entries; 0: no such cache", Unit::Count, Origin::Choice, "", 0, 1u << 20});
        visit(ways, {"ways", "entries per set; 0 or at least `entries`: fully associative", Unit::Count, Origin::Choice, "",
                     0, 1u << 20});
        visit(policy, {"policy", "which entry of a full set is replaced"}, replacement_names);
    }
};

/// `Key` needs `operator==` and `u64 hash() const` that spreads equal-stride keys evenly over its low bits.
/// Few entries per set are searched linearly; a larger fully associative cache keeps an index.
template <class Key, class Value>
class AssocCache {
public:
    explicit AssocCache(const CacheConfig& config, u64 seed = 1)
        : ways_(config.ways == 0 || config.ways > config.entries ? config.entries : config.ways),
          sets_(ways_ == 0 ? 0 : config.entries / ways_),
          policy_(config.policy),
          indexed_(ways_ > linear_limit),
          random_(seed | 1),
          entries_(static_cast<std::size_t>(sets_) * ways_),
          next_way_(sets_) {}

    u32 capacity() const { return sets_ * ways_; }

    /// The value of `key`, which counts as a use, or null.
    Value* find(const Key& key) {
        Entry* const entry = lookup(key);
        if (entry == nullptr) return nullptr;
        touch(*entry);
        return &entry->value;
    }
    /// The same without counting as a use.
    const Value* peek(const Key& key) const {
        const Entry* const entry = const_cast<AssocCache*>(this)->lookup(key);
        return entry == nullptr ? nullptr : &entry->value;
    }

    /// Replaces the value of `key`, or an invalid entry of its set, or the policy's victim.
    void insert(const Key& key, Value value) {
        if (sets_ == 0) return;
        Entry* entry = lookup(key);
        if (entry == nullptr) entry = &victim(set_of(key));
        if (entry->valid && indexed_ && !(entry->key == key)) index_.erase(entry->key);
        if (!entry->valid) ++valid_;
        entry->valid = true;
        entry->key = key;
        entry->value = std::move(value);
        if (indexed_) index_[key] = static_cast<u32>(entry - entries_.data());
        touch(*entry);
    }

    /// Removes every entry for which `predicate(key, value)` holds; returns how many.
    template <class Predicate>
    u32 erase_if(Predicate predicate) {
        if (valid_ == 0) return 0;
        u32 erased = 0;
        for (Entry& entry : entries_) {
            if (!entry.valid || !predicate(entry.key, entry.value)) continue;
            entry.valid = false;
            if (indexed_) index_.erase(entry.key);
            --valid_;
            ++erased;
        }
        return erased;
    }
    void clear() {
        erase_if([](const Key&, const Value&) { return true; });
    }
    u32 size() const { return valid_; }

private:
    struct Entry {
        Key key{};
        Value value{};
        u64 used = 0;
        bool valid = false;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const { return key.hash(); }
    };
    static constexpr u32 linear_limit = 32;

    u32 set_of(const Key& key) const { return sets_ <= 1 ? 0 : static_cast<u32>(key.hash() % sets_); }

    Entry* lookup(const Key& key) {
        if (valid_ == 0) return nullptr;
        if (indexed_) {
            const auto found = index_.find(key);
            return found == index_.end() ? nullptr : &entries_[found->second];
        }
        Entry* const set = &entries_[static_cast<std::size_t>(set_of(key)) * ways_];
        for (u32 way = 0; way < ways_; ++way)
            if (set[way].valid && set[way].key == key) return &set[way];
        return nullptr;
    }

    void touch(Entry& entry) {
        entry.used = ++clock_;
        if (policy_ != Replacement::PseudoLru) return;
        // One bit per way; when all are set, all but the newest are cleared.
        const u32 position = static_cast<u32>(&entry - entries_.data());
        const u32 first = position - position % ways_;
        for (u32 way = 0; way < ways_; ++way)
            if (entries_[first + way].valid && entries_[first + way].used <= mark_of(first)) return;
        mark_[first / ways_] = clock_ - 1;
    }
    u64 mark_of(u32 first) {
        if (mark_.empty()) mark_.resize(sets_);
        return mark_[first / ways_];
    }

    Entry& victim(u32 set) {
        Entry* const first = &entries_[static_cast<std::size_t>(set) * ways_];
        if (valid_ < capacity())
            for (u32 way = 0; way < ways_; ++way)
                if (!first[way].valid) return first[way];
        switch (policy_) {
            case Replacement::RoundRobin: return first[next_way_[set]++ % ways_];
            case Replacement::Random:
                random_ ^= random_ << 13;
                random_ ^= random_ >> 7;
                random_ ^= random_ << 17;
                return first[random_ % ways_];
            case Replacement::PseudoLru: {
                const u64 mark = mark_of(set * ways_);
                for (u32 way = 0; way < ways_; ++way)
                    if (first[way].used <= mark) return first[way];
                return first[0];
            }
            case Replacement::Lru: break;
        }
        return *std::min_element(first, first + ways_, [](const Entry& a, const Entry& b) { return a.used < b.used; });
    }

    u32 ways_;
    u32 sets_;
    Replacement policy_;
    bool indexed_;
    u64 random_;
    u64 clock_ = 0;
    u32 valid_ = 0;
    std::vector<Entry> entries_;
    std::vector<u32> next_way_;
    std::vector<u64> mark_;
    std::unordered_map<Key, u32, Hash> index_;
};

}  // namespace smmusim::sim
