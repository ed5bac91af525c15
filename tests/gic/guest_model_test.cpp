// Promises of GICv4 under random commands, changes of residency and traffic, against an independent model.
#include "gic/guest_machine.hpp"
#include "gic/guest_stream.hpp"

namespace smmusim::gic::test {
namespace {

using spec::Version;
using Instant = GuestStream::Instant;

ItsCommand encoded(const GuestStep& s) {
    ItsCommand result;
    auto& words = result.words;
    words[0] = s.opcode | u64{s.device} << 32;
    words[1] = s.event | u64{s.vpe} << 32;
    switch (s.opcode) {
        case 0x29:  // VMAPP
            words[0] = s.opcode | GuestMachine::virtual_properties;
            words[1] = s.doorbell | u64{s.vpe} << 32;
            words[2] = u64{s.target} << 16 | u64{s.valid} << 63;
            words[3] = s.table | 15;
            break;
        case 0x2A: words[2] = s.vintid | u64{s.doorbell} << 32; break;
        case 0x2B: words[2] = u64{s.doorbell} << 32; break;
        case 0x21: words[2] = u64{s.takes_doorbell} | u64{s.doorbell} << 32; break;
        case 0x22:  // VMOVP
            words[2] = u64{s.target} << 16 | u64{s.takes_doorbell} << 63;
            words[3] = s.doorbell;
            break;
        case 0x23:  // VSGI
            words[0] =
                s.opcode | u64{s.enable} << 8 | u64{s.clear} << 9 | 1u << 10 | s.priority << 20 | u64{s.sgi} << 32;
            break;
        default: break;
    }
    return result;
}

/// The machine beside the model, and how to look at it through memory and registers.
class Pair {
public:
    explicit Pair(Version version) : m(version), v4_1_(version == Version::V4_1), model(v4_1_, GuestStream::vpes, 512) {
        m.execute({vmapp(0, 0, 0, false), vmapp(1, 0, 0, false), about(ItsCommand::Code::MAPTI, m.device, 0)});
        base_errors_ = Counters(m.gic)["its0.command_errors"];
        std::vector<ItsCommand> commands;
        for (u32 device = 0; device <= GuestStream::devices; ++device) {
            const bool large = device == GuestStream::devices;
            commands.push_back(mapd(device, tables + device * 0x10'0000, large ? 13 : 4));
            model.map_device(device, large ? 1u << 14 : 32);
            // An event that is no guest's, and reaches nobody.
            if (!large) commands.push_back(mapti(device, 5, 8192 + device, 0));
            if (!large) model.map_physical(device, 5);
        }
        m.execute(commands);
        for (u32 n = 0; n < GuestStream::vintids; ++n)
            configure(GuestStream::first_vintid + n, static_cast<u8>(0x81 + (n % 5) * 0x10));
        for (u32 n = 0; n < GuestStream::doorbells; ++n) m.configure_lpi(GuestStream::first_doorbell + n, 0xA1);
        if (v4_1_)
            for (u32 cpu = 0; cpu < Machine::cpus; ++cpu) m.set_r(cpu, 0x2'0070, m.vpe_table | m.valid | 3, 8);
    }

    void configure(u32 intid, u8 property) {
        m.memory.put<u8>(m.virtual_properties + intid - 8192, property);
        model.properties[intid] = property;
    }
    void start(const GuestStep& s) {
        if (s.opcode == GuestStep::device_message) m.doorbell(s.device, s.event);
        if (s.opcode == GuestStep::sgi_message)
            m.write(m.gic.its(0), Machine::gits + spec::gits_sgir, u64{s.vpe} << 32 | s.sgi, 8);
        if (s.opcode == GuestStep::leave) m.set_r(s.target, 0x2'0078, s.asked ? u64{1} << 62 : 0, 8);
        if (s.opcode != GuestStep::enter) return;
        if (!v4_1_) m.set_r(s.target, 0x2'0070, m.virtual_properties | 15, 8);
        const u64 groups = u64{3} << 58;
        m.set_r(s.target, 0x2'0078, m.valid | (v4_1_ ? groups | s.vpe : model.vpes[s.vpe].table), 8);
    }
    void note_pending_last(GuestStep& leave) {
        leave.pending_last = (m.r(leave.target, 0x2'0078, 8) & m.pending_last) != 0;
    }

    /// Reads what is the same for every order that might explain it.
    void observe() {
        const Counters counters(m.gic);
        errors_ = counters["its0.command_errors"] - base_errors_;
        doorbells_ = counters["gicr.virtual.doorbells"];
        for (u32 cpu = 0; cpu < Machine::cpus; ++cpu) {
            const std::vector<u32> pending = m.gic.redistributor(cpu).pending_lpis();
            rung_[cpu] = std::set<u32>(pending.begin(), pending.end());
        }
    }
    /// The machine is in the state that the model says, as far as anybody can see. `sgis`: those are looked at, too.
    bool agrees(const GuestModel& outcome, bool sgis) {
        if (errors_ != outcome.errors || doorbells_ != outcome.doorbells || rung_ != outcome.rung) return false;
        for (u32 number = 0; number < outcome.vpes.size(); ++number) {
            const GuestModel::Vpe& vpe = outcome.vpes[number];
            if (vpe.table != 0 && pending(vpe) != vpe.pending) return false;
            if (sgis && vpe.mapped && pending_sgis(number, vpe.cpu) != vpe.sgis) return false;
        }
        return true;
    }
    /// Acknowledge and end of a guest.
    u32 take(u32 cpu) {
        const u32 intid = m.take(cpu);
        if (intid != 1023) m.icc("ICV_EOIR1_EL1", intid, cpu);
        m.run();
        return intid;
    }

    GuestMachine m;

private:
    static constexpr u64 tables = 0x4800'0000;
    bool v4_1_;
    u64 base_errors_ = 0;
    u64 errors_ = 0;
    u64 doorbells_ = 0;
    std::array<std::set<u32>, Machine::cpus> rung_;  ///< pending doorbells

    std::set<u32> pending(const GuestModel::Vpe& vpe) {
        std::set<u32> result;
        if (vpe.resident) {
            for (const auto& [intid, lpi] : m.gic.redistributor(vpe.cpu).vpe().lpis().all()) result.insert(intid);
            return result;
        }
        const u64 word = m.memory.u64_at(vpe.table + 8192 / 8);
        for (u32 bit = 0; bit < 64; ++bit)
            if ((word >> bit & 1) != 0) result.insert(8192 + bit);
        return result;
    }
    u16 pending_sgis(u32 vpe, u32 cpu) {
        m.set_r(cpu, 0x2'0080, vpe);
        m.run();
        return static_cast<u16>(m.r(cpu, 0x2'0088));
    }

public:
    GuestModel model;
};

/// Whether some order of what happened at an instant leads to what the machine shows; that is the model's state then.
class Orders {
public:
    Orders(Pair& pair, const Instant& instant, bool sgis) : pair_(pair), instant_(instant), sgis_(sgis) {}
    bool explain() {
        pair_.observe();
        return explore(pair_.model, 0, 0, 0);
    }

private:
    /// `messages`: a set of those that have taken effect.
    bool explore(const GuestModel& before, std::size_t commands, u32 messages, std::size_t changes) {
        const std::size_t all = (1u << instant_.messages.size()) - 1;
        if (commands == instant_.commands.size() && messages == all && changes == instant_.changes.size()) {
            if (!pair_.agrees(before, sgis_)) return false;
            pair_.model = before;
            return true;
        }
        const auto go_on = [&](const GuestStep& step, std::size_t c, u32 ms, std::size_t ch) {
            GuestModel after = before;
            return after.happen(step) && explore(after, c, ms, ch);
        };
        if (commands < instant_.commands.size() && go_on(instant_.commands[commands], commands + 1, messages, changes))
            return true;
        if (changes < instant_.changes.size() && go_on(instant_.changes[changes], commands, messages, changes + 1))
            return true;
        for (u32 number = 0; number < instant_.messages.size(); ++number) {
            if ((messages >> number & 1) != 0 || behind_another(number, messages)) continue;
            if (go_on(instant_.messages[number], commands, messages | 1u << number, changes)) return true;
        }
        return false;
    }
    bool behind_another(u32 number, u32 done) const {
        const GuestStep& message = instant_.messages[number];
        for (u32 earlier = 0; earlier < number; ++earlier)
            if ((done >> earlier & 1) == 0 && message.opcode == GuestStep::device_message &&
                instant_.messages[earlier].opcode == message.opcode &&
                instant_.messages[earlier].device == message.device)
                return true;
        return false;
    }

    Pair& pair_;
    const Instant& instant_;
    bool sgis_;
};

struct Totals {
    u64 taken = 0;
    u64 answered = 0;  ///< doorbells
    u64 changes = 0;
};

/// Guests and the host take some of what is pending: always the most urgent.
void handle(Pair& pair, Random& random, Totals& totals) {
    for (u32 number = 0; number < GuestStream::vpes; ++number) {
        const GuestModel::Vpe& vpe = pair.model.vpes[number];
        if (!vpe.resident || random.below(2) == 0) continue;
        const u32 best = pair.model.best(number);
        ASSERT_EQ(pair.take(vpe.cpu), best) << "vPE " << number;
        if (best == 1023) continue;
        pair.model.taken(number, best);
        ++totals.taken;
    }
    const u32 cpu = random.below(Machine::cpus);
    const u32 intid = pair.m.cpu(cpu).acknowledge();
    std::set<u32>& rung = pair.model.rung[cpu];
    ASSERT_EQ(intid, rung.empty() ? 1023 : *rung.begin());
    if (intid == 1023) return;
    rung.erase(intid);
    ++totals.answered;
    pair.m.cpu(cpu).end(intid);
    pair.m.run();
}

/// A guest changes the configuration of an interrupt; its hypervisor has all of them read again.
void reconfigure(Pair& pair, Random& random) {
    const u32 intid = GuestStream::first_vintid + random.below(GuestStream::vintids);
    pair.configure(intid, static_cast<u8>(pair.model.properties[intid] ^ 1));
    std::vector<ItsCommand> commands;
    for (u32 vpe = 0; vpe < GuestStream::vpes; ++vpe) {
        if (!pair.model.vpes[vpe].mapped) continue;
        commands.push_back(about_vpe(ItsCommand::Code::VINVALL, vpe));
        commands.push_back(vsync(vpe));
    }
    pair.m.execute(commands);
}

class GuestsAgainstModel : public testing::TestWithParam<std::tuple<Version, u64>> {};

INSTANTIATE_TEST_SUITE_P(Seeds, GuestsAgainstModel,
                         testing::Combine(testing::Values(Version::V4_0, Version::V4_1), testing::Values(1, 2, 3, 4)),
                         [](const auto& run) {
                             const bool v4_0 = std::get<0>(run.param) == Version::V4_0;
                             return std::string(v4_0 ? "V4_0_" : "V4_1_") + std::to_string(std::get<1>(run.param));
                         });

TEST_P(GuestsAgainstModel, NothingIsLostDuplicatedOrMisroutedAndDoorbellsRingByTheRules) {
    constexpr u64 wanted = 25'000;  // commands, messages and changes of residency
    const auto [version, seed] = GetParam();
    Pair pair(version);
    GuestStream stream(seed, version == Version::V4_1, pair.model);
    Random& random = stream.random();
    Totals totals;
    for (u64 steps = 0; steps < wanted;) {
        Instant instant = stream.next();
        steps += instant.commands.size() + instant.messages.size() + instant.changes.size();
        totals.changes += instant.changes.size();
        std::vector<ItsCommand> commands;
        bool sgis = false;
        for (const GuestStep& step : instant.commands) {
            commands.push_back(encoded(step));
            sgis = sgis || step.opcode == 0x23;
        }
        for (const GuestStep& step : instant.messages) sgis = sgis || step.opcode == GuestStep::sgi_message;
        // Commands, messages and the change, each a little later or earlier than the others.
        const u32 late = random.below(3);
        if (late != 0) pair.m.submit(commands);
        if (late != 1)
            for (const GuestStep& step : instant.changes) pair.start(step);
        for (const GuestStep& step : instant.messages) {
            pair.m.run_until(pair.m.now() + random.below(400) * nanosecond);
            pair.start(step);
        }
        if (late == 0) pair.m.submit(commands);
        if (late == 1)
            for (const GuestStep& step : instant.changes) pair.start(step);
        pair.m.run();
        for (GuestStep& step : instant.changes)
            if (step.opcode == GuestStep::leave) pair.note_pending_last(step);

        ASSERT_EQ(pair.m.creadr(), pair.m.write_offset);
        ASSERT_TRUE(Orders(pair, instant, sgis && version == Version::V4_1).explain()) << "after step " << steps;
        ASSERT_NO_FATAL_FAILURE(handle(pair, random, totals)) << "after step " << steps;
        if (random.below(16) == 0) reconfigure(pair, random);
        pair.m.memory.log.clear();
        pair.m.writer.forget();
    }
    const Counters counters(pair.m.gic);
    EXPECT_GT(counters["gicr.virtual.direct"], wanted / 100);
    EXPECT_GT(counters["gicr.virtual.coalesced"], wanted / 100);
    EXPECT_GT(pair.model.doorbells, wanted / 250);
    EXPECT_GT(totals.taken, wanted / 100);
    EXPECT_GT(totals.answered, wanted / 250);
    EXPECT_GT(totals.changes, wanted / 20);
    EXPECT_LT(pair.model.errors, wanted / 3);
}

}  // namespace
}  // namespace smmusim::gic::test
