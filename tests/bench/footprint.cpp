#include "bench/footprint.hpp"

#include <malloc.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "bench/dma_machine.hpp"
#include "bench/measure.hpp"
#include "platform/machine_description.hpp"
#include "sw/host.hpp"

namespace smmusim::bench {

namespace {

/// Without what the allocator holds in reserve.
double resident() {
    ::malloc_trim(0);
    return static_cast<double>(resident_bytes());
}

/// What the guest's tables and queues take of the machine's memory.
double guest_bytes(platform::Platform& platform) {
    u64 pages = 0;
    platform.memory().visit_pages([&](u64, std::span<const u8>) { ++pages; });
    return static_cast<double>(pages * memory::Storage::page_size);
}

/// A machine with its software, and calls of it that take simulated time.
class BootedMachine {
public:
    BootedMachine() : platform_(platform::PlatformConfig{}) {
        std::vector<sw::cpu::Cpu*> cpus;
        for (const auto& cpu : platform_.machine().cpus) cpus.push_back(cpu.get());
        host_ = std::make_unique<sw::Host>(platform_.simulation(), sw::SoftwareConfig{},
                                           platform::describe(platform_.config()), std::move(cpus));
        if (call(host_->boot()) != 0) throw std::runtime_error("the software did not boot: " + host_->failure());
    }
    ~BootedMachine() { scope_.cancel(); }

    platform::Platform& platform() { return platform_; }
    sw::Host& host() { return *host_; }

    template <class T>
    T call(sim::Task<T> task) {
        std::optional<T> result;
        scope_.spawn("call", keep(std::move(task), result));
        platform_.run_until_idle();
        if (!result) throw std::runtime_error("a call of the software did not end");
        return *result;
    }

private:
    template <class T>
    static sim::Task<> keep(sim::Task<T> task, std::optional<T>& result) {
        result = co_await task;
    }

    platform::Platform platform_;
    std::unique_ptr<sw::Host> host_;
    sim::Scope scope_{platform_.simulation(), "benchmark"};
};

}  // namespace

double bytes_per_idle_stream(u64 streams) {
    DmaMachine machine({.pages = 8, .tlb_entries = 1024, .streams = static_cast<u32>(streams), .active = 64});
    machine.run(1'000);  // pools have their size
    platform::Platform& platform = machine.platform();
    const double before = resident();
    for (u64 number = 0; number < streams; ++number) {
        const auto operation = std::make_shared<sim::DmaOperation>();
        operation->address = input_base;
        operation->size = 64;
        platform::StreamIdentity identity;
        identity.stream_id = stream_number(static_cast<u32>(number));
        platform.submit(identity, operation);
        platform.wait(operation);
    }
    return std::max(0.0, resident() - before) / static_cast<double>(streams);
}

double bytes_per_mapped_page(u64 pages) {
    BootedMachine machine;
    const auto domain =
        machine.call(machine.host().alloc_domain(machine.host().cpu(0), {.type = sw::iommu::DomainType::Unmanaged}));
    if (!domain) throw std::runtime_error("there is no domain to map in");
    const double guest_before = guest_bytes(machine.platform());
    const double before = resident();
    // Addresses that differ by one page: no block of 2 MiB fits.
    const u64 physical = machine.platform().config().memory.base + memory::Storage::page_size;
    const int error = machine.call((*domain)->map(machine.host().cpu(0), u64{1} << 40, physical,
                                                  pages * memory::Storage::page_size, sw::iommu::IOMMU_READ));
    if (error != 0) throw std::runtime_error("the pages were not mapped");
    const double guest = guest_bytes(machine.platform()) - guest_before;
    return std::max(0.0, resident() - before - guest) / static_cast<double>(pages);
}

}  // namespace smmusim::bench
