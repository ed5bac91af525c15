// Promises of the SMMUv3 driver: bring-up, queues, stream table, domains, invalidation; judged by the oracle.
#include "smmu_driver_fixture.hpp"

namespace smmusim::test {
namespace {

TEST_F(SmmuDriverTest, BringUpFollowsTheOrderOfTheManual) {
    boot();
    std::vector<u64> order;
    for (const auto& write : smmu.writes) order.push_back(write.offset);
    // CR0 off, attributes, stream table, command queue, on; invalidate; event queue, on; interrupts; SMMUEN last.
    const std::vector<u64> expected{0x20, 0x28, 0x2C, 0x80,    0x88,    0x90, 0x98, 0x9C, 0x20,
                                    0x98, 0x98, 0xA0, 0x100A8, 0x100AC, 0x20, 0x50, 0x50, 0x20};
    EXPECT_EQ(order, expected);
    EXPECT_EQ(smmu.value(0x24), 0xDu);
    EXPECT_EQ(smmu.value(0x54), 0x5u);
}

TEST_F(SmmuDriverTest, InvalidatesConfigurationBeforeTranslationsAtBringUp) {
    make();
    ASSERT_EQ(await(driver->probe(cpu())), 0);
    ASSERT_EQ(await(driver->reset(cpu())), 0);
    EXPECT_EQ(opcodes(), (std::vector<unsigned>{0x04, 0x46, 0x20, 0x30, 0x46}));
    EXPECT_EQ(smmu.commands[0].high & 31, 31u) << "CFGI_ALL";
}

TEST_F(SmmuDriverTest, SmmuThatWasLeftOnAbortsTrafficWhileItIsOff) {
    smmu.set(0x20, 1);
    make();
    ASSERT_EQ(await(driver->probe(cpu())), 0);
    ASSERT_EQ(await(driver->reset(cpu())), 0);
    ASSERT_GE(smmu.writes.size(), 2u);
    EXPECT_EQ(smmu.writes[0].offset, 0x44u);
    EXPECT_EQ(smmu.writes[0].value, u64{1} << 31 | u64{1} << 20);
    EXPECT_EQ(smmu.writes[1].offset, 0x20u);
}

TEST_F(SmmuDriverTest, WaitsForEachAcknowledge) {
    smmu.acknowledge_delay = 30 * microsecond;
    boot();
    Time previous = 0;
    u32 changes = 0;
    for (const auto& write : smmu.writes) {
        if (write.offset != 0x20 || write.value == 0) continue;  // off it was already
        if (previous != 0) {
            EXPECT_GE(write.at, previous + 30 * microsecond);
        }
        previous = write.at;
        ++changes;
    }
    EXPECT_EQ(changes, 3u);
}

TEST_F(SmmuDriverTest, SilentSmmuIsATimeout) {
    make();
    ASSERT_EQ(await(driver->probe(cpu())), 0);
    smmu.never_acknowledges = true;
    smmu.set(0x24, 1);
    EXPECT_EQ(await(driver->reset(cpu())), -ETIMEDOUT);
}

TEST_F(SmmuDriverTest, SmmuWithoutTranslationOr64BitTablesIsRefused) {
    make();
    smmu.idr0 = 2u << 2;
    EXPECT_EQ(await(driver->probe(cpu())), -ENODEV);
    smmu.idr0 = 1u << 2 | 3;
    EXPECT_EQ(await(driver->probe(cpu())), -ENODEV);
}

TEST_F(SmmuDriverTest, CommandQueueWrapsAndNeverOverruns) {
    sw::smmu::DriverConfig config;
    config.command_queue_log2 = 3;
    boot(config);
    for (int round = 0; round < 40; ++round) {
        std::vector<Command> three(3, Command(Operation::TLBI_NSNH_ALL));
        ASSERT_EQ(await(driver->commands().issue(cpu(round % 2), three, true)), 0);
    }
    EXPECT_EQ(smmu.commands.size(), 160u);
    for (std::size_t at = 0; at < smmu.commands.size(); ++at)
        ASSERT_EQ(smmu.commands[at].opcode(), at % 4 == 3 ? 0x46u : 0x30u);
}

TEST_F(SmmuDriverTest, FullQueueWaitsForRoom) {
    sw::smmu::DriverConfig config;
    config.command_queue_log2 = 2;
    boot(config);
    smmu.paused = true;
    bool done = false;
    start([](SmmuDriver& on, sw::cpu::Cpu& who, bool& finished) -> Task<> {
        std::vector<Command> many(10, Command(Operation::TLBI_NSNH_ALL));
        co_await on.commands().issue(who, many, true);
        finished = true;
    }(*driver, cpu(), done));
    run(50 * microsecond);
    EXPECT_FALSE(done);
    EXPECT_EQ((smmu.value(0x98) - smmu.value(0x9C)) & 7, 4u) << "not one more than fits";
    smmu.resume();
    settle();
    EXPECT_TRUE(done);
    EXPECT_EQ(smmu.commands.size(), 11u);
}

TEST_F(SmmuDriverTest, SyncIsNotDoneBeforeTheSmmuConsumesIt) {
    boot();
    smmu.paused = true;
    Time done = 0;
    start([](SmmuDriver& on, sw::cpu::Cpu& who, Time& at) -> Task<> {
        std::vector<Command> one(1, Command(Operation::TLBI_NSNH_ALL));
        co_await on.commands().issue(who, one, true);
        at = who.simulation().now();
    }(*driver, cpu(), done));
    run(100 * microsecond);
    EXPECT_EQ(done, 0u);
    const Time released = simulation.now();
    smmu.resume();
    settle();
    EXPECT_GT(done, released);
}

TEST_F(SmmuDriverTest, TwoCpusInsertWithoutLosingOrMixingACommand) {
    boot();
    const auto insert = [](SmmuDriver& on, sw::cpu::Cpu& who, u32 vmid, int& failures) -> Task<> {
        for (int round = 0; round < 50; ++round) {
            Command first(Operation::TLBI_S12_VMALL);
            first.set(Command::VMID, vmid);
            std::vector<Command> pair{first, first};
            const int error = co_await on.commands().issue(who, std::move(pair), true);
            if (error != 0) ++failures;
        }
    };
    int failures = 0;
    start(insert(*driver, cpu(0), 1, failures));
    start(insert(*driver, cpu(1), 2, failures));
    settle();
    EXPECT_EQ(failures, 0);
    ASSERT_EQ(smmu.commands.size(), 300u);
    for (std::size_t at = 0; at < smmu.commands.size(); at += 3) {
        EXPECT_EQ(smmu.commands[at].low, smmu.commands[at + 1].low) << "a batch stays together";
        EXPECT_EQ(smmu.commands[at + 2].opcode(), 0x46u);
    }
}

TEST_F(SmmuDriverTest, IllegalCommandIsSkippedAndTheQueueGoesOn) {
    boot();
    std::vector<Command> commands;
    commands.emplace_back(Operation::TLBI_NSNH_ALL);
    commands.emplace_back(static_cast<Operation>(0x99));
    commands.emplace_back(Operation::TLBI_NSNH_ALL);
    EXPECT_EQ(await(driver->commands().issue(cpu(), commands, true)), 0);
    EXPECT_EQ(opcodes(), (std::vector<unsigned>{0x30, 0x46, 0x30, 0x46}));
    EXPECT_EQ(driver->commands().errors(), 1u);
    EXPECT_EQ(driver->global_errors(), 1u);
    EXPECT_EQ(smmu.value(0x60), smmu.value(0x64)) << "acknowledged";
}

TEST_F(SmmuDriverTest, EventsAreReadOnceInOrderAcrossTheWrap) {
    sw::smmu::DriverConfig config;
    config.event_queue_log2 = 2;
    boot(config);
    std::vector<u64> seen;
    driver->events().on_event = [&](const sw::smmu::Event& event) { seen.push_back(event.words[2]); };
    for (u64 number = 0; number < 10; ++number) {
        smmu.report({0x10, u64{1} << 35, number, 0});
        if (number % 3 == 2) settle();
    }
    settle();
    EXPECT_EQ(seen, (std::vector<u64>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(driver->events().records(), 10u);
    EXPECT_EQ(driver->events().overflows(), 0u);
}

TEST_F(SmmuDriverTest, EventQueueOverflowIsCountedAndAcknowledged) {
    sw::smmu::DriverConfig config;
    config.event_queue_log2 = 1;
    boot(config);
    for (u64 number = 0; number < 5; ++number) smmu.report({0x10, 0, number, 0});
    settle();
    EXPECT_EQ(driver->events().records(), 2u);
    EXPECT_EQ(driver->events().overflows(), 1u);
    EXPECT_EQ(smmu.value(0x100A8) >> 31, smmu.value(0x100AC) >> 31);
}

TEST_F(SmmuDriverTest, StreamTableHasTwoLevelsAndLeavesAppearWhenNeeded) {
    boot();
    EXPECT_TRUE(driver->streams().two_level());
    EXPECT_EQ(smmu.value(0x88), (1u << 16 | 8u << 6 | 16u));
    EXPECT_EQ(driver->streams().leaves(), 0u);
    DomainRequest identity;
    identity.type = DomainType::Identity;
    const auto bypass = domain(identity);
    EXPECT_EQ(await(driver->attach(cpu(), device, *bypass)), 0);
    EXPECT_EQ(driver->streams().leaves(), 1u);
    EXPECT_EQ(smmu.translate(stream, 0x1234'5678).pa, 0x1234'5678u);
    EXPECT_EQ(smmu.translate(stream + 1, 0x1000).verdict, oracle::Verdict::Abort) << "a neighbour aborts silently";
    EXPECT_FALSE(smmu.translate(stream + 1, 0x1000).recorded);
    EXPECT_EQ(event_of(0x1000, 0x1234), 0x02u) << "no leaf: C_BAD_STREAMID";
}

TEST_F(SmmuDriverTest, StreamTableIsLinearWhereTwoLevelsAreAbsentOrPointless) {
    smmu.idr0 &= ~(3u << 27);
    smmu.idr1 = (smmu.idr1 & ~63u) | 6;
    boot();
    EXPECT_FALSE(driver->streams().two_level());
    EXPECT_EQ(smmu.value(0x88), 6u);
    const auto target = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    EXPECT_EQ(await(target->map(cpu(), 0x1000, 0x9000'0000, 4096, IOMMU_READ | IOMMU_WRITE)), 0);
    EXPECT_EQ(smmu.translate(stream, 0x1010).pa, 0x9000'0010u);
    device.streams = {64};
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), -ERANGE);
}

TEST_F(SmmuDriverTest, DestroyedInTheMiddleOfAWaitLeavesNothingBehind) {
    boot();
    const auto target = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    EXPECT_EQ(await(target->map(cpu(), 0x4000, 0x9000'0000, 4096, IOMMU_READ)), 0);
    smmu.paused = true;
    for (int round = 0; round < 20; ++round) {
        start([](Domain& from, sw::cpu::Cpu& who) -> Task<> {
            // Once the entry is gone there is nothing to unmap: later rounds may end at once.
            [[maybe_unused]] const Result<u64> unmapped = co_await from.unmap(who, 0x4000, 4096);
        }(*target, cpu()));
        run(static_cast<Time>(round) * 37 * nanosecond);
        activities.cancel();
    }
    smmu.resume();
    settle();
    EXPECT_EQ(simulation.waiting(), "");
}

}  // namespace
}  // namespace smmusim::test
