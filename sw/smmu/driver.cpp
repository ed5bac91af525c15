#include "sw/smmu/driver.hpp"

namespace smmusim::sw::smmu {

using Operation = Command::Operation;

SmmuDriver::SmmuDriver(sim::Simulation& simulation, std::string name, const SmmuDescription& description,
                       const DriverConfig& config, cpu::PagePool& pool, iommu::Statistics& statistics)
    : simulation_(simulation),
      name_(std::move(name)),
      description_(description),
      config_(config),
      pool_(pool),
      tables_(pool),
      statistics_(statistics),
      polling_{config.poll_interval, config.timeout},
      commands_(simulation, name_ + ".command_queue", description.base, polling_, statistics),
      events_(description.base),
      streams_(pool, commands_) {}

Task<int> SmmuDriver::probe(cpu::Cpu& cpu) {
    u32 ids[4];
    constexpr u64 offsets[4] = {offset::IDR0, offset::IDR1, offset::IDR3, offset::IDR5};
    for (unsigned id = 0; id < 4; ++id) {
        const cpu::Loaded loaded = co_await cpu.mmio_read(description_.base + offsets[id]);
        if (!loaded.ok()) co_return -EIO;
        ids[id] = static_cast<u32>(loaded.value);
    }
    features_ = Features(ids[0], ids[1], ids[2], ids[3]);
    const bool vmsa64 = (ids[0] >> 3 & 1) != 0;   // IDR0.TTF
    const bool preset = (ids[1] >> 29 & 3) != 0;  // IDR1.TABLES_PRESET, QUEUES_PRESET
    const bool translates = features_.stage1 || features_.stage2;
    if (!vmsa64 || preset || !translates || features_.granule_bits == 0) co_return -ENODEV;
    co_return 0;
}

Task<int> SmmuDriver::update(cpu::Cpu& cpu, u64 offset, u64 acknowledge, u32 value) {
    const sim::Status status = co_await cpu.mmio_write(description_.base + offset, value);
    if (!sim::succeeded(status)) co_return -EIO;
    const int error = co_await cpu::poll(cpu, polling_, description_.base + acknowledge, 4,
                                         [value](u64 answer) { return answer == value; });
    co_return error;
}

/// Somebody left it on: traffic aborts while it is off (6.3.14 before 6.3.9).
Task<int> SmmuDriver::disable(cpu::Cpu& cpu) {
    const cpu::Loaded control = co_await cpu.mmio_read(description_.base + offset::CR0);
    if (!control.ok()) co_return -EIO;
    if ((control.value & CR0_SMMUEN) != 0) {
        co_await cpu.mmio_write(description_.base + offset::GBPA, GBPA_UPDATE | GBPA_ABORT);
        const int error = co_await cpu::poll(cpu, polling_, description_.base + offset::GBPA, 4,
                                             [](u64 value) { return (value & GBPA_UPDATE) == 0; });
        if (error != 0) co_return error;
    }
    const int error = co_await update(cpu, offset::CR0, offset::CR0ACK, 0);
    co_return error;
}

Task<int> SmmuDriver::reset(cpu::Cpu& cpu) {
    const u64 base = description_.base;
    int error = co_await disable(cpu);
    if (error != 0) co_return error;
    co_await cpu.mmio_write(base + offset::CR1, CR1_coherent);
    const u32 behaviour = (config_.record_bad_streams ? CR2_RECINVSID : 0) | (features_.broadcast ? CR2_PTM : 0);
    co_await cpu.mmio_write(base + offset::CR2, behaviour);

    error = co_await streams_.create(cpu, features_.stream_bits, features_.two_level_streams);
    if (error != 0) co_return error;
    co_await cpu.mmio_write(base + offset::STRTAB_BASE, streams_.base_register(), 8);
    co_await cpu.mmio_write(base + offset::STRTAB_BASE_CFG, streams_.configuration_register());

    const u32 command_log2 = std::min(config_.command_queue_log2, features_.command_queue_log2);
    error = co_await commands_.create(cpu, pool_, command_log2, features_.sev);
    if (error != 0) co_return error;
    u32 enabled = CR0_CMDQEN;
    error = co_await update(cpu, offset::CR0, offset::CR0ACK, enabled);
    if (error != 0) co_return error;

    // Nothing of an earlier owner survives: configuration first, or it could refill the TLB (4.3.5, 4.4).
    Command everything(Operation::CFGI_STE_RANGE);
    everything.set(Command::Range, 31u);
    std::vector<Command> commands{everything};
    error = co_await commands_.issue(cpu, std::move(commands), true);
    if (error != 0) co_return error;
    std::vector<Command> translations;
    if (features_.hyp) translations.emplace_back(Operation::TLBI_EL2_ALL);
    translations.emplace_back(Operation::TLBI_NSNH_ALL);
    error = co_await commands_.issue(cpu, std::move(translations), true);
    if (error != 0) co_return error;

    const u32 event_log2 = std::min(config_.event_queue_log2, features_.event_queue_log2);
    error = co_await events_.create(cpu, pool_, event_log2);
    if (error != 0) co_return error;
    enabled |= CR0_EVENTQEN;
    error = co_await update(cpu, offset::CR0, offset::CR0ACK, enabled);
    if (error != 0) co_return error;

    error = co_await update(cpu, offset::IRQ_CTRL, offset::IRQ_CTRLACK, 0);
    if (error != 0) co_return error;
    if (features_.msi) {
        // Address 0: no message, the wires are used (6.3.20).
        co_await cpu.mmio_write(base + offset::GERROR_IRQ_CFG0, 0, 8);
        co_await cpu.mmio_write(base + offset::EVENTQ_IRQ_CFG0, 0, 8);
    }
    error = co_await update(cpu, offset::IRQ_CTRL, offset::IRQ_CTRLACK, IRQ_CTRL_GERROR | IRQ_CTRL_EVENTQ);
    if (error != 0) co_return error;
    error = co_await update(cpu, offset::CR0, offset::CR0ACK, enabled | CR0_SMMUEN);
    co_return error;
}

void SmmuDriver::connect(cpu::InterruptTable& interrupts) {
    interrupts.add(description_.event_intid,
                   [this](cpu::Cpu& cpu, u32 intid) { return on_event_interrupt(cpu, intid); });
    interrupts.add(description_.gerror_intid,
                   [this](cpu::Cpu& cpu, u32 intid) { return on_error_interrupt(cpu, intid); });
}

Task<> SmmuDriver::on_event_interrupt(cpu::Cpu& cpu, u32) { co_await events_.drain(cpu); }

Task<> SmmuDriver::on_error_interrupt(cpu::Cpu& cpu, u32) {
    const cpu::Loaded errors = co_await cpu.mmio_read(description_.base + offset::GERROR);
    const cpu::Loaded seen = co_await cpu.mmio_read(description_.base + offset::GERRORN);
    const u32 active = static_cast<u32>(errors.value ^ seen.value);
    if (active == 0) co_return;
    ++global_errors_;
    u32 acknowledged = active;
    if ((active & GERROR_CMDQ_ERR) != 0) {
        const bool usable = co_await commands_.skip_failed(cpu);
        if (!usable) acknowledged &= ~GERROR_CMDQ_ERR;
    }
    // 6.3.19: only active bits may be toggled; CMDQ_ERR restarts the queue.
    co_await cpu.mmio_write(description_.base + offset::GERRORN, static_cast<u32>(seen.value) ^ acknowledged);
}

void SmmuDriver::statistics(sim::StatisticsVisitor& visit) {
    visit.gauge("events", events_.records(), "records", "event records that the driver has read");
    visit.gauge("event_overflows", events_.overflows(), "overflows", "times that the event queue lost records");
    visit.gauge("global_errors", global_errors_, "interrupts", "GERROR interrupts with an active error");
    visit.gauge("prod_writes", commands_.prod_writes(), "writes", "writes of CMDQ_PROD");
}

Task<int> SmmuDriver::invalidate(cpu::Cpu& cpu, std::vector<Command> commands) {
    const int error = co_await commands_.issue(cpu, std::move(commands), true);
    co_return error;
}

}  // namespace smmusim::sw::smmu
