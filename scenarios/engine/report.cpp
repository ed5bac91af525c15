#include "scenarios/engine/report.hpp"

#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>

#include "platform/config/quantity.hpp"

namespace smmusim::scenarios {

namespace {

std::string painted(const std::string& text, fmt::terminal_color foreground, bool colour) {
    return colour ? fmt::format(fmt::fg(foreground), "{}", text) : text;
}

fmt::terminal_color colour_of(bool good) { return good ? fmt::terminal_color::green : fmt::terminal_color::red; }

std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '&': result += "&amp;"; break;
            case '<': result += "&lt;"; break;
            case '>': result += "&gt;"; break;
            case '"': result += "&quot;"; break;
            default:
                // XML 1.0 has no other control characters.
                if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') result += c;
        }
    }
    return result;
}

std::string latency_table(const std::vector<Latency>& latencies) {
    if (latencies.empty()) return "";
    std::size_t width = 0;
    for (const Latency& latency : latencies) width = std::max(width, latency.name.size());
    std::string text = fmt::format("    {:<{}} {:>7} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "latency in ns", width,
                                   "count", "mean", "p50", "p99", "p99.9", "max");
    for (const Latency& latency : latencies)
        text += fmt::format("    {:<{}} {:>7} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f}\n", latency.name, width,
                            latency.count, latency.mean, latency.p50, latency.p99, latency.p999, latency.max);
    return text;
}

std::string seconds(u64 milliseconds) { return fmt::format("{}.{:03}", milliseconds / 1000, milliseconds % 1000); }

}  // namespace

std::string outcome_text(const Outcome& outcome, Detail detail, bool colour) {
    const bool good = outcome.ending == Ending::Passed;
    const auto passed = std::ranges::count_if(outcome.verdicts, &Verdict::passed);
    std::string text = fmt::format(
        "{} {}", painted(fmt::format("{:<8}", ending_name(outcome.ending)), colour_of(good), colour), outcome.name);
    if (!outcome.digest.empty())
        text += fmt::format("  {}/{} expectations, {} simulated in {} s, digest {}", passed, outcome.verdicts.size(),
                            platform::config::format_quantity(outcome.simulated_ps, sim::Unit::Time),
                            seconds(outcome.wall_ms), outcome.digest);
    text += "\n";
    if (!outcome.error.empty()) {
        const bool placed = outcome.error.starts_with(outcome.file);
        text +=
            "    " + (placed ? "" : outcome.file + ": ") + outcome.error + (outcome.error.ends_with('\n') ? "" : "\n");
    }
    for (const Verdict& verdict : outcome.verdicts) {
        if (verdict.passed && detail == Detail::Failures) continue;
        if (verdict.passed)
            text += fmt::format("    {} {}{}\n", painted("ok  ", colour_of(true), colour), verdict.expectation,
                                verdict.actual.empty() ? "" : "  (" + verdict.actual + ")");
        else
            text += fmt::format("    {} {}: expected {}; found {}\n", painted("FAIL", colour_of(false), colour),
                                verdict.where, verdict.expectation, verdict.actual);
    }
    if (!good && !outcome.folder.empty())
        text +=
            fmt::format("    again, with everything recorded: ./smmusim run {} --trace mmio,cmd,event,walk,tlp,irq\n",
                        outcome.file);
    if (detail == Detail::All) text += latency_table(outcome.latencies);
    if (!outcome.folder.empty() && detail == Detail::All) text += fmt::format("    results in {}/\n", outcome.folder);
    return text;
}

std::string batch_text(std::span<const Outcome> outcomes, bool colour) {
    const auto passed = std::ranges::count(outcomes, Ending::Passed, &Outcome::ending);
    const bool good = static_cast<std::size_t>(passed) == outcomes.size();
    return painted(fmt::format("{} of {} scenarios passed", passed, outcomes.size()), colour_of(good), colour) + "\n";
}

std::string junit_xml(std::span<const Outcome> outcomes) {
    std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
    for (const Outcome& outcome : outcomes) {
        const bool stopped = !outcome.error.empty();
        const auto failed = std::ranges::count(outcome.verdicts, false, &Verdict::passed);
        text += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\">\n",
                            escaped(outcome.name), outcome.verdicts.size() + 1, failed, stopped ? 1 : 0,
                            seconds(outcome.wall_ms));
        text += fmt::format("    <testcase classname=\"{}\" name=\"run\" file=\"{}\" time=\"{}\"",
                            escaped(outcome.name), escaped(outcome.file), seconds(outcome.wall_ms));
        text += stopped ? fmt::format("><error message=\"{}\"/></testcase>\n", escaped(outcome.error)) : "/>\n";
        for (const Verdict& verdict : outcome.verdicts) {
            text += fmt::format("    <testcase classname=\"{}\" name=\"{}\" file=\"{}\"", escaped(outcome.name),
                                escaped(verdict.expectation), escaped(verdict.where));
            text += verdict.passed
                        ? "/>\n"
                        : fmt::format("><failure message=\"found {}\"/></testcase>\n", escaped(verdict.actual));
        }
        text += "  </testsuite>\n";
    }
    return text + "</testsuites>\n";
}

}  // namespace smmusim::scenarios
