// What can be set: the list of all parameters, and the JSON Schema of scenario files.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "platform/config/parameters.hpp"
#include "platform/platform_config.hpp"
#include "scenarios/engine/scenario.hpp"
#include "sw/config.hpp"

namespace smmusim::scenarios {

/// The platform's parameters, then `software.*`, `seed`, `run.*`.
std::vector<platform::config::Parameter> parameters_of(platform::PlatformConfig& platform, sw::SoftwareConfig& software,
                                                       u64 seed, RunConfig& run);
/// The same at their defaults.
std::vector<platform::config::Parameter> default_parameters();

nlohmann::ordered_json scenario_schema();

}  // namespace smmusim::scenarios
