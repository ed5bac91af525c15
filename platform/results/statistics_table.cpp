#include "platform/results/statistics_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace smmusim::platform::results {

using Json = nlohmann::ordered_json;
using Kind = Statistic::Kind;

Json Statistic::json() const {
    switch (kind) {
        case Kind::Integer: return integer;
        case Kind::Time: return static_cast<double>(integer) / static_cast<double>(nanosecond);
        case Kind::Real: return real;
        case Kind::Word: return word;
        case Kind::Absent: break;
    }
    return nullptr;
}

const Statistic* StatisticsTable::find(const std::string& name) const {
    const auto found = all_.find(name);
    return found == all_.end() ? nullptr : &found->second;
}

std::vector<std::string> StatisticsTable::names() const {
    std::vector<std::string> names;
    for (const auto& [name, statistic] : all_) names.push_back(name);
    return names;
}

Statistic& StatisticsTable::add(const std::string& name, Kind kind, const char* unit, const std::string& meaning) {
    std::string path;
    for (const std::string& prefix : prefixes_) path += prefix + ".";
    path += name;
    const auto [place, fresh] = all_.try_emplace(path);
    assert(fresh && "two statistics of one name");
    Statistic& statistic = place->second;
    statistic.name = path;
    statistic.kind = kind;
    statistic.unit = unit;
    statistic.meaning = meaning;
    return statistic;
}

void StatisticsTable::counter(const char* name, u64& value, const char* unit, const char* meaning) {
    gauge(name, value, unit, meaning);
}

void StatisticsTable::gauge(const char* name, u64 value, const char* unit, const char* meaning) {
    Statistic& statistic = add(name, Kind::Integer, unit, meaning);
    statistic.integer = value;
    statistic.in_digest = true;
}

void StatisticsTable::derived(const char* name, double value, const char* unit, const char* meaning) {
    add(name, Kind::Real, unit, meaning).real = value;
}

void StatisticsTable::text(const char* name, const std::string& value, const char* meaning) {
    add(name, Kind::Word, "", meaning).word = value;
}

void StatisticsTable::latency(const char* name, sim::Histogram& histogram, const char* meaning) {
    spread(name, histogram, Kind::Time, "ns", meaning);
}

void StatisticsTable::distribution(const char* name, sim::Histogram& histogram, const char* unit, const char* meaning) {
    spread(name, histogram, Kind::Integer, unit, meaning);
}

void StatisticsTable::spread(const char* name, sim::Histogram& histogram, Kind kind, const char* unit,
                             const char* meaning) {
    const std::string base(name);
    const bool empty = histogram.count() == 0;
    const auto part = [&](const char* suffix, const char* what, u64 value, bool exact) {
        Statistic& statistic = add(base + suffix, empty ? Kind::Absent : kind, unit, std::string(meaning) + what);
        statistic.integer = value;
        statistic.in_digest = exact && !empty;
    };
    Statistic& count = add(base + ".count", Kind::Integer, "", std::string(meaning) + ": number of samples");
    count.integer = histogram.count();
    count.in_digest = true;
    Statistic& mean = add(base + ".mean", empty ? Kind::Absent : Kind::Real, unit, std::string(meaning) + ": mean");
    mean.real = kind == Kind::Time ? histogram.mean() / static_cast<double>(nanosecond) : histogram.mean();
    part(".min", ": smallest", histogram.minimum(), true);
    part(".p50", ": median", histogram.percentile(50, 100), false);
    part(".p99", ": 99th percentile", histogram.percentile(99, 100), false);
    part(".p999", ": 99.9th percentile", histogram.percentile(999, 1000), false);
    part(".max", ": largest", histogram.maximum(), true);
    part(".sum", ": sum", histogram.sum(), true);
}

void StatisticsTable::enter(const std::string& name) { prefixes_.push_back(name); }
void StatisticsTable::leave() { prefixes_.pop_back(); }

Json StatisticsTable::json() const {
    Json document = Json::object();
    for (const auto& [name, statistic] : all_)
        document[name] = {{"value", statistic.json()}, {"unit", statistic.unit}, {"description", statistic.meaning}};
    return document;
}

std::string StatisticsTable::text(const Json& statistics) {
    std::size_t name_width = 0, value_width = 0;
    const auto shown = [](const Json& value) {
        return value.is_string() ? value.get<std::string>() : value.is_null() ? "-" : value.dump();
    };
    for (const auto& [name, entry] : statistics.items()) {
        name_width = std::max(name_width, name.size());
        value_width = std::max(value_width, shown(entry["value"]).size());
    }
    std::string lines;
    for (const auto& [name, entry] : statistics.items())
        lines += fmt::format("{:<{}}  {:>{}} {:<6} # {}\n", name, name_width, shown(entry["value"]), value_width,
                             entry["unit"].get<std::string>(), entry["description"].get<std::string>());
    return lines;
}

}  // namespace smmusim::platform::results
