// Names of PCI functions: segment, bus, device, function, as text and as the 16-bit RequesterID.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "sim/types.hpp"

namespace smmusim::pcie::arch {

struct FunctionAddress {
    u16 segment = 0;
    u8 bus = 0;
    u8 device = 0;    ///< 0-31
    u8 function = 0;  ///< 0-7

    /// "bb:dd.f" or "ssss:bb:dd.f", hexadecimal; nothing if it is neither.
    static std::optional<FunctionAddress> parse(std::string_view text);

    /// Bus [15:8], device [7:3], function [2:0].
    u16 requester_id() const { return static_cast<u16>(bus << 8 | device << 3 | function); }
    /// With the segment above it: unique in a machine.
    u32 global_id() const { return u32{segment} << 16 | requester_id(); }

    /// "00:01.0", with the segment first if it is not 0.
    std::string text() const;
    /// "00_01_0", as it stands in names of statistics.
    std::string name() const;

    auto operator<=>(const FunctionAddress&) const = default;
};

}  // namespace smmusim::pcie::arch
