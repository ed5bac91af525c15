#include "bench/rows.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

#include "bench/dma_machine.hpp"
#include "bench/footprint.hpp"
#include "bench/lpi_machine.hpp"
#include "bench/measure.hpp"
#include "bench/plain_loop.hpp"
#include "bench/raw_events.hpp"

namespace smmusim::bench {

namespace {

u64 scaled(u64 count, const Effort& effort) { return static_cast<u64>(static_cast<double>(count) * effort.scale) + 1; }

std::string figures(const Ratio& ratio) {
    return fmt::format("{:.0f} ns against {:.0f} ns{}", ratio.measured, ratio.reference,
                       ratio.steady ? "" : "; the reference varies by more than 30 %");
}

struct NamedWorkload {
    const char* id;
    Workload workload;
};
// Under random access a TLB of 64 entries answers 75 % in a window of 85 pages.
constexpr std::array workloads{
    NamedWorkload{"K1", {.pages = 32}},
    NamedWorkload{"K2", {}},
    NamedWorkload{"K3", {.nested = true}},
    NamedWorkload{"L1", {.pages = 85}},
    NamedWorkload{"F1", {.tags = 1024, .pages = 32}},
    NamedWorkload{"F1.reference", {.tags = 32, .pages = 32}},
    NamedWorkload{"F2", {.pages = 8, .tlb_entries = 1024, .streams = 65'536, .active = 64}},
    NamedWorkload{"F2.reference", {.pages = 8, .tlb_entries = 1024, .streams = 64, .active = 64}},
};

Workload workload(const std::string& id) {
    for (const NamedWorkload& known : workloads)
        if (id == known.id) return known.workload;
    throw std::invalid_argument("there is no workload " + id);
}

/// Translated reads per raw SystemC event.
void per_raw_event(Row& row, const Effort& effort, u64 reads) {
    RawEvents raw;
    DmaMachine machine(workload(row.id));
    const Ratio ratio = cost_ratio([&] { return machine.run(scaled(reads, effort)); },
                                   [&] { return raw.run(scaled(200'000, effort)); }, effort.slices, effort.attempts);
    row.measured = 1 / ratio.value;
    const double events = static_cast<double>(machine.platform().simulation().scheduler().executed());
    row.note = fmt::format("{}; {:.1f} events for each", figures(ratio),
                           events / static_cast<double>(machine.statistic("smmu0.transaction")));
}

void against_plain_loop(Row& row, const Effort& effort) {
    const Workload traffic = workload(row.id);
    DmaMachine machine(traffic);
    PlainLoop loop(machine.platform().memory(), machine.layout().stage1_root, traffic.pages, traffic.tlb_entries);
    const Ratio ratio = cost_ratio([&] { return machine.run(scaled(60'000, effort)); },
                                   [&] { return loop.run(scaled(600'000, effort)); }, effort.slices, effort.attempts);
    row.measured = ratio.value;
    const double misses = static_cast<double>(machine.statistic("smmu0.tlb_miss"));
    row.note = fmt::format("{}; {:.0f} % and {:.0f} % of the reads hit", figures(ratio),
                           100 - 100 * misses / static_cast<double>(machine.statistic("smmu0.transaction")),
                           100 * loop.hit_share());
}

void against_another(Row& row, const Effort& effort) {
    DmaMachine machine(workload(row.id));
    DmaMachine reference(workload(row.id + ".reference"));
    const u64 reads = scaled(60'000, effort);
    const Ratio ratio = cost_ratio([&] { return machine.run(reads); }, [&] { return reference.run(reads); },
                                   effort.slices, effort.attempts);
    row.measured = ratio.value;
    row.note = figures(ratio);
}

struct Kind {
    const char* id;
    const char* metric;
    double must;
    double goal;
    bool larger_is_better;
    void (*measure)(Row& row, const Effort& effort);
};

constexpr std::array kinds{
    Kind{"K1", "translated reads that hit the TLB / raw SystemC events", 0.30, 0.50, true,
         [](Row& row, const Effort& effort) { per_raw_event(row, effort, 100'000); }},
    Kind{"K2", "reads with a walk of 4 reads each / raw SystemC events", 0.10, 0.20, true,
         [](Row& row, const Effort& effort) { per_raw_event(row, effort, 30'000); }},
    Kind{"K3", "nested walks of 24 reads / raw SystemC events", 0.03, 0.055, true,
         [](Row& row, const Effort& effort) { per_raw_event(row, effort, 10'000); }},
    Kind{"L1", "time per read, 75 % hits / the same in a plain loop without time", 25, 15, false, against_plain_loop},
    Kind{"F1", "cost per read at 1,024 tags / at 32", 1.5, 1.1, false, against_another},
    Kind{"F2", "cost per read with 65,536 configured streams, 64 active / with 64 configured", 1.5, 1.1, false,
         against_another},
    Kind{"F3", "cost per MSI with 1 M mapped LPIs / with 1 K", 3, 2, false,
         [](Row& row, const Effort& effort) {
             LpiMachine many(static_cast<u32>(scaled(1'000'000, effort)));
             LpiMachine few(1'000);
             const u64 messages = scaled(2'000, effort);
             const Ratio ratio = cost_ratio([&] { return many.run(messages); }, [&] { return few.run(messages); },
                                            effort.slices, effort.attempts);
             row.measured = ratio.value;
             row.note = figures(ratio);
         }},
    Kind{"F3.map", "cost per LPI that is mapped, up to 1 M / a raw SystemC event", 12, 8, false,
         [](Row& row, const Effort& effort) {
             RawEvents raw;
             // Every slice maps others: as many as there are slices, and one to warm up.
             const u64 all = scaled(1'000'000, effort);
             const u64 slice = all / (effort.slices * effort.attempts + 1);
             LpiMachine machine(static_cast<u32>(all), 0);
             const Ratio ratio =
                 cost_ratio([&] { return machine.map(slice); }, [&] { return raw.run(scaled(100'000, effort)); },
                            effort.slices, effort.attempts);
             row.measured = ratio.value;
             row.note = figures(ratio);
         }},
    Kind{"M.stream", "resident bytes per idle stream", 256, 80, false,
         [](Row& row, const Effort& effort) { row.measured = bytes_per_idle_stream(scaled(32'768, effort)); }},
    Kind{"M.lpi", "bytes per mapped LPI beyond the guest's own tables", 32, 12, false,
         [](Row& row, const Effort& effort) {
             row.measured = LpiMachine(static_cast<u32>(scaled(1'000'000, effort))).bytes_per_lpi();
         }},
    Kind{"M.page", "resident bytes per mapped 4 KiB page beyond the guest's own tables", 16, 9, false,
         [](Row& row, const Effort& effort) { row.measured = bytes_per_mapped_page(scaled(262'144, effort)); }},
};

}  // namespace

std::vector<std::string> row_ids() {
    std::vector<std::string> ids;
    for (const Kind& kind : kinds) ids.emplace_back(kind.id);
    return ids;
}

std::vector<std::string> workload_ids() {
    std::vector<std::string> ids{"raw"};
    for (const NamedWorkload& known : workloads) ids.emplace_back(known.id);
    return ids;
}

void run(const std::string& id, u64 count) {
    if (id == "raw") RawEvents().run(count);
    else DmaMachine(workload(id)).run(count);
}

Row measure(const std::string& id, const Effort& effort) {
    for (const Kind& kind : kinds) {
        if (id != kind.id) continue;
        Row row{kind.id, kind.metric, 0, kind.must, kind.goal, kind.larger_is_better, ""};
        kind.measure(row, effort);
        return row;
    }
    throw std::invalid_argument("there is no row " + id);
}

}  // namespace smmusim::bench
