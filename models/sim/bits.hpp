// Layouts of architected structures: fields by the manual's bit numbers, counted across the whole structure.
#pragma once

#include <array>
#include <cstring>
#include <span>
#include <type_traits>

#include "sim/types.hpp"

namespace smmusim::sim {

/// A mask of the `width` lowest bits; width may be 64.
constexpr u64 low_mask(unsigned width) { return width >= 64 ? ~u64{0} : (u64{1} << width) - 1; }

/// Bits [high:low] of a word.
constexpr u64 bits_of(u64 word, unsigned high, unsigned low) { return (word >> low) & low_mask(high - low + 1); }

/// `word` with bits [high:low] replaced.
constexpr u64 with_bits(u64 word, unsigned high, unsigned low, u64 value) {
    const u64 mask = low_mask(high - low + 1);
    return (word & ~(mask << low)) | ((value & mask) << low);
}

constexpr u64 align_down(u64 value, u64 power_of_two) { return value & ~(power_of_two - 1); }
constexpr u64 align_up(u64 value, u64 power_of_two) { return align_down(value + power_of_two - 1, power_of_two); }

/// One bit of a structure; reads as bool.
struct Bit {
    using type = bool;
    unsigned low;
    constexpr explicit Bit(unsigned position) : low(position) {}
    constexpr unsigned high() const { return low; }
};

/// Bits [High:Low] of a structure; reads as T (an integer or an enumeration).
template <unsigned High, unsigned Low, class T = u64>
struct Bits {
    static_assert(High >= Low && High / 64 == Low / 64, "a field lies within one 64-bit word");
    using type = T;
    static constexpr unsigned low = Low;
    static constexpr unsigned high() { return High; }
};

/// An address of which the structure stores bits from `Low % 64` (or AddressLow) upwards; reads as the address itself.
template <unsigned High, unsigned Low, unsigned AddressLow = Low % 64>
struct Addr {
    static_assert(High >= Low && High / 64 == Low / 64, "a field lies within one 64-bit word");
    using type = u64;
    static constexpr unsigned low = Low;
    static constexpr unsigned shift = AddressLow;
    static constexpr unsigned high() { return High; }
};

template <class F>
concept IsAddress = requires {
    F::shift;
};

/// A field with its architected name, for dumps, explanations and documentation.
struct NamedField {
    const char* name;
    unsigned high;
    unsigned low;
    unsigned shift = 0;  ///< an address field: the value is shifted left by this

    template <class F>
    constexpr NamedField(const char* field_name, F field) : name(field_name), high(field.high()), low(field.low) {
        if constexpr (IsAddress<F>) shift = F::shift;
    }
};

/// A little-endian structure of `Words` 64-bit words, as it lies in memory.
template <unsigned Words>
struct Record {
    std::array<u64, Words> words{};
    static constexpr u32 bytes = Words * 8;

    template <class F>
    constexpr typename F::type operator[](F field) const {
        const u64 raw = bits_of(words[field.low / 64], field.high() % 64, field.low % 64);
        if constexpr (IsAddress<F>) return raw << F::shift;
        else return static_cast<typename F::type>(raw);
    }

    template <class F, class V>
    constexpr void set(F field, V value) {
        u64 raw = static_cast<u64>(value);
        if constexpr (IsAddress<F>) raw >>= F::shift;
        u64& word = words[field.low / 64];
        word = with_bits(word, field.high() % 64, field.low % 64, raw);
    }

    u64 value(const NamedField& field) const {
        return bits_of(words[field.low / 64], field.high % 64, field.low % 64) << field.shift;
    }

    void load(const void* bytes_in_memory) { std::memcpy(words.data(), bytes_in_memory, bytes); }
    void store(void* bytes_in_memory) const { std::memcpy(bytes_in_memory, words.data(), bytes); }
    bool operator==(const Record&) const = default;
};

}  // namespace smmusim::sim
