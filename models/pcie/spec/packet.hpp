// Sizes and flow-control costs of transaction-layer packets.
#pragma once

#include "sim/bits.hpp"

namespace smmusim::pcie::spec {

/// The three classes of flow control and ordering.
enum class PacketClass : u8 { Posted, NonPosted, Completion };
inline constexpr unsigned packet_classes = 3;

/// What a packet costs: bytes of header (prefixes included) and payload, and credits.
struct Packet {
    PacketClass packet_class = PacketClass::Posted;
    u32 header_bytes = 0;
    u32 payload_bytes = 0;

    /// One unit per packet: prefix and digest are covered by it.
    static constexpr u32 header_credits() { return 1; }
    /// One unit is 16 bytes of payload.
    constexpr u32 data_credits() const { return (payload_bytes + 15) / 16; }
};

inline constexpr u32 credit_bytes = 16;
inline constexpr u32 prefix_bytes = 4;  ///< PASID prefix, or the header word that replaces it in flit mode
inline constexpr u32 digest_bytes = 4;  ///< ECRC

/// Payload bytes that a range takes in packets: the Length field counts double words.
constexpr u32 payload_span(u64 address, u64 size) {
    return static_cast<u32>(sim::align_up(address + size, 4) - sim::align_down(address, 4));
}

/// Three double words below 4 GiB, four above: a 4DW header with a zero upper half is an error.
constexpr u32 request_header(u64 address, bool prefix) {
    return (address >> 32 == 0 ? 12u : 16u) + (prefix ? prefix_bytes : 0u);
}

constexpr Packet memory_read(u64 address, bool prefix) {
    return {PacketClass::NonPosted, request_header(address, prefix), 0};
}
constexpr Packet memory_write(u64 address, u64 size, bool prefix) {
    return {PacketClass::Posted, request_header(address, prefix), payload_span(address, size)};
}
constexpr Packet config_read() { return {PacketClass::NonPosted, 12, 0}; }
constexpr Packet config_write() { return {PacketClass::NonPosted, 12, 4}; }
constexpr Packet completion() { return {PacketClass::Completion, 12, 0}; }
constexpr Packet completion_with_data(u64 address, u64 size) {
    return {PacketClass::Completion, 12, payload_span(address, size)};
}

}  // namespace smmusim::pcie::spec
