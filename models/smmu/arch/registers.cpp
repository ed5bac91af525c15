#include "smmu/arch/register_table.hpp"

namespace smmusim::smmu::arch {

using spec::Cr0;
using spec::Cr2;
using spec::Gbpa;
using spec::GlobalError;
using spec::Identification;
using spec::IrqCtrl;

template <class Field>
bool Registers::Handlers::off(Field enable) const {
    const auto& values = owner.file_->values;
    return !Cr0(values.value<"CR0">())[enable] && !Cr0(values.value<"CR0ACK">())[enable];
}

bool Registers::Handlers::queues_off() const { return off(Cr0::CMDQEN) && off(Cr0::EVENTQEN) && off(Cr0::PRIQEN); }

bool Registers::Handlers::interrupt_off(spec::InterruptSource source) const {
    const auto& values = owner.file_->values;
    const u64 enables = values.value<"IRQ_CTRL">() | values.value<"IRQ_CTRLACK">();
    switch (source) {
        case spec::InterruptSource::GlobalError: return !IrqCtrl(enables)[IrqCtrl::GERROR_IRQEN];
        case spec::InterruptSource::Event: return !IrqCtrl(enables)[IrqCtrl::EVENTQ_IRQEN];
        case spec::InterruptSource::Pri: return !IrqCtrl(enables)[IrqCtrl::PRIQ_IRQEN];
        case spec::InterruptSource::Sync: break;
    }
    return true;
}

u64 Registers::Handlers::own_index(spec::Queue queue) const {
    const u64 value = queue == spec::Queue::Command ? owner.consumer(queue) : owner.producer(queue);
    return value & ~(index_bits & ~sim::low_mask(owner.log2_entries(queue) + 1));
}

// Writes. A guarded register ignores a write that comes at the wrong time (SMMUv3.2 and later).

void Registers::Handlers::write_cr0(u32, u64 value) {
    if (owner.id_.idr0.VMW == 0) value &= ~u64{0b1'1100'0000};
    if (owner.id_.idr0.PRI == 0) value &= ~u64{0b10};
    if (owner.id_.idr0.ATS == 0) value &= ~u64{0b1'0000};  // ATSCHK
    owner.file_->values.value<"CR0">() = value;
    if (owner.control_pending()) owner.effects_.control_update_requested();
}

void Registers::Handlers::write_cr1(u32, u64 value) {
    // TABLE_* are guarded by SMMUEN, QUEUE_* by every queue enable.
    u64& stored = owner.file_->values.value<"CR1">();
    if (off(Cr0::SMMUEN)) stored = sim::with_bits(stored, 11, 6, value >> 6);
    if (queues_off()) stored = sim::with_bits(stored, 5, 0, value);
}

void Registers::Handlers::write_cr2(u32, u64 value) {
    if (!off(Cr0::SMMUEN)) return;
    if (owner.id_.idr0.Hyp == 0) value &= ~u64{1};  // E2H
    if (owner.id_.idr0.ATSRECERR == 0) value &= ~u64{0b1000};
    owner.file_->values.value<"CR2">() = value & 0b1011;  // PTM needs broadcast maintenance
}

void Registers::Handlers::write_gbpa(u32, u64 value) {
    // A write counts only with Update = 1 and while no update is pending (6.3.14).
    u64& stored = owner.file_->values.value<"GBPA">();
    if (Gbpa(stored)[Gbpa::Update] || !Gbpa(value)[Gbpa::Update]) return;
    stored = value;
    owner.effects_.bypass_update_requested();
}

void Registers::Handlers::write_irq_ctrl(u32, u64 value) {
    if (owner.id_.idr0.PRI == 0) value &= ~u64{0b10};
    owner.file_->values.value<"IRQ_CTRL">() = value;
    if (value != owner.file_->values.value<"IRQ_CTRLACK">()) owner.effects_.interrupt_update_requested();
}

void Registers::Handlers::write_gerrorn(u32, u64 value) {
    auto& values = owner.file_->values;
    const u64 before = values.value<"GERROR">() ^ values.value<"GERRORN">();
    values.value<"GERRORN">() = value;
    const u64 acknowledged = before & ~(values.value<"GERROR">() ^ value);
    // Acknowledging restarts what the error had stopped: commands, event delivery (6.3.20).
    if ((acknowledged & error_bit(GlobalError::CmdqErr)) != 0) owner.effects_.command_queue_changed();
    if ((acknowledged & error_bit(GlobalError::EventqAbt)) != 0) owner.effects_.event_queue_changed();
}

void Registers::Handlers::write_strtab_base(u32, u64 value) {
    if (off(Cr0::SMMUEN)) owner.file_->values.value<"STRTAB_BASE">() = value;
}

void Registers::Handlers::write_strtab_base_cfg(u32, u64 value) {
    if (!off(Cr0::SMMUEN)) return;
    if (owner.id_.idr0.ST_LEVEL == 0) value &= ~u64{0x3'0000};  // FMT is RES0
    owner.file_->values.value<"STRTAB_BASE_CFG">() = value;
}

void Registers::Handlers::write_cmdq_base(u32, u64 value) {
    if (off(Cr0::CMDQEN)) owner.file_->values.value<"CMDQ_BASE">() = value;
}

void Registers::Handlers::write_cmdq_prod(u32, u64 value) {
    owner.file_->values.value<"CMDQ_PROD">() = value;
    owner.effects_.command_queue_changed();
}

void Registers::Handlers::write_cmdq_cons(u32, u64 value) {
    u64& stored = owner.file_->values.value<"CMDQ_CONS">();
    // ERR belongs to the SMMU; the index may be set while the queue is off.
    if (off(Cr0::CMDQEN)) stored = sim::with_bits(stored, 19, 0, value);
}

void Registers::Handlers::write_eventq_base(u32, u64 value) {
    if (off(Cr0::EVENTQEN)) owner.file_->values.value<"EVENTQ_BASE">() = value;
}

void Registers::Handlers::write_eventq_prod(u32, u64 value) {
    if (off(Cr0::EVENTQEN)) owner.file_->values.value<"EVENTQ_PROD">() = value;
}

void Registers::Handlers::write_priq_base(u32, u64 value) {
    if (owner.id_.idr0.PRI != 0 && off(Cr0::PRIQEN)) owner.file_->values.value<"PRIQ_BASE">() = value;
}

void Registers::Handlers::write_priq_prod(u32, u64 value) {
    if (owner.id_.idr0.PRI != 0 && off(Cr0::PRIQEN)) owner.file_->values.value<"PRIQ_PROD">() = value;
}

void Registers::Handlers::write_priq_cons(u32, u64 value) {
    // Nothing waits for room: page requests that met a full queue have been answered (3.5.4).
    if (owner.id_.idr0.PRI != 0) owner.file_->values.value<"PRIQ_CONS">() = value;
}

template <spec::InterruptSource source, unsigned number>
void Registers::Handlers::write_irq_cfg(u32, u64 value) {
    const Identification& id = owner.id_;
    if (!interrupt_off(source)) return;
    if (source == spec::InterruptSource::Pri && id.idr0.PRI == 0) return;
    if (id.idr0.MSI == 0) {
        // Without messages only PRIQ_IRQ_CFG2.LO is left.
        if (source != spec::InterruptSource::Pri || number != 2) return;
        value &= u64{1} << spec::IrqCfg2::LO.low;
    }
    auto& values = owner.file_->values;
    if constexpr (source == spec::InterruptSource::GlobalError) {
        if constexpr (number == 0) values.value<"GERROR_IRQ_CFG0">() = value;
        if constexpr (number == 1) values.value<"GERROR_IRQ_CFG1">() = value;
        if constexpr (number == 2) values.value<"GERROR_IRQ_CFG2">() = value;
    } else if constexpr (source == spec::InterruptSource::Event) {
        if constexpr (number == 0) values.value<"EVENTQ_IRQ_CFG0">() = value;
        if constexpr (number == 1) values.value<"EVENTQ_IRQ_CFG1">() = value;
        if constexpr (number == 2) values.value<"EVENTQ_IRQ_CFG2">() = value;
    } else {
        if constexpr (number == 0) values.value<"PRIQ_IRQ_CFG0">() = value;
        if constexpr (number == 1) values.value<"PRIQ_IRQ_CFG1">() = value;
        if constexpr (number == 2) values.value<"PRIQ_IRQ_CFG2">() = value;
    }
}

void Registers::Handlers::write_gatos_ctrl(u32, u64 value) {
    // RUN is set by software and cleared by the SMMU; ignored while SMMUEN = 0 (6.3.37).
    u64& stored = owner.file_->values.value<"GATOS_CTRL">();
    if (owner.id_.idr0.ATOS == 0 || !owner.control_.enabled || stored == 1 || value == 0) return;
    stored = 1;
    owner.effects_.address_translation_requested();
}

void Registers::Handlers::write_gatos_sid(u32, u64 value) {
    auto& values = owner.file_->values;
    if (owner.id_.idr0.ATOS != 0 && values.value<"GATOS_CTRL">() == 0) values.value<"GATOS_SID">() = value;
}

void Registers::Handlers::write_gatos_addr(u32, u64 value) {
    auto& values = owner.file_->values;
    if (owner.id_.idr0.ATOS != 0 && values.value<"GATOS_CTRL">() == 0) values.value<"GATOS_ADDR">() = value;
}

void Registers::Handlers::write_eventq_cons(u32, u64 value) {
    owner.file_->values.value<"EVENTQ_CONS">() = value;
    owner.effects_.event_queue_changed();
}

Registers::Registers(const spec::Identification& id, RegisterEffects& effects)
    : id_(id), effects_(effects), file_(std::make_unique<File>(*this)) {
    refresh_control();
}
Registers::~Registers() = default;

u64 Registers::read(u64 offset, u32 size) { return file_->values.read(*file_, offset, size); }
void Registers::write(u64 offset, u32 size, u64 value) { file_->values.write(*file_, offset, size, value); }
u64 Registers::read_named(std::string_view name, bool& found) { return file_->values.read_named(*file_, name, found); }

std::vector<std::string_view> Registers::names() {
    std::vector<std::string_view> result;
    for (const auto& row : File::rows) result.emplace_back(row.name);
    return result;
}

void Registers::reset(u64 gbpa) {
    file_->values.reset();
    file_->values.value<"GBPA">() = gbpa & gbpa_bits & ~(u64{1} << 31);
    translation_ends_ = false;
    refresh_control();
}

}  // namespace smmusim::smmu::arch
