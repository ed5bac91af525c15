// The main job on a machine of fakes, and what the host promises around it.
#include "fake_machine.hpp"
#include "sw/kvm/guest_stage1.hpp"

namespace smmusim::test {
namespace {

using namespace sw::iommu;
using sw::HostDevice;
using sw::kvm::Guest;
using sw::kvm::GuestStage1;
using sw::vfio::Container;

constexpr u32 read_write = IOMMU_READ | IOMMU_WRITE;

class HostTest : public MachineFixture {
protected:
    Domain& unmanaged(DomainRequest::Stage stage = DomainRequest::Stage::Any) {
        DomainRequest request;
        request.stage = stage;
        const sw::Result<Domain*> made = await(host->alloc_domain(cpu(), request));
        EXPECT_TRUE(made);
        return **made;
    }
    void reserve(Domain& domain, u64 base = 0x0800'0000) {
        EXPECT_EQ(
            await(host->reserved_iova().iommu_alloc_reserved_iova_domain(cpu(), domain, base, 1 * MiB, read_write, 12)),
            0);
    }
    u64 faults() { return host->smmu(0).events().records(); }
    const sw::smmu::Event& last_fault() { return host->smmu(0).events().recent().back(); }
};

TEST_F(HostTest, BootFindsFunctionsPlacesTheirBarsAndLeavesThemInIdentity) {
    FakeFunction& function = add_function();
    boot();
    ASSERT_EQ(host->devices().size(), 1u);
    EXPECT_EQ(device().iommu.name, "0000:00:01.0");
    EXPECT_EQ(function.bar(), high);
    EXPECT_EQ(device().function.bar_size(0), FakeFunction::bar_size);
    EXPECT_EQ(device().iommu.domain->type(), DomainType::Identity);
    EXPECT_EQ(smmu.translate(requester, 0x1234'5678).pa, 0x1234'5678u);
    EXPECT_EQ(smmu.translate(requester + 8, 0x1000).verdict, oracle::Verdict::Abort);
    EXPECT_FALSE(function.master()) << "nobody owns it yet";
    EXPECT_EQ(host->device(0x10), nullptr);
}

TEST_F(HostTest, IdentityDomainSendsToTheDoorbellItselfWithoutAMap) {
    FakeFunction& function = add_function();
    boot();
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 2)), 0);
    EXPECT_EQ(vector(1).message, (sw::msi::Message{0x0809'0040, 1}));
    EXPECT_EQ(function.entry(1).address, 0x0809'0040u);
    EXPECT_EQ(host->iommu().statistics().map_ops, 0u);
    raise(function, 1);
    EXPECT_EQ(vector(1).fired, 1u);
    EXPECT_EQ(await(host->disable_msix(cpu(), device())), 0);
}

class MainJob : public HostTest, public testing::WithParamInterface<u64> {};

TEST_P(MainJob, ReservedWindowFromRegistrationToTheLateWrites) {
    const u64 base = GetParam(), address = base + 0xF'F040;
    FakeFunction& function = add_function();
    boot();
    const auto container = host->open_container();
    const auto guest = host->create_guest("guest0", *container);
    EXPECT_EQ(await(container->map_reserved(cpu(), base, 1 * MiB, 12)), 0);
    EXPECT_EQ(await(container->attach(cpu(), device().msi)), 0);
    EXPECT_EQ(await(guest->add_memory(cpu(), 0x4000'0000, guest_host, 64 * 4096)), 0);
    EXPECT_EQ(access(requester, 0x4000'1234, false), guest_host + 0x1234);

    const u64 maps = host->iommu().statistics().map_ops;
    EXPECT_EQ(await(guest->enable_msix(cpu(), device().msi, 8)), 0);
    EXPECT_EQ(host->iommu().statistics().map_ops, maps + 1) << "one for eight vectors";
    EXPECT_EQ(sw::msi::ReservedIova::bindings(*container->domain()).at(0).references, 8u);
    for (u32 index = 0; index < 8; ++index) {
        EXPECT_EQ(function.entry(index).address, address);
        EXPECT_EQ(function.entry(index).data, index);
    }
    EXPECT_EQ(function.changed_unmasked, 0u);

    std::vector<std::pair<u32, u32>> injected;  // vector, CPU
    guest->set_handler([&](sw::cpu::Cpu& on, sw::msi::Source&, u32 index) {
        injected.emplace_back(index, on.index());
        return on.work(10);
    });
    for (u32 index = 0; index < 8; ++index) raise(function, index);
    ASSERT_EQ(injected.size(), 8u);
    for (u32 index = 0; index < 8; ++index) EXPECT_EQ(injected[index], std::pair(index, index % 4));

    its.commands.clear();
    EXPECT_EQ(await(host->set_affinity(cpu(), device(), 5, 3)), 0);
    EXPECT_EQ(its.opcodes(), (std::vector<u64>{0x01, 0x05}));
    EXPECT_EQ(host->iommu().statistics().map_ops, maps + 1) << "moving maps nothing";
    raise(function, 5);
    EXPECT_EQ(injected.back(), std::pair(5u, 3u));

    for (u32 index = 0; index < 8; ++index) {
        EXPECT_EQ(smmu.translate(requester, address).verdict, oracle::Verdict::Translated) << "until the last one";
        EXPECT_EQ(await(host->disable_vector(cpu(), device(), index)), 0);
        EXPECT_EQ(function.entry(index).address, 0u);
        EXPECT_EQ(function.entry(index).control & 1, 1u);
    }
    EXPECT_FALSE(function.messages_enabled());
    EXPECT_TRUE(its.devices.empty());
    EXPECT_EQ(faults(), 0u);

    send(requester, address, 0);
    settle();
    ASSERT_EQ(faults(), 1u);
    EXPECT_EQ(last_fault()[sw::smmu::Event::Number], 0x10u);
    EXPECT_FALSE(last_fault()[sw::smmu::Event::RnW]);
    EXPECT_EQ(last_fault()[sw::smmu::Event::InputAddr], address);

    EXPECT_EQ(await(guest->remove_memory(cpu(), 0x4000'0000, 64 * 4096)), 0);
    EXPECT_FALSE(access(requester, 0x4000'1234, false));
    settle();
    ASSERT_EQ(faults(), 2u);
    EXPECT_TRUE(last_fault()[sw::smmu::Event::RnW]);
    EXPECT_EQ(injected.size(), 9u);
    EXPECT_EQ(host->interrupts().unhandled, 0u);
    EXPECT_EQ(await(container->detach(cpu(), device().msi)), 0);
    EXPECT_EQ(device().iommu.domain->type(), DomainType::Identity);
}

INSTANTIATE_TEST_SUITE_P(Windows, MainJob, testing::Values(0x0800'0000, 0x1'0000'0000));

TEST_F(HostTest, NestedMainJob) {
    FakeFunction& function = add_function();
    boot();
    const auto container = host->open_container(Container::Stage::Nesting);
    const auto guest = host->create_guest("guest0", *container);
    EXPECT_EQ(await(container->map_reserved(cpu(), 0x0800'0000, 1 * MiB, 12)), 0);
    EXPECT_EQ(await(container->attach(cpu(), device().msi)), 0);
    EXPECT_EQ(await(guest->add_memory(cpu(), 0x4000'0000, guest_host, 16 * MiB)), 0);

    GuestStage1 stage1(simulation, *guest, 0x4080'0000, 4 * MiB, host->smmu(0).geometry(sw::pgtable::Stage::One),
                       host->smmu(0).features().output_code, 7);
    EXPECT_EQ(await(stage1.create(cpu())), 0);
    EXPECT_EQ(await(stage1.map(cpu(), 0x0800'0000, 0x0800'0000, 1 * MiB, IOMMU_WRITE | IOMMU_MMIO)), 0);
    EXPECT_EQ(await(stage1.map(cpu(), 0x10'0000, 0x4000'0000, 16 * 4096, read_write | IOMMU_CACHE)), 0);
    DomainRequest request;
    request.type = DomainType::Nested;
    request.parent = container->domain();
    request.context_pointer = stage1.context_pointer();
    const sw::Result<Domain*> nested = await(host->alloc_domain(cpu(), request));
    ASSERT_TRUE(nested);
    EXPECT_EQ(await(host->attach(cpu(), **nested, device())), 0);

    const oracle::Outcome cold = smmu.translate(requester, 0x10'0010);
    EXPECT_EQ(cold.pa, guest_host + 0x10);
    EXPECT_EQ(cold.reads.size(), 31u) << "L1STD, STE, CD with 4 stage 2 reads, 24";
    EXPECT_EQ(await(guest->enable_msix(cpu(), device().msi, 8)), 0);
    EXPECT_EQ(function.entry(0).address, 0x080F'F040u);
    for (u32 index = 0; index < 8; ++index) raise(function, index);
    EXPECT_EQ(guest->injected(), 8u);
    EXPECT_EQ(faults(), 0u);

    EXPECT_EQ(await(host->disable_msix(cpu(), device())), 0);
    send(requester, 0x080F'F040, 0);
    settle();
    ASSERT_EQ(faults(), 1u);
    EXPECT_TRUE(last_fault()[sw::smmu::Event::S2]);
    EXPECT_EQ(last_fault()[sw::smmu::Event::CLASS], 2u) << "IN";
    EXPECT_EQ(last_fault()[sw::smmu::Event::IPA], 0x080F'F000u);
    EXPECT_FALSE(last_fault()[sw::smmu::Event::RnW]);

    EXPECT_EQ(*await(container->domain()->unmap(cpu(), 0x4000'0000, 4096)), 4096u);
    EXPECT_FALSE(access(requester, 0x10'0010, false));
    settle();
    ASSERT_EQ(faults(), 2u);
    EXPECT_TRUE(last_fault()[sw::smmu::Event::S2]);

    auto* own = dynamic_cast<sw::smmu::SmmuDomain*>(*nested);
    smmu.commands.clear();
    EXPECT_EQ(*await(stage1.unmap(cpu(), 0x10'1000, 4096, own)), 4096u);
    ASSERT_EQ(smmu.commands.size(), 2u);
    EXPECT_EQ(smmu.commands[0].opcode(), 0x12u);
    EXPECT_EQ(smmu.commands[0].low >> 48, 7u) << "the guest's ASID";
    EXPECT_EQ(smmu.commands[0].low >> 32 & 0xFFFF, own->tag()) << "the host's VMID";
    EXPECT_EQ(smmu.translate(requester, 0x10'1000).event->get(support::event::S2), 0u);
    EXPECT_EQ(await(host->free_domain(cpu(), *container->domain())), -EBUSY) << "a nested domain stands on it";
}

TEST_F(HostTest, DomainWithoutAWindowRefusesMessagesAndKeepsNothing) {
    add_function();
    boot();
    Domain& domain = unmanaged();
    EXPECT_EQ(await(host->attach(cpu(), domain, device())), 0);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 4)), -EINVAL);
    EXPECT_TRUE(device().msi.vectors.empty());
    EXPECT_TRUE(its.devices.empty());
    EXPECT_EQ(host->gic().lpis().numbers().available(), 65536u - 8192);
    EXPECT_FALSE(functions[0]->messages_enabled());
    reserve(domain);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 4)), 0);
}

TEST_F(HostTest, VectorErrorsAreErrno) {
    add_function(requester, 4);
    boot();
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 0)), -EINVAL);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 5)), -ENOSPC);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 4)), 0);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 1)), -EINVAL) << "enabled already";
    EXPECT_EQ(await(host->disable_vector(cpu(), device(), 2)), 0);
    EXPECT_EQ(await(host->disable_vector(cpu(), device(), 2)), -EINVAL);
    EXPECT_EQ(await(host->set_affinity(cpu(), device(), 2, 0)), -EINVAL);
    EXPECT_EQ(await(host->set_affinity(cpu(), device(), 1, 4)), -EINVAL);
}

TEST_F(HostTest, MessagesFollowTheirFunctionIntoAnotherDomain) {
    FakeFunction& function = add_function();
    boot();
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 2)), 0);
    Domain& first = unmanaged();
    reserve(first);
    EXPECT_EQ(await(host->attach(cpu(), first, device())), 0);
    EXPECT_EQ(function.entry(1).address, 0x080F'F040u);
    raise(function, 1);
    Domain& second = unmanaged();
    reserve(second, 0x2000'0000);
    EXPECT_EQ(await(host->attach(cpu(), second, device())), 0);
    EXPECT_EQ(function.entry(1).address, 0x200F'F040u);
    EXPECT_TRUE(sw::msi::ReservedIova::bindings(first).empty());
    raise(function, 1);
    Domain& bare = unmanaged();
    EXPECT_EQ(await(host->attach(cpu(), bare, device())), 0);
    EXPECT_EQ(function.entry(1).control & 1, 1u) << "without a window: masked, sent nowhere";
    EXPECT_EQ(function.entry(1).address, 0u);
    EXPECT_EQ(await(host->detach(cpu(), device())), 0);
    EXPECT_EQ(function.entry(1).address, 0x0809'0040u);
    raise(function, 1);
    EXPECT_EQ(vector(1).fired, 3u);
    EXPECT_EQ(faults(), 0u);
}

TEST_F(HostTest, FreedDomainLeavesNoMappingOfItsWindow) {
    add_function();
    boot();
    Domain& domain = unmanaged();
    reserve(domain);
    EXPECT_EQ(await(host->attach(cpu(), domain, device())), 0);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 3)), 0);
    u64 iova = 0;
    EXPECT_EQ(await(host->reserved_iova().iommu_get_reserved_iova(cpu(), domain, 0x0900'0000, 4, IOMMU_WRITE, iova)),
              0);
    EXPECT_EQ(await(host->free_domain(cpu(), domain)), -EBUSY);
    EXPECT_EQ(await(host->detach(cpu(), device())), 0);
    EXPECT_EQ(host->reserved_iova().mapped_pages(), 1u) << "the vectors have moved on";
    smmu.commands.clear();
    const u64 unmaps = host->iommu().statistics().unmap_ops;
    EXPECT_EQ(await(host->free_domain(cpu(), domain)), 0);
    EXPECT_EQ(host->iommu().statistics().unmap_ops, unmaps + 1);
    EXPECT_EQ(host->reserved_iova().mapped_pages(), 0u);
    ASSERT_EQ(smmu.commands.size(), 4u);
    EXPECT_EQ(smmu.commands[0].opcode(), 0x12u) << "TLBI for the binding";
    EXPECT_EQ(smmu.commands[2].opcode(), 0x11u) << "TLBI for the ASID";
    EXPECT_EQ(await(host->disable_msix(cpu(), device())), 0);
}

TEST_F(HostTest, FunctionsOnOneStreamAreOneGroupAndMoveTogether) {
    add_function(0x08);
    add_function(0x10);
    add_function(0x18);
    sw::IdRule alias;
    alias.requester_base = 0x08;
    alias.length = 0x10;
    alias.mask = 0xFFEF;  // 0x10 becomes 0, 0x18 becomes 0x08
    alias.output_base = 0x08;
    sw::IdRule own;
    machine.root_complexes[0].iommu_map = {alias, own};
    boot();
    EXPECT_EQ(device(0x08).iommu.group, device(0x18).iommu.group);
    EXPECT_NE(device(0x08).iommu.group, device(0x10).iommu.group);
    Domain& domain = unmanaged();
    EXPECT_EQ(await(host->attach(cpu(), domain, device(0x08))), 0);
    EXPECT_EQ(device(0x18).iommu.domain, &domain);
    EXPECT_EQ(await(domain.map(cpu(), 0x1000, guest_host, 4096, read_write)), 0);
    EXPECT_EQ(smmu.translate(0x08, 0x1000).pa, guest_host);
    EXPECT_EQ(smmu.translate(0x10, 0x1000).pa, 0x1000u) << "the other group stays";
}

TEST_F(HostTest, FunctionsOnOneDeviceIdShareAnInterruptTable) {
    FakeFunction& one = add_function(0x08, 4);
    FakeFunction& other = add_function(0x10, 4);
    machine.root_complexes[0].msi_map = {sw::IdRule{0, 0, 5, 0x1'0000, 0}};
    boot();
    EXPECT_EQ(await(host->enable_msix(cpu(), device(0x08), 4)), 0);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(0x10), 4)), 0);
    EXPECT_EQ(its.devices.size(), 1u);
    EXPECT_EQ(its.devices.at(5).size(), 8u);
    EXPECT_EQ(one.entry(3).data, 3u);
    EXPECT_EQ(other.entry(0).data, 4u);
    its.message(5, 4);
    settle();
    EXPECT_EQ(vector(0, 0x10).fired, 1u);
    EXPECT_EQ(vector(0, 0x08).fired, 0u);
}

TEST_F(HostTest, MachineWithoutSmmuSendsMessagesDirectly) {
    FakeFunction& function = add_function();
    machine.smmus.clear();
    machine.root_complexes[0].iommu_map.clear();
    boot();
    EXPECT_EQ(device().iommu.domain, nullptr);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 2)), 0);
    EXPECT_EQ(function.entry(0).address, 0x0809'0040u);
    EXPECT_EQ(await(device().function.set_bus_master(cpu(), true)), 0);
    raise(function, 0);
    EXPECT_EQ(vector(0).fired, 1u);
    EXPECT_EQ(await(host->alloc_domain(cpu(), {})).error(), -ENODEV);
}

TEST_F(HostTest, ReservedIovaSwitchedOffKeepsPhysicalAddresses) {
    FakeFunction& function = add_function();
    sw::SoftwareConfig config;
    config.iommu_dma_reserved = false;
    boot(config);
    Domain& domain = unmanaged();
    EXPECT_EQ(await(host->attach(cpu(), domain, device())), 0);
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 1)), 0);
    EXPECT_EQ(function.entry(0).address, 0x0809'0040u);
    raise(function, 0);
    EXPECT_EQ(vector(0).fired, 0u);
    EXPECT_EQ(faults(), 1u) << "which the SMMU does not know";
}

TEST_F(HostTest, FreeingAVectorWaitsForItsHandler) {
    FakeFunction& function = add_function();
    boot();
    EXPECT_EQ(await(host->enable_msix(cpu(), device(), 1)), 0);
    bool handled = false;
    const auto slow = [](sw::cpu::Cpu& on, bool& done) -> Task<> {
        co_await on.sleep(1 * millisecond);
        done = true;
    };
    vector(0).handler = [&](sw::cpu::Cpu& on, sw::msi::Vector&) { return slow(on, handled); };
    send(requester, function.entry(0).address, 0);
    run(10 * microsecond);
    bool freed = false;
    start([](sw::Host& on, sw::cpu::Cpu& who, HostDevice& of, bool& done) -> Task<> {
        co_await on.disable_vector(who, of, 0);
        done = true;
    }(*host, cpu(1), device(), freed));
    run(500 * microsecond);
    EXPECT_FALSE(freed);
    settle();
    EXPECT_TRUE(handled);
    EXPECT_TRUE(freed);
}

TEST_F(HostTest, BootFailureNamesItsStep) {
    distributor.absent = true;
    host = std::make_unique<sw::Host>(simulation, sw::SoftwareConfig{}, machine, pointers());
    EXPECT_EQ(await(host->boot()), -ENODEV);
    EXPECT_NE(host->failure().find("distributor"), std::string::npos);
}

TEST_F(HostTest, HostThatGoesAwayInTheMiddleOfItsBootLeavesNothingBehind) {
    add_function();
    for (Time stop = 100 * nanosecond; stop < 400 * microsecond; stop += 7'777 * nanosecond) {
        host = std::make_unique<sw::Host>(simulation, sw::SoftwareConfig{}, machine, pointers());
        host->scope().spawn("boot", [](sw::Host& booting) -> Task<> { co_await booting.boot(); }(*host));
        run(stop);
        host.reset();
        settle();
        ASSERT_EQ(simulation.waiting(), "");
    }
}

TEST_F(HostTest, ProtectionLetters) {
    EXPECT_EQ(sw::parse_prot("rw"), IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE | IOMMU_NOEXEC);
    EXPECT_EQ(sw::parse_prot("rx"), IOMMU_READ | IOMMU_CACHE);
    EXPECT_EQ(sw::parse_prot("wm"), IOMMU_WRITE | IOMMU_MMIO | IOMMU_NOEXEC);
    EXPECT_FALSE(sw::parse_prot("rwz"));
}

}  // namespace
}  // namespace smmusim::test
