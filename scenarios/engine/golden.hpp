// A golden file: statistics that a run must reproduce exactly, {"statistic": value}.
#pragma once

#include <memory>

#include "scenarios/engine/expectation.hpp"

namespace smmusim::scenarios {

/// Reads the file that the node names; it is looked for beside the scenario.
std::unique_ptr<Expectation> read_golden(const platform::config::Node& name);

/// Rewrites the values of the golden file that the node names: of the statistics that it has, or of all exact ones
/// if it is still `{}`.
void update_golden(const platform::config::Node& name, const platform::results::StatisticsTable& statistics);

}  // namespace smmusim::scenarios
