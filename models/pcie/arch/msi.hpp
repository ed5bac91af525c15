// MSI: one address, up to 32 vectors in the low bits of the data, optional mask per vector.
#pragma once

#include <optional>

#include "pcie/arch/config_space.hpp"
#include "pcie/arch/message.hpp"

namespace smmusim::pcie::arch {

class Msi {
public:
    /// Adds the capability, 64-bit form, to the space; no vectors, no capability.
    Msi(ConfigSpace& space, u32 vectors, bool maskable);

    bool enabled() const;
    Raised raise(u32 vector, Message& message);

    /// A message whose pending bit is set and which is not masked any more; its pending bit is cleared.
    std::optional<Message> take_deliverable();

private:
    u32 allocated() const;
    Message compose(u32 vector) const;

    ConfigSpace& space_;
    u32 base_ = 0;
    u32 vectors_;
    bool maskable_;
};

}  // namespace smmusim::pcie::arch
