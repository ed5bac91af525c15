// Traffic while software changes mappings: between the change of a table and the completion of the CMD_SYNC either
// mapping may be used, after it only the new one.
#include <fmt/format.h>

#include <deque>
#include <unordered_map>

#include "smmu/changing_tables.hpp"

namespace smmusim::test::agreement {
namespace {

using Shape = ChangingSpace::Shape;

/// One access, with what has become of it.
struct Seen {
    explicit Seen(sim::Simulation& simulation) : client(simulation) {}
    Client client;
    std::size_t space = 0;
    unsigned page = 0;
    u32 stream = 0;
    std::size_t tbu = 0;
    Time arrived = 0;
    Time effect = 0;  ///< at memory; 0: none
    u64 output = 0;
};

struct Totals {
    u64 accesses = 0;
    u64 old = 0;  ///< used a mapping whose successor was in memory already
    u64 faults = 0;
    u64 changes = 0;
    u64 syncs = 0;
};

/// Random traffic and a driver, side by side, until the driver has changed enough.
class Race {
public:
    Race(u64 seed, const uarch::SmmuConfig& config) : random_(seed), machine_(config), tbus_(config.tbus.size()) {
        machine_.memory.on_arrival = [this](const sim::Access& access) {
            // Memory is fast or slow, so that walks take from a fraction to a multiple of the time of a command.
            machine_.memory.latency = random_.one_of<Time>({5, 40, 100, 400}) * nanosecond;
            const auto found = under_way_.find(&access);
            if (found == under_way_.end()) return;
            found->second->effect = machine_.simulation.now();
            found->second->output = access.address;
        };
        machine_.sync_irq.on_pulse = [this] { synchronised(); };
    }

    /// What went wrong first, or nothing.
    std::string run(unsigned batches, Totals& totals) {
        while (totals_.syncs < batches) {
            machine_.run_to(machine_.simulation.now() + random_.below(60) * nanosecond + random_.below(1000));
            access();
            if (!busy_ && random_.chance(20)) change();
        }
        machine_.run();
        std::string problem;
        for (const auto& seen : seen_)
            if (problem.empty()) problem = check(*seen);
        if (problem.empty()) problem = compare_quiet();
        totals.accesses += totals_.accesses;
        totals.old += totals_.old;
        totals.faults += totals_.faults;
        totals.changes += totals_.changes;
        totals.syncs += totals_.syncs;
        return problem;
    }

private:
    // Traffic.
    void access() {
        // A requester has only so many tags.
        while (!open_.empty() && open_.front()->client.done) open_.pop_front();
        if (open_.size() == 48) return;
        auto seen = std::make_unique<Seen>(machine_.simulation);
        seen->space = random_.below(machine_.spaces.size());
        const ChangingSpace& space = machine_.spaces[seen->space];
        seen->page = static_cast<unsigned>(random_.below(space.pages.size()));
        if (!changing_.empty() && random_.chance(60)) {  // where it hurts
            seen->space = changing_space_;
            seen->page = changing_[random_.below(changing_.size())];
        }
        const std::vector<u32>& streams = machine_.spaces[seen->space].streams;
        seen->stream = streams[random_.below(streams.size())];
        seen->tbu = random_.below(tbus_);
        submit(*seen, random_.chance(50) ? sim::Command::Write : sim::Command::Read, random_.below(64) * 64);
        open_.push_back(seen.get());
        seen_.push_back(std::move(seen));
    }
    void submit(Seen& seen, sim::Command command, u64 offset) {
        ++totals_.accesses;
        seen.arrived = machine_.simulation.now();
        const u64 address = ChangingSpace::address(seen.page) + offset;
        seen.client.submit(machine_.smmu.tbu(seen.tbu), command, seen.stream, address, 64, 0,
                           [&](sim::Attributes&) { under_way_[seen.client.access.get()] = &seen; });
    }

    // The driver.
    void change() {
        busy_ = true;
        changing_space_ = random_.below(machine_.spaces.size());
        ChangingSpace& space = machine_.spaces[changing_space_];
        const bool shape = space.shape == Shape::Broken || random_.chance(25);
        const bool was_block = space.shape == Shape::Block;
        if (shape) change_shape(space);
        else change_pages(space);
        invalidate(space, shape, shape && was_block);
        machine_.command(cmd::sync | 1 << 12);  // completes with a pulse
        machine_.ring();
        // Software has seen the event records.
        machine_.write32(0x100AC, machine_.read32(0x100A8));
    }
    void change_shape(ChangingSpace& space) {
        changing_.clear();
        for (unsigned page = ChangingSpace::single_pages; page < space.pages.size(); ++page) changing_.push_back(page);
        const Shape made = random_.chance(50) ? Shape::Block : Shape::Table;
        machine_.change_shape(space, space.shape == Shape::Broken ? made : Shape::Broken);
        ++totals_.changes;
    }
    void change_pages(ChangingSpace& space) {
        changing_.clear();
        const u64 count = 1 + random_.below(4);
        for (u64 index = 0; index < count; ++index) {
            const unsigned page = static_cast<unsigned>(random_.below(ChangingSpace::single_pages));
            if (std::find(changing_.begin(), changing_.end(), page) != changing_.end()) continue;
            const bool was_mapped = space.pages[page].newest().output.has_value();
            machine_.change_page(space, page, !was_mapped || random_.chance(50));
            // No cache keeps that there is nothing: who arrives from now on finds the new entry without invalidation.
            if (!was_mapped) space.pages[page].settle(machine_.simulation.now());
            else changing_.push_back(page);
            ++totals_.changes;
        }
    }
    void invalidate(const ChangingSpace& space, bool tables, bool of_block) {
        const u64 kind = random_.below(3);
        if (kind == 0) {
            machine_.command(space.stage2 ? 0x28 | u64{space.vmid} << 32 : cmd::tlbi_nh_asid(space.vmid, space.asid));
            return;
        }
        const u64 name = space.stage2 ? 0x2A | u64{space.vmid} << 32 : cmd::tlbi_nh_va(space.vmid, space.asid);
        const u64 leaf = tables ? 0 : random_.below(2);
        if (kind == 1 && of_block) {
            // One of its addresses, whichever.
            machine_.command(name, (ChangingSpace::block_base + random_.below(512) * 0x1000) | random_.below(2));
            return;
        }
        if (kind == 1) {
            for (const unsigned page : changing_) machine_.command(name, ChangingSpace::address(page) | leaf);
            return;
        }
        // A range of (NUM + 1) x 2^SCALE pages of 4 KiB.
        const u64 tg = u64{1} << 10;
        if (tables) machine_.command(name | u64{0} << 12 | u64{9} << 20, ChangingSpace::block_base | tg);
        else machine_.command(name | u64{ChangingSpace::single_pages - 1} << 12, ChangingSpace::pages_base | tg | leaf);
    }
    void synchronised() {
        for (const unsigned page : changing_)
            machine_.spaces[changing_space_].pages[page].settle(machine_.simulation.now());
        changing_.clear();
        busy_ = false;
        ++totals_.syncs;
    }

    // The rule.
    std::string check(const Seen& seen) {
        const History& history = machine_.spaces[seen.space].pages[seen.page];
        const std::string who = fmt::format("stream {} page {} arrived at {}", seen.stream, seen.page, seen.arrived);
        if (!seen.client.done) return who + " is not answered";
        const bool ok = seen.client.access->status == sim::Status::Ok;
        if (ok != (seen.effect != 0)) return who + " has an effect or none, against its answer";
        if (!ok) {
            ++totals_.faults;
            if (history.explains_fault(seen.arrived, seen.client.completed) == nullptr)
                return fmt::format("{} faults at {}: the page was mapped", who, seen.client.completed);
            return {};
        }
        const Mapping* const used = history.explains(seen.output & ~u64{0xFFF}, seen.effect);
        if (used == nullptr) return fmt::format("{} reaches {:#x} at {}", who, seen.output, seen.effect);
        totals_.old += used != &history.newest() && (used + 1)->begin < seen.effect;
        return {};
    }
    /// Nothing changes any more: every TBU, asked in time, looked at and walked anew, says the same.
    std::string compare_quiet() {
        for (std::size_t number = 0; number < machine_.spaces.size(); ++number)
            for (unsigned page = 0; page < machine_.spaces[number].pages.size(); ++page)
                for (std::size_t tbu = 0; tbu < tbus_; ++tbu) {
                    const ChangingSpace& space = machine_.spaces[number];
                    arch::Request request;
                    request.stream_id = space.streams.front();
                    request.address = ChangingSpace::address(page);
                    request.read = true;
                    const arch::Outcome walked = machine_.smmu.inspect(request).result.outcome;
                    const arch::Outcome cached = machine_.smmu.inspect(request, true, tbu).result.outcome;
                    Seen seen(machine_.simulation);
                    seen.space = number;
                    seen.page = page;
                    seen.stream = request.stream_id;
                    seen.tbu = tbu;
                    submit(seen, sim::Command::Read, 0);
                    machine_.run();
                    under_way_.clear();
                    const bool proceeds = walked.disposition == arch::Disposition::Proceed;
                    const std::optional<u64> output = proceeds ? std::optional(walked.address) : std::nullopt;
                    const std::optional<u64> timed = seen.effect != 0 ? std::optional(seen.output) : std::nullopt;
                    if (output != space.pages[page].newest().output || timed != output ||
                        cached.disposition != walked.disposition || (proceeds && cached.address != walked.address))
                        return fmt::format("space {} page {} tbu {}: answers differ", number, page, tbu);
                }
        return {};
    }

    Random random_;
    ChangingMachine machine_;
    std::size_t tbus_;
    std::vector<std::unique_ptr<Seen>> seen_;
    std::deque<Seen*> open_;  ///< not answered yet, and some behind them that are
    std::unordered_map<const sim::Access*, Seen*> under_way_;
    bool busy_ = false;
    std::size_t changing_space_ = 0;
    std::vector<unsigned> changing_;  ///< pages whose old mapping is not settled
    Totals totals_;
};

/// Small caches that are replaced all the time; each seed has another machine.
uarch::SmmuConfig machine_of(u64 seed) {
    Random random(seed * 77);
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tbus.resize(1 + seed % 3);
    for (uarch::TbuConfig& tbu : config.tbus) {
        tbu.utlb = {.entries = random.one_of<u32>({0, 2, 4}), .ways = 0};
        tbu.tlb = {.entries = random.one_of<u32>({0, 8, 32, 64}), .ways = 2};
        tbu.contexts = {.entries = 4, .ways = 2};
        tbu.translation_slots = random.one_of<u32>({2, 8, 64});
        tbu.link_latency = random.one_of<u32>({1, 8, 150});
    }
    config.tcu.config_cache = {.entries = 4, .ways = 2};
    config.tcu.walk_cache = {.entries = random.one_of<u32>({0, 8, 32}), .ways = 2};
    config.tcu.walk_cache_leaves = random.chance(50);
    config.tcu.ipa_cache = {.entries = random.one_of<u32>({0, 8}), .ways = 2};
    config.tcu.walk_slots = random.one_of<u32>({1, 4, 16});
    config.tcu.walk_return_latency = random.one_of<u32>({0, 0, 60});
    config.tcu.prefetch = random.chance(30) ? uarch::PrefetchPolicy::NextPage : uarch::PrefetchPolicy::None;
    return config;
}

TEST(Agreement, AfterTheSyncOnlyTheNewMappingIsUsed) {
    Totals totals;
    for (u64 seed = 1; seed <= 60; ++seed) {
        Race race(seed, machine_of(seed));
        ASSERT_EQ(race.run(150, totals), "") << "seed " << seed;
    }
    // The race has been one: changes met accesses under way often.
    EXPECT_GE(totals.syncs, 60u * 150u);
    EXPECT_GT(totals.changes, 12'000u);
    EXPECT_GT(totals.accesses, 100'000u);
    EXPECT_GT(totals.old, 2'000u);
    EXPECT_GT(totals.faults, 5'000u);
}

}  // namespace
}  // namespace smmusim::test::agreement
