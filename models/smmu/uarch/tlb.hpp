// A TLB: translations by tags and address, in entries of any page, block or contiguous size.
#pragma once

#include <bit>
#include <cassert>

#include "sim/assoc_cache.hpp"
#include "smmu/arch/commands.hpp"

namespace smmusim::smmu::uarch {

/// A multiplicative mix that leaves consecutive pages in consecutive sets.
constexpr u64 tag_mix(u64 tags) { return tags * 0x9E37'79B9'7F4A'7C15ull >> 32; }

/// A range of addresses of a set of translations.
class TlbKey {
public:
    TlbKey() = default;
    TlbKey(const arch::Tags& tags, bool global, u64 address, unsigned span)
        : tags_(global ? tags.without_asid() : tags.without_aset()),
          range_(address >> span << 8 | u64{span} << 1 | u64{global}) {
        assert(span >= 8 && span < 64);
    }

    /// The ASID of a global entry is 0.
    const arch::Tags& tags() const { return tags_; }
    bool global() const { return (range_ & 1) != 0; }
    /// log2 of the range, at least 12
    unsigned span() const { return range_ >> 1 & 0x7F; }
    u64 first() const { return page() << span(); }
    bool covers(u64 address) const { return page() == address >> span(); }

    bool operator==(const TlbKey&) const = default;
    u64 hash() const {
        // Consecutive pages go to consecutive sets; other tags are spread.
        return page() +
               tag_mix(u64{tags_.asid} << 24 ^ u64{tags_.vmid} << 8 ^ u64{span()} << 2 ^ static_cast<u64>(tags_.world));
    }

private:
    u64 page() const { return range_ >> 8; }

    arch::Tags tags_;
    u64 range_ = 0;  ///< page, span and global, to be compared at once
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
        return any(tags, address, [this](const TlbKey& key) { return cache_.peek(key); });
    }

    /// Keeps what a walk of `address` found.
    void insert(const arch::Tags& tags, u64 address, const arch::Translation& found) {
        if (present_) replace(tags, address, found);
    }

    void invalidate(const arch::TranslationScope& scope) {
        cache_.erase_if([&](const TlbKey& entry, const arch::Translation& kept) {
            return scope.covers(entry.tags(), entry.global(), entry.first(), kept.reach());
        });
        if (cache_.size() == 0) spans_ = globals_ = 0;
    }
    void clear() {
        cache_.clear();
        spans_ = globals_ = 0;
    }
    u32 size() const { return cache_.size(); }
    bool present() const { return present_; }

private:
    [[gnu::noinline]] const arch::Translation* find_any(const arch::Tags& tags, u64 address) {
        return any(tags, address, [this](const TlbKey& key) { return cache_.find(key); });
    }
    /// What `look(key)` finds first, of all keys that an entry for the address may have.
    template <class Look>
    const arch::Translation* any(const arch::Tags& tags, u64 address, Look look) const {
        for (u64 spans = spans_; spans != 0; spans &= spans - 1) {
            const unsigned span = static_cast<unsigned>(std::countr_zero(spans));
            if (const arch::Translation* found = look({tags, false, address, span})) return found;
            if (!globals_ || !tags.stage1) continue;
            if (const arch::Translation* found = look({tags, true, address, span})) return found;
        }
        return nullptr;
    }
    [[gnu::noinline]] void replace(const arch::Tags& tags, u64 address, const arch::Translation& found) {
        const bool global = tags.stage1 && found.global;
        spans_ |= u64{1} << found.span;
        globals_ |= global;
        arch::Translation& kept = cache_.claim({tags, global, address, found.span});
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
