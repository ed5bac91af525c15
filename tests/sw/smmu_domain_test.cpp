// Promises of the SMMUv3 driver's domains: translation, mapping, invalidation; judged by the oracle.
#include "smmu_driver_fixture.hpp"

namespace smmusim::test {
namespace {

TEST_F(SmmuDriverTest, Stage1DomainTranslatesAndFaultsAsRecordedAborts) {
    boot();
    const auto target = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    EXPECT_EQ(await(target->map(cpu(), 0x10'0000, 0x9000'0000, 8192, IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE)), 0);
    const oracle::Outcome good = smmu.translate(stream, 0x10'1008);
    EXPECT_EQ(good.verdict, oracle::Verdict::Translated);
    EXPECT_EQ(good.pa, 0x9000'1008u);
    EXPECT_EQ(good.reads.size(), 7u) << "L1STD, STE, CD and four levels";
    const oracle::Outcome bad = smmu.translate(stream, 0x10'2000);
    EXPECT_EQ(bad.verdict, oracle::Verdict::Abort);
    EXPECT_TRUE(bad.recorded) << "CD.R = 1, CD.A = 1";
    EXPECT_EQ(event_of(0x10'2000), 0x10u);
    EXPECT_EQ(await(target->iova_to_phys(cpu(), 0x10'0004)), 0x9000'0004u);
    EXPECT_TRUE(*target->attribute(DomainAttribute::DOMAIN_ATTR_MSI_MAPPING));
}

TEST_F(SmmuDriverTest, CpusThatMapAtOnceShareTheTablesThatTheyAdd) {
    boot();
    const auto target = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    int errors[2] = {1, 1};
    const auto map = [](sw::cpu::Cpu& on, Domain& into, u64 page, int& error) -> Task<> {
        error = co_await into.map(on, 0x10'0000 + page * 4096, 0x9000'0000 + page * 4096, 4096, IOMMU_WRITE);
    };
    for (u32 index = 0; index < 2; ++index) start(map(cpu(index), *target, index, errors[index]));
    settle();
    for (u64 page = 0; page < 2; ++page) {
        EXPECT_EQ(errors[page], 0);
        EXPECT_EQ(smmu.translate(stream, 0x10'0000 + page * 4096).pa, 0x9000'0000 + page * 4096);
    }
    EXPECT_EQ(static_cast<sw::smmu::SmmuDomain&>(*target).table()->table_bytes(), 4 * 4096u) << "one of each level";
}

TEST_F(SmmuDriverTest, Stage2DomainTranslatesWithItsVmid) {
    boot();
    DomainRequest request;
    request.stage = DomainRequest::Stage::Two;
    const auto target = domain(request);
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    EXPECT_EQ(await(target->map(cpu(), 0x10'0000, 0x9000'0000, 4096, IOMMU_WRITE)), 0);
    EXPECT_EQ(smmu.translate(stream, 0x10'0008).pa, 0x9000'0008u);
    EXPECT_EQ(smmu.translate(stream, 0x10'0008, {}, false).verdict, oracle::Verdict::Abort) << "write only";
    EXPECT_TRUE(smmu.translate(stream, 0x20'0000).recorded) << "S2R = 1";
    smmu.commands.clear();
    EXPECT_EQ(*await(target->unmap(cpu(), 0x10'0000, 4096)), 4096u);
    EXPECT_EQ(opcodes(), (std::vector<unsigned>{0x2A, 0x46}));
    EXPECT_EQ(smmu.commands[0].low >> 32 & 0xFFFF, 1u) << "VMID 0 is not used";
}

TEST_F(SmmuDriverTest, NestedDomainTranslatesThroughBothStages) {
    boot();
    DomainRequest request;
    request.stage = DomainRequest::Stage::Two;
    const auto parent = domain(request);
    // A guest's tables at guest-physical 0x1000_0000, which is host memory at ram + 128 MiB.
    const u64 host = ram + 128 * MiB, guest = 0x1000'0000;
    EXPECT_EQ(await(parent->map(cpu(), guest, host, 64 * 4096, IOMMU_READ | IOMMU_WRITE)), 0);
    memory.put<u64>(host, u64{1} << 31 | 16 | u64{1} << 30 | u64{5} << 32 | u64{1} << 41 | u64{3} << 45);  // CD
    memory.put<u64>(host + 8, guest + 0x1000);                                                             // TTB0
    memory.put<u64>(host + 0x1000, guest + 0x2000 + 3);
    memory.put<u64>(host + 0x2000, guest + 0x3000 + 3);
    memory.put<u64>(host + 0x3000, guest + 0x4000 + 3);
    memory.put<u64>(host + 0x4000 + 8 * 5, (guest + 0x9000) | 0x447 | 0x40);
    DomainRequest nested;
    nested.type = DomainType::Nested;
    nested.parent = parent.get();
    nested.context_pointer = guest;
    const auto target = domain(nested);
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    const oracle::Outcome outcome = smmu.translate(stream, 0x5010);
    EXPECT_EQ(outcome.verdict, oracle::Verdict::Translated);
    EXPECT_EQ(outcome.pa, host + 0x9010);
    EXPECT_EQ(outcome.reads.size(), 3u + 28u) << "L1STD, STE, CD behind 4 stage 2 reads, 24 of the walk";
    EXPECT_EQ(&target->mapping_domain(), parent.get());
    EXPECT_EQ(await(target->map(cpu(), 0x1000, 0x1000, 4096, IOMMU_READ)), -EINVAL) << "stage 1 is the guest's";
    smmu.commands.clear();
    EXPECT_EQ(*await(parent->unmap(cpu(), guest + 63 * 4096, 4096)), 4096u);
    EXPECT_EQ(opcodes(), (std::vector<unsigned>{0x2A, 0x46, 0x10, 0x46})) << "combined entries go too, after stage 2";
    EXPECT_EQ(*await(parent->unmap(cpu(), guest + 9 * 4096, 4096)), 4096u);
    const oracle::Outcome gone = smmu.translate(stream, 0x5010);
    ASSERT_TRUE(gone.event && gone.recorded);
    EXPECT_EQ(gone.event->get(support::event::S2), 1u);
}

TEST_F(SmmuDriverTest, DomainOfAnotherSmmuIsRefused) {
    boot();
    SmmuDriver other(simulation, "smmu1", sw::smmu::SmmuDescription{}, {}, pool, statistics);
    const auto foreign = domain();
    EXPECT_EQ(await(other.attach(cpu(), device, *foreign)), -EINVAL);
}

TEST_F(SmmuDriverTest, WhatTheSmmuCannotDoIsRefused) {
    smmu.idr0 &= ~1u;  // S2P
    boot();
    DomainRequest request;
    request.stage = DomainRequest::Stage::Two;
    EXPECT_EQ(await(driver->make_domain(cpu(), request)).error(), -EINVAL);
    request.type = DomainType::Nested;
    EXPECT_EQ(await(driver->make_domain(cpu(), request)).error(), -EINVAL);
    EXPECT_TRUE(await(driver->make_domain(cpu(), {})));
}

TEST_F(SmmuDriverTest, UnmapCoversItsRangeWithTheFewestCommands) {
    const std::pair<u64, std::size_t> counts[] = {{512, 1}, {511, 2}, {1000, 2}, {1, 1}, {64, 1}};
    for (const auto& [pages, commands] : counts) {
        sw::smmu::InvalidationShape shape;
        shape.ranges = true;
        EXPECT_EQ(sw::smmu::cover(Command(Operation::TLBI_NH_VA), shape, 0x4000'0000, pages << 12).size(), commands);
        shape.ranges = false;
        EXPECT_EQ(sw::smmu::cover(Command(Operation::TLBI_NH_VA), shape, 0x4000'0000, pages << 12).size(), pages);
    }
}

TEST_F(SmmuDriverTest, RangeCommandsCoverExactlyTheRange) {
    u64 state = 4;
    for (int round = 0; round < 2000; ++round) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const u64 pages = 1 + (state >> 33) % 300'000, first = (state >> 20) % 1000;
        sw::smmu::InvalidationShape shape;
        shape.ranges = true;
        u64 next = first << 12;
        for (const Command& command :
             sw::smmu::cover(Command(Operation::TLBI_S2_IPA), shape, first << 12, pages << 12)) {
            ASSERT_EQ(command[Command::Address], next);
            const u64 count = (command[Command::NUM] + 1) << command[Command::SCALE];
            next += count << 12;
            ASSERT_EQ(command[Command::TG], 1u);
            ASSERT_EQ(command[Command::TTL], 3u);
            ASSERT_TRUE(command[Command::Leaf]);
        }
        ASSERT_EQ(next, (first + pages) << 12);
    }
}

TEST_F(SmmuDriverTest, SinglePageWithoutALevelIsNoRangeCommand) {
    sw::smmu::InvalidationShape shape;
    shape.ranges = true;
    shape.only_pages = false;
    const auto commands = sw::smmu::cover(Command(Operation::TLBI_NH_VA), shape, 0x5000, 4096);
    ASSERT_EQ(commands.size(), 1u);
    EXPECT_EQ(commands[0][Command::TG], 0u) << "TG with NUM = SCALE = TTL = 0 would be CERROR_ILL";
}

TEST_F(SmmuDriverTest, LargeUnmapWithoutRangeCommandsGoesByAsid) {
    smmu.idr3 = 0;
    boot();
    const auto target = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    EXPECT_EQ(await(target->map(cpu(), 0, 0x9000'0000, 2 * MiB, IOMMU_READ)), 0);
    smmu.commands.clear();
    EXPECT_EQ(*await(target->unmap(cpu(), 0, 511 * 4096)), 511u * 4096);
    EXPECT_EQ(smmu.commands.size(), 512u);
    EXPECT_EQ(await(target->map(cpu(), 0, 0x9000'0000, 511 * 4096, IOMMU_READ)), 0);
    smmu.commands.clear();
    EXPECT_EQ(*await(target->unmap(cpu(), 0, 2 * MiB)), 2 * MiB);
    EXPECT_EQ(opcodes(), (std::vector<unsigned>{0x11, 0x46}));
    EXPECT_EQ(statistics.tlbi_cmds, 2u + 511 + 1) << "at bring-up, then twice";
}

TEST_F(SmmuDriverTest, FailedMapLeavesNothingMappedAndNothingCached) {
    boot();
    const auto target = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    EXPECT_EQ(await(target->map(cpu(), 0x4000, 0x9000'0000, 4096, IOMMU_READ | IOMMU_WRITE)), 0);
    smmu.commands.clear();
    EXPECT_EQ(await(target->map(cpu(), 0x1000, 0xA000'0000, 4 * 4096, IOMMU_READ | IOMMU_WRITE)), -EEXIST);
    EXPECT_EQ(event_of(0x1000), 0x10u);
    EXPECT_EQ(smmu.translate(stream, 0x4000).pa, 0x9000'0000u);
    EXPECT_EQ(opcodes(), (std::vector<unsigned>{0x12, 0x46}));
}

TEST_F(SmmuDriverTest, MapNeedsNoInvalidation) {
    boot();
    const auto target = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    smmu.commands.clear();
    EXPECT_EQ(await(target->map(cpu(), 0x4000, 0x9000'0000, 4096, IOMMU_READ)), 0);
    EXPECT_TRUE(smmu.commands.empty());
}

TEST_F(SmmuDriverTest, RetiredDomainLeavesNoTranslationOfItsTag) {
    boot();
    const auto first = domain();
    auto* own = dynamic_cast<sw::smmu::SmmuDomain*>(first.get());
    const u32 tag = own->tag();
    EXPECT_EQ(tag, 1u);
    smmu.commands.clear();
    await(driver->retire_domain(cpu(), *first));
    EXPECT_EQ(opcodes(), (std::vector<unsigned>{0x11, 0x46}));
    EXPECT_EQ(smmu.commands[0].low >> 48, tag);
    const auto second = domain();
    EXPECT_EQ(dynamic_cast<sw::smmu::SmmuDomain*>(second.get())->tag(), tag) << "the tag is free again";
}

TEST_F(SmmuDriverTest, UnmapIsBackOnlyAfterItsSync) {
    boot();
    const auto target = domain();
    EXPECT_EQ(await(driver->attach(cpu(), device, *target)), 0);
    EXPECT_EQ(await(target->map(cpu(), 0x4000, 0x9000'0000, 4096, IOMMU_READ)), 0);
    smmu.paused = true;
    bool done = false;
    start([](Domain& from, sw::cpu::Cpu& who, bool& finished) -> Task<> {
        const Result<u64> unmapped = co_await from.unmap(who, 0x4000, 4096);
        finished = unmapped && *unmapped == 4096;
    }(*target, cpu(), done));
    run(200 * microsecond);
    EXPECT_FALSE(done);
    EXPECT_EQ(event_of(0x4000), 0x10u) << "the descriptor is gone before the invalidation is asked for";
    smmu.resume();
    settle();
    EXPECT_TRUE(done);
}

}  // namespace
}  // namespace smmusim::test
