#include "bench/dma_machine.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "platform/results/statistics_table.hpp"

namespace smmusim::bench {

struct DmaMachine::Source {
    DmaMachine* machine = nullptr;
    platform::StreamIdentity identity;
    bool endpoint = false;
    sim::DmaHandle operation = std::make_shared<sim::DmaOperation>();
};

platform::PlatformConfig DmaMachine::config_of(const Workload& workload) {
    platform::PlatformConfig config;
    config.endpoints[0].function.tags = workload.tags;
    config.links[0].generation = 5;
    config.links[0].width = 16;
    smmu::uarch::SmmuConfig& smmu = config.smmus[0];
    smmu.tbus[0].utlb.entries = 0;
    smmu.tbus[0].tlb = {.entries = workload.tlb_entries, .ways = 0};
    smmu.tbus[0].contexts = {.entries = 64, .ways = 4};
    smmu.tcu.walk_cache.entries = 0;
    smmu.tcu.ipa_cache.entries = 0;
    smmu.tcu.walk_slots = workload.walk_slots;
    return config;
}

DmaMachine::DmaMachine(const Workload& workload)
    : workload_(workload), platform_(config_of(workload)), trace_(workload.pages) {
    build_tables();
    enable();
    for (u32 index = 0; index < workload_.tags; ++index) {
        auto source = std::make_unique<Source>();
        source->machine = this;
        source->endpoint = workload_.active == 1;
        // An odd stride spreads the active streams over the sets of every cache.
        const u32 stride = workload_.streams / workload_.active - (workload_.streams > workload_.active ? 1 : 0);
        source->identity.stream_id = stream_number(index % workload_.active * stride);
        Source* const raw = source.get();
        source->operation->on_done = [raw](sim::DmaOperation& done) {
            DmaMachine& machine = *raw->machine;
            if (done.status != sim::Status::Ok)
                throw std::runtime_error(fmt::format("a read of the benchmark failed: address {:#x}, status {}",
                                                     done.address, static_cast<int>(done.status)));
            if (++machine.completed_ == machine.target_) machine.platform_.stop();
            machine.submit(*raw);
        };
        sources_.push_back(std::move(source));
    }
}

DmaMachine::~DmaMachine() = default;

void DmaMachine::build_tables() {
    layout_ = build(platform_.memory(), {.pages = workload_.pages,
                                         .frames = workload_.frames,
                                         .streams = workload_.streams,
                                         .nested = workload_.nested});
}

void DmaMachine::enable() {
    constexpr u64 registers = 0x0905'0000;
    platform_.mmio_write(registers + 0x80, stream_table_address, 8);
    platform_.mmio_write(registers + 0x88, stream_table_log2, 4);  // linear
    platform_.mmio_write(registers + 0x20, 1, 4);                  // SMMUEN
    platform_.run_until_idle();
    // Command register of 00:01.0: memory space and bus master.
    platform_.mmio_write(0x40'1000'0000 + (u64{8} << 12) + 4, 6, 2);
    platform_.run_until_idle();
}

void DmaMachine::submit(Source& source) {
    sim::DmaOperation& operation = *source.operation;
    operation.status = sim::Status::Pending;
    operation.address = trace_.next();
    operation.size = 64;
    if (source.endpoint) {
        platform_.submit(0, source.operation);
    } else {
        operation.data.clear();
        platform_.submit(source.identity, source.operation);
    }
}

u64 DmaMachine::run(u64 count) {
    target_ = completed_ + count;
    if (!started_)
        for (const auto& source : sources_) submit(*source);
    started_ = true;
    platform_.run_until([this] { return completed_ >= target_; });
    return count;
}

u64 DmaMachine::statistic(const std::string& path) {
    platform::results::StatisticsTable table;
    platform_.statistics(table);
    const platform::results::Statistic* const found = table.find(path);
    if (found == nullptr) throw std::runtime_error("there is no statistic " + path);
    return found->integer;
}

}  // namespace smmusim::bench
