// Runs one scenario from file to result folder.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "platform/fault_explanations.hpp"
#include "scenarios/engine/outcome.hpp"
#include "scenarios/engine/scenario.hpp"

namespace smmusim::scenarios {

/// The main job, below the repository.
inline constexpr std::array<const char*, 3> demo_scenarios{"scenarios/kvm-msi-passthrough.yaml",
                                                           "scenarios/kvm-msi-passthrough-nested.yaml",
                                                           "scenarios/kvm-msi-passthrough-high-window.yaml"};

struct RunOptions {
    Overrides overrides;
    std::string out = "out";         ///< empty: no results are written
    std::vector<std::string> trace;  ///< kinds of lines; empty: no trace
    bool update_golden = false;
    std::function<void()> poll;  ///< called now and then; an exception from it ends the run
    /// Called when the run has ended, with the machine as it is then.
    std::function<void(platform::Platform&, const platform::FaultExplanations&)> at_end;
    bool own_process = false;  ///< nothing else lives in the process: it may be ended by a signal
};

/// Never throws: what goes wrong is the outcome.
Outcome run_scenario(const std::filesystem::path& file, const RunOptions& options);

}  // namespace smmusim::scenarios
