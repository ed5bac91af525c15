#include "sw/smmu/event_queue.hpp"

#include <cerrno>

#include "sw/smmu/registers.hpp"

namespace smmusim::sw::smmu {

Task<int> EventQueue::create(cpu::Cpu& cpu, cpu::PagePool& pool, u32 log2_entries) {
    const u64 bytes = Event::bytes << log2_entries;
    const std::optional<u64> memory = pool.allocate(bytes, std::max<u64>(bytes, 4096));
    if (!memory) co_return -ENOMEM;
    memory_ = *memory;
    log2_entries_ = log2_entries;
    consumer_ = acknowledged_overflow_ = 0;
    co_await cpu.mmio_write(registers_ + offset::EVENTQ_BASE, base_allocate | memory_ | log2_entries_, 8);
    co_await cpu.mmio_write(registers_ + offset::EVENTQ_PROD, 0);
    co_await cpu.mmio_write(registers_ + offset::EVENTQ_CONS, 0);
    co_return 0;
}

Task<> EventQueue::drain(cpu::Cpu& cpu) {
    const u32 index_mask = (1u << log2_entries_) - 1, position_mask = (2u << log2_entries_) - 1;
    for (;;) {
        const cpu::Loaded producer = co_await cpu.mmio_read(registers_ + offset::EVENTQ_PROD);
        if (!producer.ok()) co_return;
        const u32 prod = static_cast<u32>(producer.value);
        const bool overflow = (prod & queue_overflow) != acknowledged_overflow_;
        if (((prod ^ consumer_) & position_mask) == 0 && !overflow) co_return;
        while (((prod ^ consumer_) & position_mask) != 0) {
            Event event;
            u8 bytes[Event::bytes];
            const u64 address = memory_ + (consumer_ & index_mask) * Event::bytes;
            const sim::Status status = co_await cpu.read_block(address, bytes);
            if (!sim::succeeded(status)) co_return;
            event.load(bytes);
            consumer_ = (consumer_ + 1) & position_mask;
            ++records_;
            recent_.push_back(event);
            if (recent_.size() > kept) recent_.pop_front();
            if (on_event) on_event(event);
        }
        if (overflow) {
            ++overflows_;
            acknowledged_overflow_ = prod & queue_overflow;  // 7.4: acknowledged by writing the same value
        }
        // The interrupt comes only when the queue becomes non-empty (3.18.1): after this, look once more.
        co_await cpu.mmio_write(registers_ + offset::EVENTQ_CONS, consumer_ | acknowledged_overflow_);
    }
}

}  // namespace smmusim::sw::smmu
