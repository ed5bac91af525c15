#include "scenarios/engine/outcome.hpp"

namespace smmusim::scenarios {

using Json = nlohmann::ordered_json;

Ending worse(Ending one, Ending other) {
    for (const Ending ending : {Ending::Internal, Ending::WallLimit, Ending::BadInput, Ending::Failed})
        if (one == ending || other == ending) return ending;
    return Ending::Passed;
}

const char* ending_name(Ending ending) {
    switch (ending) {
        case Ending::Passed: return "passed";
        case Ending::Failed: return "failed";
        case Ending::BadInput: return "bad input";
        case Ending::Internal: return "internal error";
        case Ending::WallLimit: return "wall-clock limit";
    }
    return "";
}

Json Outcome::json() const {
    Json expectations = Json::array();
    for (const Verdict& verdict : verdicts)
        expectations.push_back({{"expectation", verdict.expectation},
                                {"where", verdict.where},
                                {"passed", verdict.passed},
                                {"actual", verdict.actual}});
    Json spreads = Json::object();
    for (const Latency& latency : latencies)
        spreads[latency.name] = {{"count", latency.count}, {"mean", latency.mean}, {"p50", latency.p50},
                                 {"p99", latency.p99},     {"p999", latency.p999}, {"max", latency.max}};
    Json where(nullptr);
    if (!place.file.empty()) where = {{"file", place.file}, {"line", place.line}, {"column", place.column}};
    return {{"scenario", name},
            {"file", file},
            {"passed", ending == Ending::Passed},
            {"status", static_cast<int>(ending)},
            {"error", error.empty() ? Json(nullptr) : Json(error)},
            {"place", std::move(where)},
            {"expectations", std::move(expectations)},
            {"latencies", std::move(spreads)},
            {"digest", digest},
            {"simulated_ps", simulated_ps},
            {"wall_ms", wall_ms},
            {"out", folder}};
}

Outcome Outcome::from_json(const Json& document) {
    Outcome outcome;
    outcome.name = document.at("scenario");
    outcome.file = document.at("file");
    outcome.ending = static_cast<Ending>(document.at("status").get<int>());
    if (!document.at("error").is_null()) outcome.error = document.at("error");
    if (const Json& where = document.at("place"); !where.is_null())
        outcome.place = {where.at("file"), where.at("line"), where.at("column")};
    for (const Json& entry : document.at("expectations"))
        outcome.verdicts.push_back(
            {entry.at("expectation"), entry.at("where"), entry.at("passed"), entry.at("actual")});
    for (const auto& [name, spread] : document.at("latencies").items())
        outcome.latencies.push_back({name, spread.at("count"), spread.at("mean"), spread.at("p50"), spread.at("p99"),
                                     spread.at("p999"), spread.at("max")});
    outcome.digest = document.at("digest");
    outcome.simulated_ps = document.at("simulated_ps");
    outcome.wall_ms = document.at("wall_ms");
    outcome.folder = document.at("out");
    return outcome;
}

}  // namespace smmusim::scenarios
