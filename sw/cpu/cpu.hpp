// What software sees of the machine: memory behind a store buffer, MMIO, barriers, time, interrupts.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "sim/access.hpp"
#include "sim/clock.hpp"
#include "sim/resources.hpp"
#include "sim/statistics.hpp"
#include "sw/cpu/config.hpp"
#include "sw/cpu/data_cache.hpp"
#include "sw/cpu/interrupts.hpp"
#include "sw/cpu/store_buffer.hpp"
#include "sw/cpu/system_registers.hpp"

namespace smmusim::sw::cpu {

using sim::Task;

/// What a read returned; a bus error is a value.
struct Loaded {
    sim::Status status = sim::Status::Pending;
    u64 value = 0;
    bool ok() const { return sim::succeeded(status); }
};

/// One CPU. Activities that run on it share its store buffer; an interrupt handler is an activity of its own.
/// Loads that the data cache does not answer, stores and block copies go to the bus; what they return is what the
/// coherent point holds.
/// Stores of the weak model leave the buffer youngest first, so that a missing barrier shows.
class Cpu {
public:
    Cpu(sim::Simulation& simulation, u32 index, sim::Port& bus, const CpuConfig& config, SystemRegisters& registers);
    ~Cpu();
    Cpu(const Cpu&) = delete;
    Cpu& operator=(const Cpu&) = delete;

    u32 index() const { return index_; }
    sim::Simulation& simulation() const { return simulation_; }
    const CpuConfig& config() const { return config_; }

    // Memory. Sizes 1, 2, 4, 8, naturally aligned.
    Task<Loaded> load(u64 address, u32 size = 8);
    Task<> store(u64 address, u64 value, u32 size = 8);
    /// Reads into `bytes`, which the caller keeps alive.
    Task<sim::Status> read_block(u64 address, std::span<u8> bytes);
    /// Complete when the task is: earlier stores of this CPU are drained first.
    Task<sim::Status> write_block(u64 address, std::vector<u8> bytes);
    Task<sim::Status> zero_block(u64 address, u64 size);

    // Barriers: everything stored before is in memory when the task is done.
    Task<> dma_wmb() { return barrier(); }
    Task<> wmb() { return barrier(); }
    Task<> mb() { return barrier(); }

    // Registers of devices.
    Task<Loaded> mmio_read(u64 address, u32 size = 4);
    /// Ordered: stores before it are in memory when it reaches the device.
    Task<sim::Status> mmio_write(u64 address, u64 value, u32 size = 4);
    /// Not ordered with stores to memory.
    Task<sim::Status> mmio_write_relaxed(u64 address, u64 value, u32 size = 4);
    Task<u64> read(SystemRegister which);
    Task<> write(SystemRegister which, u64 value);

    // Time.
    Task<> work(u64 cycles);
    Task<> sleep(Time duration);

    // Interrupts.
    /// The interrupt line from the GIC's CPU interface.
    void irq(bool asserted);
    /// From now on interrupts are taken and dispatched; null: they are left alone.
    void take_interrupts(InterruptTable* table);
    /// The line of virtual interrupts.
    void virtual_irq(bool asserted);
    /// A guest runs here from now on: virtual interrupts are taken, and dispatched by its table.
    void enter_guest(InterruptTable& table);
    /// No guest runs here any more. A handler of the guest that runs ends first; must not be called from it.
    Task<> leave_guest();
    /// As WFI: until an interrupt is signalled, masked or not.
    Task<> wait_for_interrupt();

    /// While it lives, no interrupt handler starts on this CPU.
    class InterruptMask {
    public:
        explicit InterruptMask(Cpu& cpu) : cpu_(&cpu) { cpu_->mask(); }
        InterruptMask(InterruptMask&& other) noexcept : cpu_(std::exchange(other.cpu_, nullptr)) {}
        InterruptMask& operator=(InterruptMask&&) = delete;
        ~InterruptMask() {
            if (cpu_ != nullptr) cpu_->unmask();
        }

    private:
        Cpu* cpu_;
    };

    /// The software is gone: its handlers and buffered stores too. Activities of others must be gone already.
    void abandon_software();
    /// The same, and the interrupt line is low.
    void reset();
    void statistics(sim::StatisticsVisitor& visit);
    bool stores_pending() const { return !pending_.empty() || !draining_.empty(); }

private:
    class Burst;

    Task<> barrier();
    /// The line of the data cache at `address` as memory holds it now; none where there is no cache, or not all of a
    /// line can be looked at.
    std::optional<DataCache::Line> line_now(u64 address) const;
    void keep_line(u64 address);
    Task<> drain();
    Task<sim::Status> transfer_one(sim::AccessPtr access);
    /// One of the two interrupt lines: the host's and its guest's.
    struct Input {
        Input(SystemRegister acknowledge_by, SystemRegister end_by) : acknowledge(acknowledge_by), end(end_by) {}
        SystemRegister acknowledge;
        SystemRegister end;
        InterruptTable* table = nullptr;
        bool line = false;
        bool handling = false;
        u64 interrupts = 0;
        u64 spurious = 0;
    };
    void signal(Input& input, bool asserted);
    void take(Input& input, InterruptTable* table);
    Task<> handle_interrupts(Input& input);
    sim::AccessPtr make(sim::Command command, u64 address, u32 size, bool device) const;
    void note_mmio(const char* what, u64 address, u64 value, u32 size) const;
    void start_timer();
    void mask() { ++masked_, unmasked_.close(); }
    void unmask() {
        if (--masked_ == 0) unmasked_.open();
    }

    sim::Simulation& simulation_;
    u32 index_;
    std::string name_;
    sim::Port& bus_;
    CpuConfig config_;
    sim::Clock clock_;
    SystemRegisters& registers_;
    DataCache cache_;
    StoreBuffer pending_;
    StoreBuffer draining_;
    std::string bus_name_;
    sim::Slots drain_turn_;
    sim::Signal signalled_;
    sim::Gate unmasked_;
    u32 masked_ = 0;
    Input host_{SystemRegister::ICC_IAR1_EL1, SystemRegister::ICC_EOIR1_EL1};
    Input guest_{SystemRegister::ICV_IAR1_EL1, SystemRegister::ICV_EOIR1_EL1};
    sim::Signal guest_idle_;
    sim::Scheduler::Token timer_;

    struct {
        u64 loads = 0, stores = 0, barriers = 0, mmio_reads = 0, mmio_writes = 0, store_errors = 0;
    } count_;
    sim::Scope scope_;  ///< last: its activities use all of the above
};

}  // namespace smmusim::sw::cpu
