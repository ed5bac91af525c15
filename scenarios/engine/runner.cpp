#include "scenarios/engine/runner.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <optional>

#include "platform/config/nearest.hpp"
#include "platform/results/digest.hpp"
#include "platform/results/files.hpp"
#include "scenarios/engine/catalogue.hpp"
#include "scenarios/engine/golden.hpp"
#include "scenarios/engine/stage.hpp"

namespace smmusim::scenarios {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using platform::config::ConfigError;
using platform::results::StatisticsTable;
using Clock = std::chrono::steady_clock;

namespace {

/// The scenario ran longer than its wall-clock limit; what() says who waits for whom.
class WallLimit : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A scenario with everything that it configures.
struct Prepared {
    Scenario scenario;
    platform::PlatformConfig platform;
    sw::SoftwareConfig software;
    std::vector<platform::config::Parameter> parameters;
};

Prepared prepare(const fs::path& file, const Overrides& overrides) {
    Prepared prepared;
    prepared.scenario = load_scenario(file, overrides);
    Scenario& scenario = prepared.scenario;
    prepared.platform = platform::load_platform(scenario.platform_tree, &scenario.origins);
    platform::config::load(prepared.software, scenario.software_tree, "software", &scenario.origins);
    Names names;
    for (std::size_t index = 0; index < prepared.platform.endpoints.size(); ++index)
        names.define(Names::Kind::Device,
                     index < scenario.devices.size() ? scenario.devices[index] : "endpoint" + std::to_string(index),
                     {file.string()});
    for (const auto& step : scenario.steps) step->check(names);
    return prepared;
}

/// Results that cannot be written are a mistake of whoever named the place.
void make_folder(const fs::path& folder) {
    std::error_code code;
    fs::create_directories(folder, code);
    if (code || access(folder.c_str(), W_OK) != 0)
        throw ConfigError({"--out"}, "results cannot be written to " + folder.string(), "name another folder");
}

std::unique_ptr<platform::results::TextTrace> open_trace(const std::vector<std::string>& kinds, const fs::path& file) {
    if (kinds.empty()) return nullptr;
    auto trace = std::make_unique<platform::results::TextTrace>(file);
    for (const std::string& name : kinds) trace->enable(*sim::Trace::kind_of(name));
    return trace;
}

void check_trace(const std::vector<std::string>& kinds) {
    const std::vector<std::string> names(sim::Trace::names.begin(), sim::Trace::names.end());
    for (const std::string& kind : kinds)
        if (!sim::Trace::kind_of(kind))
            throw ConfigError({"--trace"}, "there is no trace of '" + kind + "'",
                              platform::config::suggestion(kind, names));
}

/// A step and whether it has ended.
sim::Task<> execute(Step& step, Stage& stage, bool& done) {
    co_await step.run(stage);
    done = true;
}

/// A step ends when it is done and the machine is idle.
void run_steps(platform::Platform& machine, Stage& stage, const Scenario& scenario) {
    for (const auto& step : scenario.steps) {
        bool done = false;
        sim::Scope scope(machine.simulation(), "scenario." + step->kind());
        try {
            scope.spawn("step", execute(*step, stage, done));
            machine.run_until_idle();
        } catch (const StepFailure& failure) {
            throw StepFailure(step->where().text() + ": " + failure.what());
        }
        if (!done)
            throw StepFailure(step->where().text() + ": " + step->kind() + " cannot finish, nothing is left to do\n" +
                              machine.waiting());
    }
}

Json versions() {
    return {{"smmusim", SMMUSIM_VERSION},
            {"compiler", SMMUSIM_COMPILER},
            {"build", SMMUSIM_BUILD_TYPE},
            {"systemc", SMMUSIM_SYSTEMC}};
}

Json host_description() {
    utsname names{};
    uname(&names);
    return {{"system", fmt::format("{} {}", names.sysname, names.release)},
            {"machine", names.machine},
            {"processors", sysconf(_SC_NPROCESSORS_ONLN)}};
}

void write_results(const Prepared& prepared, const RunOptions& options, const Outcome& outcome,
                   const StatisticsTable& table, std::span<const platform::results::Event> events,
                   std::span<const sim::SlotHistory> occupancy, const platform::FaultExplanations& faults) {
    const fs::path folder = outcome.folder;
    if (faults.all().empty()) fs::remove(folder / "faults.json");  // of an earlier run
    else platform::results::write_json(folder / "faults.json", faults.json());
    const Json statistics = table.json();
    platform::results::write_json(folder / "stats.json", statistics);
    platform::results::write_file(folder / "stats.txt", StatisticsTable::text(statistics));
    platform::results::write_file(folder / "events.csv", platform::results::events_csv(events));
    if (occupancy.empty()) fs::remove(folder / "occupancy.csv");
    else platform::results::write_file(folder / "occupancy.csv", platform::results::occupancy_csv(occupancy));
    platform::results::write_json(folder / "config.resolved.json",
                                  platform::config::resolved(prepared.parameters, prepared.scenario.origins));
    Json run = outcome.json();
    run["description"] = prepared.scenario.description;
    run["seed"] = prepared.scenario.seed;
    run["settings"] = options.overrides.settings;
    run["versions"] = versions();
    run["host"] = host_description();
    platform::results::write_json(folder / "run.json", run);
}

/// Every latency that has samples.
std::vector<Latency> latencies_of(const StatisticsTable& table) {
    constexpr std::string_view last = ".p999";
    std::vector<Latency> latencies;
    for (const auto& [name, statistic] : table.all()) {
        if (!name.ends_with(last) || statistic.kind != platform::results::Statistic::Kind::Time) continue;
        const std::string base = name.substr(0, name.size() - last.size());
        const auto value = [&](const char* part) { return table.find(base + part)->json().get<double>(); };
        latencies.push_back({base, table.find(base + ".count")->integer, value(".mean"), value(".p50"), value(".p99"),
                             value(".p999"), value(".max")});
    }
    return latencies;
}

void play(Prepared& prepared, const RunOptions& options, Outcome& outcome) {
    const Clock::time_point begin = Clock::now();
    const auto limit = std::chrono::nanoseconds(prepared.scenario.run.wall_limit / nanosecond);
    // An event that never ends does not come back to the poll below; then the signal ends the process.
    if (options.own_process) alarm(static_cast<unsigned>(prepared.scenario.run.wall_limit / second) + 10);
    platform::Platform machine(prepared.platform);
    const auto trace = open_trace(options.trace, fs::path(outcome.folder) / "trace.txt");
    machine.simulation().set_trace(trace.get());
    platform::FaultExplanations faults(machine);
    Stage stage(machine, prepared.software, prepared.scenario);
    machine.set_poll([&] {
        if (options.poll) options.poll();
        if (Clock::now() - begin > limit) throw WallLimit("the wall-clock limit passed\n" + machine.waiting());
    });
    try {
        run_steps(machine, stage, prepared.scenario);
        outcome.ending = Ending::Passed;
    } catch (const StepFailure& failure) {
        outcome.ending = Ending::Failed;
        outcome.error = failure.what();
    } catch (const WallLimit& late) {
        outcome.ending = Ending::WallLimit;
        outcome.error = late.what();
    }
    machine.set_poll(nullptr);
    if (options.own_process) alarm(0);
    StatisticsTable table;
    machine.statistics(table);
    // Half a run is no reference.
    if (options.update_golden && outcome.ending == Ending::Passed)
        for (const platform::config::Node& name : prepared.scenario.golden) update_golden(name, table);
    outcome.verdicts = std::move(stage.verdicts);
    if (outcome.ending == Ending::Passed) {
        const Evidence evidence{table, machine.events()};
        for (Verdict& verdict : judge(prepared.scenario.expectations, evidence))
            outcome.verdicts.push_back(std::move(verdict));
    }
    for (const Verdict& verdict : outcome.verdicts)
        if (!verdict.passed) outcome.ending = worse(outcome.ending, Ending::Failed);
    outcome.latencies = latencies_of(table);
    outcome.digest = platform::results::digest_text(platform::results::digest_of(table, machine.events()));
    outcome.simulated_ps = machine.now();
    outcome.wall_ms =
        static_cast<u64>(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count());
    if (!outcome.folder.empty())
        write_results(prepared, options, outcome, table, machine.events(), machine.occupancy(), faults);
    if (options.at_end) options.at_end(machine, faults);
    machine.simulation().set_trace(nullptr);
}

}  // namespace

Outcome run_scenario(const fs::path& file, const RunOptions& options) {
    Outcome outcome;
    outcome.file = file.string();
    outcome.name = file.stem().string();
    try {
        check_trace(options.trace);
        Prepared prepared = prepare(file, options.overrides);
        outcome.name = prepared.scenario.name;
        if (!options.out.empty()) outcome.folder = (fs::path(options.out) / prepared.scenario.name).string();
        prepared.parameters =
            parameters_of(prepared.platform, prepared.software, prepared.scenario.seed, prepared.scenario.run);
        if (!outcome.folder.empty()) make_folder(outcome.folder);
        play(prepared, options, outcome);
    } catch (const ConfigError& error) {
        outcome.ending = Ending::BadInput;
        outcome.error = error.what();
        outcome.place = error.where();
    } catch (const std::exception& error) {
        outcome.ending = Ending::Internal;
        outcome.error = error.what();
    }
    return outcome;
}

}  // namespace smmusim::scenarios
