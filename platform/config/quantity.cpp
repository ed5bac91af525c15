#include "platform/config/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <span>

namespace smmusim::platform::config {

namespace {

using sim::Unit;

struct Suffix {
    const char* name;
    u64 factor;
};

constexpr std::array time_suffixes{Suffix{"ps", 1}, Suffix{"ns", nanosecond}, Suffix{"us", microsecond},
                                   Suffix{"ms", millisecond}, Suffix{"s", second}};
constexpr std::array byte_suffixes{Suffix{"B", 1}, Suffix{"KiB", KiB}, Suffix{"MiB", MiB}, Suffix{"GiB", GiB},
                                   Suffix{"TiB", GiB << 10}};
constexpr std::array hertz_suffixes{Suffix{"Hz", 1}, Suffix{"kHz", 1'000}, Suffix{"MHz", 1'000'000},
                                    Suffix{"GHz", 1'000'000'000}};
constexpr std::array bit_rate_suffixes{Suffix{"b/s", 1}, Suffix{"kb/s", 1'000}, Suffix{"Mb/s", 1'000'000},
                                       Suffix{"Gb/s", 1'000'000'000}, Suffix{"Tb/s", 1'000'000'000'000}};
constexpr std::array cycle_suffixes{Suffix{"cycles", 1}, Suffix{"cycle", 1}};

std::span<const Suffix> suffixes(Unit unit) {
    switch (unit) {
        case Unit::Time: return time_suffixes;
        case Unit::Bytes: return byte_suffixes;
        case Unit::Hertz: return hertz_suffixes;
        case Unit::BitsPerSecond: return bit_rate_suffixes;
        case Unit::Cycles: return cycle_suffixes;
        case Unit::Address: return byte_suffixes;
        case Unit::Count:
        case Unit::Raw: break;
    }
    return {};
}

bool needs_unit(Unit unit) { return unit != Unit::Count && unit != Unit::Raw && unit != Unit::Address; }

std::string example(Unit unit) {
    switch (unit) {
        case Unit::Time: return "200us";
        case Unit::Bytes: return "4KiB";
        case Unit::Hertz: return "2.5GHz";
        case Unit::BitsPerSecond: return "100Gb/s";
        case Unit::Cycles: return "4cycles";
        case Unit::Address: return "0x08080000";
        case Unit::Count:
        case Unit::Raw: break;
    }
    return "16";
}

[[noreturn]] void reject(const std::string& text, Unit unit, const std::string& why) {
    std::string names;
    for (const Suffix& suffix : suffixes(unit)) names += (names.empty() ? "" : ", ") + std::string(suffix.name);
    throw QuantityError(fmt::format("'{}' {}", text, why), fmt::format("write it like {}{}", example(unit),
                                                                       names.empty() ? "" : " (units: " + names + ")"));
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

/// A whole number in decimal, 0x or 0b notation, or nothing if the text is none.
std::optional<u64> whole(const std::string& text, Unit unit) {
    int base = 10;
    std::size_t start = 0;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'b')) {
        base = text[1] == 'x' ? 16 : 2;
        start = 2;
    }
    if (start == text.size()) return std::nullopt;
    u128 value = 0;
    for (std::size_t index = start; index < text.size(); ++index) {
        const int digit = digit_of(text[index]);
        if (digit >= base) return std::nullopt;
        value = value * static_cast<unsigned>(base) + static_cast<unsigned>(digit);
        if (value > ~u64{0}) reject(text, unit, "does not fit in 64 bits");
    }
    return static_cast<u64>(value);
}

/// digits[.digits] times `factor`, exactly.
u64 scaled(const std::string& text, const std::string& number, u64 factor, Unit unit) {
    const std::size_t point = number.find('.');
    const std::string integer = number.substr(0, point);
    const std::string fraction = point == std::string::npos ? "" : number.substr(point + 1);
    if (integer.empty() || (point != std::string::npos && fraction.empty()) || fraction.size() > 12)
        reject(text, unit, "is not a number with a unit");
    u64 divisor = 1;
    u128 value = 0;
    for (const char c : integer + fraction) {
        if (c < '0' || c > '9') reject(text, unit, "is not a number with a unit");
        value = value * 10 + static_cast<unsigned>(c - '0');
        if (value > ~u64{0}) reject(text, unit, "does not fit in 64 bits");
    }
    for (std::size_t index = 0; index < fraction.size(); ++index) divisor *= 10;
    value *= factor;
    if (value % divisor != 0) reject(text, unit, "is not a whole number of the smallest unit");
    value /= divisor;
    if (value > ~u64{0}) reject(text, unit, "does not fit in 64 bits");
    return static_cast<u64>(value);
}

}  // namespace

u64 parse_quantity(const std::string& text, Unit unit, Bare bare) {
    if (const std::optional<u64> value = whole(text, unit)) {
        if (needs_unit(unit) && bare == Bare::Rejected) reject(text, unit, "lacks its unit");
        return *value;
    }
    if (!text.empty() && text[0] == '-') reject(text, unit, "is negative");
    const std::size_t end = text.find_first_not_of("0123456789.");
    if (end == std::string::npos || end == 0 || suffixes(unit).empty())
        reject(text, unit, needs_unit(unit) ? "is not a number with a unit" : "is not a whole number");
    const std::size_t name = text.find_first_not_of(' ', end);
    for (const Suffix& suffix : suffixes(unit))
        if (name != std::string::npos && text.compare(name, std::string::npos, suffix.name) == 0)
            return scaled(text, text.substr(0, end), suffix.factor, unit);
    reject(text, unit, fmt::format("has no unit of {}", unit_name(unit)));
}

std::string format_quantity(u64 value, Unit unit) {
    if (unit == Unit::Address || unit == Unit::Raw)
        return value < 10 ? fmt::format("{}", value) : fmt::format("{:#x}", value);
    if (unit == Unit::Count) return fmt::format("{}", value);
    if (unit == Unit::Cycles) return fmt::format("{}cycles", value);
    const std::span<const Suffix> names = suffixes(unit);
    const Suffix* best = names.data();
    for (const Suffix& suffix : names)
        if (value != 0 && value % suffix.factor == 0) best = &suffix;
    return fmt::format("{}{}", value / best->factor, best->name);
}

const char* unit_name(Unit unit) {
    switch (unit) {
        case Unit::Time: return "time";
        case Unit::Bytes: return "bytes";
        case Unit::Hertz: return "frequency";
        case Unit::BitsPerSecond: return "bit rate";
        case Unit::Cycles: return "cycles";
        case Unit::Address: return "address";
        case Unit::Raw: return "raw field";
        case Unit::Count: break;
    }
    return "";
}

std::string quantity_pattern(Unit unit) {
    std::string names;
    for (const Suffix& suffix : suffixes(unit)) names += (names.empty() ? "" : "|") + std::string(suffix.name);
    return names.empty() ? "" : "^[0-9]+(\\.[0-9]+)? *(" + names + ")$";
}

}  // namespace smmusim::platform::config
