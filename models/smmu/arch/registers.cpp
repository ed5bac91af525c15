#include "smmu/arch/registers.hpp"

#include "sim/register_file.hpp"

namespace smmusim::smmu::arch {

using sim::Register;
using spec::Cr0;
using spec::Cr2;
using spec::Gbpa;
using spec::GlobalError;
using spec::IrqCtrl;
using spec::QueueBase;
using spec::QueueIndexes;

namespace {

constexpr u64 index_bits = sim::low_mask(20);
constexpr u64 overflow_flag = u64{1} << 31;
constexpr u64 queue_base_bits = (u64{1} << 62) | (sim::low_mask(56) & ~u64{0x1F}) | 0x1F;
constexpr u64 strtab_base_bits = (u64{1} << 62) | (sim::low_mask(56) & ~u64{0x3F});
constexpr u64 gbpa_bits = 0x801F'3F1F;
constexpr unsigned command_error_low = 24;

constexpr u64 error_bit(GlobalError error) { return u64{1} << static_cast<unsigned>(error); }

}  // namespace

struct Registers::Handlers {
    Registers& owner;

    u64 idr0(u32) { return owner.id_.idr0.value(); }
    u64 idr1(u32) { return owner.id_.idr1.value(); }
    u64 idr3(u32) { return owner.id_.idr3.value(); }
    u64 idr5(u32) { return owner.id_.idr5.value(); }
    u64 aidr(u32) { return owner.id_.aidr.value(); }

    void write_cr0(u32, u64 value);
    void write_cr1(u32, u64 value);
    void write_cr2(u32, u64 value);
    void write_gbpa(u32, u64 value);
    void write_irq_ctrl(u32, u64 value);
    void write_gerrorn(u32, u64 value);
    void write_strtab_base(u32, u64 value);
    void write_strtab_base_cfg(u32, u64 value);
    void write_cmdq_base(u32, u64 value);
    void write_cmdq_prod(u32, u64 value);
    void write_cmdq_cons(u32, u64 value);
    void write_eventq_base(u32, u64 value);
    void write_eventq_prod(u32, u64 value);
    void write_eventq_cons(u32, u64 value);

    /// An enable is off if it is 0 both as written and as in force: what a guard demands.
    template <class Field>
    bool off(Field enable) const;
};

struct Registers::File : Handlers {
    using H = Handlers;
    using Row = Register<Handlers>;
    /// The rows by offset; page 1 starts at 0x10000. Absent features (PRI, MSI, ATOS, Secure) leave their offsets RES0.
    static constexpr std::array rows{
        Row{.name = "IDR0", .offset = 0x00, .on_read = &H::idr0},
        Row{.name = "IDR1", .offset = 0x04, .on_read = &H::idr1},
        Row{.name = "IDR2", .offset = 0x08},
        Row{.name = "IDR3", .offset = 0x0C, .on_read = &H::idr3},
        Row{.name = "IDR4", .offset = 0x10},
        Row{.name = "IDR5", .offset = 0x14, .on_read = &H::idr5},
        Row{.name = "IIDR", .offset = 0x18, .reset = 0x0000'043B},
        Row{.name = "AIDR", .offset = 0x1C, .on_read = &H::aidr},
        Row{.name = "CR0", .offset = 0x20, .writable = 0b1'1100'1101, .on_write = &H::write_cr0},
        Row{.name = "CR0ACK", .offset = 0x24},
        Row{.name = "CR1", .offset = 0x28, .writable = 0xFFF, .on_write = &H::write_cr1},
        Row{.name = "CR2", .offset = 0x2C, .writable = 0b1111, .on_write = &H::write_cr2},
        Row{.name = "STATUSR", .offset = 0x40},
        Row{.name = "GBPA", .offset = 0x44, .writable = gbpa_bits, .on_write = &H::write_gbpa},
        Row{.name = "AGBPA", .offset = 0x48},
        Row{.name = "IRQ_CTRL", .offset = 0x50, .writable = 0b101, .on_write = &H::write_irq_ctrl},
        Row{.name = "IRQ_CTRLACK", .offset = 0x54},
        Row{.name = "GERROR", .offset = 0x60},
        Row{.name = "GERRORN", .offset = 0x64, .writable = 0b1111'1101, .on_write = &H::write_gerrorn},
        Row{.name = "STRTAB_BASE",
            .offset = 0x80,
            .width = 64,
            .writable = strtab_base_bits,
            .on_write = &H::write_strtab_base},
        Row{.name = "STRTAB_BASE_CFG", .offset = 0x88, .writable = 0x3'07FF, .on_write = &H::write_strtab_base_cfg},
        Row{.name = "CMDQ_BASE",
            .offset = 0x90,
            .width = 64,
            .writable = queue_base_bits,
            .on_write = &H::write_cmdq_base},
        Row{.name = "CMDQ_PROD", .offset = 0x98, .writable = index_bits, .on_write = &H::write_cmdq_prod},
        Row{.name = "CMDQ_CONS", .offset = 0x9C, .writable = index_bits, .on_write = &H::write_cmdq_cons},
        Row{.name = "EVENTQ_BASE",
            .offset = 0xA0,
            .width = 64,
            .writable = queue_base_bits,
            .on_write = &H::write_eventq_base},
        Row{.name = "EVENTQ_PROD",
            .offset = 0x100A8,
            .writable = index_bits | overflow_flag,
            .on_write = &H::write_eventq_prod},
        Row{.name = "EVENTQ_CONS",
            .offset = 0x100AC,
            .writable = index_bits | overflow_flag,
            .on_write = &H::write_eventq_cons},
    };
    explicit File(Registers& registers) : Handlers{registers} {}
    sim::RegisterFile<Handlers, rows> values;
};

template <class Field>
bool Registers::Handlers::off(Field enable) const {
    const auto& values = owner.file_->values;
    return !Cr0(values.value<"CR0">())[enable] && !Cr0(values.value<"CR0ACK">())[enable];
}

// Writes. A guarded register ignores a write that comes at the wrong time (SMMUv3.2 and later).

void Registers::Handlers::write_cr0(u32, u64 value) {
    if (owner.id_.idr0.VMW == 0) value &= ~u64{0b1'1100'0000};
    owner.file_->values.value<"CR0">() = value;
    if (owner.control_pending()) owner.effects_.control_update_requested();
}

void Registers::Handlers::write_cr1(u32, u64 value) {
    // TABLE_* are guarded by SMMUEN, QUEUE_* by every queue enable.
    u64& stored = owner.file_->values.value<"CR1">();
    if (off(Cr0::SMMUEN)) stored = sim::with_bits(stored, 11, 6, value >> 6);
    if (off(Cr0::CMDQEN) && off(Cr0::EVENTQEN)) stored = sim::with_bits(stored, 5, 0, value);
}

void Registers::Handlers::write_cr2(u32, u64 value) {
    if (!off(Cr0::SMMUEN)) return;
    if (owner.id_.idr0.Hyp == 0) value &= ~u64{1};       // E2H
    owner.file_->values.value<"CR2">() = value & 0b011;  // PTM needs broadcast maintenance
}

void Registers::Handlers::write_gbpa(u32, u64 value) {
    // A write counts only with Update = 1 and while no update is pending (6.3.14).
    u64& stored = owner.file_->values.value<"GBPA">();
    if (Gbpa(stored)[Gbpa::Update] || !Gbpa(value)[Gbpa::Update]) return;
    stored = value;
    owner.effects_.bypass_update_requested();
}

void Registers::Handlers::write_irq_ctrl(u32, u64 value) {
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

void Registers::Handlers::write_eventq_cons(u32, u64 value) {
    owner.file_->values.value<"EVENTQ_CONS">() = value;
    owner.effects_.event_queue_changed();
}

// The device's side.

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
    refresh_control();
}

void Registers::refresh_control() {
    const auto& values = file_->values;
    control_.enabled = Cr0(values.value<"CR0ACK">())[Cr0::SMMUEN];
    control_.checks_translated = Cr0(values.value<"CR0ACK">())[Cr0::ATSCHK];
    control_.cr1 = spec::Cr1(values.value<"CR1">());
    control_.cr2 = Cr2(values.value<"CR2">());
    const Gbpa gbpa(values.value<"GBPA">());
    if (!gbpa[Gbpa::Update]) control_.gbpa = gbpa;  // a pending update is readable but not in force
    control_.strtab_base = spec::StrtabBase(values.value<"STRTAB_BASE">());
    control_.strtab_cfg = spec::StrtabBaseCfg(values.value<"STRTAB_BASE_CFG">());
}

bool Registers::control_pending() const { return file_->values.value<"CR0">() != file_->values.value<"CR0ACK">(); }

void Registers::update_control() {
    auto& values = file_->values;
    const Cr0 before(values.value<"CR0ACK">());
    values.value<"CR0ACK">() = values.value<"CR0">();
    refresh_control();
    const Cr0 after(values.value<"CR0ACK">());
    if (!before[Cr0::CMDQEN] && after[Cr0::CMDQEN]) effects_.command_queue_changed();
    if (!before[Cr0::EVENTQEN] && after[Cr0::EVENTQEN]) effects_.event_queue_changed();
}

void Registers::update_interrupts() { file_->values.value<"IRQ_CTRLACK">() = file_->values.value<"IRQ_CTRL">(); }

void Registers::update_bypass() {
    file_->values.value<"GBPA">() &= ~(u64{1} << 31);
    refresh_control();
}

bool Registers::command_queue_enabled() const { return Cr0(file_->values.value<"CR0ACK">())[Cr0::CMDQEN]; }
bool Registers::event_queue_enabled() const { return Cr0(file_->values.value<"CR0ACK">())[Cr0::EVENTQEN]; }
bool Registers::event_interrupt_enabled() const {
    return IrqCtrl(file_->values.value<"IRQ_CTRLACK">())[IrqCtrl::EVENTQ_IRQEN];
}
bool Registers::global_error_interrupt_enabled() const {
    return IrqCtrl(file_->values.value<"IRQ_CTRLACK">())[IrqCtrl::GERROR_IRQEN];
}

unsigned Registers::vmid_wildcard_bits() const {
    const u64 vmw = Cr0(file_->values.value<"CR0ACK">())[Cr0::VMW];
    return vmw <= 4 ? static_cast<unsigned>(vmw) : 0;  // 5 to 7 behave as 0
}

namespace {

/// Size of a queue, capped by what is implemented, and its base aligned to that size.
struct Queue {
    unsigned log2_entries;
    u64 base;
};
Queue queue_of(u64 base_register, unsigned limit, unsigned entry_bits) {
    const QueueBase base(base_register);
    const unsigned size = std::min(static_cast<unsigned>(base[QueueBase::LOG2SIZE]), limit);
    return {size, base[QueueBase::ADDR] & ~sim::low_mask(std::max(5u, size + entry_bits))};
}
constexpr unsigned command_entry_bits = 4;
constexpr unsigned event_entry_bits = 5;

}  // namespace

QueueIndexes Registers::command_indexes() const {
    const auto& values = file_->values;
    const Queue queue = queue_of(values.value<"CMDQ_BASE">(), id_.idr1.CMDQS, command_entry_bits);
    return {queue.log2_entries, static_cast<u32>(values.value<"CMDQ_PROD">()),
            static_cast<u32>(values.value<"CMDQ_CONS">() & index_bits)};
}

u64 Registers::command_address() const {
    const Queue queue = queue_of(file_->values.value<"CMDQ_BASE">(), id_.idr1.CMDQS, command_entry_bits);
    return queue.base + QueueIndexes::offset(command_indexes().consumer, queue.log2_entries, 1u << command_entry_bits);
}

void Registers::consume_command() {
    u64& cons = file_->values.value<"CMDQ_CONS">();
    const QueueIndexes indexes = command_indexes();
    cons = sim::with_bits(cons, 19, 0, QueueIndexes::next(indexes.consumer, indexes.log2_entries));
}

void Registers::fail_command(spec::CommandError error) {
    // ERR is visible before GERROR (3.5.2).
    u64& cons = file_->values.value<"CMDQ_CONS">();
    cons = sim::with_bits(cons, 30, command_error_low, static_cast<u64>(error));
    raise(GlobalError::CmdqErr);
}

QueueIndexes Registers::event_indexes() const {
    const auto& values = file_->values;
    const Queue queue = queue_of(values.value<"EVENTQ_BASE">(), id_.idr1.EVENTQS, event_entry_bits);
    return {queue.log2_entries, static_cast<u32>(values.value<"EVENTQ_PROD">() & index_bits),
            static_cast<u32>(values.value<"EVENTQ_CONS">() & index_bits)};
}

u64 Registers::event_address() const {
    const Queue queue = queue_of(file_->values.value<"EVENTQ_BASE">(), id_.idr1.EVENTQS, event_entry_bits);
    return queue.base + QueueIndexes::offset(event_indexes().producer, queue.log2_entries, 1u << event_entry_bits);
}

void Registers::produce_event() {
    u64& prod = file_->values.value<"EVENTQ_PROD">();
    const QueueIndexes indexes = event_indexes();
    prod = sim::with_bits(prod, 19, 0, QueueIndexes::next(indexes.producer, indexes.log2_entries));
}

void Registers::event_overflow() {
    u64& prod = file_->values.value<"EVENTQ_PROD">();
    const u64 acknowledged = file_->values.value<"EVENTQ_CONS">() & overflow_flag;
    if ((prod & overflow_flag) == acknowledged) prod ^= overflow_flag;
}

bool Registers::error_active(GlobalError error) const {
    return ((file_->values.value<"GERROR">() ^ file_->values.value<"GERRORN">()) & error_bit(error)) != 0;
}

void Registers::raise(GlobalError error) {
    if (error_active(error)) return;
    file_->values.value<"GERROR">() ^= error_bit(error);
    effects_.global_error_raised();
}

}  // namespace smmusim::smmu::arch
