// Promises under random commands and traffic, against an independent model of the architecture.
#include "gic/architecture_model.hpp"
#include "gic/machine.hpp"
#include "gic/random.hpp"

namespace smmusim::gic::test {
namespace {

ItsCommand encoded(const PlainCommand& plain) {
    ItsCommand result;
    auto& words = result.words;
    words[0] = plain.opcode | u64{plain.device} << 32;
    words[1] = plain.event;
    switch (plain.opcode) {
        case 0x08:
            words[1] = plain.size;
            words[2] = plain.table | u64{plain.valid} << 63;
            break;
        case 0x09: words[2] = plain.collection | u64{plain.target} << 16 | u64{plain.valid} << 63; break;
        case 0x05: words[2] = u64{plain.target} << 16; break;
        case 0x0E:
            words[2] = u64{plain.target} << 16;
            words[3] = u64{plain.target2} << 16;
            break;
        case 0x0A: words[1] |= u64{plain.intid} << 32; [[fallthrough]];
        default: words[2] = plain.collection; break;
    }
    return result;
}

/// Commands that a driver may send at any moment, and wrong ones: events and devices are unmapped before they are
/// mapped anew, as the architecture demands.
class Stream {
public:
    Stream(u64 seed, ArchitectureModel& model) : random_(seed), model_(model) {}

    PlainCommand next() {
        static constexpr std::array<u32, 23> opcodes{1,   1,   1,   1,   1,   3,   3,   4,   5,   8,   9,   9,
                                                     0xA, 0xA, 0xA, 0xA, 0xB, 0xC, 0xD, 0xE, 0xE, 0xF, 0x1F};
        PlainCommand c;
        c.opcode = opcodes[random_.below(opcodes.size())];
        c.device = random_.below(40) == 0 ? 0x1'0000 : random_.below(4);
        c.event = random_.below(random_.below(30) == 0 ? 64 : 6);
        c.collection = random_.below(40) == 0 ? 4096 : random_.below(6);
        c.target = random_.below(random_.below(40) == 0 ? 6 : 4);
        c.target2 = random_.below(random_.below(40) == 0 ? 6 : 4);
        c.intid = random_.below(40) == 0 ? 8191 : 8192 + random_.below(24);
        c.valid = random_.below(c.opcode == 0x09 ? 20 : 5) != 0;
        if (c.opcode == 0x08 && model_.device_is_mapped(c.device) && random_.below(16) != 0) c.opcode = 0x0A;
        c.size = random_.below(30) == 0 ? 16 : 1 + random_.below(4);
        if (c.opcode == 0x0B && random_.below(2) == 0) c.event = 8192 + random_.below(8);
        if (c.opcode == 0x08 && busy_.insert({c.device, all}).second && !model_.device_is_mapped(c.device)) {
            if (c.size == 1) c.size = 13;  // room for MAPI
            c.table = next_table_;
            next_table_ += c.size == 13 ? 0x2'0000 : 0x100;
        } else if (c.opcode == 0x08) {
            c.valid = false;
        }
        if (c.opcode == 0x0A || c.opcode == 0x0B) {
            const bool fresh = busy_.insert({c.device, c.event}).second && !busy_.contains({c.device, all});
            if (!fresh || model_.event_is_mapped(c.device, c.event)) c.opcode = 0x0F;
        }
        return c;
    }
    /// Everything that was sent is known to be done.
    void synchronized() { busy_.clear(); }
    Random& random() { return random_; }

private:
    static constexpr u32 all = ~u32{0};

    Random random_;
    ArchitectureModel& model_;
    u64 next_table_ = 0x4100'0000;
    std::set<std::pair<u32, u32>> busy_;  ///< mapped or unmapped since: devices, and events of devices
};

std::array<std::set<u32>, 4> pending_of(Machine& m) {
    std::array<std::set<u32>, 4> result;
    for (u32 cpu = 0; cpu < Machine::cpus; ++cpu)
        for (const u32 intid : m.gic.redistributor(cpu).pending_lpis()) result[cpu].insert(intid);
    return result;
}

struct Message {
    u32 device;
    u32 event;
};

/// Every state in which a machine may be after commands and concurrent messages: each message takes effect between
/// two commands, messages of one device in their order.
std::vector<ArchitectureModel> outcomes(const ArchitectureModel& before, const std::vector<PlainCommand>& commands,
                                        const std::vector<Message>& messages) {
    std::vector<ArchitectureModel> results;
    const std::size_t places = commands.size() + 1;
    for (std::size_t choice = 0; choice < (messages.size() > 1 ? places * places : places); ++choice) {
        const std::array<std::size_t, 2> place{choice % places, choice / places};
        if (messages.size() > 1 && messages[0].device == messages[1].device && place[0] > place[1]) continue;
        ArchitectureModel model = before;
        for (std::size_t index = 0; index < places; ++index) {
            for (std::size_t number = 0; number < messages.size(); ++number)
                if (place[number] == index) model.message(messages[number].device, messages[number].event);
            if (index < commands.size()) model.execute(commands[index]);
        }
        results.push_back(std::move(model));
    }
    return results;
}

void run_against_the_model(u64 seed, u32 steps, bool one_cpu_without_lpis) {
    ArchitectureModel model;
    Stream stream(seed, model);
    Random& random = stream.random();
    Machine m;
    m.start();
    std::vector<u8> bytes(0xE000, 0xA1);
    m.memory.write(Machine::properties, bytes.data(), bytes.size());
    if (one_cpu_without_lpis) {
        m.set_r(3, 0x0000, 0);
        m.run();
        model.enabled[3] = false;
    }
    u64 acknowledged = 0;
    for (u32 step = 0; step < steps;) {
        std::vector<PlainCommand> commands;
        for (u32 count = random.below(4); count != 0; --count) commands.push_back(stream.next());
        std::vector<Message> messages;
        for (u32 count = random.below(3); count != 0; --count) messages.push_back({random.below(4), random.below(6)});
        step += static_cast<u32>(commands.size() + messages.size());

        m.memory.latency = (1 + random.below(3) * random.below(60)) * nanosecond;
        std::vector<ItsCommand> entries;
        for (const PlainCommand& plain : commands) entries.push_back(encoded(plain));
        const bool first = random.below(2) == 0;
        if (first) m.submit(entries);
        for (const Message& message : messages) {
            m.run_until(m.now() + random.below(150) * nanosecond);
            m.doorbell(message.device, message.event);
        }
        if (!first) m.submit(entries);
        m.run();

        const auto actual = pending_of(m);
        const u64 errors = Counters(m.gic)["its0.command_errors"];
        bool allowed = false;
        for (ArchitectureModel& outcome : outcomes(model, commands, messages)) {
            if (outcome.pending != actual || outcome.errors != errors) continue;
            model = std::move(outcome);
            allowed = true;
            break;
        }
        ASSERT_TRUE(allowed) << "seed " << seed << ", step " << step;
        ASSERT_EQ(m.creadr(), m.write_offset);
        stream.synchronized();

        for (u32 count = random.below(3); count != 0; --count, ++step) {
            const u32 cpu = random.below(Machine::cpus);
            const u32 intid = m.cpu(cpu).acknowledge();
            if (model.pending[cpu].empty()) {
                ASSERT_EQ(intid, 1023u) << "nothing was sent: seed " << seed << ", step " << step;
                continue;
            }
            ASSERT_EQ(intid, *model.pending[cpu].begin()) << "seed " << seed << ", step " << step;
            model.pending[cpu].erase(intid);
            ++acknowledged;
            m.cpu(cpu).end(intid);
            m.run();
        }
        m.memory.log.clear();
        m.writer.forget();
    }
    const Counters counters(m.gic);
    EXPECT_GT(acknowledged, steps / 20);
    EXPECT_GT(counters["gicr.moved"], steps / 200);
    EXPECT_GT(counters["its0.translations"], steps / 20);
    EXPECT_LT(model.errors, steps / 2);
}

class ItsAgainstModel : public testing::TestWithParam<u64> {};

TEST_P(ItsAgainstModel, NothingIsLostDuplicatedOrMisrouted) { run_against_the_model(GetParam(), 20'000, false); }

TEST_P(ItsAgainstModel, ACpuWithoutLpisLosesItsOwnOnly) { run_against_the_model(GetParam() + 100, 10'000, true); }

INSTANTIATE_TEST_SUITE_P(Seeds, ItsAgainstModel, testing::Values(1, 2, 3, 4, 5));

}  // namespace
}  // namespace smmusim::gic::test
