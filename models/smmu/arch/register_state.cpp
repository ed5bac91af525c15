// The device's side of the registers: what is in force, queue indexes, errors.
#include "smmu/arch/register_table.hpp"

namespace smmusim::smmu::arch {

using spec::Cr0;
using spec::Cr2;
using spec::Gbpa;
using spec::GlobalError;
using spec::InterruptSource;
using spec::IrqCtrl;
using spec::Queue;
using spec::QueueBase;
using spec::QueueIndexes;

void Registers::refresh_control() {
    const auto& values = file_->values;
    control_.enabled = Cr0(values.value<"CR0ACK">())[Cr0::SMMUEN] && !translation_ends_;
    control_.checks_translated = Cr0(values.value<"CR0ACK">())[Cr0::ATSCHK];
    control_.cr1 = spec::Cr1(values.value<"CR1">());
    control_.cr2 = Cr2(values.value<"CR2">());
    const Gbpa gbpa(values.value<"GBPA">());
    if (!gbpa[Gbpa::Update]) control_.gbpa = gbpa;  // a pending update is readable but not in force
    control_.strtab_base = spec::StrtabBase(values.value<"STRTAB_BASE">());
    control_.strtab_cfg = spec::StrtabBaseCfg(values.value<"STRTAB_BASE_CFG">());
}

Cr0 Registers::requested() const { return Cr0(file_->values.value<"CR0">()); }
Cr0 Registers::in_force() const { return Cr0(file_->values.value<"CR0ACK">()); }

void Registers::end_translation() {
    translation_ends_ = true;
    refresh_control();
    file_->values.value<"GATOS_CTRL">() = 0;  // a translation operation does not outlive SMMUEN (6.3.9)
}

void Registers::acknowledge(Cr0 value) {
    auto& values = file_->values;
    const Cr0 before(values.value<"CR0ACK">());
    values.value<"CR0ACK">() = value.raw();
    translation_ends_ = false;
    refresh_control();
    // Nor is one left over from before SMMUEN.
    if (!before[Cr0::SMMUEN] && value[Cr0::SMMUEN]) values.value<"GATOS_CTRL">() = 0;
    if (!before[Cr0::CMDQEN] && value[Cr0::CMDQEN]) effects_.command_queue_changed();
    if (!before[Cr0::EVENTQEN] && value[Cr0::EVENTQEN]) effects_.event_queue_changed();
}

u64 Registers::interrupts_requested() const { return file_->values.value<"IRQ_CTRL">(); }
u64 Registers::interrupts_in_force() const { return file_->values.value<"IRQ_CTRLACK">(); }
void Registers::acknowledge_interrupts(u64 value) { file_->values.value<"IRQ_CTRLACK">() = value; }

void Registers::update_bypass() {
    file_->values.value<"GBPA">() &= ~(u64{1} << 31);
    refresh_control();
}

bool Registers::enabled(Queue queue) const {
    const Cr0 cr0 = in_force();
    switch (queue) {
        case Queue::Command: return cr0[Cr0::CMDQEN];
        case Queue::Event: return cr0[Cr0::EVENTQEN];
        case Queue::Pri: return cr0[Cr0::PRIQEN] && cr0[Cr0::SMMUEN];  // its effective value (6.3.9)
    }
    return false;
}

bool Registers::enabled(InterruptSource source) const {
    const IrqCtrl enables(interrupts_in_force());
    switch (source) {
        case InterruptSource::GlobalError: return enables[IrqCtrl::GERROR_IRQEN];
        case InterruptSource::Event: return enables[IrqCtrl::EVENTQ_IRQEN];
        case InterruptSource::Pri: return enables[IrqCtrl::PRIQ_IRQEN];
        case InterruptSource::Sync: return true;
    }
    return false;
}

InterruptMessage Registers::message(InterruptSource source) const {
    const auto& values = file_->values;
    InterruptMessage message;
    u64 cfg2 = 0;
    switch (source) {
        case InterruptSource::GlobalError:
            message = {values.value<"GERROR_IRQ_CFG0">(), static_cast<u32>(values.value<"GERROR_IRQ_CFG1">()), {}};
            cfg2 = values.value<"GERROR_IRQ_CFG2">();
            break;
        case InterruptSource::Event:
            message = {values.value<"EVENTQ_IRQ_CFG0">(), static_cast<u32>(values.value<"EVENTQ_IRQ_CFG1">()), {}};
            cfg2 = values.value<"EVENTQ_IRQ_CFG2">();
            break;
        case InterruptSource::Pri:
            message = {values.value<"PRIQ_IRQ_CFG0">(), static_cast<u32>(values.value<"PRIQ_IRQ_CFG1">()), {}};
            cfg2 = values.value<"PRIQ_IRQ_CFG2">();
            break;
        case InterruptSource::Sync: break;
    }
    message.memory =
        message_attributes(spec::IrqCfg2(cfg2)[spec::IrqCfg2::MemAttr], spec::IrqCfg2(cfg2)[spec::IrqCfg2::SH]);
    return message;
}

bool Registers::interrupt_per_last_request() const {
    return spec::IrqCfg2(file_->values.value<"PRIQ_IRQ_CFG2">())[spec::IrqCfg2::LO];
}

unsigned Registers::vmid_wildcard_bits() const {
    const u64 vmw = in_force()[Cr0::VMW];
    return vmw <= 4 ? static_cast<unsigned>(vmw) : 0;  // 5 to 7 behave as 0
}

// Queues.

namespace {

constexpr unsigned entry_bits(Queue queue) { return queue == Queue::Event ? 5 : 4; }

}  // namespace

unsigned Registers::log2_entries(Queue queue) const {
    const QueueBase base(base_of(queue));
    const unsigned limit = queue == Queue::Command ? id_.idr1.CMDQS
                           : queue == Queue::Event ? id_.idr1.EVENTQS
                                                   : id_.idr1.PRIQS;
    return std::min(static_cast<unsigned>(base[QueueBase::LOG2SIZE]), limit);
}

u64 Registers::base_of(Queue queue) const {
    const auto& values = file_->values;
    switch (queue) {
        case Queue::Command: return values.value<"CMDQ_BASE">();
        case Queue::Event: return values.value<"EVENTQ_BASE">();
        case Queue::Pri: return values.value<"PRIQ_BASE">();
    }
    return 0;
}

u64& Registers::producer(Queue queue) {
    auto& values = file_->values;
    switch (queue) {
        case Queue::Command: return values.value<"CMDQ_PROD">();
        case Queue::Event: return values.value<"EVENTQ_PROD">();
        case Queue::Pri: break;
    }
    return values.value<"PRIQ_PROD">();
}

u64& Registers::consumer(Queue queue) {
    auto& values = file_->values;
    switch (queue) {
        case Queue::Command: return values.value<"CMDQ_CONS">();
        case Queue::Event: return values.value<"EVENTQ_CONS">();
        case Queue::Pri: break;
    }
    return values.value<"PRIQ_CONS">();
}

QueueIndexes Registers::indexes(Queue queue) const {
    auto& self = const_cast<Registers&>(*this);
    return {log2_entries(queue), static_cast<u32>(self.producer(queue) & index_bits),
            static_cast<u32>(self.consumer(queue) & index_bits)};
}

u64 Registers::entry_address(Queue queue) const {
    const QueueIndexes at = indexes(queue);
    const u64 base =
        QueueBase(base_of(queue))[QueueBase::ADDR] & ~sim::low_mask(std::max(5u, at.log2_entries + entry_bits(queue)));
    const u32 index = queue == Queue::Command ? at.consumer : at.producer;
    return base + QueueIndexes::offset(index, at.log2_entries, 1u << entry_bits(queue));
}

void Registers::advance(Queue queue) {
    u64& index = queue == Queue::Command ? consumer(queue) : producer(queue);
    index = sim::with_bits(index, 19, 0, QueueIndexes::next(static_cast<u32>(index & index_bits), log2_entries(queue)));
}

void Registers::fail_command(spec::CommandError error) {
    // ERR is visible before GERROR (3.5.2).
    u64& cons = consumer(Queue::Command);
    cons = sim::with_bits(cons, 30, 24, static_cast<u64>(error));
    raise(GlobalError::CmdqErr);
}

bool Registers::overflowed(Queue queue) const {
    auto& self = const_cast<Registers&>(*this);
    return ((self.producer(queue) ^ self.consumer(queue)) & overflow_flag) != 0;
}

void Registers::overflow(Queue queue) {
    if (!overflowed(queue)) producer(queue) ^= overflow_flag;
}

// Errors.

bool Registers::error_active(GlobalError error) const {
    return ((file_->values.value<"GERROR">() ^ file_->values.value<"GERRORN">()) & error_bit(error)) != 0;
}

void Registers::raise(GlobalError error) {
    if (error_active(error)) return;
    file_->values.value<"GERROR">() ^= error_bit(error);
    effects_.global_error_raised(error);
}

// Address translation operations.

AddressOperation Registers::address_operation() const {
    return {spec::GatosSid(file_->values.value<"GATOS_SID">()), spec::GatosAddr(file_->values.value<"GATOS_ADDR">())};
}

void Registers::finish_address_operation(spec::GatosPar result) {
    auto& values = file_->values;
    if (values.value<"GATOS_CTRL">() == 0) return;  // ended meanwhile by SMMUEN = 0
    values.value<"GATOS_PAR">() = result.raw();
    values.value<"GATOS_CTRL">() = 0;
}

}  // namespace smmusim::smmu::arch
