// From the text of a register file to names and values.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "platform/config/nearest.hpp"
#include "platform/dump/registers.hpp"
#include "smmu/arch/registers.hpp"

namespace smmusim::platform::dump {

using config::ConfigError;
using config::Position;

namespace {

constexpr const char* form = "write lines like 'CR0 = 0x1', or a JSON object";

std::string content_of(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(stream), {}};
    if (!stream.good() && !stream.eof()) throw ConfigError({file}, "the file cannot be read", "name a register file");
    if (content.find('\0') != std::string::npos) throw ConfigError({file, 1, 1}, "this is not a text file", form);
    return content;
}

/// Line and column of a character.
Position place(const std::string& file, const std::string& content, std::size_t at) {
    at = std::min(at, content.size());
    const auto line = std::count(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    const std::size_t start = at == 0 ? std::string::npos : content.rfind('\n', at - 1);
    return {file, static_cast<u32>(line + 1), static_cast<u32>(at - (start == std::string::npos ? 0 : start + 1) + 1)};
}

u64 number(const std::string& text, const Position& where) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const std::string digits = hex ? text.substr(2) : text;
    const auto valid = [&](unsigned char c) { return hex ? std::isxdigit(c) != 0 : std::isdigit(c) != 0; };
    if (digits.empty() || !std::ranges::all_of(digits, valid))
        throw ConfigError(where, "'" + text + "' is no number", "write it like 0x1000 or 4096");
    try {
        return std::stoull(digits, nullptr, hex ? 16 : 10);
    } catch (const std::out_of_range&) {
        throw ConfigError(where, "'" + text + "' has more than 64 bits", "no register has that many");
    }
}

/// Names that translation has no use for are accepted if they are architected.
bool of_no_use(const std::string& name) {
    constexpr std::array prefixes{"S_",      "VATOS_", "DPT_",   "CMDQ_CONTROL_PAGE_", "PIDR", "CIDR", "IDR6",
                                  "MPAMIDR", "GMPAM",  "GBPMPAM"};
    return std::ranges::any_of(prefixes, [&](const char* prefix) { return name.starts_with(prefix); });
}

void insert(RegisterValues& values, std::string name, const RegisterValue& value) {
    if (name.starts_with("SMMU_")) name.erase(0, 5);
    const std::vector<std::string_view> known = smmu::arch::Registers::names();
    if (std::ranges::find(known, name) == known.end() && !of_no_use(name)) {
        const std::vector<std::string> names(known.begin(), known.end());
        throw ConfigError(value.where, "there is no register '" + name + "'",
                          "did you mean '" + config::nearest(name, names) + "'?");
    }
    const auto [other, fresh] = values.try_emplace(name, value);
    if (!fresh)
        throw ConfigError(value.where,
                          fmt::format("{} has a value already, in line {}", name, other->second.where.line),
                          "give every register once");
}

RegisterValues from_json(const std::string& file, const std::string& content) {
    nlohmann::json document;
    try {
        document = nlohmann::json::parse(content);
    } catch (const nlohmann::json::parse_error& error) {
        throw ConfigError(place(file, content, error.byte == 0 ? 0 : error.byte - 1), "this is not JSON", form);
    }
    RegisterValues values;
    for (const auto& [name, value] : document.items()) {
        const Position where = place(file, content, content.find('"' + name + '"'));
        if (value.is_number_unsigned()) insert(values, name, {value.get<u64>(), where});
        else if (value.is_string()) insert(values, name, {number(value.get<std::string>(), where), where});
        else throw ConfigError(where, name + " is neither a number nor a string", "write it like \"0x1000\"");
    }
    return values;
}

RegisterValues from_lines(const std::string& file, const std::string& content) {
    RegisterValues values;
    constexpr const char* blank = " \t\r";
    u32 line_number = 0;
    for (std::size_t begin = 0; begin < content.size();) {
        const std::size_t end = std::min(content.find('\n', begin), content.size());
        std::string line = content.substr(begin, end - begin);
        begin = end + 1;
        ++line_number;
        line.erase(std::min(line.find('#'), line.size()));
        const std::size_t first = line.find_first_not_of(blank);
        if (first == std::string::npos) continue;
        const Position where{file, line_number, static_cast<u32>(first + 1)};
        const std::size_t sign = line.find_first_of("=:");
        if (sign == std::string::npos) throw ConfigError(where, "neither = nor : follows the name of a register", form);
        const std::string name = line.substr(first, line.find_last_not_of(blank, sign == 0 ? 0 : sign - 1) + 1 - first);
        const std::size_t start = line.find_first_not_of(blank, sign + 1);
        if (start == std::string::npos) throw ConfigError(where, name + " has no value", form);
        const std::string value = line.substr(start, line.find_last_not_of(blank) + 1 - start);
        const Position place_of_value{file, line_number, static_cast<u32>(start + 1)};
        insert(values, name, {number(value, place_of_value), where});
    }
    return values;
}

}  // namespace

RegisterValues read_registers(const std::string& file) {
    const std::string content = content_of(file);
    const std::size_t first = content.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) throw ConfigError({file, 1, 1}, "the file is empty", form);
    return content[first] == '{' ? from_json(file, content) : from_lines(file, content);
}

}  // namespace smmusim::platform::dump
