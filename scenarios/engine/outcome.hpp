// How one scenario ended, in a form that crosses processes and is shown in several ways.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "platform/config/error.hpp"
#include "scenarios/engine/expectation.hpp"

namespace smmusim::scenarios {

/// Exit status of the program, of one scenario or of the worst of several.
enum class Ending : int { Passed = 0, Failed = 1, BadInput = 2, Internal = 3, WallLimit = 124 };

/// The ending that a batch with both has.
Ending worse(Ending one, Ending other);
const char* ending_name(Ending ending);

/// The spread of one latency that was measured, in nanoseconds.
struct Latency {
    std::string name;  ///< "smmu0.walk.latency_ns"
    u64 count = 0;
    double mean = 0, p50 = 0, p99 = 0, p999 = 0, max = 0;
};

struct Outcome {
    std::string file;
    std::string name;
    Ending ending = Ending::Internal;
    std::string error;                 ///< what stopped the run, if anything did
    platform::config::Position place;  ///< of a mistake in the input
    std::vector<Verdict> verdicts;
    std::vector<Latency> latencies;
    std::string digest;
    u64 simulated_ps = 0;
    u64 wall_ms = 0;
    std::string folder;  ///< where the result files are

    nlohmann::ordered_json json() const;
    static Outcome from_json(const nlohmann::ordered_json& document);
};

}  // namespace smmusim::scenarios
