#include "smmu/arch/pmcg_register_table.hpp"

namespace smmusim::smmu::arch {

using spec::PmcgCfgr;

PmcgRegisters::PmcgRegisters(const PmcgShape& shape, PmcgEffects& effects)
    : shape_(shape),
      effects_(effects),
      counters_(shape),
      file_(std::make_unique<File>(*this, shape.counter_bits > 32)) {}

PmcgRegisters::~PmcgRegisters() = default;

bool PmcgRegisters::locate(u64& offset, u32 size) const {
    const u64 page = offset / spec::pmcg_page_stride;
    offset %= spec::pmcg_page_stride;
    if (page > 1 || offset + size > spec::pmcg_page) return false;
    const auto within = [&](u64 first, u64 bytes) { return offset >= first && offset < first + bytes; };
    // 10.5.1: what page 1 has is RES0 in page 0.
    const bool movable =
        within(0x000, 0x200) || within(0x600, 0x200) || within(0xC80, 8) || within(0xCC0, 8) || within(0xD88, 4);
    return page == (shape_.relocated && movable ? 1 : 0);
}

u64 PmcgRegisters::read(u64 offset, u32 size) {
    if (!locate(offset, size)) return 0;
    return std::visit([&](auto& values) { return values.read(*file_, offset, size); }, file_->values);
}

void PmcgRegisters::write(u64 offset, u32 size, u64 value) {
    if (!locate(offset, size)) return;
    std::visit([&](auto& values) { values.write(*file_, offset, size, value); }, file_->values);
}

void PmcgRegisters::reset() {
    counters_.reset();
    irq_ctrl_ = irq_ctrl_ack_ = irq_status_ = 0;
    message_address_ = message_data_ = message_memory_ = 0;
    effects_.counting_changed();
}

void PmcgRegisters::settle() {
    if (counters_.advance(effects_.cycle())) effects_.interrupt();
}

void PmcgRegisters::count(spec::MonitorEvent event, u32 stream) {
    settle();  // an overflow may capture counters of cycles
    if (counters_.count(event, stream)) effects_.interrupt();
}

InterruptMessage PmcgRegisters::message() const {
    InterruptMessage message;
    message.address = message_address_;
    message.data = static_cast<u32>(message_data_);
    const spec::IrqCfg2 attributes(message_memory_);
    message.memory = message_attributes(attributes[spec::IrqCfg2::MemAttr], attributes[spec::IrqCfg2::SH]);
    return message;
}

void PmcgRegisters::acknowledge_interrupts(u64 value) {
    // 10.5.2.24: the update from 0 to 1 forgets earlier aborts.
    if (irq_ctrl_ack_ == 0 && value != 0) irq_status_ = 0;
    irq_ctrl_ack_ = value;
}

void PmcgRegisters::message_aborted() {
    // IRQ_STATUS came with SMMUv3.1.
    if (shape_.minor_revision >= 1) irq_status_ |= spec::pmcg_irq_status_IRQ_ABT;
}

// Handlers. Whatever changes counting counts up to now first.

u64 PmcgRegisters::Handlers::read_counter(u32 counter) {
    if (!implemented(counter)) return 0;
    owner.settle();
    return owner.counters_.value(counter);
}

void PmcgRegisters::Handlers::write_counter(u32 counter, u64 value) {
    if (!implemented(counter)) return;
    owner.settle();
    owner.counters_.set_value(counter, value);
    owner.effects_.counting_changed();
}

u64 PmcgRegisters::Handlers::read_type(u32 counter) { return implemented(counter) ? owner.counters_.type(counter) : 0; }

void PmcgRegisters::Handlers::write_type(u32 counter, u64 value) {
    if (!implemented(counter)) return;
    owner.settle();
    owner.counters_.set_type(counter, value);
    owner.effects_.counting_changed();
}

u64 PmcgRegisters::Handlers::read_shadow(u32 counter) {
    return implemented(counter) ? owner.counters_.captured(counter) : 0;
}

u64 PmcgRegisters::Handlers::read_stream(u32 counter) {
    return implemented(counter) ? owner.counters_.stream(counter) : 0;
}

void PmcgRegisters::Handlers::write_stream(u32 counter, u64 value) {
    if (implemented(counter)) owner.counters_.set_stream(counter, value);
}

void PmcgRegisters::Handlers::set_enabled(u32, u64 ones) {
    owner.settle();
    owner.counters_.set_enabled(owner.counters_.enabled() | ones);
    owner.effects_.counting_changed();
}

void PmcgRegisters::Handlers::clear_enabled(u32, u64 ones) {
    owner.settle();
    owner.counters_.set_enabled(owner.counters_.enabled() & ~ones);
    owner.effects_.counting_changed();
}

void PmcgRegisters::Handlers::set_interrupting(u32, u64 ones) {
    owner.settle();  // an overflow of this very moment was before
    owner.counters_.set_interrupting(owner.counters_.interrupting() | ones);
}

void PmcgRegisters::Handlers::clear_interrupting(u32, u64 ones) {
    owner.settle();
    owner.counters_.set_interrupting(owner.counters_.interrupting() & ~ones);
}

u64 PmcgRegisters::Handlers::read_overflowed(u32) {
    owner.settle();
    return owner.counters_.overflowed();
}

void PmcgRegisters::Handlers::set_overflowed(u32, u64 ones) {
    // 10.5.2.10 leaves it open whether this interrupts or captures: it does neither.
    owner.settle();
    owner.counters_.set_overflowed(owner.counters_.overflowed() | ones);
}

void PmcgRegisters::Handlers::clear_overflowed(u32, u64 ones) {
    owner.settle();
    owner.counters_.set_overflowed(owner.counters_.overflowed() & ~ones);
}

void PmcgRegisters::Handlers::write_capr(u32, u64 value) {
    if (value == 0) return;
    owner.settle();
    owner.counters_.capture();
}

u64 PmcgRegisters::Handlers::read_cfgr(u32) {
    const PmcgShape& shape = owner.shape_;
    PmcgCfgr cfgr;
    cfgr.set(PmcgCfgr::NCTR, shape.counters - 1);
    cfgr.set(PmcgCfgr::SIZE, shape.counter_bits - 1);
    cfgr.set(PmcgCfgr::RELOC_CTRS, shape.relocated);
    cfgr.set(PmcgCfgr::MSI, shape.msi);
    cfgr.set(PmcgCfgr::CAPTURE, shape.capture);
    cfgr.set(PmcgCfgr::SID_FILTER_TYPE, shape.shared_filter);
    return cfgr.raw();
}

void PmcgRegisters::Handlers::write_cr(u32, u64 value) {
    owner.settle();
    owner.counters_.set_running((value & spec::pmcg_cr_E) != 0);
    owner.effects_.counting_changed();
}

void PmcgRegisters::Handlers::write_irq_ctrl(u32, u64 value) {
    owner.settle();
    owner.irq_ctrl_ = value;
    if (owner.irq_ctrl_ != owner.irq_ctrl_ack_) owner.effects_.interrupt_update_requested();
}

template <u64 PmcgRegisters::*member>
void PmcgRegisters::Handlers::write_message(u32, u64 value) {
    // 10.5.2.21: RES0 without messages, read-only while interrupts are enabled or their disabling is not acknowledged.
    if (owner.shape_.msi && owner.irq_ctrl_ == 0 && owner.irq_ctrl_ack_ == 0) owner.*member = value;
}

}  // namespace smmusim::smmu::arch
