// All statistics of a run under their full names, taken at one moment.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/statistics.hpp"

namespace smmusim::platform::results {

struct Statistic {
    enum class Kind : u8 {
        Integer,
        Time,  ///< integer picoseconds, shown in nanoseconds
        Real,
        Word,
        Absent  ///< a percentile of nothing
    };
    std::string name;
    Kind kind = Kind::Absent;
    u64 integer = 0;  ///< also the picoseconds of a Time
    double real = 0;
    std::string word;
    std::string unit;
    std::string meaning;
    bool in_digest = false;

    /// As it stands in stats.json: an integer, nanoseconds, a real number, a word, or null.
    nlohmann::ordered_json json() const;
};

/// Collects what components show.
class StatisticsTable final : public sim::StatisticsVisitor {
public:
    /// All statistics by name.
    const std::map<std::string, Statistic>& all() const { return all_; }
    const Statistic* find(const std::string& name) const;
    std::vector<std::string> names() const;

    /// {name: {value, unit, description}}
    nlohmann::ordered_json json() const;
    /// One aligned line for each, made from what json() returns.
    static std::string text(const nlohmann::ordered_json& statistics);

    void counter(const char* name, u64& value, const char* unit, const char* meaning) override;
    void gauge(const char* name, u64 value, const char* unit, const char* meaning) override;
    void derived(const char* name, double value, const char* unit, const char* meaning) override;
    void text(const char* name, const std::string& value, const char* meaning) override;
    void latency(const char* name, sim::Histogram& histogram, const char* meaning) override;
    void distribution(const char* name, sim::Histogram& histogram, const char* unit, const char* meaning) override;
    void enter(const std::string& name) override;
    void leave() override;

private:
    Statistic& add(const std::string& name, Statistic::Kind kind, const char* unit, const std::string& meaning);
    void spread(const char* name, sim::Histogram& histogram, Statistic::Kind kind, const char* unit,
                const char* meaning);

    std::map<std::string, Statistic> all_;
    std::vector<std::string> prefixes_;
};

/// Opens a region of interest: counters and histograms start anew, what exists now stays.
class StatisticsReset final : public sim::StatisticsVisitor {
public:
    void counter(const char*, u64& value, const char*, const char*) override { value = 0; }
    void gauge(const char*, u64, const char*, const char*) override {}
    void derived(const char*, double, const char*, const char*) override {}
    void text(const char*, const std::string&, const char*) override {}
    void latency(const char*, sim::Histogram& histogram, const char*) override { histogram.reset(); }
    void distribution(const char*, sim::Histogram& histogram, const char*, const char*) override { histogram.reset(); }
    void enter(const std::string&) override {}
    void leave() override {}
};

}  // namespace smmusim::platform::results
