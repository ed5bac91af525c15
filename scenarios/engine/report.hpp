// Outcomes as text for a terminal, as JUnit XML, as JSON.
#pragma once

#include <span>
#include <string>

#include "scenarios/engine/outcome.hpp"

namespace smmusim::scenarios {

enum class Detail : u8 {
    Failures,  ///< a line for each scenario, and what failed
    All,       ///< every expectation with what was found
};

/// What stands on the terminal for one scenario.
std::string outcome_text(const Outcome& outcome, Detail detail, bool colour);
/// The last line of a batch.
std::string batch_text(std::span<const Outcome> outcomes, bool colour);
std::string junit_xml(std::span<const Outcome> outcomes);

}  // namespace smmusim::scenarios
