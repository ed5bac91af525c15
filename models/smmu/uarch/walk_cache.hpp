// Caches of the TCU: structures by stream, table pointers and stage 2 leaves by tags and address.
#pragma once

#include "smmu/uarch/tlb.hpp"

namespace smmusim::smmu::uarch {

/// Key of a cached stream table entry (index 0) or context descriptor.
struct StructureKey {
    u32 stream = 0;
    u32 index = 0;
    bool operator==(const StructureKey&) const = default;
    u64 hash() const { return stream + tag_mix(index); }
};

/// Table descriptors of one stage: which table comes next for all addresses below a descriptor.
class WalkCache {
public:
    WalkCache(const sim::CacheConfig& config, bool stage1) : cache_(config), stage1_(stage1) {}

    bool present() const { return cache_.capacity() != 0; }
    bool empty() const { return cache_.size() == 0; }

    /// The deepest table known for the address.
    arch::TablePoint find(const arch::Tags& tags, u64 address) {
        for (u64 spans = spans_; spans != 0; spans &= spans - 1) {
            const unsigned span = static_cast<unsigned>(std::countr_zero(spans));
            if (const arch::TablePoint* found = cache_.find(key(tags, address, span))) return *found;
        }
        return {};
    }
    /// `span`: log2 of the range that the table covers.
    void insert(const arch::Tags& tags, u64 address, unsigned span, const arch::TablePoint& point) {
        if (!present()) return;
        spans_ |= u64{1} << span;
        cache_.insert(key(tags, address, span), point);
    }
    void invalidate(const arch::TranslationScope& scope) {
        // Leaf-only invalidations by address leave table entries alone (4.4.1).
        if (scope.match_address && scope.leaf_only) return;
        cache_.erase_if([&](const TlbKey& entry, const arch::TablePoint&) {
            return scope.covers(entry.tags, false, entry.page << entry.span, entry.span);
        });
    }
    void clear() {
        cache_.clear();
        spans_ = 0;
    }

private:
    TlbKey key(arch::Tags tags, u64 address, unsigned span) const {
        tags.aset = false;
        // Stage 2 tables belong to the VMID alone.
        if (!stage1_) {
            tags.stage1 = false;
            tags.asid = 0;
        }
        return {tags, false, static_cast<u8>(span), address >> span};
    }

    sim::AssocCache<TlbKey, arch::TablePoint> cache_;
    bool stage1_;
    u64 spans_ = 0;
};

/// Stage 2 translations of intermediate addresses.
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
    void insert(const arch::Tags& tags, u64 ipa, arch::Stage2Leaf leaf) {
        if (!present()) return;
        spans_ |= u64{1} << leaf.span;
        leaf.output &= ~sim::low_mask(leaf.span);
        cache_.insert(key(tags, ipa, leaf.span), leaf);
    }
    void forget(const arch::Tags& tags, u64 ipa) {
        const TlbKey any = key(tags, 0, 0);
        cache_.erase_if([&](const TlbKey& entry, const arch::Stage2Leaf&) {
            return entry.tags == any.tags && entry.page == ipa >> entry.span;
        });
    }
    void invalidate(const arch::TranslationScope& scope) {
        cache_.erase_if([&](const TlbKey& entry, const arch::Stage2Leaf&) {
            return scope.covers(entry.tags, false, entry.page << entry.span, entry.span);
        });
    }
    void clear() {
        cache_.clear();
        spans_ = 0;
    }

private:
    static TlbKey key(arch::Tags tags, u64 ipa, unsigned span) {
        tags.stage1 = false;
        tags.aset = false;
        tags.asid = 0;
        return {tags, false, static_cast<u8>(span), ipa >> span};
    }

    sim::AssocCache<TlbKey, arch::Stage2Leaf> cache_;
    u64 spans_ = 0;
};

}  // namespace smmusim::smmu::uarch
