// The event queue of one SMMU: drained when its interrupt arrives (IHI 0070, 3.5.3 and chapter 7).
#pragma once

#include <deque>
#include <functional>

#include "sw/cpu/cpu.hpp"
#include "sw/cpu/page_pool.hpp"
#include "sw/smmu/structures.hpp"

namespace smmusim::sw::smmu {

using sim::Task;

class EventQueue {
public:
    explicit EventQueue(u64 registers) : registers_(registers) {}

    Task<int> create(cpu::Cpu& cpu, cpu::PagePool& pool, u32 log2_entries);
    /// Reads what is there, until the queue is empty.
    Task<> drain(cpu::Cpu& cpu);

    /// Called for each record, in order.
    std::function<void(const Event&)> on_event;

    /// The latest records, oldest first.
    const std::deque<Event>& recent() const { return recent_; }
    u64 records() const { return records_; }
    u64 overflows() const { return overflows_; }

private:
    static constexpr std::size_t kept = 1024;

    u64 registers_;
    u64 memory_ = 0;
    u32 log2_entries_ = 0;
    u32 consumer_ = 0;  ///< index and wrap bit
    u32 acknowledged_overflow_ = 0;
    u64 records_ = 0;
    u64 overflows_ = 0;
    std::deque<Event> recent_;
};

}  // namespace smmusim::sw::smmu
