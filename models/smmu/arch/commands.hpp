// What a command means: legality, and the scope of an invalidation (IHI 0070, chapter 4).
#pragma once

#include "sim/ats.hpp"
#include "smmu/arch/request.hpp"
#include "smmu/spec/command.hpp"

namespace smmusim::smmu::arch {

/// Scope of a CFGI command: which cached structures go.
struct ConfigurationScope {
    u64 first_stream = 0;
    u64 last_stream = ~u64{0};
    bool stream_entries = true;  ///< STEs; false: context descriptors only
    bool one_substream = false;
    u32 substream = 0;

    bool covers_stream(u32 stream) const { return stream >= first_stream && stream <= last_stream; }
    bool covers_descriptor(u32 stream, u32 index) const {
        return covers_stream(stream) && (!one_substream || index == substream);
    }
};

/// Scope of a TLBI command: which cached translations go.
struct TranslationScope {
    enum class Worlds : u8 { El1, El2Any, El2, El2E2h };
    Worlds worlds = Worlds::El1;
    bool stage1 = true;   ///< entries that stage 1 took part in
    bool stage2 = false;  ///< entries of stage 2 alone
    bool match_vmid = false;
    u16 vmid = 0;
    u16 vmid_mask = 0xFFFF;
    bool match_asid = false;
    bool globals = true;  ///< an ASID match includes global entries
    u16 asid = 0;
    bool match_address = false;
    u64 first = 0;  ///< bits [55:0], sign-extended
    u64 last = 0;
    bool leaf_only = false;  ///< table entries on the path may stay

    bool covers_world(StreamWorld world) const;
    /// Everything but the address.
    bool covers_tags(const Tags& tags, bool global) const;
    /// An entry that translates [base, base + 2^span) of its input addresses.
    bool covers(const Tags& tags, bool global, u64 base, unsigned span) const;
    bool covers_range(u64 base, unsigned span) const;
};

/// What a CMD_PREFETCH_* names: one configuration, or 2^size translations at a stride.
struct Prefetch {
    u32 stream = 0;
    u32 substream = sim::no_id;
    bool addresses = false;
    u64 first = 0;
    u64 count = 1;
    u64 stride = 0;
};

/// CMD_RESUME: one stalled transaction.
struct Resume {
    u32 stream = 0;
    u16 tag = 0;
    bool retry = false;
    bool abort = false;  ///< of a termination; else RAZ/WI
};

/// How a CMD_SYNC announces its completion.
struct CompletionSignal {
    spec::Command::CompletionSignal kind = spec::Command::CompletionSignal::None;
    u64 address = 0;  ///< of the message; 0: none
    u32 data = 0;
    sim::MemoryAttributes memory;
};

struct DecodedCommand {
    enum class Action : u8 {
        Nothing,
        InvalidateConfiguration,
        InvalidateTranslations,
        Prefetch,
        InvalidateAtc,
        RespondToPageRequest,
        Resume,
        TerminateStalls,
        Synchronise
    };
    spec::CommandError error = spec::CommandError::None;
    Action action = Action::Nothing;
    ConfigurationScope configuration;
    TranslationScope translations;
    Prefetch prefetch;
    sim::AtcInvalidation atc;
    sim::PageResponse response;
    Resume resume;  ///< its stream alone for TerminateStalls
    CompletionSignal signal;
};

/// What the command asks for, under the ID registers, CR2.E2H and CR0.VMW.
DecodedCommand decode(const spec::Command& command, const spec::Identification& id, bool e2h,
                      unsigned vmid_wildcard_bits);

/// Architected name of an opcode, "?" for a reserved one.
const char* opcode_name(spec::Opcode opcode);

}  // namespace smmusim::smmu::arch
