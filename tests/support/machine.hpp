// What a test asks of an SMMU, whoever it is: the oracle, the architecture layer, or the whole device.
#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <vector>

#include "sim/types.hpp"
#include "support/structure_builder.hpp"

namespace smmusim::support {

/// What an SMMU implements: fields of IDR0, IDR1, IDR3 and IDR5 by their names, in raw encoding.
/// VMSAv8-64 only (TTF = 0b10); no Secure state.
struct Identity {
    unsigned S1P = 1, S2P = 1, HTTU = 2, Hyp = 1, ATS = 0, NS1ATS = 0, ASID16 = 1, VMID16 = 1, CD2L = 1;
    unsigned TTENDIAN = 0, STALL_MODEL = 0, TERM_MODEL = 0, ST_LEVEL = 1;
    unsigned SIDSIZE = 16, SSIDSIZE = 20, ATTR_PERMS_OVR = 1;
    unsigned HAD = 1, XNX = 1, FWB = 1, STT = 0, E0PD = 1, EPAN = 1;
    unsigned OAS = 5, GRAN4K = 1, GRAN16K = 1, GRAN64K = 1, DS = 0, VAX = 0;
};

/// Registers that decide about a translation.
struct Registers {
    bool SMMUEN = true;
    u32 GBPA = 0;
    u32 CR2 = 0;
    u64 STRTAB_BASE = 0;
    u32 STRTAB_BASE_CFG = 0;
};

enum class Kind : u8 { Read, Write, Atomic };

/// One untranslated transaction.
struct Transaction {
    u32 stream = 0;
    std::optional<u32> substream;
    u64 address = 0;
    Kind kind = Kind::Read;
    bool privileged = false;
    bool instruction = false;
};

/// A read of a table or structure, as the bus sees it.
struct BusRead {
    u64 address = 0;
    u32 size = 8;
    bool operator==(const BusRead&) const = default;
};

/// What became of a transaction.
struct Result {
    bool ok = false;
    bool stalled = false;
    u64 pa = 0;
    /// The record that was written to the event queue.
    std::optional<EventBuilder> event;
    /// Every read of configuration and of descriptors, in order.
    std::vector<BusRead> reads;
    /// Largest naturally aligned piece of the input address space that one TLB entry may cover; empty: not told.
    std::optional<u64> span;
};

/// What runs vectors: `Machine(identity)` is an SMMU with cold caches and a memory of zeros.
template <class M>
concept Machine = requires(M machine, const Registers& registers, const Transaction& transaction, u64 word) {
    machine.write(word, word);  ///< 8 bytes of memory, by physical address
    { machine.read(word) } -> std::same_as<u64>;
    machine.enable(registers);
    { machine.access(transaction) } -> std::same_as<Result>;
};

}  // namespace smmusim::support
