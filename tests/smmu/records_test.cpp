// The records of transactions: stages add up to the latency that the client saw, whatever happened on the way.
#include <algorithm>
#include <tuple>

#include "smmu/machine.hpp"
#include "smmu/random_tables.hpp"

namespace smmusim::test::records {
namespace {

using sim::Command;
using uarch::Hit;
using uarch::Stage;
using uarch::TransactionRecord;

constexpr u32 stream = 8, stalling = 9;
constexpr u64 iova = 0x1234'5000;
constexpr u64 page = SmmuMachine::ram + 0x100'0000;
constexpr Time ns = nanosecond;

uarch::SmmuConfig recording(u32 kept) {
    uarch::SmmuConfig config = SmmuMachine::small_config();
    config.tbus[0].records_kept = kept;
    return config;
}

class RecordingMachine : public SmmuMachine {
public:
    explicit RecordingMachine(const uarch::SmmuConfig& config) : SmmuMachine(config) {
        for (const u32 each : {stream, stalling}) {
            roots[each - stream] = stage1_stream(each, static_cast<u16>(each));
            for (u64 index = 0; index < 8; ++index) map(roots[each - stream], iova + index * 0x1000, page);
        }
        spec::Cd cd;
        memory.read(cds + u64{stalling} * 64, cd.words.data(), 64);
        cd.set(spec::Cd::S, true);
        set_cd(cds + u64{stalling} * 64, cd);
        bring_up();
    }
    std::vector<TransactionRecord> records() const { return smmu.transactions(0); }
    TransactionRecord read(u64 address) {
        Client client(simulation);
        client.submit(smmu.tbu(0), Command::Read, stream, address);
        run();
        return records().back();
    }
    u64 roots[2] = {};
};

TEST(TransactionRecords, OutputIsWhatTheSmmuSentWhateverIsDecodedBehindIt) {
    RecordingMachine machine(recording(10));
    machine.memory.on_arrival = [](const sim::Access& access) {
        if (access.attributes.transaction_class == sim::TransactionClass::Data)
            const_cast<sim::Access&>(access).address += 0x1000;  // as a foreign module may
    };
    EXPECT_EQ(machine.read(iova + 0x40).output, page + 0x40);
    EXPECT_EQ(machine.read(iova + 0x80).output, page + 0x80);
}

TEST(TransactionRecords, OfAHitAndOfAMissAreExact) {
    RecordingMachine machine(recording(10));
    const TransactionRecord miss = machine.read(iova + 0x40);
    EXPECT_EQ(miss.hit, Hit::Miss);
    EXPECT_EQ(miss.stages[Stage::LookUp], 4 * ns);
    EXPECT_EQ(miss.stages[Stage::Link], 16 * ns);
    EXPECT_EQ(miss.stages[Stage::Walk], (3 + 6 * 101) * ns);
    EXPECT_EQ(miss.stages[Stage::Sending], 1 * ns);
    EXPECT_EQ(miss.stages[Stage::Downstream], 100 * ns);
    machine.run_to(machine.simulation.now() + microsecond);
    const TransactionRecord hit = machine.read(iova + 0x80);
    EXPECT_EQ(hit.hit, Hit::Micro);
    EXPECT_EQ(hit.stream, stream);
    EXPECT_EQ(hit.input, iova + 0x80);
    EXPECT_EQ(hit.output, page + 0x80);
    EXPECT_TRUE(hit.sent);
    EXPECT_FALSE(hit.write);
    EXPECT_EQ(hit.status, sim::Status::Ok);
    EXPECT_EQ(hit.responded - hit.arrived, 102 * ns);
    EXPECT_EQ(hit.stages[Stage::LookUp], 1 * ns);
    EXPECT_EQ(hit.stages[Stage::Sending], 1 * ns);
    EXPECT_EQ(hit.stages[Stage::Downstream], 100 * ns);
    EXPECT_EQ(hit.stages.sum(), 102 * ns);
}

TEST(TransactionRecords, AreTheNewestAndNoneUnlessAskedFor) {
    RecordingMachine machine(recording(3));
    for (u64 index = 0; index < 5; ++index) machine.read(iova + index * 64);
    ASSERT_EQ(machine.records().size(), 3u);
    for (u64 index = 0; index < 3; ++index) EXPECT_EQ(machine.records()[index].input, iova + (index + 2) * 64);
    SmmuMachine plain;
    plain.stage1_stream(stream);
    plain.bring_up();
    Client client(plain.simulation);
    client.submit(plain.smmu.tbu(0), Command::Read, stream, iova);
    plain.run();
    EXPECT_TRUE(plain.smmu.transactions(0).empty());
}

/// Random accesses while pages come and go, TLBs are invalidated, and stalls are resumed or ended.
class Traffic {
public:
    explicit Traffic(u64 seed) : random_(seed), machine_(config(seed)) {}

    void run(unsigned accesses) {
        for (unsigned count = 0; count < accesses; ++count) {
            machine_.run_to(machine_.simulation.now() + random_.below(120) * ns + random_.below(1000));
            submit();
            if (random_.chance(4)) software();
        }
        for (unsigned round = 0; round < 1000 && !all_done(); ++round) {
            machine_.run();
            software();
        }
        machine_.run();
    }

    struct Row {
        u32 stream;
        u64 input;
        bool write;
        Time arrived, responded;
        sim::Status status;
        auto operator<=>(const Row&) const = default;
    };
    /// What the clients saw.
    std::vector<Row> seen() const {
        std::vector<Row> rows;
        for (const auto& sent : sent_)
            rows.push_back({sent->client.access->attributes.stream_id, sent->input, sent->client.access->is_write(),
                            sent->arrived, sent->client.completed, sent->client.access->status});
        std::sort(rows.begin(), rows.end());
        return rows;
    }
    std::vector<TransactionRecord> records() const { return machine_.records(); }
    static std::vector<Row> rows_of(const std::vector<TransactionRecord>& records) {
        std::vector<Row> rows;
        for (const TransactionRecord& record : records)
            rows.push_back(
                {record.stream, record.input, record.write, record.arrived, record.responded, record.status});
        std::sort(rows.begin(), rows.end());
        return rows;
    }

private:
    struct Sent {
        explicit Sent(sim::Simulation& simulation) : client(simulation) {}
        Client client;
        u64 input = 0;
        Time arrived = 0;
    };

    static uarch::SmmuConfig config(u64 seed) {
        uarch::SmmuConfig config = recording(1'000'000);
        uarch::TbuConfig& tbu = config.tbus[0];
        tbu.utlb = {.entries = 2, .ways = 0};
        tbu.tlb = {.entries = 4, .ways = 2};
        tbu.translation_slots = seed % 2 == 0 ? 2 : 16;
        tbu.accept_interval = seed % 3 == 0 ? 30 : 1;
        if (seed % 5 == 0) tbu.clock = 300'000'000;
        config.tcu.walk_slots = seed % 2 == 0 ? 4 : 1;
        return config;
    }
    bool all_done() const {
        return std::all_of(sent_.begin(), sent_.end(), [](const auto& sent) { return sent->client.done; });
    }
    void submit() {
        auto sent = std::make_unique<Sent>(machine_.simulation);
        sent->input = iova + random_.below(8) * 0x1000 + random_.below(64) * 64;
        sent->arrived = machine_.simulation.now();
        const Command command = random_.chance(50) ? Command::Write : Command::Read;
        const u32 of = random_.chance(5) ? 77 : random_.chance(30) ? stalling : stream;  // 77: no such stream
        sent->client.submit(machine_.smmu.tbu(0), command, of, sent->input);
        sent_.push_back(std::move(sent));
    }
    /// Maps or unmaps a page, invalidates, and answers the event records that it finds.
    void software() {
        if (machine_.consumer() != machine_.producer()) return;  // busy with what it was told before
        const u64 root = machine_.roots[random_.below(2)];
        const u64 address = iova + random_.below(8) * 0x1000;
        if (random_.chance(60)) machine_.map(root, address, page);
        else machine_.memory.put(machine_.leaf_address(root, address), u64{0});
        machine_.command(cmd::tlbi_nsnh_all);
        const u32 last = static_cast<u32>(machine_.read32(0x100A8));
        for (; consumed_ != (last & 0x1F); consumed_ = (consumed_ + 1) & 0x1F) {
            const spec::Event event = machine_.event(consumed_);
            if (event[spec::Event::Number] != spec::EventNumber::F_TRANSLATION || !event[spec::Event::Stall]) continue;
            // Retry, abort, or RAZ/WI.
            const u64 action = random_.one_of<u64>({1 << 12, 1 << 12, 1 << 13, 0});
            machine_.command(0x44 | action | u64{stalling} << 32, event[spec::Event::STAG]);
        }
        machine_.write32(0x100AC, last);
        machine_.command(cmd::sync);
        machine_.ring();
    }

    Random random_;
    RecordingMachine machine_;
    std::vector<std::unique_ptr<Sent>> sent_;
    u32 consumed_ = 0;
};

TEST(TransactionRecords, StagesOfEveryTransactionAddUpToItsLatency) {
    std::array<Time, uarch::stage_count> spent{};
    std::array<u64, uarch::hit_names.size()> hits{};
    u64 refused = 0, discarded = 0;
    for (u64 seed = 1; seed <= 10; ++seed) {
        Traffic traffic(seed);
        traffic.run(600);
        const std::vector<TransactionRecord> records = traffic.records();
        // All of them, with the times that the clients saw.
        ASSERT_EQ(Traffic::rows_of(records), traffic.seen()) << "seed " << seed;
        for (const TransactionRecord& record : records) {
            ASSERT_EQ(record.stages.sum(), record.responded - record.arrived) << "seed " << seed;
            for (std::size_t stage = 0; stage < uarch::stage_count; ++stage) {
                const Time time = record.stages[static_cast<Stage>(stage)];
                ASSERT_LE(time, record.responded - record.arrived) << uarch::stage_names[stage] << ": less than none";
                spent[stage] += time;
            }
            ++hits[static_cast<u8>(record.hit)];
            refused += record.status == sim::Status::CompleterAbort;
            discarded += record.status == sim::Status::Discarded;
        }
    }
    for (std::size_t stage = 0; stage < uarch::stage_count; ++stage)
        EXPECT_GT(spent[stage], 0u) << uarch::stage_names[stage];
    for (const Hit hit : {Hit::Micro, Hit::Main, Hit::Miss, Hit::Joined})
        EXPECT_GT(hits[static_cast<u8>(hit)], 50u) << uarch::hit_names[static_cast<u8>(hit)];
    EXPECT_GT(refused, 100u);
    EXPECT_GT(discarded, 10u);
}

TEST(TransactionRecords, OfABypassHasNoLookUp) {
    SmmuMachine machine(recording(1));
    Client client(machine.simulation);
    client.submit(machine.smmu.tbu(0), Command::Write, stream, page);
    machine.run();
    ASSERT_EQ(machine.smmu.transactions(0).size(), 1u);
    const TransactionRecord record = machine.smmu.transactions(0)[0];
    EXPECT_EQ(record.hit, Hit::Bypass);
    EXPECT_TRUE(record.write);
    EXPECT_EQ(record.output, page);
    EXPECT_EQ(record.stages[Stage::LookUp], 0u);
    EXPECT_EQ(record.stages.sum(), client.completed);
}

}  // namespace
}  // namespace smmusim::test::records
