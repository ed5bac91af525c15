// Looking at what happened so far: expectations, regions of interest, snapshots of memory, time.
#include <fmt/format.h>

#include "scenarios/engine/steps/step_base.hpp"

namespace smmusim::scenarios {

namespace {

using platform::config::Node;
using sim::ConfigVisitor;
using sim::Task;
using sim::Unit;

class Check final : public Step {
public:
    void fields(ConfigVisitor&) override {}
    void read(const Node& parameters, const std::string&) override { expectations_ = read_expectations(parameters); }
    Task<> run(Stage& stage) override {
        platform::results::StatisticsTable table;
        stage.platform().statistics(table);
        const Evidence evidence{table, stage.platform().events()};
        for (Verdict& verdict : judge(expectations_, evidence)) stage.verdicts.push_back(std::move(verdict));
        co_return;
    }

private:
    Expectations expectations_;
};

class ResetStatistics final : public Step {
public:
    void fields(ConfigVisitor&) override {}
    Task<> run(Stage& stage) override {
        platform::results::StatisticsReset reset;
        stage.platform().statistics(reset);
        co_return;
    }
};

class Wait final : public Step {
public:
    void fields(ConfigVisitor& visit) override {
        visit(duration_, {"duration", "simulated time", Unit::Time, sim::Origin::Choice, "", 0, 1'000'000 * second});
    }
    Task<> run(Stage& stage) override { co_await stage.simulation().delay(duration_); }

private:
    Time duration_ = 0;
};

class Snapshot final : public Step {
public:
    void fields(ConfigVisitor& visit) override {
        visit(name_, {"name", "name of the snapshot for `unchanged`"});
        visit(except_, {"except", "what is left out: names of buffers, event_queue, host (its tables and queues)"});
    }
    void check(Names& names) const override {
        names.define(Names::Kind::Mark, name_, where());
        for (const std::string& part : except_)
            if (part != "event_queue" && part != "host") names.require(Names::Kind::Buffer, part, where());
    }
    Task<> run(Stage& stage) override {
        const std::vector<Range> excluded = stage.ranges(except_);
        stage.snapshots.insert_or_assign(name_, Marked(excluded, MemoryImage(stage.platform().memory(), excluded)));
        co_return;
    }

private:
    std::string name_;
    std::vector<std::string> except_;
};

class Unchanged final : public Step {
public:
    void fields(ConfigVisitor& visit) override { visit(since_, {"since", "name of the snapshot"}); }
    void check(Names& names) const override { names.require(Names::Kind::Mark, since_, where()); }
    Task<> run(Stage& stage) override {
        const Marked& before = stage.snapshots.at(since_);
        const MemoryImage now(stage.platform().memory(), before.excluded);
        const std::vector<u64> pages = before.image.differences(now);
        std::string found = fmt::format("hash {:016x}", now.hash());
        for (std::size_t index = 0; index < pages.size() && index < 4; ++index)
            found += fmt::format("{} {:#x}", index == 0 ? ", changed pages:" : "", pages[index]);
        if (pages.size() > 4) found += fmt::format(" and {} more", pages.size() - 4);
        stage.verdicts.push_back({"memory is as in snapshot '" + since_ + "'", where().text(), pages.empty(), found});
        co_return;
    }

private:
    std::string since_;
};

constexpr std::array check_kinds{
    StepKind{"check", "expectations that must hold at this point", make_step<Check>},
    StepKind{"reset_statistics", "open a region of interest: statistics start anew", make_step<ResetStatistics>},
    StepKind{"wait", "let simulated time pass", make_step<Wait>},
    StepKind{"snapshot", "remember what memory holds", make_step<Snapshot>},
    StepKind{"unchanged", "memory must hold what it held at a snapshot", make_step<Unchanged>},
};

}  // namespace

std::span<const StepKind> check_steps() { return check_kinds; }

}  // namespace smmusim::scenarios
