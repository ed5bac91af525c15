// `./smmusim bench`: the speed of the simulator as ratios measured in this process.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/rows.hpp"

using namespace smmusim;

int main(int argc, char** argv) {
    CLI::App app{"The speed of the simulator: ratios of rates taken in one process."};
    app.name("smmusim bench");
    bool json = false;
    bool brief = false;
    u64 reads = 0;
    std::vector<std::string> only;
    CLI::Option* const as_json =
        app.add_flag("--json", json, "one array of {id, measured, must, goal} and nothing else");
    CLI::Option* const in_brief =
        app.add_flag("--brief", brief, "a small part of the work: shows that everything runs, not how fast");
    app.add_option("--run", reads,
                   "let the machines of the rows do this many reads each, and measure nothing: for a "
                   "profiler; also F1.reference, F2.reference, and raw for SystemC events")
        ->excludes(as_json, in_brief);
    app.add_option("ID", only, "rows to measure; all of them without");
    try {
        app.parse(argc, argv);
        const CLI::IsMember known(reads == 0 ? bench::row_ids() : bench::workload_ids());
        for (std::string& id : only)
            if (const std::string problem = known(id); !problem.empty()) throw CLI::ValidationError("ID", problem);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }

    if (reads != 0) {
        for (const std::string& id : only.empty() ? bench::workload_ids() : only) bench::run(id, reads);
        return 0;
    }
    const bench::Effort effort = brief ? bench::Effort::brief() : bench::Effort{};
    auto rows = nlohmann::ordered_json::array();
    if (!json) fmt::print("{:<9} {:>9} {:>7} {:>7}  \n", "id", "measured", "must", "goal");
    for (const std::string& id : only.empty() ? bench::row_ids() : only) {
        const bench::Row row = bench::measure(id, effort);
        rows.push_back({{"id", row.id}, {"measured", row.measured}, {"must", row.must}, {"goal", row.goal}});
        if (json) continue;
        const char* verdict = row.reaches(row.goal) ? "goal" : row.reaches(row.must) ? "must" : "-";
        fmt::print("{:<9} {:>9.3f} {:>7} {:>7}  {:<4}  {}{}{}\n", row.id, row.measured, row.must, row.goal, verdict,
                   row.metric, row.note.empty() ? "" : "; ", row.note);
        std::fflush(stdout);
    }
    if (json) fmt::print("{}\n", rows.dump(2));
    return 0;
}
