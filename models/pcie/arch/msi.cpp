#include "pcie/arch/msi.hpp"

#include <algorithm>
#include <bit>

#include "sim/bits.hpp"

namespace smmusim::pcie::arch {

namespace msi = spec::msi;

Msi::Msi(ConfigSpace& space, u32 vectors, bool maskable) : space_(space), vectors_(vectors), maskable_(maskable) {
    if (vectors_ == 0) return;
    base_ = space_.add_capability(spec::Capability::Msi, msi::bytes(true, maskable_));
    const u32 offered = static_cast<u32>(std::countr_zero(vectors_));
    space_.define(base_ + msi::control, 2,
                  offered << msi::control_offered | msi::control_wide | (maskable_ ? msi::control_maskable : 0u),
                  msi::control_enable | 0b111u << msi::control_allocated);
    space_.define(base_ + msi::address, 4, 0, ~0b11u);
    space_.define(base_ + msi::address_high, 4, 0, ~0u);
    space_.define(base_ + msi::data(true), 2, 0, 0xFFFF);
    if (!maskable_) return;
    space_.define(base_ + msi::mask(true), 4, 0, static_cast<u32>(sim::low_mask(vectors_)));
    space_.define(base_ + msi::pending(true), 4, 0);
}

bool Msi::enabled() const { return base_ != 0 && (space_.get(base_ + msi::control, 2) & msi::control_enable) != 0; }

/// More vectors allocated than offered is an error of software; the function has no more than it offered.
u32 Msi::allocated() const {
    const u32 exponent = (space_.get(base_ + msi::control, 2) >> msi::control_allocated) & 0b111;
    return std::min(1u << exponent, vectors_);
}

Message Msi::compose(u32 vector) const {
    const u32 data = space_.get(base_ + msi::data(true), 2);
    const u64 low = space_.get(base_ + msi::address, 4);
    const u64 high = space_.get(base_ + msi::address_high, 4);
    // The low log2(allocated) bits are the function's; the upper 16 bits of the double word are zero.
    return {vector, high << 32 | low, (data & ~(allocated() - 1)) | vector};
}

Raised Msi::raise(u32 vector, Message& message) {
    if (!enabled()) return Raised::Disabled;
    // With fewer vectors than asked for, causes share them.
    const u32 shared = vector & (allocated() - 1);
    if (maskable_ && ((space_.get(base_ + msi::mask(true), 4) >> shared) & 1) != 0) {
        space_.set(base_ + msi::pending(true), 4, space_.get(base_ + msi::pending(true), 4) | 1u << shared);
        return Raised::Pending;
    }
    message = compose(shared);
    return Raised::Message;
}

std::optional<Message> Msi::take_deliverable() {
    if (!enabled() || !maskable_) return std::nullopt;
    const u32 pending = space_.get(base_ + msi::pending(true), 4);
    const u32 deliverable = pending & ~space_.get(base_ + msi::mask(true), 4);
    if (deliverable == 0) return std::nullopt;
    const u32 vector = static_cast<u32>(std::countr_zero(deliverable));
    space_.set(base_ + msi::pending(true), 4, pending & ~(1u << vector));
    return compose(vector & (allocated() - 1));
}

}  // namespace smmusim::pcie::arch
