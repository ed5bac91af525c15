// Caches of the TCU: structures by stream, descriptors of a stage by tags and address, stage 2 leaves by IPA.
#pragma once

#include <array>
#include <optional>
#include <variant>

#include "sim/statistics.hpp"
#include "smmu/arch/environment.hpp"
#include "smmu/uarch/tlb.hpp"

namespace smmusim::smmu::uarch {

/// Key of a cached stream table entry (index 0) or context descriptor.
struct StructureKey {
    u32 stream = 0;
    u32 index = 0;
    bool operator==(const StructureKey&) const = default;
    u64 hash() const { return stream + tag_mix(index); }
};

/// Stage 2 entries belong to the VMID alone.
inline arch::Tags stage2_tags(arch::Tags tags) {
    tags.stage1 = false;
    tags.aset = false;
    tags.asid = 0;
    return tags;
}

/// Of stage 1 a leaf is a whole translation: nested entries lead to the physical address.
inline u64 at_range(u64 output, unsigned span) { return output & ~sim::low_mask(span); }
inline arch::Translation first_of(arch::Translation leaf) {
    leaf.output = at_range(leaf.output, leaf.span);
    leaf.ipa = at_range(leaf.ipa, leaf.span);
    return leaf;
}
inline arch::Stage2Leaf first_of(arch::Stage2Leaf leaf) {
    leaf.output = at_range(leaf.output, leaf.span);
    return leaf;
}
inline arch::Stage2Leaf at_address(arch::Stage2Leaf leaf, u64 address) {
    leaf.output |= address & sim::low_mask(leaf.span);
    return leaf;
}

/// Descriptors of one level of one stage: tables, and leaves if they are kept.
template <class Leaf>
class LevelCache {
public:
    using Entry = std::variant<arch::TablePoint, Leaf>;

    explicit LevelCache(const sim::CacheConfig& config) : cache_(config) {}
    bool present() const { return cache_.capacity() != 0; }
    bool empty() const { return cache_.size() == 0; }

    const Entry* find(const arch::Tags& tags, u64 address) {
        for (u64 spans = spans_; spans != 0; spans &= spans - 1) {
            const unsigned span = static_cast<unsigned>(std::countr_zero(spans));
            if (const Entry* const found = cache_.find({tags, false, address, span})) return found;
            if (!globals_ || !tags.stage1) continue;
            if (const Entry* const found = cache_.find({tags, true, address, span})) return found;
        }
        return nullptr;
    }
    void insert(const arch::Tags& tags, bool global, u64 address, unsigned span, Entry entry) {
        if (!present()) return;
        spans_ |= u64{1} << span;
        globals_ |= global;
        cache_.insert({tags, global, address, span}, std::move(entry));
    }
    void invalidate(const arch::TranslationScope& scope) {
        // Leaf-only invalidations by address leave table entries alone (4.4.1).
        const bool leaves_only = scope.match_address && scope.leaf_only;
        cache_.erase_if([&](const TlbKey& key, const Entry& entry) {
            const Leaf* const leaf = std::get_if<Leaf>(&entry);
            if (leaves_only && leaf == nullptr) return false;
            return scope.covers(key.tags(), key.global(), key.first(), leaf != nullptr ? leaf->reach() : key.span());
        });
        if (cache_.size() == 0) spans_ = globals_ = 0;
    }
    /// Removes leaves that translate `address`.
    void forget_leaf(const arch::Tags& tags, u64 address) {
        cache_.erase_if([&](const TlbKey& key, const Entry& entry) {
            return std::holds_alternative<Leaf>(entry) && key.tags() == tags && key.covers(address);
        });
    }
    void clear() {
        cache_.clear();
        spans_ = globals_ = 0;
    }

private:
    sim::AssocCache<TlbKey, Entry> cache_;
    u64 spans_ = 0;  ///< bit n: an entry of 2^n bytes may be present
    bool globals_ = false;
};

/// The walk caches of one stage, one for each level of descriptors.
template <class Leaf>
class WalkCache {
public:
    static constexpr unsigned levels = 4;
    using Entry = typename LevelCache<Leaf>::Entry;
    /// The deepest descriptor that is known: a leaf or a table.
    struct Found : sim::Pooled {
        int level = -1;  ///< -1: none
        std::optional<Leaf> leaf;
        arch::TablePoint table;
        bool known() const { return level >= 0; }
    };

    WalkCache(const std::array<sim::CacheConfig, levels>& sizes, bool leaves) : leaves_(leaves) {
        for (const sim::CacheConfig& size : sizes) levels_.emplace_back(size);
        present_ = std::any_of(levels_.begin(), levels_.end(), [](const auto& level) { return level.present(); });
    }

    bool present() const { return present_; }
    bool empty() const {
        return std::all_of(levels_.begin(), levels_.end(), [](const auto& level) { return level.empty(); });
    }
    bool keeps_leaves() const { return leaves_; }

    bool present(unsigned level) const { return levels_[level].present(); }
    void look_up(unsigned level, const arch::Tags& tags, u64 address, Found& found) {
        const Entry* const entry = levels_[level].find(tags, address);
        if (entry == nullptr) return;
        found.level = static_cast<int>(level);
        if (const Leaf* const leaf = std::get_if<Leaf>(entry)) found.leaf = *leaf;
        else found.table = std::get<arch::TablePoint>(*entry);
    }
    /// For statistics: a search has ended.
    void count(const Found& found) { ++(found.known() ? hits_[static_cast<unsigned>(found.level)] : misses_); }
    /// The deepest table that is known, whatever leaves are: for a walk that a leaf cannot answer. Not counted.
    arch::TablePoint table(const arch::Tags& tags, u64 address) {
        for (unsigned level = levels; level-- != 0;)
            if (const Entry* const entry = levels_[level].find(tags, address))
                if (const auto* const table = std::get_if<arch::TablePoint>(entry)) return *table;
        return {};
    }
    /// `span`: log2 of the range that the table covers.
    void insert(const arch::Tags& tags, u64 address, unsigned span, const arch::TablePoint& point) {
        level_of(point.level - 1).insert(tags, false, address, span, point);
    }
    void insert(const arch::Tags& tags, bool global, u64 address, int level, const Leaf& leaf) {
        if (leaves_) level_of(level).insert(tags, global, address, leaf.span, first_of(leaf));
    }
    void forget_leaf(const arch::Tags& tags, u64 address) {
        for (LevelCache<Leaf>& level : levels_) level.forget_leaf(tags, address);
    }
    void invalidate(const arch::TranslationScope& scope) {
        for (LevelCache<Leaf>& level : levels_) level.invalidate(scope);
    }
    void clear() {
        for (LevelCache<Leaf>& level : levels_) level.clear();
    }

    void statistics(sim::StatisticsVisitor& visit) {
        static constexpr std::array names{"l0.hits", "l1.hits", "l2.hits", "l3.hits"};
        for (unsigned level = 0; level < levels; ++level)
            visit.counter(names[level], hits_[level], "1", "searches whose deepest known descriptor was of this level");
        visit.counter("misses", misses_, "1", "searches that found no descriptor of any level");
    }

private:
    /// The level before 0, of 52-bit addresses, shares the cache of level 0.
    LevelCache<Leaf>& level_of(int level) { return levels_[static_cast<std::size_t>(std::max(level, 0))]; }

    std::vector<LevelCache<Leaf>> levels_;
    bool present_;
    bool leaves_;
    std::array<u64, levels> hits_{};
    u64 misses_ = 0;
};

using Stage1WalkCache = WalkCache<arch::Translation>;
using Stage2WalkCache = WalkCache<arch::Stage2Leaf>;

/// Stage 2 translations of intermediate addresses, of any size and level in one cache.
class IpaCache {
public:
    explicit IpaCache(const sim::CacheConfig& config) : cache_(config) {}

    bool present() const { return cache_.capacity() != 0; }
    bool empty() const { return cache_.size() == 0; }
    const arch::Stage2Leaf* find(const arch::Tags& tags, u64 ipa) {
        for (u64 spans = spans_; spans != 0; spans &= spans - 1) {
            const unsigned span = static_cast<unsigned>(std::countr_zero(spans));
            if (const arch::Stage2Leaf* found = cache_.find(key(tags, ipa, span))) return found;
        }
        return nullptr;
    }
    void insert(const arch::Tags& tags, u64 ipa, const arch::Stage2Leaf& leaf) {
        if (!present()) return;
        spans_ |= u64{1} << leaf.span;
        cache_.insert(key(tags, ipa, leaf.span), first_of(leaf));
    }
    void forget(const arch::Tags& tags, u64 ipa) {
        const arch::Tags wanted = stage2_tags(tags);
        cache_.erase_if(
            [&](const TlbKey& entry, const arch::Stage2Leaf&) { return entry.tags() == wanted && entry.covers(ipa); });
    }
    void invalidate(const arch::TranslationScope& scope) {
        cache_.erase_if([&](const TlbKey& entry, const arch::Stage2Leaf&) {
            return scope.covers(entry.tags(), false, entry.first(), entry.span());
        });
    }
    void clear() {
        cache_.clear();
        spans_ = 0;
    }

private:
    static TlbKey key(const arch::Tags& tags, u64 ipa, unsigned span) { return {stage2_tags(tags), false, ipa, span}; }

    sim::AssocCache<TlbKey, arch::Stage2Leaf> cache_;
    u64 spans_ = 0;
};

}  // namespace smmusim::smmu::uarch
