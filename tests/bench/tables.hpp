// Stream table, context descriptors and translation tables of the benchmarks, written straight into memory.
#pragma once

#include "memory/storage.hpp"

namespace smmusim::bench {

inline constexpr u64 stream_table_address = 0x4040'0000;  ///< 65,536 entries of 64 bytes
inline constexpr u32 stream_table_log2 = 16;
inline constexpr u64 descriptor_address = 0x4080'0000;  ///< a context descriptor for each
inline constexpr u64 table_address = 0x4100'0000;
inline constexpr u64 frame_address = 0x4800'0000;
inline constexpr u64 input_base = 0x10'0000'0000;
inline constexpr u32 first_stream = 8;  ///< of the endpoint 00:01.0
/// The numbers of the configured streams: upwards from the endpoint's, and around.
constexpr u32 stream_number(u32 index) { return (first_stream + index) % (1u << stream_table_log2); }

struct TableWishes {
    u32 pages = 0;   ///< 4 KiB pages from `input_base`
    u32 frames = 0;  ///< physical pages from `frame_address` that they share
    u32 streams = 1;
    bool nested = false;
};

struct Layout {
    u64 stage1_root = 0;
    u64 stage2_root = 0;
};

/// All streams share the tables; each has an entry, a descriptor and an ASID of its own.
Layout build(memory::Storage& memory, const TableWishes& wishes);

}  // namespace smmusim::bench
