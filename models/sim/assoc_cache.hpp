// A set-associative cache of anything by key: sets, ways, replacement policy; zero entries is a machine without it.
#pragma once

#include <algorithm>
#include <bit>
#include <optional>
#include <vector>

#include "sim/config.hpp"

namespace smmusim::sim {

enum class Replacement : u8 { Lru, PseudoLru, RoundRobin, Random };
inline constexpr std::array<Choice, 4> replacement_names{Choice{"lru", 0}, Choice{"plru", 1}, Choice{"round_robin", 2},
                                                         Choice{"random", 3}};

/// How a key chooses its set. Modulo spreads consecutive keys evenly over any number of sets, and piles up keys whose
/// distance is a multiple of it; Xor folds the upper bits over the lower ones first.
enum class Indexing : u8 { Modulo, Xor };
inline constexpr std::array<Choice, 2> indexing_names{Choice{"modulo", 0}, Choice{"xor", 1}};

/// Size of a cache.
struct CacheConfig {
    u32 entries = 64;
    u32 ways = 4;
    Replacement policy = Replacement::Lru;
    Indexing index = Indexing::Modulo;

    bool operator==(const CacheConfig&) const = default;

    void fields(ConfigVisitor& visit) {
        visit(entries,
              {"entries", "number of entries; 0: no such cache", Unit::Count, Origin::Choice, "", 0, 1u << 20});
        visit(ways, {"ways", "entries per set; 0 or at least `entries`: fully associative", Unit::Count, Origin::Choice,
                     "", 0, 1u << 20});
        visit(policy, {"policy", "which entry of a full set is replaced"}, replacement_names);
        visit(index, {"index", "how a key chooses its set: modulo spreads runs, xor also power-of-two strides"},
              indexing_names);
    }
};

/// `Key` needs `operator==` and `u64 hash() const` that spreads equal-stride keys evenly over its low bits.
/// Few entries per set are searched linearly; a larger fully associative cache keeps an index.
/// If `entries` is no multiple of `ways`, the sets differ by one way, so that the capacity is exactly `entries`.
template <class Key, class Value>
class AssocCache {
public:
    explicit AssocCache(const CacheConfig& config, u64 seed = 1)
        : policy_(config.policy), random_(seed | 1), entries_(config.entries), ring_(config.entries) {
        const u32 ways = config.ways == 0 ? config.entries : std::min(config.ways, config.entries);
        if (ways == 0) return;
        sets_.resize((config.entries + ways - 1) / ways);
        if (config.index == Indexing::Xor && sets_.size() > 1)
            fold_ = static_cast<unsigned>(std::bit_width(sets_.size() - 1));
        if (std::has_single_bit(sets_.size())) mask_ = sets_.size() - 1;
        for (u64 number = 0; number < sets_.size(); ++number) {
            Set& set = sets_[number];
            set.first = static_cast<u32>(number * config.entries / sets_.size());
            set.ways = static_cast<u32>((number + 1) * config.entries / sets_.size()) - set.first;
            indexed_ = indexed_ || set.ways > linear_limit;
            for (u32 way = 0; way < set.ways; ++way) {
                entries_[set.first + way].set = static_cast<u32>(number);
                // Oldest is the first way: an empty set fills from there.
                ring_[set.first + way] = {set.first + (way + 1) % set.ways,
                                          set.first + (way + set.ways - 1) % set.ways};
            }
            set.newest = set.first + set.ways - 1;
        }
        if (indexed_) {
            index_.resize(2 * std::bit_ceil(entries_.size()), none);
            index_shift_ = 64 - static_cast<unsigned>(std::countr_zero(index_.size()));
        }
    }

    AssocCache(AssocCache&&) = default;  // to its first place; what was moved from is not used again
    AssocCache& operator=(AssocCache&&) = delete;

    u32 capacity() const { return static_cast<u32>(entries_.size()); }

    /// The value of `key`, which counts as a use, or null.
    Value* find(const Key& key) {
        // Using the same entry once more changes nothing.
        if (latest_ != nullptr && latest_->key == key) return &latest_->value;
        Entry* const entry = lookup(key);
        if (entry == nullptr) return nullptr;
        touch(*entry);
        latest_ = entry;
        return &entry->value;
    }
    /// Counts as a use of what find() or peek() gave, if nothing was inserted or erased since.
    void use(const Value& value) {
        const auto distance =
            reinterpret_cast<const char*>(&value) - reinterpret_cast<const char*>(&entries_.front().value);
        latest_ = nullptr;
        touch(entries_[static_cast<std::size_t>(distance) / sizeof(Entry)]);
    }
    /// The same as find() without counting as a use.
    const Value* peek(const Key& key) const {
        const Entry* const entry = const_cast<AssocCache*>(this)->lookup(key);
        return entry == nullptr ? nullptr : &entry->value;
    }

    /// Replaces the value of `key`, or an invalid entry of its set, or the policy's victim.
    void insert(const Key& key, Value value) {
        if (!sets_.empty()) claim(key) = std::move(value);
    }
    /// The place for the value of `key`, which holds anything, of a cache that is not of size 0.
    Value& claim(const Key& key) {
        latest_ = nullptr;
        Entry* entry = lookup(key);
        if (entry == nullptr) {
            entry = &place_for(set_of(key));
            if (entry->valid) forget(*entry);
            entry->valid = true;
            entry->key = key;
            ++valid_;
            if (indexed_) {
                entry->chain = chain_of(key);
                u32& first = index_[entry->chain];
                entry->next = first;
                first = static_cast<u32>(entry - entries_.data());
            }
            make_newest(*entry);
        }
        touch(*entry);
        return entry->value;
    }

    /// Removes the entry of `key`; false if there is none.
    bool erase(const Key& key) {
        Entry* const entry = lookup(key);
        if (entry == nullptr) return false;
        remove(*entry);
        return true;
    }

    /// Removes every entry for which `predicate(key, value)` holds; returns how many.
    template <class Predicate>
    u32 erase_if(Predicate predicate) {
        if (valid_ == 0) return 0;
        const u32 before = valid_;
        // Backwards, so that what is erased from one set is filled again from the first way.
        for (std::size_t position = entries_.size(); position-- != 0;) {
            Entry& entry = entries_[position];
            if (entry.valid && predicate(entry.key, entry.value)) remove(entry);
        }
        return before - valid_;
    }
    void clear() {
        erase_if([](const Key&, const Value&) { return true; });
    }
    u32 size() const { return valid_; }

private:
    struct Fields {
        Key key{};
        Value value{};
        u32 set = 0;
        u32 next = 0;   ///< in its chain of the index
        u32 chain = 0;  ///< of an indexed one that is valid
        bool valid = false;
        bool recent = false;  ///< PseudoLru only
    };
    static constexpr std::size_t whole = std::bit_ceil(sizeof(Fields));
    /// Where little is lost by it, of a power of two bytes: an entry lies in one line of the host's cache.
    struct alignas(whole <= 64 && 4 * sizeof(Fields) >= 3 * whole ? whole : alignof(Fields)) Entry : Fields {};
    /// Neighbours of an entry in order of use; the newer of the newest is the oldest.
    struct Links {
        u32 newer = 0;
        u32 older = 0;
    };
    /// The invalid entries of a set are its oldest.
    struct Set {
        u32 first = 0;
        u32 ways = 0;
        u32 newest = 0;
        u32 next = 0;    ///< RoundRobin: the way replaced next; PseudoLru: no valid way before it lacks its mark
        u32 recent = 0;  ///< PseudoLru: how many entries are marked recent
    };
    static constexpr u32 linear_limit = 32;
    static constexpr u32 none = ~u32{0};

    Set& set_of(const Key& key) {
        u64 hash = key.hash();
        if (fold_ != 0)
            for (u64 rest = hash >> fold_; rest != 0; rest >>= fold_) hash ^= rest;
        return sets_[mask_ ? hash & *mask_ : hash % sets_.size()];
    }

    /// The upper bits of a product depend on all bits of the hash.
    u32 chain_of(const Key& key) const {
        return static_cast<u32>(key.hash() * 0x9E37'79B9'7F4A'7C15ull >> index_shift_);
    }

    Entry* lookup(const Key& key) {
        if (valid_ == 0) return nullptr;
        if (indexed_) {
            for (u32 position = index_[chain_of(key)]; position != none; position = entries_[position].next)
                if (entries_[position].key == key) return &entries_[position];
            return nullptr;
        }
        const Set& set = set_of(key);
        Entry* const first = &entries_[set.first];
        for (u32 way = 0; way < set.ways; ++way)
            if (first[way].valid && first[way].key == key) return &first[way];
        return nullptr;
    }

    void touch(Entry& entry) {
        if (policy_ == Replacement::Lru) make_newest(entry);
        if (policy_ == Replacement::PseudoLru) mark_recent(entry);
    }

    void make_newest(Entry& entry) {
        Set& set = sets_[entry.set];
        const u32 position = static_cast<u32>(&entry - entries_.data());
        if (position == set.newest) return;
        const u32 oldest = ring_[set.newest].newer;
        if (position != oldest) {
            Links& links = ring_[position];
            ring_[links.older].newer = links.newer;
            ring_[links.newer].older = links.older;
            links = {oldest, set.newest};
            ring_[set.newest].newer = position;
            ring_[oldest].older = position;
        }
        set.newest = position;
    }

    /// One bit per way: set by a use; when all are set, all but that of the last use are cleared.
    void mark_recent(Entry& entry) {
        Set& set = sets_[entry.set];
        if (entry.recent) return;
        if (++set.recent == set.ways) {
            for (u32 way = 0; way < set.ways; ++way) entries_[set.first + way].recent = false;
            set.recent = 1;
            set.next = 0;
        }
        entry.recent = true;
    }

    void remove(Entry& entry) {
        forget(entry);
        make_newest(entry);
        sets_[entry.set].newest = ring_[static_cast<std::size_t>(&entry - entries_.data())]
                                      .older;  // turns the ring: the entry is the oldest now
    }

    void forget(Entry& entry) {
        latest_ = nullptr;
        entry.valid = false;
        --valid_;
        if (indexed_) {
            u32* place = &index_[entry.chain];
            while (&entries_[*place] != &entry) place = &entries_[*place].next;
            *place = entry.next;
        }
        if (entry.recent) --sets_[entry.set].recent;
        entry.recent = false;
    }

    Entry& place_for(Set& set) {
        Entry& oldest = entries_[ring_[set.newest].newer];
        if (!oldest.valid || policy_ == Replacement::Lru || set.ways == 1) return oldest;
        Entry* const first = &entries_[set.first];
        if (policy_ == Replacement::RoundRobin) {
            Entry& victim = first[set.next];
            set.next = (set.next + 1) % set.ways;
            return victim;
        }
        if (policy_ == Replacement::Random) {
            random_ ^= random_ << 13;
            random_ ^= random_ >> 7;
            random_ ^= random_ << 17;
            return first[random_ % set.ways];
        }
        while (first[set.next].recent) ++set.next;  // ends: never are all of them marked
        return first[set.next];
    }

    Replacement policy_;
    bool indexed_ = false;
    unsigned fold_ = 0;        ///< Xor: width of the pieces that are folded over each other
    std::optional<u64> mask_;  ///< set if the number of sets is a power of two
    u64 random_;
    u32 valid_ = 0;
    Entry* latest_ = nullptr;  ///< what find() found last, if nothing was used, inserted or erased since
    std::vector<Entry> entries_;
    std::vector<Links> ring_;  ///< beside the entries, for those of a set to lie together
    std::vector<Set> sets_;
    std::vector<u32> index_;  ///< first entry of each chain
    unsigned index_shift_ = 0;
};

}  // namespace smmusim::sim
