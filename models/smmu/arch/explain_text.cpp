// Explanations as text for a terminal.
#include <fmt/format.h>

#include <span>
#include <string_view>

#include "smmu/arch/explain.hpp"

namespace smmusim::smmu::arch {

using Entry = Explanation::Entry;
using Field = Explanation::Field;

namespace {

constexpr std::size_t indent = 14;
constexpr std::size_t width = 110;

/// The name of a field without that of its register.
std::string_view own_name(std::string_view name) {
    const std::size_t dot = name.find('.');
    return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

/// The layout of a field by the structure that holds it; null if the name is not one of its fields.
const sim::NamedField* layout(std::string_view kind, std::string_view name) {
    const auto find = [&](std::span<const sim::NamedField> fields) -> const sim::NamedField* {
        for (const sim::NamedField& field : fields)
            if (field.name == name) return &field;
        return nullptr;
    };
    const auto first = [](std::initializer_list<const sim::NamedField*> found) -> const sim::NamedField* {
        for (const sim::NamedField* const field : found)
            if (field != nullptr) return field;
        return nullptr;
    };
    using spec::Descriptor;
    if (kind == "registers")
        return first({find(spec::Cr2::fields), find(spec::StrtabBase::fields), find(spec::StrtabBaseCfg::fields),
                      find(spec::Gbpa::fields)});
    if (kind == "L1STD") return find(spec::L1Std::fields);
    if (kind == "STE") return find(spec::Ste::fields);
    if (kind == "L1CD") return find(spec::L1Cd::fields);
    if (kind == "CD") return find(spec::Cd::fields);
    if (kind == "S1") return first({find(Descriptor::stage1_fields), find(Descriptor::table_fields)});
    if (kind == "S2") return find(Descriptor::stage2_fields);
    return find(spec::Event::fields);
}

/// What an encoding stands for, where a reader would have to look it up; empty for the others.
std::string meaning(std::string_view kind, std::string_view name, u64 value) {
    const auto granule = [](spec::Granule of) {
        return of == spec::Granule::Reserved ? std::string("reserved")
                                             : fmt::format("{} KiB", (u64{1} << offset_bits(of)) / KiB);
    };
    constexpr std::array configs{"abort", "abort", "abort", "abort", "bypass", "stage 1", "stage 2", "both stages"};
    constexpr std::array formats{"linear", "two levels, 4 KiB leaves", "two levels, 64 KiB leaves", "linear"};
    constexpr std::array classes{"CD", "TTD", "IN", "reserved"};
    if (kind == "STE" && name == "Config") return configs[value & 7];
    if (kind == "STE" && name == "S1Fmt") return formats[value & 3];
    if (kind == "STE" && name == "S2TG") {
        spec::Ste ste;
        ste.set(spec::Ste::S2TG, value);
        return granule(ste.stage2_granule());
    }
    if (name == "S2PS" || name == "IPS") return fmt::format("{} bits", spec::address_bits(value));
    if (kind == "CD" && (name == "TG0" || name == "TG1")) {
        spec::Cd cd;
        cd.set(spec::Cd::TG0, value);
        cd.set(spec::Cd::TG1, value);
        return granule(cd.granule(name == "TG1"));
    }
    if (kind == "event" && name == "CLASS") return classes[value & 3];
    return "";
}

bool counts(std::string_view name) {
    constexpr std::array names{"T0SZ", "T1SZ", "S2T0SZ", "S1CDMax", "Span", "LOG2SIZE", "SPLIT", "STAG", "AttrIndx"};
    return std::ranges::find(names, name) != names.end();
}

/// Granules and formats say something even if they are 0.
bool worth_showing(const Field& field) {
    return field.value != 0 || field.name == "V" || field.name == "Config" || field.name == "CR0.SMMUEN" ||
           field.name == "TG0" || field.name == "S2TG" || field.name == "AF" || field.name == "STRTAB_BASE.ADDR";
}

std::string wrapped(const std::vector<std::string>& parts, std::size_t from, const char* separator) {
    std::string result;
    std::size_t column = from;
    for (const std::string& part : parts) {
        if (!result.empty()) {
            if (column + part.size() + 2 > width) {
                result += fmt::format("{}\n{:{}}", *separator == ',' ? "," : "", "", from);
                column = from;
            } else {
                result += separator;
                column += 2;
            }
        }
        result += part;
        column += part.size();
    }
    return result;
}

std::string fields_text(const std::string& kind, const std::vector<Field>& fields, const auto& shown) {
    std::vector<std::string> parts;
    for (const Field& field : fields)
        if (shown(field)) parts.push_back(field.name + " " + field_text(kind, field));
    return wrapped(parts, indent, ", ");
}

std::string painted(const std::string& words, const char* code, bool colour) {
    return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, words) : words;
}

std::string entry_text(const Entry& entry, bool colour) {
    std::string label = entry.kind;
    if (entry.level != Translation::no_level) label += fmt::format(" level {}", entry.level);
    std::string result = fmt::format("  {:<{}}", label, indent - 2);
    if (entry.kind == "check") return result + entry.then + " (" + entry.section + ")\n";
    const std::string fields = fields_text(entry.kind, entry.fields, worth_showing);
    if (entry.kind == "registers") return result + fields + "\n";
    result += fmt::format("at {:#014x}", entry.address);
    if (entry.ipa) result += fmt::format("{} IPA {:#x}", entry.kind == "S2" ? " for" : ",", *entry.ipa);
    if (entry.words.size() == 1) result += fmt::format(": {:#018x}", entry.words[0]);
    result += "\n";
    if (entry.words.size() > 1) {
        std::vector<std::string> words;
        for (const u64 word : entry.words) words.push_back(fmt::format("{:#018x}", word));
        result += fmt::format("{:{}}{}\n", "", indent, wrapped(words, indent, "  "));
    }
    if (!fields.empty()) result += fmt::format("{:{}}{}\n", "", indent, fields);
    if (!entry.then.empty())
        result += fmt::format("{:{}}{}\n", "", indent, painted("-> " + entry.then, entry.decided ? "31" : "2", colour));
    return result;
}

}  // namespace

std::string field_text(const std::string& kind, const Field& field) {
    const sim::NamedField* const known = layout(kind, own_name(field.name));
    const unsigned bits = known == nullptr ? 64 : known->high - known->low + 1;
    std::string value;
    if (counts(own_name(field.name))) value = std::to_string(field.value);
    else if (known != nullptr && known->shift != 0) value = fmt::format("{:#x}", field.value);
    else if (bits == 1 || (field.value <= 1 && known == nullptr)) value = std::to_string(field.value);
    else if (bits <= 5) value = fmt::format("{:#0{}b}", field.value, bits + 2);
    else value = fmt::format("{:#x}", field.value);
    const std::string what = meaning(kind, field.name, field.value);
    return what.empty() ? value : value + " (" + what + ")";
}

std::string request_text(const Request& request) {
    std::string result = request.unsupported                                            ? "unsupported access to"
                         : request.address_type == sim::AddressType::TranslationRequest ? "translation request for"
                         : request.write                                                ? "write to"
                         : request.instruction                                          ? "instruction read of"
                                                                                        : "read of";
    result += fmt::format(" {:#x} by StreamID {:#x}", request.address, request.stream_id);
    if (request.has_substream()) result += fmt::format(", SubstreamID {:#x}", request.substream_id);
    if (request.privileged) result += ", privileged";
    if (request.address_type == sim::AddressType::Translated) result += ", address already translated";
    return result;
}

std::string text(const Explanation& explanation, bool colour) {
    const std::string access = explanation.address_known
                                   ? request_text(explanation.request)
                                   : fmt::format("an access by StreamID {:#x}", explanation.request.stream_id);
    std::string result = painted(access, "1", colour) + "\n";
    for (const Entry& entry : explanation.entries) result += entry_text(entry, colour);
    const Explanation::Result& end = explanation.result;
    const auto line = [&](const char* label, const std::string& words) {
        if (!words.empty()) result += fmt::format("  {:<{}}{}\n", label, indent - 2, words);
    };
    std::string ending = end.ending;
    if (end.address) ending += fmt::format(" at {:#x}", *end.address);
    if (!end.attributes.empty()) ending += ": " + end.attributes;
    line("result", painted(ending, end.proceeds ? "32" : "31", colour));
    if (!end.rule.empty()) line("rule", end.rule + (end.section.empty() ? "" : " (" + end.section + ")"));
    if (!end.event.empty()) {
        line("event", end.event);
        line("", fields_text("event", end.event_fields,
                             [](const Field& field) { return field.value != 0 || field.name == "StreamID"; }));
    }
    line("flags", end.disposition);
    for (const std::string& remark : explanation.remarks) line("note", remark);
    return result;
}

}  // namespace smmusim::smmu::arch
