// Explanations of accesses as JSON, for faults.json and for programs.
#pragma once

#include <nlohmann/json.hpp>

#include "smmu/arch/explain.hpp"

namespace smmusim::platform::results {

/// Addresses and raw values are strings like "0x1000": they have up to 64 bits.
nlohmann::ordered_json json_of(const smmu::arch::Explanation& explanation);
/// The inverse; throws nlohmann::json::exception or std::invalid_argument for anything else.
smmu::arch::Explanation explanation_of(const nlohmann::ordered_json& document);

}  // namespace smmusim::platform::results
