#include "platform/config/schema.hpp"

#include <cstdlib>

#include "platform/config/quantity.hpp"

namespace smmusim::platform::config {

using Json = nlohmann::ordered_json;

Json empty_object_schema() {
    return {{"type", Json::array({"object", "null"})},
            {"properties", Json::object()},
            {"patternProperties", {{"^[A-Za-z0-9_]+(\\.[A-Za-z0-9_]+)+$", Json::object()}}},
            {"additionalProperties", false}};
}

SchemaWriter::SchemaWriter() { frames_.push_back({"", empty_object_schema()}); }

Json SchemaWriter::take() { return std::move(frames_.front().schema); }

void SchemaWriter::add(const sim::FieldInfo& info, Json type) {
    type["description"] = info.meaning;
    frames_.back().schema["properties"][info.name] = std::move(type);
}

void SchemaWriter::number(u64& value, const sim::FieldInfo& info) {
    const std::string pattern = quantity_pattern(info.unit);
    Json integer = {{"type", "integer"}, {"minimum", info.minimum}, {"maximum", info.maximum}};
    Json quantity = {{"type", "string"}, {"pattern", pattern}};
    Json type = info.unit == sim::Unit::Address ? Json{{"anyOf", Json::array({integer, quantity})}}
                : pattern.empty()               ? integer
                                                : quantity;
    type["default"] = pattern.empty() ? Json(value) : Json(format_quantity(value, info.unit));
    add(info, std::move(type));
}

void SchemaWriter::flag(bool& value, const sim::FieldInfo& info) {
    add(info, {{"type", "boolean"}, {"default", value}});
}

void SchemaWriter::text(std::string& value, const sim::FieldInfo& info) {
    add(info, {{"type", "string"}, {"default", value}});
}

void SchemaWriter::texts(std::vector<std::string>& value, const sim::FieldInfo& info) {
    add(info, {{"type", "array"}, {"items", {{"type", "string"}}}, {"default", value}});
}

void SchemaWriter::choice(u64& value, const sim::FieldInfo& info, std::span<const sim::Choice> choices) {
    Json type = {{"enum", Json::array()}};
    for (const sim::Choice& choice : choices) {
        type["enum"].push_back(choice.name);
        // YAML takes 4.0 without quotes for a number; what is meant is the name.
        char* end = nullptr;
        const double number = std::strtod(choice.name, &end);
        if (end != choice.name && *end == 0) type["enum"].push_back(number);
        if (choice.value == value) type["default"] = choice.name;
    }
    add(info, std::move(type));
}

bool SchemaWriter::enter(const char* name, const char* meaning) {
    frames_.push_back({name, empty_object_schema()});
    frames_.back().schema["description"] = meaning;
    return true;
}

void SchemaWriter::leave() {
    Frame part = std::move(frames_.back());
    frames_.pop_back();
    Json& parent = frames_.back().schema;
    // The members of a list are alike: all of them are described by the first.
    for (const std::string& singular : list_prefixes_) {
        const std::string pattern = "^" + singular + "(0|[1-9][0-9]*)$";
        if (!part.name.starts_with(singular) ||
            part.name.find_first_not_of("0123456789", singular.size()) != std::string::npos)
            continue;
        if (!parent["patternProperties"].contains(pattern))
            parent["patternProperties"][pattern] = std::move(part.schema);
        return;
    }
    parent["properties"][part.name] = std::move(part.schema);
}

std::size_t SchemaWriter::list_size(const char* singular, const char* meaning, std::size_t present) {
    list_prefixes_.emplace_back(singular);
    u64 count = present;
    const std::string name = std::string(singular) + "_count";
    number(count, {name.c_str(), meaning});
    return present == 0 ? 1 : present;
}

}  // namespace smmusim::platform::config
