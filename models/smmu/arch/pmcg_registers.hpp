// The programming interface of a performance monitor counter group (IHI 0070, 10.5).
#pragma once

#include <memory>

#include "smmu/arch/pmcg_counters.hpp"
#include "smmu/arch/registers.hpp"

namespace smmusim::smmu::arch {

/// What the device around a counter group does for it.
class PmcgEffects {
public:
    virtual u64 cycle() const = 0;                  ///< number of the clock cycle that began last
    virtual void counting_changed() = 0;            ///< what is counted, or when the next overflow is due
    virtual void interrupt_update_requested() = 0;  ///< IRQ_CTRL differs from IRQ_CTRLACK
    virtual void interrupt() = 0;                   ///< an overflow triggers the group's interrupt

protected:
    ~PmcgEffects() = default;
};

class PmcgRegisters {
public:
    PmcgRegisters(const PmcgShape& shape, PmcgEffects& effects);
    ~PmcgRegisters();

    u64 read(u64 offset, u32 size);
    void write(u64 offset, u32 size, u64 value);
    void reset();

    /// An event of the part that the group belongs to.
    void count(spec::MonitorEvent event, u32 stream);
    /// Counts the clock up to now.
    void settle();
    const PmcgCounters& counters() const { return counters_; }
    PmcgCounters& counters() { return counters_; }

    u64 interrupts_requested() const { return irq_ctrl_; }
    u64 interrupts_in_force() const { return irq_ctrl_ack_; }
    void acknowledge_interrupts(u64 value);
    /// Where the interrupt goes as a message; address 0: nowhere.
    InterruptMessage message() const;
    void message_aborted();

private:
    struct Handlers;
    template <u8 Width>
    struct Table;
    struct File;

    /// The offset in a page, if the page has a register there.
    bool locate(u64& offset, u32 size) const;

    PmcgShape shape_;
    PmcgEffects& effects_;
    PmcgCounters counters_;
    std::unique_ptr<File> file_;
    u64 irq_ctrl_ = 0;
    u64 irq_ctrl_ack_ = 0;
    u64 irq_status_ = 0;
    u64 message_address_ = 0;
    u64 message_data_ = 0;
    u64 message_memory_ = 0;
};

}  // namespace smmusim::smmu::arch
