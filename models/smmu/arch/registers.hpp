// The programming interface: what each register holds, when it may change, and what a change sets in motion (IHI
// 0070, 6.3).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "smmu/arch/environment.hpp"
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
    virtual void global_error_raised() = 0;         ///< a bit of GERROR became active

protected:
    ~RegisterEffects() = default;
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

    // Updates that the device performs after its latency.
    bool control_pending() const;
    void update_control();
    void update_interrupts();
    void update_bypass();

    bool command_queue_enabled() const;
    bool event_queue_enabled() const;
    bool event_interrupt_enabled() const;
    bool global_error_interrupt_enabled() const;
    /// CR0.VMW in force: how many low VMID bits invalidations ignore.
    unsigned vmid_wildcard_bits() const;

    spec::QueueIndexes command_indexes() const;
    u64 command_address() const;  ///< of the entry at the consumer index
    void consume_command();
    void fail_command(spec::CommandError error);

    spec::QueueIndexes event_indexes() const;
    u64 event_address() const;  ///< of the entry at the producer index
    void produce_event();
    /// Full queue: toggles OVFLG unless an overflow is already outstanding.
    void event_overflow();

    bool error_active(spec::GlobalError error) const;
    /// Toggles the bit in GERROR unless it is active.
    void raise(spec::GlobalError error);

private:
    struct Handlers;
    struct File;
    void refresh_control();

    const spec::Identification& id_;
    RegisterEffects& effects_;
    std::unique_ptr<File> file_;
    Control control_;
};

}  // namespace smmusim::smmu::arch
