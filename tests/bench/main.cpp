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
    std::vector<std::string> only;
    app.add_flag("--json", json, "one array of {id, measured, must, goal} and nothing else");
    app.add_flag("--brief", brief, "a small part of the work: shows that everything runs, not how fast");
    app.add_option("ID", only, "rows to measure; all of them without")->check(CLI::IsMember(bench::row_ids()));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
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
