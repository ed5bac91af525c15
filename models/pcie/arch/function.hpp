// A PCI function as software sees it: configuration space, BAR regions, interrupts and what it may send.
#pragma once

#include <optional>
#include <vector>

#include "pcie/arch/config_space.hpp"
#include "pcie/arch/function_config.hpp"
#include "pcie/arch/msi.hpp"
#include "pcie/arch/msix.hpp"

namespace smmusim::pcie::arch {

/// Speed and width that the link registers report.
struct LinkIdentity {
    u32 generation = 1;
    u32 width = 1;
};

class FunctionState {
public:
    FunctionState(const FunctionConfig& config, LinkIdentity link);
    FunctionState(const FunctionState&) = delete;
    FunctionState& operator=(const FunctionState&) = delete;

    /// Everything to its state after reset: bus mastering off, BARs zero, all MSI-X entries masked.
    void reset();
    /// The same but for what belongs to the link: Max_Payload_Size and the read completion boundary stay as software
    /// has set them (PCIe, function level reset).
    void function_level_reset();

    u32 config_read(u32 offset, u32 bytes) const { return space_.read(offset, bytes); }
    enum class ConfigEffect : u8 { None, FunctionReset };
    /// FunctionReset: software asked for a function level reset, which the caller carries out.
    ConfigEffect config_write(u32 offset, u32 bytes, u32 value);

    /// Place of an address in the regions that the function decodes now.
    struct Region {
        u32 bar = 0;  ///< number of the BAR register
        u64 offset = 0;
    };
    std::optional<Region> decode(u64 address, u32 size) const;
    sim::Status access_region(Region region, sim::Access& access);

    /// Raises an interrupt cause by MSI-X if that is enabled, else by MSI.
    Raised raise(u32 vector, Message& message);
    /// Messages that an unmask or an enable has freed, one at a time. With bus mastering off they stay pending: a
    /// message is a memory request.
    std::optional<Message> take_deliverable();
    u32 vectors() const;

    bool bus_master() const { return bus_master_; }
    u32 max_payload() const { return max_payload_; }
    u32 max_read_request() const { return max_read_request_; }
    u32 usable_tags() const { return usable_tags_; }
    bool relaxed_ordering_enabled() const { return relaxed_ordering_; }
    bool no_snoop_enabled() const { return no_snoop_; }
    bool id_based_ordering_enabled() const { return id_based_ordering_; }

    /// DEVSTA, set by the DMA engine while reads are outstanding.
    void set_transactions_pending(bool pending);
    /// Status register, set when a read was answered with an abort.
    void report_abort(sim::Status status);

private:
    struct Bar {
        u32 number = 0;
        BarConfig config;
    };
    static constexpr u32 scratch_bytes = 4096;

    void lay_out_header();
    void lay_out_bars();
    void lay_out_express(LinkIdentity link);
    void refresh();
    u64 base_of(const Bar& bar) const;

    FunctionConfig config_;
    ConfigSpace space_;
    std::vector<Bar> bars_;
    std::optional<Msi> msi_;
    std::optional<Msix> msix_;
    u32 express_ = 0;
    std::vector<u8> scratch_;

    // Decoded after each write, because every packet asks.
    bool bus_master_ = false;
    u32 max_payload_ = 128;
    u32 max_read_request_ = 128;
    u32 usable_tags_ = 32;
    bool relaxed_ordering_ = false;
    bool no_snoop_ = false;
    bool id_based_ordering_ = false;
};

}  // namespace smmusim::pcie::arch
