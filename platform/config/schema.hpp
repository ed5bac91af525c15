// The JSON Schema of a configuration, derived from its fields.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "sim/config.hpp"

namespace smmusim::platform::config {

class SchemaWriter final : public sim::ConfigVisitor {
public:
    SchemaWriter();
    nlohmann::ordered_json take();

private:
    void number(u64& value, const sim::FieldInfo& info) override;
    void flag(bool& value, const sim::FieldInfo& info) override;
    void text(std::string& value, const sim::FieldInfo& info) override;
    void texts(std::vector<std::string>& value, const sim::FieldInfo& info) override;
    void choice(u64& value, const sim::FieldInfo& info, std::span<const sim::Choice> choices) override;
    bool enter(const char* name, const char* meaning) override;
    void leave() override;
    std::size_t list_size(const char* singular, const char* meaning, std::size_t present) override;
    void add(const sim::FieldInfo& info, nlohmann::ordered_json type);

    struct Frame {
        std::string name;
        nlohmann::ordered_json schema;
    };
    std::vector<Frame> frames_;
    std::vector<std::string> list_prefixes_;
};

/// An object that has exactly the fields of `config`. A copy is visited: describing lists lengthens them.
template <sim::Configurable T>
nlohmann::ordered_json schema_of(T config) {
    SchemaWriter writer;
    config.fields(writer);
    return writer.take();
}

/// The schema of an object without any properties yet; dotted paths stand for nested objects.
nlohmann::ordered_json empty_object_schema();

}  // namespace smmusim::platform::config
