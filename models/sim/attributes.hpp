// What travels with a transaction besides address and data.
#pragma once

#include <bit>

#include "sim/types.hpp"

namespace smmusim::sim {

/// The AT field of a PCIe request.
enum class AddressType : u8 { Untranslated, TranslationRequest, Translated };

/// Memory types of the Arm architecture, strongest first; the value of each cacheability is kept beside.
enum class MemoryType : u8 { DeviceNGnRnE, DeviceNGnRE, DeviceNGRE, DeviceGRE, Normal };
enum class Cacheability : u8 { NonCacheable, WriteThrough, WriteBack };
enum class Shareability : u8 { NonShareable, InnerShareable, OuterShareable };

/// Type, cacheability, shareability and allocation hints of one access (Arm DDI 0487, B2.7; IHI 0070, 13).
struct alignas(u64) MemoryAttributes {
    MemoryType type = MemoryType::Normal;
    Cacheability inner = Cacheability::WriteBack;
    Cacheability outer = Cacheability::WriteBack;
    Shareability shareability = Shareability::NonShareable;
    bool read_allocate = true;
    bool write_allocate = true;
    bool transient = false;
    u8 unused = 0;  ///< 0, for all of it to be compared at once

    bool is_device() const { return type != MemoryType::Normal; }
    bool operator==(const MemoryAttributes& other) const {
        return std::bit_cast<u64>(*this) == std::bit_cast<u64>(other);
    }

    static MemoryAttributes device(MemoryType device_type = MemoryType::DeviceNGnRE) {
        return {device_type,
                Cacheability::NonCacheable,
                Cacheability::NonCacheable,
                Shareability::OuterShareable,
                false,
                false,
                false,
                0};
    }
};

/// A cache maintenance operation by address; it travels as a read whose data nobody wants.
enum class CacheOperation : u8 { None, Clean, CleanInvalidate, CleanToPersistence, Invalidate };

/// What an access is for; statistics and ordering look at it, translation does not.
enum class TransactionClass : u8 { Data, Message, TableWalk, ConfigFetch, Queue, Cpu };

/// Value of an identifier that a transaction does not have.
inline constexpr u32 no_id = ~u32{0};

struct Attributes {
    u32 requester_id = no_id;  ///< segment << 16 | bus/device/function
    u32 stream_id = no_id;
    u32 substream_id = no_id;  ///< PASID
    u32 device_id = no_id;     ///< as the ITS sees it; given by the root complex, never by the requester
    AddressType address_type = AddressType::Untranslated;
    TransactionClass transaction_class = TransactionClass::Data;
    bool secure = false;
    bool privileged = false;
    bool instruction = false;
    CacheOperation cache_operation = CacheOperation::None;
    bool speculative = false;  ///< a guess of the requester: faults leave no trace
    bool no_write = false;     ///< NW of a translation request
    bool relaxed_ordering = false;
    bool id_based_ordering = false;
    bool no_snoop = false;
    u8 traffic_class = 0;
    MemoryAttributes memory;

    bool has_substream() const { return substream_id != no_id; }
};

}  // namespace smmusim::sim
