// Promises of accesses: the pool, the way back, and what happens when the initiator dies.
#include "sim/access.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace smmusim::sim {
namespace {

/// Answers after a latency; remembers what it saw.
class SlowTarget final : public Target {
public:
    explicit SlowTarget(Simulation& simulation, Time latency) : simulation_(simulation), latency_(latency) {}
    void receive(Access& access, Time at) override {
        ++received;
        simulation_.scheduler().at(at + latency_, &SlowTarget::answer, this, &access);
    }
    Time perform(Access& access) override {
        access.status = Status::Ok;
        return latency_;
    }
    void inspect(Access&) override {}
    int received = 0;
    int answered = 0;

private:
    static void answer(void* target, void* access) {
        auto& self = *static_cast<SlowTarget*>(target);
        auto& answered_access = *static_cast<Access*>(access);
        ++self.answered;
        answered_access.set_value(answered_access.address + 1);
        answered_access.respond(Status::Ok, self.simulation_.now());
    }
    Simulation& simulation_;
    Time latency_;
};

/// Passes on, and adds a delay in both directions.
class Forwarder final : public Target, public Initiator {
public:
    explicit Forwarder(Target& next, Time delay) : next_(next), delay_(delay) {}
    void receive(Access& access, Time at) override {
        access.push(*this);
        next_.receive(access, at + delay_);
    }
    Time perform(Access& access) override { return next_.perform(access) + 2 * delay_; }
    void inspect(Access& access) override { next_.inspect(access); }
    void complete(Access& access, Time at) override {
        ++completed;
        access.respond(at + delay_);
    }
    int completed = 0;

private:
    Target& next_;
    Time delay_;
};

/// Answers inside the call that brings the access.
class PromptTarget final : public Target {
public:
    void receive(Access& access, Time at) override { access.respond(Status::Unsupported, at); }
    Time perform(Access&) override { return 0; }
    void inspect(Access&) override {}
};

struct Result {
    Status status = Status::Pending;
    Time at = 0;
    u64 value = 0;
};

Task<> read_once(Simulation& simulation, Port& port, u64 address, Result& result) {
    const AccessPtr access = simulation.accesses().make(Command::Read, address, 8);
    const Status status = co_await transfer(simulation, port, *access, "the answer");
    result.status = status;
    result.at = simulation.now();
    result.value = access->value();
}

TEST(Access, ComesFreshFromThePool) {
    Simulation simulation;
    auto first = simulation.accesses().make(Command::Atomic, 0x1000, 4);
    first->attributes.privileged = true;
    first->status = Status::Ok;
    first->operand = first->compare = 3;
    Access* const raw = first.get();
    EXPECT_EQ(simulation.accesses().in_use(), 1u);
    first.reset();
    EXPECT_EQ(simulation.accesses().in_use(), 0u);
    auto second = simulation.accesses().make(Command::Read, 0x2000, 8);
    ASSERT_EQ(second.get(), raw) << "the pool does not reuse: the test tests nothing";
    EXPECT_FALSE(second->attributes.privileged);
    EXPECT_EQ(second->status, Status::Pending);
    EXPECT_EQ(second->journey(), nullptr);
    EXPECT_FALSE(second->under_way());
    EXPECT_FALSE(second->is_write());
    second.reset();
    const auto third = simulation.accesses().make(Command::Atomic, 0x3000, 8);
    ASSERT_EQ(third.get(), raw);
    EXPECT_EQ(third->operand, 0u);
    EXPECT_EQ(third->compare, 0u);
}

TEST(Access, CarriesUpToAPage) {
    Simulation simulation;
    const auto access = simulation.accesses().make(Command::Write, 0, 4096);
    EXPECT_EQ(access->bytes().size(), 4096u);
    access->bytes()[4095] = 0xee;
    access->resize(8);
    access->set_value(0x1122334455667788);
    EXPECT_EQ(access->data()[0], 0x88);
    access->resize(2);
    EXPECT_EQ(access->value(), 0x7788u);
}

TEST(Access, LentBufferHoldsTheData) {
    Simulation simulation;
    for (const u32 size : {9u, 64u, 100u, 4096u}) {
        std::vector<u8> buffer(size), answer(size, 0x5A);
        auto access = simulation.accesses().make(Command::Read, 0, size);
        access->lend(buffer.data());
        EXPECT_TRUE(access->lent());
        EXPECT_EQ(access->data(), buffer.data());
        access->load(answer.data());
        EXPECT_EQ(buffer, answer) << size;
        access->own_data();
        EXPECT_FALSE(access->lent());
        EXPECT_NE(access->data(), buffer.data());
        buffer.assign(size, 0);
        access->store(buffer.data());
        EXPECT_EQ(buffer, answer) << "what the buffer held; size " << size;
        access->lend(buffer.data());
        access.reset();
        access = simulation.accesses().make(Command::Read, 0, size);
        EXPECT_FALSE(access->lent()) << "a fresh one";
    }
}

TEST(Access, WordIsNotLent) {
    Simulation simulation;
    u64 buffer = 3;
    const auto access = simulation.accesses().make(Command::Read, 0, 8);
    access->lend(reinterpret_cast<u8*>(&buffer));
    EXPECT_FALSE(access->lent());
    access->set_value(4);
    EXPECT_EQ(buffer, 3u);
}

TEST(Access, AnswerToOneThatWasGivenUpLeavesTheLentBufferAlone) {
    Simulation simulation;
    PromptTarget nobody;
    Forwarder initiator(nobody, 0);
    std::vector<u8> buffer(64, 1);
    auto access = simulation.accesses().make(Command::Read, 0, 64);
    access->lend(buffer.data());
    access->push(initiator);
    Access& under_way = *access;
    access.reset();
    EXPECT_EQ(simulation.accesses().in_use(), 1u);
    std::fill_n(under_way.data(), 64, u8{2});
    under_way.respond(Status::Ok, 0);
    EXPECT_EQ(buffer, std::vector<u8>(64, 1));
    EXPECT_EQ(simulation.accesses().in_use(), 0u);
}

TEST(Transfer, EndsWhenTheAnswerArrivesAndNotBefore) {
    Simulation simulation;
    SlowTarget memory(simulation, 100);
    Forwarder bus(memory, 7);
    DirectPort port(bus);
    Scope scope(simulation, "test");
    Result result;
    scope.spawn("read", read_once(simulation, port, 0x40, result));
    EXPECT_EQ(simulation.waiting(), "test: read waits for the answer\n");
    simulation.scheduler().run(113);
    EXPECT_EQ(result.status, Status::Pending);
    simulation.scheduler().run(114);
    EXPECT_EQ(result.status, Status::Ok);
    EXPECT_EQ(result.at, 114u);
    EXPECT_EQ(result.value, 0x41u);
    EXPECT_EQ(simulation.accesses().in_use(), 0u);
}

TEST(Transfer, TargetMayAnswerInsideTheCall) {
    Simulation simulation;
    PromptTarget hole;
    DirectPort port(hole);
    Scope scope(simulation, "test");
    Result result;
    scope.spawn("read", read_once(simulation, port, 0x40, result));
    EXPECT_EQ(result.status, Status::Pending) << "resumed through the scheduler, never inline";
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(result.status, Status::Unsupported);
    EXPECT_EQ(result.at, 0u);
}

TEST(Transfer, AnswerAfterTheInitiatorDiedReturnsTheAccessToThePool) {
    Simulation simulation;
    SlowTarget memory(simulation, 100);
    Forwarder bus(memory, 7);
    DirectPort port(bus);
    Result result;
    {
        Scope scope(simulation, "victim");
        scope.spawn("read", read_once(simulation, port, 0x40, result));
        simulation.scheduler().run(50, Scheduler::Until::Limit);
    }
    EXPECT_EQ(simulation.accesses().in_use(), 1u) << "still under way";
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(memory.answered, 1);
    EXPECT_EQ(bus.completed, 1) << "the way back is walked to its end";
    EXPECT_EQ(simulation.accesses().in_use(), 0u);
    EXPECT_EQ(result.status, Status::Pending);
}

TEST(Transfer, InitiatorMayDieBetweenTheAnswerAndItsArrival) {
    Simulation simulation;
    SlowTarget memory(simulation, 100);
    Forwarder bus(memory, 7);  // announces the answer at 100 for 107
    DirectPort port(bus);
    Result result;
    {
        Scope scope(simulation, "victim");
        scope.spawn("read", read_once(simulation, port, 0x40, result));
        simulation.scheduler().run(107, Scheduler::Until::Limit);
        EXPECT_EQ(memory.answered, 1);
    }
    EXPECT_EQ(simulation.accesses().in_use(), 0u);
    EXPECT_TRUE(simulation.scheduler().idle());
    EXPECT_EQ(result.status, Status::Pending);
}

TEST(Transfer, AccessThatSomebodyElseOwnsOutlivesItsTransfer) {
    Simulation simulation;
    SlowTarget memory(simulation, 100);
    DirectPort port(memory);
    auto access = simulation.accesses().make(Command::Read, 0x40, 8);
    const auto send = [](Simulation& sim, Port& to, Access& what) -> Task<> { co_await transfer(sim, to, what); };
    {
        Scope scope(simulation, "victim");
        scope.spawn("read", send(simulation, port, *access));
    }
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(memory.answered, 1);
    EXPECT_FALSE(access->under_way());
    EXPECT_EQ(simulation.accesses().in_use(), 1u) << "still the owner's";
    EXPECT_EQ(access->value(), 0x41u);
    access.reset();
    EXPECT_EQ(simulation.accesses().in_use(), 0u);
}

TEST(Transfer, ManyDyingInitiatorsLeaveThePoolWhole) {
    Simulation simulation;
    SlowTarget memory(simulation, 100);
    DirectPort port(memory);
    std::vector<Result> results(64);
    for (int round = 0; round < 20; ++round) {
        Scope scope(simulation, "victim");
        for (Result& result : results) scope.spawn("read", read_once(simulation, port, 8, result));
        simulation.scheduler().run(simulation.now() + static_cast<Time>(round) * 11, Scheduler::Until::Limit);
    }
    simulation.scheduler().run(end_of_time);
    EXPECT_EQ(simulation.accesses().in_use(), 0u);
    EXPECT_EQ(memory.received, memory.answered);
}

TEST(Access, SimulationMayDieWithAccessesUnderWay) {
    Result result;
    Simulation simulation;
    SlowTarget memory(simulation, 100);
    DirectPort port(memory);
    Scope scope(simulation, "test");
    scope.spawn("read", read_once(simulation, port, 8, result));
    EXPECT_EQ(simulation.accesses().in_use(), 1u);
}

TEST(Access, PoolCleansUpWhatAdaptersAttached) {
    int cleaned = 0;
    {
        Simulation simulation;
        simulation.accesses().set_cleaner([](void* foreign) { ++*static_cast<int*>(foreign); });
        const auto attached = simulation.accesses().make(Command::Read, 0, 8);
        const auto plain = simulation.accesses().make(Command::Read, 0, 8);
        attached->set_foreign(&cleaned);
    }
    EXPECT_EQ(cleaned, 1);
}

TEST(Access, TellsWhatEachHopHasLeftForItsReturn) {
    Simulation simulation;
    PromptTarget target;
    Forwarder outer(target, 0);
    Forwarder inner(target, 0);
    const auto access = simulation.accesses().make(Command::Read, 0, 8);
    access->scratch() = 11;
    access->push(outer);
    access->scratch() = 22;
    access->push(inner);
    access->scratch() = 33;
    EXPECT_EQ(access->left_by(outer), 11u);
    EXPECT_EQ(access->left_by(inner), 22u);
    EXPECT_EQ(access->scratch(), 33u);
}

TEST(Access, AnswerIsDelayedForTheHopThatWasLastWhenTheDelayWasGiven) {
    struct Sender final : Initiator {
        void complete(Access& access, Time at) override {
            times.push_back(at);
            scratch = access.scratch();
            if (access.under_way()) access.respond(at);
        }
        std::vector<Time> times;
        u64 scratch = 0;
    } near, far;
    Simulation simulation;
    const auto access = simulation.accesses().make(Command::Read, 0, 8);
    access->scratch() = 11;
    access->push(near);
    access->delay_answer(3);
    access->delay_answer(4);
    access->scratch() = 22;
    access->push(far);
    EXPECT_EQ(access->left_by(near), 11u);
    EXPECT_EQ(access->left_by(far), 22u);
    access->delay_answer(20);
    access->respond(Status::Ok, 100);
    EXPECT_EQ(far.times, std::vector<Time>{120});
    EXPECT_EQ(near.times, std::vector<Time>{127});
    EXPECT_EQ(far.scratch, 22u);
    EXPECT_EQ(near.scratch, 11u);
    // The next answer is its own.
    access->push(near);
    access->respond(Status::Ok, 200);
    EXPECT_EQ(near.times.back(), 200u);
}

TEST(Access, WhoWantsToKnowIsToldOnceThatItWasTakenIn) {
    struct Listener final : Acceptance {
        void accepted(Access&, Time at) override { times.push_back(at); }
        std::vector<Time> times;
    } listener;
    Simulation simulation;
    auto access = simulation.accesses().make(Command::Read, 0, 8);
    access->accepted(1);
    access->announce_to(listener);
    access->accepted(2);
    access->accepted(3);
    access->announce_to(listener);
    const Access* const place = access.get();
    access.reset();
    access = simulation.accesses().make(Command::Read, 0, 8);
    ASSERT_EQ(access.get(), place) << "the place is not reused: the test tests nothing";
    access->accepted(4);
    EXPECT_EQ(listener.times, std::vector<Time>{2});
}

TEST(Port, DirectPortReachesTheTargetInEveryWay) {
    Simulation simulation;
    SlowTarget memory(simulation, 100);
    Forwarder bus(memory, 7);
    DirectPort port(bus);
    const auto access = simulation.accesses().make(Command::Read, 8, 8);
    EXPECT_EQ(port.perform(*access), 114u);
    EXPECT_EQ(access->status, Status::Ok);
}

}  // namespace
}  // namespace smmusim::sim
