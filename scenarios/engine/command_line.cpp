#include "scenarios/engine/command_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "platform/config/nearest.hpp"
#include "platform/results/files.hpp"
#include "scenarios/engine/batch.hpp"
#include "scenarios/engine/catalogue.hpp"
#include "scenarios/engine/explain_command.hpp"
#include "scenarios/engine/paths.hpp"
#include "scenarios/engine/report.hpp"
#include "scenarios/engine/runner.hpp"

namespace smmusim::scenarios {

namespace fs = std::filesystem;
using platform::config::ConfigError;

namespace {

struct RunArguments {
    std::vector<std::string> paths;
    RunOptions options;
    unsigned jobs = 1;
    std::string junit;
    bool json = false;
    bool quiet = false;
    Detail detail = Detail::Failures;
};

std::vector<fs::path> files_of(const std::vector<std::string>& paths) {
    std::vector<fs::path> files;
    for (const std::string& path : paths)
        for (fs::path& file : scenario_files(existing(path))) files.push_back(std::move(file));
    return files;
}

/// Two scenarios of one name would write into the same folder.
void reject_equal_names(const std::vector<fs::path>& files, const std::vector<std::string>& settings) {
    if (files.size() > 1 &&
        std::ranges::any_of(settings, [](const std::string& set) { return set.starts_with("name="); }))
        throw ConfigError({"--set"}, fmt::format("{} scenarios cannot have one name", files.size()),
                          "give every scenario its own name");
    std::map<std::string, fs::path> seen;
    for (const fs::path& file : files) {
        Heading heading;
        try {
            heading = load_heading(file);
        } catch (const ConfigError&) {
            continue;  // its own run reports what is wrong with it
        }
        const auto [other, fresh] = seen.try_emplace(heading.name, file);
        if (!fresh)
            throw ConfigError({file.string()},
                              "the name '" + heading.name + "' belongs to " + other->second.string() + " already",
                              "give every scenario its own name");
    }
}

/// Known before the work is done.
void require_writable(const fs::path& file) {
    std::error_code code;
    if (file.has_parent_path()) fs::create_directories(file.parent_path(), code);
    if (!std::ofstream(file, std::ios::app))
        throw ConfigError({"--junit"}, file.string() + " cannot be written", "name another file");
}

int run(const RunArguments& arguments) {
    const std::vector<fs::path> files = files_of(arguments.paths);
    reject_equal_names(files, arguments.options.overrides.settings);
    if (!arguments.junit.empty()) require_writable(arguments.junit);
    const bool colour = isatty(STDOUT_FILENO) != 0 && !arguments.json;
    const bool progress = isatty(STDERR_FILENO) != 0 && !arguments.quiet;
    std::size_t done = 0;
    const auto show_progress = [&] {
        if (progress && done < files.size()) fmt::print(stderr, "\r\x1b[K{} of {} done", done, files.size());
    };
    show_progress();
    RunOptions options = arguments.options;
    options.own_process = true;
    Batch batch([&](const fs::path& file) { return run_scenario(file, options); });
    const std::vector<Outcome> outcomes = batch.execute(files, arguments.jobs, [&](const Outcome& outcome) {
        ++done;
        if (progress) fmt::print(stderr, "\r\x1b[K");
        const bool good = outcome.ending == Ending::Passed;
        if (outcome.ending == Ending::BadInput) fmt::print(stderr, "{}\n", outcome.error);
        else if (!arguments.json && !(arguments.quiet && good))
            fmt::print("{}", outcome_text(outcome, arguments.detail, colour));
        std::fflush(stdout);
        show_progress();
    });
    if (!arguments.json && !arguments.quiet && outcomes.size() > 1) fmt::print("{}", batch_text(outcomes, colour));
    if (!arguments.junit.empty()) platform::results::write_file(arguments.junit, junit_xml(outcomes));
    if (arguments.json) {
        nlohmann::ordered_json document = nlohmann::ordered_json::array();
        for (const Outcome& outcome : outcomes) document.push_back(outcome.json());
        fmt::print("{}\n", document.dump(2));
    }
    Ending ending = Ending::Passed;
    for (const Outcome& outcome : outcomes) ending = worse(ending, outcome.ending);
    return static_cast<int>(ending);
}

int list(const std::string& path) {
    const std::vector<fs::path> files = files_of({path});
    std::vector<Heading> headings;
    std::size_t width = 0;
    for (const fs::path& file : files) {
        headings.push_back(load_heading(file));
        width = std::max(width, headings.back().name.size());
    }
    for (const Heading& heading : headings) fmt::print("{:<{}}  {}\n", heading.name, width, heading.description);
    return 0;
}

int params(const std::string& prefix) {
    std::size_t count = 0;
    for (const platform::config::Parameter& parameter : default_parameters()) {
        if (!parameter.path.starts_with(prefix)) continue;
        ++count;
        fmt::print("{} = {}\n", parameter.path, parameter.value.empty() ? "''" : parameter.value);
        fmt::print("    {}{}{}\n    origin: {}\n", parameter.meaning,
                   parameter.unit.empty() ? "" : "; " + parameter.unit,
                   parameter.range.empty() ? "" : "; " + parameter.range, parameter.origin);
    }
    if (count != 0) return 0;
    std::vector<std::string> names;
    for (const platform::config::Parameter& parameter : default_parameters()) names.push_back(parameter.path);
    throw ConfigError({"params"}, "no parameter begins with '" + prefix + "'",
                      "the nearest is '" + platform::config::nearest(prefix, names) + "'");
}

void add_run_options(CLI::App& command, RunArguments& arguments) {
    RunOptions& options = arguments.options;
    command.add_option("--set", options.overrides.settings, "override a parameter: a.b.c=value (repeatable)")
        ->take_all()
        ->allow_extra_args(false);
    command.add_option("--seed", options.overrides.seed, "seed of everything random")->check(CLI::NonNegativeNumber);
    command.add_option("--out", options.out, "folder for results, one folder in it for each scenario")
        ->capture_default_str();
    command.add_option("--jobs,-j", arguments.jobs, "scenarios that run at the same time")
        ->check(CLI::Range(1u, 1024u));
    command.add_option("--junit", arguments.junit, "also write a JUnit XML file");
    command.add_option("--trace", options.trace, "write decoded lines to trace.txt: mmio,cmd,event,walk,tlp,irq")
        ->delimiter(',');
    command.add_flag("--json", arguments.json, "print outcomes as one JSON array");
    command.add_flag("-q,--quiet", arguments.quiet, "print failures only");
    command.add_flag("--update-golden", options.update_golden, "rewrite the golden files that the scenarios name");
}

}  // namespace

int command_line(int argc, char** argv) {
    CLI::App program("a full-system simulator of SMMUv3, GICv3 ITS and PCIe", "smmusim");
    program.require_subcommand(1);
    program.set_version_flag("--version", SMMUSIM_VERSION);

    RunArguments demo_arguments, run_arguments;
    std::string list_path = "scenarios", prefix;
    CLI::App* const demo = program.add_subcommand("demo", "run the main job: KVM PCIe/MSI passthrough, three ways");
    add_run_options(*demo, demo_arguments);
    CLI::App* const runner = program.add_subcommand("run", "run scenario files or folders of them");
    runner->add_option("PATH", run_arguments.paths, "scenario files and folders")->required();
    add_run_options(*runner, run_arguments);
    CLI::App* const lister = program.add_subcommand("list", "scenarios with a one-line description");
    lister->add_option("PATH", list_path, "file or folder")->capture_default_str();
    CLI::App* const parameters =
        program.add_subcommand("params", "every parameter: default, unit, range, meaning, origin");
    parameters->add_option("PREFIX", prefix, "only those that begin with it");
    CLI::App* const schema = program.add_subcommand("schema", "the JSON Schema of scenario files");
    TranslateCommand translate(program);
    ExplainCommand explain(program);

    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? 0 : static_cast<int>(Ending::BadInput);
    }
    try {
        if (*demo) {
            for (const char* const name : demo_scenarios) demo_arguments.paths.push_back(in_repository(name).string());
            demo_arguments.detail = Detail::All;
            return run(demo_arguments);
        }
        if (*runner) return run(run_arguments);
        if (*lister) return list(list_path);
        if (*parameters) return params(prefix);
        if (translate.chosen()) return translate.run();
        if (explain.chosen()) return explain.run();
        if (*schema) fmt::print("{}\n", scenario_schema().dump(2));
        return 0;
    } catch (const ConfigError& error) {
        fmt::print(stderr, "{}\n", error.what());
        return static_cast<int>(Ending::BadInput);
    } catch (const std::exception& error) {
        fmt::print(stderr, "internal error: {}\n", error.what());
        return static_cast<int>(Ending::Internal);
    }
}

}  // namespace smmusim::scenarios
