#include "scenarios/engine/catalogue.hpp"

#include "platform/config/schema.hpp"
#include "scenarios/engine/expectation.hpp"
#include "scenarios/engine/step.hpp"

namespace smmusim::scenarios {

using Json = nlohmann::ordered_json;
using platform::config::Parameter;

namespace {

struct SeedConfig {
    u64 seed = 1;
    void fields(sim::ConfigVisitor& visit) { visit(seed, {"seed", "seed of everything random"}); }
};

/// Entries of `devices:` are an endpoint's parameters and a name.
Json devices_schema(const Json& platform) {
    Json device = platform.at("patternProperties").at("^endpoint(0|[1-9][0-9]*)$");
    device["properties"]["name"] = {{"type", "string"}, {"description", "name of the function in steps"}};
    device["required"] = Json::array({"name"});
    device["type"] = "object";
    return {{"type", Json::array({"array", "null"})}, {"items", std::move(device)}};
}

}  // namespace

std::vector<Parameter> parameters_of(platform::PlatformConfig& platform, sw::SoftwareConfig& software, u64 seed,
                                     RunConfig& run) {
    SeedConfig seeded{seed};
    std::vector<Parameter> all = platform::config::parameters(platform);
    const auto append = [&](const std::vector<Parameter>& more) { all.insert(all.end(), more.begin(), more.end()); };
    append(platform::config::parameters(software, "software"));
    append(platform::config::parameters(seeded));
    append(platform::config::parameters(run, "run"));
    return all;
}

std::vector<Parameter> default_parameters() {
    platform::PlatformConfig platform;
    sw::SoftwareConfig software;
    RunConfig run;
    return parameters_of(platform, software, 1, run);
}

Json scenario_schema() {
    Json platform = platform::config::schema_of(platform::PlatformConfig{});
    const Json devices = devices_schema(platform);
    platform["properties"]["base"] = {{"type", "string"}, {"description", "preset that lies below"}};
    Json run = platform::config::schema_of(RunConfig{});
    run["type"] = "object";
    run["properties"]["steps"] = {{"type", "array"}, {"minItems", 1}, {"items", {{"$ref", "#/$defs/step"}}}};
    run["required"] = Json::array({"steps"});
    return {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
            {"title", "smmusim scenario"},
            {"type", "object"},
            {"properties",
             {{"name", {{"type", "string"}, {"pattern", "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$"}}},
              {"description", {{"type", "string"}}},
              {"seed", {{"type", "integer"}, {"minimum", 0}, {"maximum", ~u64{0}}}},
              {"platform", std::move(platform)},
              {"software", platform::config::schema_of(sw::SoftwareConfig{})},
              {"devices", devices},
              {"run", std::move(run)},
              {"expect", {{"type", "array"}, {"items", {{"$ref", "#/$defs/expectation"}}}}}}},
            {"required", Json::array({"name", "run"})},
            {"additionalProperties", false},
            {"$defs", {{"step", step_schema()}, {"expectation", expectation_schema()}}}};
}

}  // namespace smmusim::scenarios
