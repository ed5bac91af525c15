// The SMMUv3 driver on a CPU with a fake SMMU that the oracle translates for.
#pragma once

#include "fake_cpu.hpp"
#include "fake_smmu.hpp"
#include "sw/smmu/driver.hpp"
#include "sw/smmu/invalidation.hpp"

namespace smmusim::test {

using namespace sw::iommu;
using sw::Result;
using sw::smmu::Command;
using sw::smmu::SmmuDriver;
using Operation = sw::smmu::Command::Operation;

inline constexpr u32 stream = 0x0008;

class SmmuDriverTest : public CpuFixture {
protected:
    SmmuDriverTest() : pool(ram, 64 * MiB), smmu(simulation, memory) { bus.add(FakeSmmu::base, FakeSmmu::size, smmu); }

    void make(sw::smmu::DriverConfig config = {}) {
        driver =
            std::make_unique<SmmuDriver>(simulation, "smmu0", sw::smmu::SmmuDescription{}, config, pool, statistics);
        driver->connect(table);
        cpu().take_interrupts(&table);
        smmu.on_event_wire = [this] { interrupts[0]->raise(106); };
        smmu.on_error_wire = [this] { interrupts[0]->raise(109); };
    }
    void boot(sw::smmu::DriverConfig config = {}) {
        make(config);
        ASSERT_EQ(await(driver->probe(cpu())), 0);
        ASSERT_EQ(await(driver->reset(cpu())), 0);
        device.driver = driver.get();
        device.streams = {stream};
        smmu.commands.clear();
    }
    std::unique_ptr<Domain> domain(DomainRequest request = {}) {
        Result<std::unique_ptr<Domain>> made = await(driver->make_domain(cpu(), request));
        EXPECT_TRUE(made) << made.error();
        return std::move(*made);
    }
    std::vector<unsigned> opcodes() const {
        std::vector<unsigned> result;
        for (const auto& command : smmu.commands) result.push_back(command.opcode());
        return result;
    }
    u64 event_of(u64 address, u32 who = stream) {
        const oracle::Outcome outcome = smmu.translate(who, address);
        return outcome.event ? outcome.event->get(support::event::number) : 0;
    }

    sw::cpu::PagePool pool;
    FakeSmmu smmu;
    Statistics statistics;
    sw::cpu::InterruptTable table;
    std::unique_ptr<SmmuDriver> driver;
    Device device;
};

}  // namespace smmusim::test
