// Explains the faults of a run when their records become visible: the tables as they are at that moment.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "platform/platform.hpp"
#include "platform/results/explanation.hpp"

namespace smmusim::platform {

/// One fault that an SMMU has recorded.
struct ExplainedFault {
    Time at = 0;
    std::string source;  ///< "smmu0"
    std::string name;    ///< of the event
    std::vector<u64> record;
    smmu::arch::Explanation explanation;
};

/// While it lives it listens to the events of the platform.
class FaultExplanations {
public:
    static constexpr std::size_t limit = 100;

    explicit FaultExplanations(Platform& platform);
    ~FaultExplanations();
    FaultExplanations(const FaultExplanations&) = delete;
    FaultExplanations& operator=(const FaultExplanations&) = delete;

    const std::vector<ExplainedFault>& all() const { return faults_; }
    /// Faults beyond the limit, which are not explained.
    u64 more() const { return more_; }
    /// What faults.json holds.
    nlohmann::ordered_json json() const;

private:
    void explain(const results::Event& event);

    Machine& machine_;
    std::vector<ExplainedFault> faults_;
    u64 more_ = 0;
};

/// One fault of `json()`; throws nlohmann::json::exception or std::invalid_argument.
ExplainedFault explained_fault_of(const nlohmann::ordered_json& document);

}  // namespace smmusim::platform
