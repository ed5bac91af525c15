// A wired interrupt input, as an interrupt controller offers it to a device.
#pragma once

namespace smmusim::sim {

class InterruptInput {
public:
    virtual ~InterruptInput() = default;
    /// An edge: high and low again.
    virtual void pulse() = 0;
    /// A level; stays until changed.
    virtual void drive(bool asserted) = 0;
};

}  // namespace smmusim::sim
