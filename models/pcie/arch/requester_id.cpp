#include "pcie/arch/requester_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace smmusim::pcie::arch {

namespace {

/// A hexadecimal number of one to `digits` digits in front of `text`, which is taken away.
std::optional<u32> take(std::string_view& text, std::size_t digits) {
    u32 value = 0;
    const char* const begin = text.data();
    const char* const end = begin + std::min(digits, text.size());
    const auto [stop, error] = std::from_chars(begin, end, value, 16);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - begin));
    return value;
}

bool skip(std::string_view& text, char separator) {
    if (text.empty() || text.front() != separator) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<FunctionAddress> FunctionAddress::parse(std::string_view text) {
    FunctionAddress address;
    const bool with_segment = std::count(text.begin(), text.end(), ':') == 2;
    if (with_segment) {
        const auto segment = take(text, 4);
        if (!segment || !skip(text, ':')) return std::nullopt;
        address.segment = static_cast<u16>(*segment);
    }
    const auto bus = take(text, 2);
    if (!bus || !skip(text, ':')) return std::nullopt;
    const auto device = take(text, 2);
    if (!device || *device > 31 || !skip(text, '.')) return std::nullopt;
    const auto function = take(text, 1);
    if (!function || *function > 7 || !text.empty()) return std::nullopt;
    address.bus = static_cast<u8>(*bus);
    address.device = static_cast<u8>(*device);
    address.function = static_cast<u8>(*function);
    return address;
}

std::string FunctionAddress::text() const {
    const std::string local = fmt::format("{:02x}:{:02x}.{:x}", bus, device, function);
    return segment == 0 ? local : fmt::format("{:04x}:{}", segment, local);
}

std::string FunctionAddress::name() const {
    std::string result = text();
    for (char& character : result)
        if (character == ':' || character == '.') character = '_';
    return result;
}

}  // namespace smmusim::pcie::arch
