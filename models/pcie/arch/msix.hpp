// MSI-X: a table of messages and an array of pending bits in a BAR, masked per vector and per function.
#pragma once

#include <optional>
#include <vector>

#include "pcie/arch/config_space.hpp"
#include "pcie/arch/message.hpp"
#include "sim/access.hpp"

namespace smmusim::pcie::arch {

class Msix {
public:
    /// Adds the capability to the space; no vectors, no capability.
    Msix(ConfigSpace& space, u32 vectors, u32 bar);

    u32 vectors() const { return static_cast<u32>(table_.size()); }
    bool enabled() const;
    void reset();

    Raised raise(u32 vector, Message& message);

    /// A message whose pending bit is set and which is not masked any more; its pending bit is cleared.
    std::optional<Message> take_deliverable();

    /// True if the offset in the BAR belongs to the table or the pending bits.
    bool contains(u64 offset) const;
    /// Reads or writes as software does: aligned double or quad words, anything else is RAZ/WI.
    sim::Status access(u64 offset, sim::Access& access);

private:
    struct Entry {
        u32 words[4] = {0, 0, 0, spec::msix::entry_masked};  ///< address, address high, data, vector control
        bool masked() const { return (words[3] & spec::msix::entry_masked) != 0; }
    };

    bool function_masked() const;
    Message compose(u32 vector) const;
    u32 read_word(u64 offset) const;
    void write_word(u64 offset, u32 value);

    ConfigSpace& space_;
    u32 base_ = 0;
    u64 pending_offset_;
    std::vector<Entry> table_;
    std::vector<u64> pending_;
    u32 pending_count_ = 0;
};

}  // namespace smmusim::pcie::arch
