// A scenario file, read and checked: nothing in it can be wrong any more when time begins.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/config/loader.hpp"
#include "scenarios/engine/expectation.hpp"
#include "scenarios/engine/step.hpp"

namespace smmusim::scenarios {

/// The settings of `run:` besides its steps.
struct RunConfig {
    u64 wall_limit = 60 * second;
    void fields(sim::ConfigVisitor& visit) {
        visit(wall_limit, {"wall_limit", "wall-clock time after which the run is given up", sim::Unit::Time,
                           sim::Origin::Choice, "", second, 86'400 * second});
    }
};

/// What the command line adds to every scenario.
struct Overrides {
    std::vector<std::string> settings;  ///< "a.b.c=value"
    std::optional<u64> seed;
};

struct Scenario {
    std::filesystem::path file;
    std::string name;
    std::string description;
    u64 seed = 1;
    platform::config::Node platform_tree;  ///< bases resolved, devices and overrides laid on top
    platform::config::Node software_tree;
    std::vector<std::string> devices;  ///< names; the index is that of the endpoint
    RunConfig run;
    std::vector<std::unique_ptr<Step>> steps;
    Expectations expectations;
    std::vector<platform::config::Node> golden;  ///< names of golden files
    platform::config::Origins origins;           ///< of seed and run; configuring adds platform and software
};

/// Reads a scenario with its presets; throws ConfigError.
Scenario load_scenario(const std::filesystem::path& file, const Overrides& overrides);

/// Only name and description, for listings.
struct Heading {
    std::filesystem::path file;
    std::string name;
    std::string description;
};
Heading load_heading(const std::filesystem::path& file);

/// The scenario files that a path stands for: itself, or every *.yaml below a folder, by name. A folder without any
/// is an error.
std::vector<std::filesystem::path> scenario_files(const std::filesystem::path& path);

}  // namespace smmusim::scenarios
