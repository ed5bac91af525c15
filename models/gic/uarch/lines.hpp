// The small interfaces between the parts of the interrupt controller, and to the core.
#pragma once

#include <memory>
#include <vector>

#include "gic/arch/candidate.hpp"
#include "gic/uarch/virtual_target.hpp"
#include "sim/journey.hpp"
#include "sim/task.hpp"

namespace smmusim::gic::uarch {

/// The interrupt inputs of a core, as its CPU interface drives them.
class InterruptLine {
public:
    virtual void irq(bool asserted) = 0;
    virtual void fiq(bool) {}
    /// Virtual interrupts of the guest that runs on the core.
    virtual void virtual_irq(bool) {}
    virtual void virtual_fiq(bool) {}
    /// An SError interrupt with the code of the command that failed.
    virtual void system_error(u32) {}

protected:
    ~InterruptLine() = default;
};

/// Where interrupts of one PE come from, as its CPU interface sees it.
class InterruptSource {
public:
    /// The interrupt was acknowledged: active, or for an LPI no longer pending.
    virtual void acknowledge(const arch::Candidate& candidate) = 0;
    virtual void deactivate(u32 intid) = 0;
    /// The journey of the message that made it pending, or null.
    virtual std::shared_ptr<sim::Journey>* journey(u32 intid) = 0;
    /// Chooses anew what is forwarded.
    virtual void update() = 0;
    /// What is on its way to the CPU interface arrives now.
    virtual void hurry() = 0;
    /// Every interrupt that could be forwarded, most urgent first.
    virtual std::vector<arch::Candidate> candidates() const = 0;

protected:
    ~InterruptSource() = default;
};

/// Where an ITS reports errors of commands if GITS_TYPER.SEIS says that it does.
class ErrorLine {
public:
    virtual void report(u32 code) = 0;

protected:
    ~ErrorLine() = default;
};

/// Delivers software-generated interrupts.
class SgiRouter {
public:
    virtual void send_sgi(u32 sender, u64 request, u8 group) = 0;

protected:
    ~SgiRouter() = default;
};

/// A redistributor as an ITS sees it. Everything takes effect at once; the way there is the sender's business.
class LpiReceiver {
public:
    virtual void set_pending(u32 intid, std::shared_ptr<sim::Journey> journey) = 0;
    virtual void clear_pending(u32 intid) = 0;
    /// What is pending leaves; false if it was not.
    virtual bool take_pending(u32 intid, std::shared_ptr<sim::Journey>& journey) = 0;
    virtual std::vector<u32> pending_lpis() const = 0;
    virtual void invalidate_property(u32 intid) = 0;
    virtual void invalidate_properties() = 0;
    /// Forgets what it has cached, of interrupts that may have been its own once; pending ones go on.
    virtual void drop_properties() = 0;
    /// Returns when the pending table has been read: only then it is known what is pending.
    virtual sim::Answer<void> scanned() = 0;

    // GICv4; done when the effect is there, be it in memory.
    virtual sim::Task<> set_virtual(VirtualTarget target, u32 intid, std::shared_ptr<sim::Journey> journey) = 0;
    virtual sim::Task<> clear_virtual(VirtualTarget target, u32 intid) = 0;
    virtual sim::Task<bool> take_virtual(VirtualTarget target, u32 intid) = 0;
    virtual sim::Task<> invalidate_virtual(VirtualTarget target, u32 intid) = 0;
    virtual sim::Task<> invalidate_all_virtual(VirtualTarget target) = 0;
    virtual sim::Task<> configure_virtual_sgi(VirtualTarget target, VirtualSgiSettings settings) = 0;
    virtual sim::Task<> set_virtual_sgi(VirtualTarget target, u32 intid) = 0;

protected:
    ~LpiReceiver() = default;
};

}  // namespace smmusim::gic::uarch
