#include "scenarios/engine/step.hpp"

#include "platform/config/loader.hpp"
#include "platform/config/nearest.hpp"
#include "platform/config/schema.hpp"
#include "scenarios/engine/expectation.hpp"

namespace smmusim::scenarios {

using Json = nlohmann::ordered_json;
using platform::config::ConfigError;
using platform::config::Node;
using platform::config::Position;
using platform::config::suggestion;

namespace {

const char* noun(Names::Kind kind) {
    switch (kind) {
        case Names::Kind::Device: return "device";
        case Names::Kind::Domain: return "domain";
        case Names::Kind::Buffer: return "buffer";
        case Names::Kind::Guest: return "guest";
        case Names::Kind::Mark: return "mark";
    }
    return "";
}

}  // namespace

void Names::define(Kind kind, const std::string& name, const Position& where) {
    if (name.empty()) throw ConfigError(where, std::string("the ") + noun(kind) + " has no name", "add `name:`");
    if (!names_.insert({kind, name}).second)
        throw ConfigError(where, std::string("there is a ") + noun(kind) + " '" + name + "' already",
                          "choose another name");
}

void Names::require(Kind kind, const std::string& name, const Position& where) const {
    if (known(kind, name)) return;
    std::vector<std::string> candidates;
    for (const auto& [other, candidate] : names_)
        if (other == kind) candidates.push_back(candidate);
    throw ConfigError(where, std::string("there is no ") + noun(kind) + " '" + name + "' at this step",
                      suggestion(name, candidates));
}

void Step::read(const Node& parameters, const std::string& path) { platform::config::load(*this, parameters, path); }

std::unique_ptr<Step> read_step(const Node& item, std::size_t index) {
    std::vector<std::string> names;
    for (const StepKind& kind : step_kinds()) names.emplace_back(kind.name);
    std::string name;
    Position where = item.where();
    Node parameters(Node::Kind::Null, where);
    if (item.kind() == Node::Kind::Scalar) {
        name = item.text();
    } else if (item.is_map() && item.entries().size() == 1) {
        name = item.entries().front().key;
        where = item.entries().front().where;
        parameters = item.entries().front().value;
    } else {
        throw ConfigError(where, "a step is its name, or one `name: {parameters}`", "begin each step with `- `");
    }
    for (const StepKind& kind : step_kinds()) {
        if (name != kind.name) continue;
        std::unique_ptr<Step> step = kind.make();
        step->kind_ = name;
        step->where_ = where;
        step->read(parameters, "run.steps[" + std::to_string(index) + "]." + name);
        return step;
    }
    throw ConfigError(where, "there is no step '" + name + "'",
                      "did you mean '" + platform::config::nearest(name, names) + "'?");
}

nlohmann::ordered_json step_schema() {
    Json alternatives = Json::array();
    for (const StepKind& kind : step_kinds()) {
        Json parameters;
        if (std::string_view(kind.name) == "check") {
            parameters = {{"type", "array"}, {"items", {{"$ref", "#/$defs/expectation"}}}};
        } else {
            const std::unique_ptr<Step> step = kind.make();
            platform::config::SchemaWriter writer;
            step->fields(writer);
            parameters = writer.take();
        }
        parameters["description"] = kind.meaning;
        alternatives.push_back({{"type", "object"},
                                {"properties", {{kind.name, std::move(parameters)}}},
                                {"required", {kind.name}},
                                {"additionalProperties", false}});
        alternatives.push_back({{"const", kind.name}});
    }
    return {{"anyOf", std::move(alternatives)}};
}

}  // namespace smmusim::scenarios
