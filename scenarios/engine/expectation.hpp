// What a scenario expects of its results: bounds of statistics, the exact list of events, a golden file.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "platform/config/tree.hpp"
#include "platform/results/event.hpp"
#include "platform/results/statistics_table.hpp"

namespace smmusim::scenarios {

/// What expectations look at.
struct Evidence {
    const platform::results::StatisticsTable& statistics;
    std::span<const platform::results::Event> events;
};

/// How one expectation ended.
struct Verdict {
    std::string expectation;  ///< in words
    std::string where;        ///< file:line:column
    bool passed = false;
    std::string actual;  ///< what was found instead
};

class Expectation {
public:
    explicit Expectation(platform::config::Position where) : where_(std::move(where)) {}
    virtual ~Expectation() = default;

    /// Adds one verdict for each thing that is expected.
    virtual void judge(const Evidence& evidence, std::vector<Verdict>& verdicts) const = 0;
    const platform::config::Position& where() const { return where_; }

protected:
    Verdict verdict(std::string expectation, bool passed, std::string actual) const {
        return {std::move(expectation), where_.text(), passed, std::move(actual)};
    }

private:
    platform::config::Position where_;
};
using Expectations = std::vector<std::unique_ptr<Expectation>>;

/// Reads the list under `expect:` or `check:`; throws ConfigError.
Expectations read_expectations(const platform::config::Node& list);
nlohmann::ordered_json expectation_schema();

/// All verdicts of all expectations, in order.
std::vector<Verdict> judge(const Expectations& expectations, const Evidence& evidence);

}  // namespace smmusim::scenarios
