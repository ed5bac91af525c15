// Main memory: storage with a latency and a bandwidth.
#pragma once

#include <string>

#include "memory/storage.hpp"
#include "sim/access.hpp"
#include "sim/config.hpp"
#include "sim/exact_rate.hpp"
#include "sim/resources.hpp"
#include "sim/statistics.hpp"

namespace smmusim::memory {

struct MemoryConfig {
    u64 base = 0x40000000;
    u64 size = 2 * GiB;
    Time latency = 80 * nanosecond;
    u64 bandwidth = 204'800'000'000;
    std::string backing = "anonymous";

    void fields(sim::ConfigVisitor& visit) {
        using sim::Origin;
        using sim::Unit;
        visit(base, {"base", "physical address of the first byte", Unit::Address, Origin::Choice, "as QEMU's virt"});
        visit(size, {"size", "bytes of memory; nothing is spent before it is touched", Unit::Bytes, Origin::Choice, "",
                     4 * KiB, 255 * GiB});
        visit(latency, {"latency", "from the arrival of an access to its response", Unit::Time, Origin::Assumed,
                        "80-120 ns is usual for server DRAM behind its controller", 0, second});
        visit(bandwidth, {"bandwidth", "data rate of all channels together", Unit::BitsPerSecond, Origin::Manual,
                          "one channel of DDR4-3200: 25.6 GB/s (JEDEC JESD79-4)", 1'000'000});
        visit(backing,
              {"backing", "anonymous, fixed (mapped at its own physical address) or file:PATH (shared with others)"});
    }
};

/// Reads and writes take effect when they arrive; the response leaves after the latency, and after the data of
/// earlier accesses has been transferred.
class Ram final : public sim::Target, public sim::HasStatistics {
public:
    Ram(sim::Simulation& simulation, const MemoryConfig& config);

    void receive(sim::Access& access, Time at) override;
    Time perform(sim::Access& access) override;
    void inspect(sim::Access& access) override;

    /// The backdoor at the coherent point: no time, no statistics.
    Storage& storage() { return storage_; }

    /// Forgets what is under way; the bytes stay.
    void reset();
    void statistics(sim::StatisticsVisitor& visit) override;

private:
    static void arrive_event(void* self, void* access);
    [[gnu::noinline]] void arrive(sim::Access& access);
    void execute(sim::Access& access);
    /// The bytes, and the status.
    void move(sim::Access& access);

    sim::Simulation& simulation_;
    Storage storage_;
    sim::Pipe pipe_;
    sim::ExactRate rate_;
    u64 reads_ = 0;
    u64 writes_ = 0;
    u64 bytes_read_ = 0;
    u64 bytes_written_ = 0;
    u64 busy_ = 0;
};

}  // namespace smmusim::memory
