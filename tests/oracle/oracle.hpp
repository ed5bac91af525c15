// What an SMMU must answer: a naive walker without time, caches or cleverness, written beside the models, not from
// them. Every transaction starts at the stream table and reads everything it needs from memory, as IHI 0070 says it.
// Covers VMSAv8-64 in both stages, 4, 16 and 64 KiB granules, 52-bit addresses, hardware update; no Secure state, no
// AArch32 tables, no ATS requests, no memory attributes beyond what decides about a fault.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/machine.hpp"
#include "support/structure_builder.hpp"

namespace smmusim::oracle {

using support::Identity;
using support::Registers;
using support::Transaction;

/// Physical memory as the oracle reaches it, 8 bytes at a time.
struct Memory {
    /// No value: the read is answered with an abort.
    std::function<std::optional<u64>(u64 address)> read;
    /// False: the write is answered with an abort.
    std::function<bool(u64 address, u64 value)> write;
};

enum class Verdict : u8 {
    Translated,
    Abort,
    ReadAsZero,  ///< reads return zero, writes are ignored
    Stall,
};

enum class ReadKind : u8 { L1STD, STE, L1CD, CD, S1, S2 };

struct Read {
    ReadKind kind = ReadKind::STE;
    int level = 0;  ///< of a descriptor
    u64 address = 0;
    u32 size = 8;
};

/// A hardware update of a descriptor.
struct Update {
    u64 address = 0;
    u64 before = 0;
    u64 after = 0;
};

struct Outcome {
    Verdict verdict = Verdict::Abort;
    u64 pa = 0;
    std::optional<u64> ipa;
    /// What went wrong; empty if nothing, or if it ended silently.
    std::optional<support::EventBuilder> event;
    /// Whether the event is written to the queue.
    bool recorded = false;
    std::vector<Read> reads;
    std::vector<Update> updates;
    std::optional<int> stage1_level;  ///< of the leaf
    std::optional<int> stage2_level;
    u64 span = 0;  ///< bytes around the input address that one TLB entry may cover
};

/// Translates one transaction by what lies in `memory` now; hardware updates are written to it.
Outcome translate(const Identity& identity, const Registers& registers, const Memory& memory,
                  const Transaction& transaction);

/// An outcome in a few lines, for messages of failed tests.
std::string describe(const Outcome& outcome);

}  // namespace smmusim::oracle
