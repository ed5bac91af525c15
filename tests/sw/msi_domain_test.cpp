// Promises of the MSI layer with a controller that has one doorbell per CPU.
#include "sw/msi/msi_domain.hpp"
#include "fake_domain.hpp"
#include "sw/msi/reserved_iova_policy.hpp"

namespace smmusim::test {
namespace {

using namespace sw::iommu;
using sw::msi::Message;
using sw::msi::ReservedIova;
using sw::msi::Source;
using sw::msi::Vector;

/// A frame of 4 KiB per CPU; the message tells the CPU by its address.
class MultiFrame final : public sw::msi::Controller {
public:
    static constexpr u64 base = 0x0A00'0040;
    const std::string& name() const override { return name_; }
    bool isolates_sources() const override { return true; }
    std::vector<sw::msi::Doorbell> doorbells() const override {
        std::vector<sw::msi::Doorbell> all(4);
        for (u64 cpu = 0; cpu < all.size(); ++cpu) all[cpu].address = base + cpu * 4096;
        return all;
    }
    Task<int> allocate(sw::cpu::Cpu&, Source&, std::vector<Vector*> vectors) override {
        for (Vector* vector : vectors) vector->intid = next_intid_++, vector->event = vector->index;
        allocated += vectors.size();
        co_return 0;
    }
    Task<> release(sw::cpu::Cpu&, Vector&) override {
        --allocated;
        co_return;
    }
    Task<int> activate(sw::cpu::Cpu&, Vector& vector) override { co_return vector.index == fail_at ? -EIO : 0; }
    Task<> deactivate(sw::cpu::Cpu&, Vector&) override { co_return; }
    Message compose(const Vector& vector) const override { return {base + u64{vector.cpu} * 4096, vector.event}; }
    Task<sw::Result<Moved>> set_affinity(sw::cpu::Cpu&, Vector& vector, u32 target) override {
        vector.cpu = target;
        co_return Moved::Rewrite;
    }
    u64 allocated = 0;
    u32 fail_at = ~0u;

private:
    std::string name_ = "frames";
    u32 next_intid_ = 40;
};

class FakeTable final : public sw::msi::MessageTable {
public:
    u32 capacity() const override { return 8; }
    Task<int> enable(sw::cpu::Cpu&) override { co_return on = true, 0; }
    Task<int> disable(sw::cpu::Cpu&) override { co_return on = false, 0; }
    Task<int> write_message(sw::cpu::Cpu&, u32 index, Message message) override {
        EXPECT_TRUE(masked[index]) << "a message changes only while it cannot be sent";
        messages[index] = message;
        co_return 0;
    }
    Task<int> set_masked(sw::cpu::Cpu&, u32 index, bool mask) override {
        masked[index] = mask;
        co_return 0;
    }
    bool on = false;
    std::map<u32, Message> messages;
    std::map<u32, bool> masked;
};

class MsiDomainTest : public CpuFixture {
protected:
    MsiDomainTest() : CpuFixture(4) {
        device.domain = &domain;
        source.device = &device;
        source.controller = &frames;
        source.table = &table;
        msi.add(source);
        cpu().take_interrupts(&interrupt_table);
        EXPECT_EQ(
            await(reserved.iommu_alloc_reserved_iova_domain(cpu(), domain, 0x0800'0000, 0x10'0000, IOMMU_WRITE, 12)),
            0);
    }
    std::vector<u64> references() const {
        std::vector<u64> result;
        for (const auto& binding : ReservedIova::bindings(domain)) result.push_back(binding.references);
        return result;
    }

    Statistics statistics;
    FakeDomain domain{simulation, statistics};
    Device device;
    Source source;
    MultiFrame frames;
    FakeTable table;
    sw::cpu::InterruptTable interrupt_table;
    ReservedIova reserved{true};
    sw::msi::ReservedIovaPolicy policy{reserved};
    sw::msi::MsiDomain msi{simulation, policy, interrupt_table, 4};
};

TEST_F(MsiDomainTest, EveryDoorbellIsMappedWhenVectorsAreAllocated) {
    EXPECT_EQ(await(msi.alloc_vectors(cpu(), source, 3)), 0);
    EXPECT_EQ(domain.map_calls, 4u);
    EXPECT_EQ(references(), (std::vector<u64>{3, 3, 3, 3})) << "one per vector and doorbell";
    EXPECT_EQ(domain.last_prot & IOMMU_MMIO, IOMMU_MMIO);
    EXPECT_TRUE(table.on);
    EXPECT_EQ(table.messages.at(0).address, 0x080F'F040u);
    EXPECT_EQ(table.messages.at(2).address, 0x080F'D040u) << "CPU 2 has the third frame";
}

TEST_F(MsiDomainTest, MovingRewritesTheMessageWithoutMapping) {
    EXPECT_EQ(await(msi.alloc_vectors(cpu(), source, 1)), 0);
    for (u32 round = 0; round < 20; ++round) {
        EXPECT_EQ(await(msi.set_affinity(cpu(), source, 0, round % 4)), 0);
        EXPECT_EQ(table.messages.at(0).address, 0x080F'F040u - round % 4 * 0x1000u);
        EXPECT_FALSE(table.masked.at(0));
    }
    EXPECT_EQ(domain.map_calls, 4u);
    EXPECT_EQ(domain.unmap_calls, 0u);
    EXPECT_EQ(references(), (std::vector<u64>{1, 1, 1, 1}));
    EXPECT_EQ(await(msi.free_vectors(cpu(), source)), 0);
    EXPECT_TRUE(domain.pages.empty()) << "gets and puts are in balance";
    EXPECT_FALSE(table.on);
    EXPECT_EQ(frames.allocated, 0u);
}

TEST_F(MsiDomainTest, FailedMapFailsTheAllocationAndLeavesNothing) {
    domain.next_map_error = -ENOMEM;
    EXPECT_EQ(await(msi.alloc_vectors(cpu(), source, 3)), -ENOMEM);
    EXPECT_TRUE(domain.pages.empty());
    EXPECT_EQ(frames.allocated, 0u);
    EXPECT_TRUE(source.vectors.empty());
    EXPECT_FALSE(table.on);
    for (const auto& [index, message] : table.messages) EXPECT_EQ(message, Message());
}

TEST_F(MsiDomainTest, WindowThatIsTooSmallFailsTheAllocation) {
    await(reserved.iommu_free_reserved_iova_domain(cpu(), domain));
    EXPECT_EQ(await(reserved.iommu_alloc_reserved_iova_domain(cpu(), domain, 0x0800'0000, 0x3000, IOMMU_WRITE, 12)), 0);
    EXPECT_EQ(sw::msi::doorbell_pages(frames.doorbells(), 12), 4u) << "which user space could have asked";
    EXPECT_EQ(await(msi.alloc_vectors(cpu(), source, 1)), -ENOMEM);
    EXPECT_TRUE(domain.pages.empty());
}

TEST_F(MsiDomainTest, FailedActivationUndoesTheVectorsBeforeIt) {
    frames.fail_at = 2;
    EXPECT_EQ(await(msi.alloc_vectors(cpu(), source, 4)), -EIO);
    EXPECT_TRUE(domain.pages.empty());
    EXPECT_EQ(frames.allocated, 0u);
    EXPECT_EQ(interrupt_table.find(40), nullptr);
    frames.fail_at = ~0u;
    EXPECT_EQ(await(msi.alloc_vectors(cpu(), source, 4)), 0);
    EXPECT_EQ(source.vectors[3]->cpu, 3u) << "the load of the failed ones is forgotten";
}

TEST_F(MsiDomainTest, VectorsSpreadOverTheCpusWithTheFewest) {
    EXPECT_EQ(await(msi.alloc_vectors(cpu(), source, 6)), 0);
    std::vector<u32> routed;
    for (const auto& vector : source.vectors) routed.push_back(vector->cpu);
    EXPECT_EQ(routed, (std::vector<u32>{0, 1, 2, 3, 0, 1}));
}

}  // namespace
}  // namespace smmusim::test
