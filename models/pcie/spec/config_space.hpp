// Layouts of a function's configuration space: type-0 header, capability identifiers, PCI Express, MSI and MSI-X.
#pragma once

#include "sim/types.hpp"

namespace smmusim::pcie::spec {

inline constexpr u32 config_bytes = 4096;         ///< of one function
inline constexpr u32 extended_config = 0x100;     ///< first extended capability
inline constexpr u64 bus_window_bytes = 1 * MiB;  ///< of one bus in the ECAM window

/// Type-0 header.
namespace header {
inline constexpr u32 vendor_id = 0x00;
inline constexpr u32 device_id = 0x02;
inline constexpr u32 command = 0x04;
inline constexpr u32 status = 0x06;
inline constexpr u32 revision = 0x08;
inline constexpr u32 class_code = 0x09;
inline constexpr u32 cache_line_size = 0x0C;
inline constexpr u32 header_type = 0x0E;
inline constexpr u32 bar0 = 0x10;
inline constexpr u32 subsystem_vendor_id = 0x2C;
inline constexpr u32 subsystem_id = 0x2E;
inline constexpr u32 capabilities = 0x34;
inline constexpr u32 interrupt_line = 0x3C;
inline constexpr u32 first_capability = 0x40;
inline constexpr u32 bars = 6;
}  // namespace header

namespace command {
inline constexpr u32 memory = 1u << 1;
inline constexpr u32 bus_master = 1u << 2;
inline constexpr u32 parity = 1u << 6;
inline constexpr u32 serr = 1u << 8;
inline constexpr u32 intx_disable = 1u << 10;
}  // namespace command

namespace status {
inline constexpr u32 capability_list = 1u << 4;
inline constexpr u32 signalled_target_abort = 1u << 11;
inline constexpr u32 received_target_abort = 1u << 12;
inline constexpr u32 received_master_abort = 1u << 13;
inline constexpr u32 signalled_system_error = 1u << 14;
inline constexpr u32 detected_parity_error = 1u << 15;
inline constexpr u32 write_one_to_clear = 0xF900;
}  // namespace status

namespace bar {
inline constexpr u32 wide = 0b10u << 1;  ///< type field: 64-bit
inline constexpr u32 prefetchable = 1u << 3;
inline constexpr u32 attributes = 0xF;
}  // namespace bar

enum class Capability : u8 { PowerManagement = 0x01, Msi = 0x05, Express = 0x10, Msix = 0x11 };

/// Power management: capability and control/status. Only the state field of a function without D-state behaviour.
namespace power {
inline constexpr u32 bytes = 8;
inline constexpr u32 capabilities = 0x02;
inline constexpr u32 control = 0x04;
inline constexpr u32 version_3 = 3;
inline constexpr u32 no_soft_reset = 1u << 3;
}  // namespace power

/// PCI Express capability, version 2.
namespace express {
inline constexpr u32 bytes = 0x3C;
inline constexpr u32 flags = 0x02;
inline constexpr u32 device_capabilities = 0x04;
inline constexpr u32 device_control = 0x08;
inline constexpr u32 device_status = 0x0A;
inline constexpr u32 link_capabilities = 0x0C;
inline constexpr u32 link_control = 0x10;
inline constexpr u32 link_status = 0x12;
inline constexpr u32 device_capabilities_2 = 0x24;
inline constexpr u32 device_control_2 = 0x28;
inline constexpr u32 link_capabilities_2 = 0x2C;

inline constexpr u32 version = 2;  ///< flags[3:0]; port type [7:4] is 0 for an endpoint

inline constexpr u32 devcap_extended_tag = 1u << 5;
inline constexpr u32 devcap_function_reset = 1u << 28;

inline constexpr u32 devctl_errors = 0xF;
inline constexpr u32 devctl_relaxed_ordering = 1u << 4;
inline constexpr unsigned devctl_payload = 5;  ///< [7:5]
inline constexpr u32 devctl_extended_tag = 1u << 8;
inline constexpr u32 devctl_no_snoop = 1u << 11;
inline constexpr unsigned devctl_read_request = 12;  ///< [14:12]
inline constexpr u32 devctl_function_reset = 1u << 15;

inline constexpr u32 devsta_errors = 0xF;
inline constexpr u32 devsta_transactions_pending = 1u << 5;

inline constexpr u32 lnkctl_read_completion_boundary = 1u << 3;

inline constexpr u32 devcap2_ten_bit_tag_requester = 1u << 17;
inline constexpr u32 devcap2_end_to_end_prefix = 1u << 21;
inline constexpr u32 devctl2_id_based_ordering = 1u << 8;
inline constexpr u32 devctl2_ten_bit_tag = 1u << 12;
}  // namespace express

/// MPS and MRRS are stored as the power of two above 128 bytes.
constexpr u32 payload_bytes(u32 encoded) { return 128u << (encoded > 5 ? 5 : encoded); }
constexpr u32 encode_payload(u32 bytes) {
    u32 encoded = 0;
    while (payload_bytes(encoded) < bytes && encoded < 5) ++encoded;
    return encoded;
}

/// MSI: offsets depend on the 64-bit and per-vector-mask forms.
namespace msi {
inline constexpr u32 control = 0x02;
inline constexpr u32 address = 0x04;
inline constexpr u32 address_high = 0x08;  ///< 64-bit form
inline constexpr u32 control_enable = 1u << 0;
inline constexpr unsigned control_offered = 1;    ///< [3:1] log2 of the vectors offered
inline constexpr unsigned control_allocated = 4;  ///< [6:4] log2 of the vectors allocated
inline constexpr u32 control_wide = 1u << 7;
inline constexpr u32 control_maskable = 1u << 8;

constexpr u32 data(bool wide) { return wide ? 0x0C : 0x08; }
constexpr u32 mask(bool wide) { return wide ? 0x10 : 0x0C; }
constexpr u32 pending(bool wide) { return wide ? 0x14 : 0x10; }
constexpr u32 bytes(bool wide, bool maskable) { return (wide ? 14u : 10u) + (maskable ? 10u : 0u); }
}  // namespace msi

namespace msix {
inline constexpr u32 bytes = 12;
inline constexpr u32 control = 0x02;
inline constexpr u32 table = 0x04;          ///< BIR [2:0], offset [31:3]
inline constexpr u32 pending_array = 0x08;  ///< BIR [2:0], offset [31:3]
inline constexpr u32 control_size = 0x7FF;  ///< number of entries minus one
inline constexpr u32 control_function_mask = 1u << 14;
inline constexpr u32 control_enable = 1u << 15;

inline constexpr u32 entry_bytes = 16;
inline constexpr u32 entry_masked = 1u << 0;  ///< of vector control
inline constexpr u32 maximum_vectors = 2048;
}  // namespace msix

}  // namespace smmusim::pcie::spec
