// A TLB: translations by tags and address, in entries of any page, block or contiguous size.
#pragma once

#include <bit>

#include "sim/assoc_cache.hpp"
#include "smmu/arch/commands.hpp"

namespace smmusim::smmu::uarch {

/// A multiplicative mix that leaves consecutive pages in consecutive sets.
constexpr u64 tag_mix(u64 tags) { return tags * 0x9E37'79B9'7F4A'7C15ull >> 32; }

struct TlbKey {
    arch::Tags tags;  ///< the ASID of a global entry is 0
    bool global = false;
    u8 span = 12;  ///< log2 of the range
    u64 page = 0;  ///< input address >> span
    bool operator==(const TlbKey&) const = default;
    u64 hash() const {
        // Consecutive pages go to consecutive sets; other tags are spread.
        return page +
               tag_mix(u64{tags.asid} << 24 ^ u64{tags.vmid} << 8 ^ u64{span} << 2 ^ static_cast<u64>(tags.world));
    }
};

class Tlb {
public:
    explicit Tlb(const sim::CacheConfig& config) : cache_(config), present_(cache_.capacity() != 0) {}

    /// The translation of `address`, or null; `output` and `ipa` of the entry are those of the range's first byte.
    const arch::Translation* find(const arch::Tags& tags, u64 address) {
        return spans_ == 0 ? nullptr : find_any(tags, address);
    }

    /// The same without counting as a use.
    const arch::Translation* peek(const arch::Tags& tags, u64 address) const {
        for (u64 spans = spans_; spans != 0; spans &= spans - 1) {
            const unsigned span = static_cast<unsigned>(std::countr_zero(spans));
            if (const auto* found = cache_.peek(key(tags, false, address, span))) return found;
            if (!globals_ || !tags.stage1) continue;
            if (const auto* found = cache_.peek(key(tags, true, address, span))) return found;
        }
        return nullptr;
    }

    /// Keeps what a walk of `address` found.
    void insert(const arch::Tags& tags, u64 address, const arch::Translation& found) {
        if (present_) replace(tags, address, found);
    }

    void invalidate(const arch::TranslationScope& scope) {
        cache_.erase_if([&](const TlbKey& entry, const arch::Translation&) {
            return scope.covers(entry.tags, entry.global, entry.page << entry.span, entry.span);
        });
        if (cache_.size() == 0) spans_ = globals_ = 0;
    }
    void clear() {
        cache_.clear();
        spans_ = globals_ = 0;
    }
    u32 size() const { return cache_.size(); }

private:
    static TlbKey key(const arch::Tags& tags, bool global, u64 address, unsigned span) {
        return {global ? tags.without_asid() : tags.without_aset(), global, static_cast<u8>(span), address >> span};
    }
    [[gnu::noinline]] const arch::Translation* find_any(const arch::Tags& tags, u64 address) {
        for (u64 spans = spans_; spans != 0; spans &= spans - 1) {
            const unsigned span = static_cast<unsigned>(std::countr_zero(spans));
            if (const auto* found = cache_.find(key(tags, false, address, span))) return found;
            if (!globals_ || !tags.stage1) continue;
            if (const auto* found = cache_.find(key(tags, true, address, span))) return found;
        }
        return nullptr;
    }
    [[gnu::noinline]] void replace(const arch::Tags& tags, u64 address, const arch::Translation& found) {
        const bool global = tags.stage1 && found.global;
        spans_ |= u64{1} << found.span;
        globals_ |= global;
        arch::Translation& kept = cache_.claim(key(tags, global, address, found.span));
        kept = found;
        const u64 offset = sim::low_mask(found.span);
        kept.output &= ~offset;
        kept.ipa &= ~offset;
    }

    sim::AssocCache<TlbKey, arch::Translation> cache_;
    u64 spans_ = 0;  ///< bit n: an entry of 2^n bytes may be present
    bool globals_ = false;
    bool present_;
};

/// `translation` of a range, at one of its addresses.
inline arch::Translation at_address(arch::Translation translation, u64 address) {
    const u64 offset = address & sim::low_mask(translation.span);
    translation.output |= offset;
    translation.ipa |= offset;
    return translation;
}

}  // namespace smmusim::smmu::uarch
