// Address translation services between a requester and whoever translates for it (PCI Express Base, chapter 10).
#pragma once

#include <bit>

#include "sim/attributes.hpp"
#include "sim/bits.hpp"

namespace smmusim::sim {

/// One entry of a translation completion: eight bytes of the data of a read with AT = translation request.
struct TranslationEntry : Record<1> {
    static constexpr Bit Readable{0};
    static constexpr Bit Writable{1};
    static constexpr Bit UntranslatedOnly{2};
    static constexpr Bit Executable{3};
    static constexpr Bit Privileged{4};
    static constexpr Bit Global{5};
    static constexpr Bit NonSnooped{10};
    static constexpr Bit Size{11};
    static constexpr Addr<63, 12> Address{};

    /// Address and size of a naturally aligned range of 2^span bytes: with S = 1, the ones from bit 12 upwards tell it.
    void set_range(u64 address, unsigned span) {
        const u64 start = address & ~low_mask(span);
        set(Address, span > 12 ? start | (low_mask(span - 1) & ~low_mask(12)) : start);
        set(Size, span > 12);
    }
    unsigned span() const {
        if (!(*this)[Size]) return 12;
        return 13 + static_cast<unsigned>(std::countr_one((*this)[Address] >> 12));
    }
    u64 start() const { return (*this)[Address] & ~low_mask(span()); }
};

/// A request to drop translations from a requester's cache.
struct AtcInvalidation {
    u32 stream_id = no_id;
    u32 substream_id = no_id;  ///< none: of every PASID
    bool global = false;       ///< ignore the PASID
    u64 address = 0;
    unsigned span = 12;  ///< log2 of the bytes; 64: everything
};

/// A requester asks for pages to be made present.
struct PageRequest {
    u32 stream_id = no_id;
    u32 substream_id = no_id;
    u64 address = 0;  ///< of a 4 KiB page
    bool read = false;
    bool write = false;
    bool execute = false;
    bool privileged = false;
    bool last = false;  ///< of its group
    u16 group = 0;

    /// No more requests of this PASID follow; never answered.
    bool stop_marker() const { return last && !read && !write && substream_id != no_id; }
};

/// The answer to a page request group.
struct PageResponse {
    enum class Code : u8 { Success = 0b0000, InvalidRequest = 0b0001, Failure = 0b1111 };
    u32 stream_id = no_id;
    u32 substream_id = no_id;  ///< none: the response carries no PASID
    u16 group = 0;
    Code code = Code::Success;
};

/// Called by a requester when it holds nothing any more that an invalidation named.
class AtcCompletion {
public:
    virtual void atc_invalidated(u64 ticket) = 0;

protected:
    ~AtcCompletion() = default;
};

/// The requesters behind a translation agent, by their StreamIDs.
class AtsRequesters {
public:
    /// Answered by completion.atc_invalidated(ticket), at once or later; an unknown stream answers at once.
    virtual void invalidate(const AtcInvalidation& invalidation, AtcCompletion& completion, u64 ticket) = 0;
    virtual void respond(const PageResponse& response) = 0;

protected:
    ~AtsRequesters() = default;
};

}  // namespace smmusim::sim
