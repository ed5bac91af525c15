// Registers as a table: one row per register; halves, bytes, arrays, read-only and reserved offsets follow from it.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>
#include <vector>

#include "sim/bits.hpp"

namespace smmusim::sim {

/// A string usable as a template argument: registers are named at compile time as `value<"CR0">()`.
template <std::size_t N>
struct FixedString {
    char text[N]{};
    constexpr FixedString(const char (&source)[N]) { std::copy_n(source, N, text); }
    constexpr std::string_view view() const { return {text, N - 1}; }
};

/// One row. `Device` provides the handlers; a handler exists if and only if an access has an effect or is computed.
template <class Device>
struct Register {
    const char* name;
    u32 offset;
    u8 width = 32;  ///< bits: 8, 32 or 64
    u64 reset = 0;
    u64 writable = 0;  ///< bits that a write changes
    u32 count = 1;     ///< elements of an array of registers
    u32 stride = 0;    ///< bytes between elements; 0: width / 8
    /// Called instead of storing; `value` is the whole register after the write (unwritable bits unchanged).
    void (Device::*on_write)(u32 index, u64 value) = nullptr;
    /// Called instead of reading the stored value.
    u64 (Device::*on_read)(u32 index) = nullptr;
    bool bytes = false;      ///< single bytes may be accessed
    bool write_one = false;  ///< a write acts by its ones: what is not written counts as zero

    constexpr u32 step() const { return stride != 0 ? stride : width / 8; }
    constexpr u32 end() const { return offset + step() * (count - 1) + width / 8; }
};

/// The values behind a table of rows sorted by offset. Accesses are little-endian.
/// A 64-bit register is also two halves of 32 bits; anything else of the wrong size or at a reserved offset is RAZ/WI.
template <class Device, const auto& Table>
class RegisterFile {
public:
    RegisterFile() {
        for (const auto& row : Table) {
            first_.push_back(static_cast<u32>(total_ += row.count) - row.count);
            reach_.push_back(std::max(reach_.empty() ? 0 : reach_.back(), row.end()));
        }
        reset();
    }

    void reset() {
        values_.resize(total_);
        std::size_t next = 0;
        for (const auto& row : Table)
            for (u32 index = 0; index < row.count; ++index) values_[next++] = row.reset;
    }

    template <FixedString Name>
    u64& value(u32 index = 0) {
        constexpr std::size_t row = find_name(Name.view());
        static_assert(row < Table.size(), "no register of this name");
        return values_[first_[row] + index];
    }
    template <FixedString Name>
    u64 value(u32 index = 0) const {
        return const_cast<RegisterFile*>(this)->value<Name>(index);
    }

    /// Value as a read would return it, by name; `found` tells whether there is such a register.
    u64 read_named(Device& device, std::string_view name, bool& found) {
        const std::size_t row = find_name(name);
        found = row < Table.size();
        return found ? whole(device, row, 0) : 0;
    }

    u64 read(Device& device, u64 offset, u32 size) {
        const Place place = locate(offset, size);
        if (!place.valid) return 0;
        return (whole(device, place.row, place.index) >> place.shift) & low_mask(size * 8);
    }

    void write(Device& device, u64 offset, u32 size, u64 data) {
        const Place place = locate(offset, size);
        if (!place.valid) return;
        const auto& row = Table[place.row];
        const u64 lanes = low_mask(size * 8) << place.shift;
        const u64 writable = row.writable & lanes;
        // What is not written stays as a read shows it: the value may live in the device.
        const u64 before = row.write_one ? 0 : whole(device, place.row, place.index);
        const u64 merged = (before & ~writable) | ((data << place.shift) & writable);
        if (row.on_write != nullptr) (device.*row.on_write)(place.index, merged);
        else values_[first_[place.row] + place.index] = merged;
    }

    /// True if the access names a register with a legal size.
    bool defined(u64 offset, u32 size) const { return locate(offset, size).valid; }

private:
    struct Place {
        bool valid = false;
        std::size_t row = 0;
        u32 index = 0;
        unsigned shift = 0;
    };

    static constexpr std::size_t find_name(std::string_view name) {
        for (std::size_t row = 0; row < Table.size(); ++row)
            if (name == Table[row].name) return row;
        return Table.size();
    }

    Place locate(u64 offset, u32 size) const {
        if (size == 0 || size > 8 || offset % size != 0) return {};
        const auto next = std::upper_bound(Table.begin(), Table.end(), offset,
                                           [](u64 wanted, const auto& row) { return wanted < row.offset; });
        // Arrays may be interleaved, so that a row further up can own the offset.
        for (std::size_t row = static_cast<std::size_t>(next - Table.begin()); row-- != 0;) {
            if (offset >= reach_[row]) break;
            const Place place = within(row, offset, size);
            if (place.valid) return place;
        }
        return {};
    }

    static Place within(std::size_t number, u64 offset, u32 size) {
        const auto& row = Table[number];
        if (offset + size > row.end()) return {};
        const u32 index = static_cast<u32>(offset - row.offset) / row.step();
        const u32 first = static_cast<u32>(offset - row.offset) % row.step();
        const u32 width = row.width / 8u;
        const bool legal = size == width || (row.width == 64 && size == 4) || (row.bytes && size == 1);
        if (!legal || first + size > width) return {};
        return {true, number, index, first * 8};
    }

    u64 whole(Device& device, std::size_t row, u32 index) {
        if (Table[row].on_read != nullptr) return (device.*Table[row].on_read)(index);
        return values_[first_[row] + index];
    }

    std::vector<u32> first_;
    std::vector<u32> reach_;  ///< end of the furthest row so far
    u32 total_ = 0;
    std::vector<u64> values_;
};

}  // namespace smmusim::sim
