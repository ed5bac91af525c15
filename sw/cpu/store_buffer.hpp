// Stores that a CPU has executed and that no other observer sees yet.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstring>
#include <span>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::sw::cpu {

class StoreBuffer {
public:
    /// Bytes of one aligned doubleword.
    struct Word {
        u64 address;
        u64 data;
        u8 mask;  ///< bit n: byte n is written
    };

    /// `address` is aligned to `size`; a later store to a doubleword joins the earlier one.
    void store(u64 address, u32 size, u64 value) {
        assert(size != 0 && size <= 8 && address % size == 0);
        const u64 base = address & ~u64{7};
        auto word = std::find_if(words_.begin(), words_.end(), [&](const Word& held) { return held.address == base; });
        if (word == words_.end()) word = words_.insert(words_.end(), Word{base, 0, 0});
        const unsigned offset = static_cast<unsigned>(address - base);
        std::memcpy(reinterpret_cast<u8*>(&word->data) + offset, &value, size);
        word->mask |= static_cast<u8>(((1u << size) - 1) << offset);
    }

    bool holds(u64 address) const {
        return std::any_of(words_.begin(), words_.end(),
                           [&](const Word& held) { return held.address == (address & ~u64{7}); });
    }

    /// Overlays what is buffered on `bytes`, which stand at `address`; returns how many bytes came from here.
    u64 forward(u64 address, std::span<u8> bytes) const {
        u64 forwarded = 0;
        for (const Word& word : words_)
            for (unsigned byte = 0; byte < 8; ++byte) {
                const u64 at = word.address + byte;
                if ((word.mask >> byte & 1) == 0 || at < address || at - address >= bytes.size()) continue;
                bytes[at - address] = reinterpret_cast<const u8*>(&word.data)[byte];
                ++forwarded;
            }
        return forwarded;
    }

    bool empty() const { return words_.empty(); }
    std::size_t size() const { return words_.size(); }
    const std::vector<Word>& words() const { return words_; }
    void clear() { words_.clear(); }
    void swap(StoreBuffer& other) { words_.swap(other.words_); }

private:
    std::vector<Word> words_;  ///< in order of the first store
};

}  // namespace smmusim::sw::cpu
