// The programming interface: what each register holds, when it may change, and what a change sets in motion (IHI
// 0070, 6.3).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "smmu/arch/attributes.hpp"
#include "smmu/spec/command.hpp"
#include "smmu/spec/queue.hpp"

namespace smmusim::smmu::arch {

/// What the device does when a register asks for it. Called from register writes; the device decides when.
class RegisterEffects {
public:
    virtual void control_update_requested() = 0;    ///< CR0 differs from CR0ACK
    virtual void interrupt_update_requested() = 0;  ///< IRQ_CTRL differs from IRQ_CTRLACK
    virtual void bypass_update_requested() = 0;     ///< GBPA.Update was set
    virtual void command_queue_changed() = 0;       ///< producer index moved, or an error was acknowledged
    virtual void event_queue_changed() = 0;         ///< consumer index moved, or an error was acknowledged
    virtual void global_error_raised(spec::GlobalError error) = 0;  ///< a bit of GERROR became active
    virtual void address_translation_requested() = 0;               ///< GATOS_CTRL.RUN was set
    virtual bool dormant() const = 0;                               ///< nothing cached, nothing being fetched

protected:
    ~RegisterEffects() = default;
};

/// An interrupt as a write of 32 bits; address 0 means none.
struct InterruptMessage {
    u64 address = 0;
    u32 data = 0;
    sim::MemoryAttributes memory;
};

/// What GATOS_SID and GATOS_ADDR ask for.
struct AddressOperation {
    spec::GatosSid stream;
    spec::GatosAddr address;
};

class Registers {
public:
    static constexpr u64 span = 128 * KiB;

    Registers(const spec::Identification& id, RegisterEffects& effects);
    ~Registers();

    u64 read(u64 offset, u32 size);
    void write(u64 offset, u32 size, u64 value);
    u64 read_named(std::string_view name, bool& found);
    static std::vector<std::string_view> names();
    void reset(u64 gbpa);

    const spec::Identification& identification() const { return id_; }
    /// The values in force for translation.
    const Control& control() const { return control_; }
    /// Writes to this window of input addresses are not translated.
    void set_message_window(u64 base, u64 size) {
        control_.message_window = base;
        control_.message_window_size = size;
    }

    // Updates that the device performs after its latency.
    spec::Cr0 requested() const;
    spec::Cr0 in_force() const;
    /// SMMUEN falls: nothing new is translated from now on, before the acknowledgement shows it.
    void end_translation();
    void acknowledge(spec::Cr0 value);
    bool control_pending() const { return requested().raw() != in_force().raw(); }
    u64 interrupts_requested() const;
    u64 interrupts_in_force() const;
    void acknowledge_interrupts(u64 value);
    void update_bypass();

    bool enabled(spec::Queue queue) const;
    bool enabled(spec::InterruptSource source) const;
    InterruptMessage message(spec::InterruptSource source) const;
    /// PRIQ_IRQ_CFG2.LO.
    bool interrupt_per_last_request() const;
    /// CR0.VMW in force: how many low VMID bits invalidations ignore.
    unsigned vmid_wildcard_bits() const;

    spec::QueueIndexes indexes(spec::Queue queue) const;
    /// Of the entry that the SMMU reads (commands) or writes (the others) next.
    u64 entry_address(spec::Queue queue) const;
    /// Moves the index that the SMMU owns.
    void advance(spec::Queue queue);
    void fail_command(spec::CommandError error);
    /// OVFLG differs from OVACKFLG.
    bool overflowed(spec::Queue queue) const;
    /// Full queue: toggles OVFLG unless an overflow is already outstanding.
    void overflow(spec::Queue queue);

    bool error_active(spec::GlobalError error) const;
    /// Toggles the bit in GERROR unless it is active.
    void raise(spec::GlobalError error);

    AddressOperation address_operation() const;
    /// GATOS_PAR, and RUN = 0.
    void finish_address_operation(spec::GatosPar result);

private:
    struct Handlers;
    struct File;
    void refresh_control();
    unsigned log2_entries(spec::Queue queue) const;
    u64 base_of(spec::Queue queue) const;
    u64& producer(spec::Queue queue);
    u64& consumer(spec::Queue queue);

    const spec::Identification& id_;
    RegisterEffects& effects_;
    std::unique_ptr<File> file_;
    Control control_;
    bool translation_ends_ = false;
};

}  // namespace smmusim::smmu::arch
