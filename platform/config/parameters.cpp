#include "platform/config/parameters.hpp"

#include <fmt/format.h>

#include <limits>

namespace smmusim::platform::config {

namespace {

const char* origin_name(sim::Origin origin) {
    switch (origin) {
        case sim::Origin::Manual: return "manual";
        case sim::Origin::Measured: return "measured";
        case sim::Origin::Assumed: return "assumed";
        case sim::Origin::Choice: break;
    }
    return "choice";
}

}  // namespace

Parameter& ParameterLister::add(const sim::FieldInfo& info) {
    Parameter parameter;
    parameter.path = prefix_.empty() ? info.name : prefix_ + "." + info.name;
    parameter.meaning = info.meaning;
    parameter.origin = origin_name(info.origin);
    if (*info.source != '\0') parameter.origin += std::string(": ") + info.source;
    return parameters_.emplace_back(std::move(parameter));
}

void ParameterLister::number(u64& value, const sim::FieldInfo& info) {
    Parameter& parameter = add(info);
    parameter.value = format_quantity(value, info.unit);
    parameter.plain = value;
    parameter.unit = unit_name(info.unit);
    if (info.minimum != 0 || info.maximum != std::numeric_limits<u64>::max())
        parameter.range =
            fmt::format("{}..{}", format_quantity(info.minimum, info.unit), format_quantity(info.maximum, info.unit));
}

void ParameterLister::flag(bool& value, const sim::FieldInfo& info) {
    Parameter& parameter = add(info);
    parameter.value = value ? "true" : "false";
    parameter.plain = value;
    parameter.range = "true|false";
}

void ParameterLister::text(std::string& value, const sim::FieldInfo& info) {
    Parameter& parameter = add(info);
    parameter.value = value;
    parameter.plain = value;
}

void ParameterLister::texts(std::vector<std::string>& value, const sim::FieldInfo& info) {
    Parameter& parameter = add(info);
    for (const std::string& word : value) parameter.value += (parameter.value.empty() ? "" : ", ") + word;
    parameter.value = "[" + parameter.value + "]";
    parameter.plain = value;
}

void ParameterLister::choice(u64& value, const sim::FieldInfo& info, std::span<const sim::Choice> choices) {
    Parameter& parameter = add(info);
    for (const sim::Choice& choice : choices) {
        parameter.range += (parameter.range.empty() ? "" : "|") + std::string(choice.name);
        if (choice.value == value) parameter.value = choice.name;
    }
    parameter.plain = parameter.value;
}

bool ParameterLister::enter(const char* name, const char*) {
    prefix_ += (prefix_.empty() ? "" : ".") + std::string(name);
    return true;
}

void ParameterLister::leave() {
    const std::size_t dot = prefix_.rfind('.');
    prefix_.erase(dot == std::string::npos ? 0 : dot);
}

std::size_t ParameterLister::list_size(const char* singular, const char*, std::size_t present) {
    u64 count = present;
    const std::string name = std::string(singular) + "_count";
    const std::string meaning =
        "how many there are of " + std::string(singular) + "0, ...; naming the next one adds it";
    number(count, {name.c_str(), meaning.c_str()});
    return present;
}

nlohmann::ordered_json resolved(const std::vector<Parameter>& parameters, const Origins& origins) {
    nlohmann::ordered_json document = nlohmann::ordered_json::object();
    for (const Parameter& parameter : parameters) {
        const Position* const where = origins.exact(parameter.path);
        document[parameter.path] = {
            {"value", parameter.value},
            {"plain", parameter.plain},
            {"origin", where != nullptr ? where->text() : "default (" + parameter.origin + ")"}};
    }
    return document;
}

}  // namespace smmusim::platform::config
