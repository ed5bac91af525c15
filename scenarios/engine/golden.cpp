#include "scenarios/engine/golden.hpp"

#include <fstream>
#include <iterator>

#include "platform/config/nearest.hpp"
#include "platform/config/source.hpp"
#include "platform/results/files.hpp"

namespace smmusim::scenarios {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using platform::config::ConfigError;
using platform::config::Node;
using platform::results::Statistic;
using platform::results::StatisticsTable;

namespace {

Json exact(const Statistic& statistic) {
    return statistic.kind == Statistic::Kind::Time ? Json(statistic.integer) : statistic.json();
}

Json read_json(const fs::path& file, const platform::config::Position& where) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    Json values = Json::parse(text, nullptr, false);
    if (!stream.good() && !stream.eof())
        throw ConfigError(where, "the golden file " + file.string() + " cannot be read", "check the path");
    if (!values.is_object())
        throw ConfigError(where, "the golden file " + file.string() + " is not a JSON object",
                          "write it with --update-golden");
    return values;
}

class Golden final : public Expectation {
public:
    Golden(platform::config::Position where, Json values) : Expectation(std::move(where)), values_(std::move(values)) {}

    void judge(const Evidence& evidence, std::vector<Verdict>& verdicts) const override {
        std::string differences;
        std::size_t count = 0;
        for (const auto& [name, value] : values_.items()) {
            const Statistic* const statistic = evidence.statistics.find(name);
            const Json found = statistic == nullptr ? Json("no such statistic") : exact(*statistic);
            if (found == value) continue;
            if (++count <= 8)
                differences += (count == 1 ? "" : "; ") + name + " is " + found.dump() + ", golden " + value.dump();
        }
        if (count > 8) differences += "; and " + std::to_string(count - 8) + " more";
        verdicts.push_back(verdict(std::to_string(values_.size()) + " golden statistics", count == 0, differences));
    }

private:
    Json values_;
};

std::string name_of(const Node& name) {
    if (name.kind() != Node::Kind::Scalar)
        throw ConfigError(name.where(), std::string("golden is ") + name.kind_name(), "give the name of a JSON file");
    return name.text();
}

}  // namespace

std::unique_ptr<Expectation> read_golden(const Node& name) {
    const fs::path file =
        platform::config::find_file(name_of(name), fs::path(name.where().file).parent_path(), name.where());
    return std::make_unique<Golden>(name.where(), read_json(file, name.where()));
}

void update_golden(const Node& name, const StatisticsTable& statistics) {
    const fs::path file =
        platform::config::find_file(name_of(name), fs::path(name.where().file).parent_path(), name.where());
    Json fresh = Json::object();
    const Json stale = read_json(file, name.where());
    if (!stale.empty()) {
        for (const auto& [key, value] : stale.items()) {
            const Statistic* const statistic = statistics.find(key);
            if (statistic == nullptr)
                throw ConfigError(name.where(), "the golden file names '" + key + "', which is no statistic",
                                  platform::config::suggestion(key, statistics.names()));
            fresh[key] = exact(*statistic);
        }
    } else {
        for (const auto& [key, statistic] : statistics.all())
            if (statistic.in_digest) fresh[key] = exact(statistic);
    }
    platform::results::write_json(file, fresh);
}

}  // namespace smmusim::scenarios
