// What is asked of the SMMU and what it answers: request, translation, fault, outcome.
#pragma once

#include <algorithm>
#include <bit>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstddef>

#include "sim/ats.hpp"
#include "smmu/arch/geometry.hpp"
#include "smmu/spec/cd.hpp"
#include "smmu/spec/event.hpp"
#include "smmu/spec/identification.hpp"

namespace smmusim::smmu::arch {

/// One transaction as it arrives, before any override.
struct Request {
    u64 address = 0;
    u32 stream_id = 0;
    u32 substream_id = sim::no_id;
    u32 count = 1;             ///< of a translation request: translations wanted
    bool write = false;        ///< writes and atomics
    bool read = true;          ///< reads and atomics
    bool instruction = false;  ///< of a read
    bool privileged = false;
    sim::CacheOperation operation = sim::CacheOperation::None;
    bool speculative = false;  ///< nobody asked for it yet: faults leave no trace
    bool unsupported = false;  ///< of a type that cannot be translated (F_UUT)
    bool no_write = false;     ///< of a translation request: NW, the page need not become dirty
    sim::AddressType address_type = sim::AddressType::Untranslated;
    sim::MemoryAttributes memory;

    /// Untranslated and of a type that the SMMU knows: what TLBs and other walks may answer.
    bool ordinary() const { return address_type == sim::AddressType::Untranslated && !unsupported; }
    bool has_substream() const { return substream_id != sim::no_id; }
    /// Nobody asked for the write yet: it is never performed.
    bool guessed_write() const { return speculative && write; }
};

/// What a leaf permits: read, write and execute at either privilege.
struct Permissions {
    static constexpr u8 read = 1, write = 2, execute = 4;
    u8 unprivileged = 0;
    u8 privileged = 0;

    static constexpr Permissions all() { return {7, 7}; }
    Permissions operator&(Permissions other) const {
        return {static_cast<u8>(unprivileged & other.unprivileged), static_cast<u8>(privileged & other.privileged)};
    }
    bool operator==(const Permissions&) const = default;

    /// `request` carries the privilege and instruction attributes after overrides. An instruction read needs execute
    /// permission only (DDI 0487, D8.4); an atomic needs read and write.
    bool allow(const Request& request) const {
        const u8 granted = request.privileged ? privileged : unprivileged;
        if (request.instruction && !request.write) return (granted & execute) != 0;
        const u8 needed = static_cast<u8>((request.read ? read : 0) | (request.write ? write : 0));
        return (granted & needed) == needed;
    }
};

/// Which set of translations a stream belongs to (IHI 0070, 3.3.4, StreamWorld).
enum class StreamWorld : u8 { El1, El2, El2E2h };

/// Tags of cached translations (IHI 0070, 3.17).
struct Tags {
    u16 vmid = 0;  ///< of El1, if stage 2 is implemented
    u16 asid = 0;  ///< of stage 1 with ASIDs
    StreamWorld world = StreamWorld::El1;
    bool stage1 = false;
    bool stage2 = false;
    bool aset = false;  ///< separates global entries only

    bool operator==(const Tags& other) const { return word() == other.word(); }
    /// Of global entries, and of others.
    Tags without_asid() const { return std::bit_cast<Tags>(word() & ~(u64{0xFFFF} << 16)); }
    Tags without_aset() const { return std::bit_cast<Tags>(word() & ~(u64{0xFF} << 56)); }

private:
    u64 word() const { return std::bit_cast<u64>(*this); }
};
static_assert(offsetof(Tags, asid) == 2 && offsetof(Tags, aset) == 7 && std::endian::native == std::endian::little);

/// Result of a walk, before attributes are combined with those of the transaction.
struct Translation {
    u64 output = 0;       ///< address of the byte asked for
    u64 ipa = 0;          ///< output of stage 1, or its input if stage 1 is off
    u8 span = 12;         ///< log2 of the largest range that one TLB entry may cover
    u8 stage1_span = 0;   ///< log2 of the range of the stage 1 leaf alone; 0: stage 1 is off
    bool global = false;  ///< not tagged by ASID
    Permissions stage1 = Permissions::all();
    Permissions stage2 = Permissions::all();
    Permissions stage1_attainable = Permissions::all();  ///< once hardware has marked the page dirty
    Permissions stage2_attainable = Permissions::all();
    u8 mair = 0xFF;  ///< attribute byte of stage 1
    u8 stage1_shareability = 0;
    u8 stage2_attributes = 0xF;  ///< of the leaf of stage 2: MemAttr[3:0], and SH[1:0] above
    i8 stage1_level = no_level;
    i8 stage2_level = no_level;

    static constexpr i8 no_level = 127;
    Permissions permissions() const { return stage1 & stage2; }
    Permissions attainable() const { return stage1_attainable & stage2_attainable; }
    /// log2 of the range of input addresses of which each invalidates it. What a small page of stage 2 cuts out of a
    /// leaf of stage 1 goes with the leaf (DDI 0487, D8.14: a TLBI by address removes every copy of the entry).
    unsigned reach() const { return std::max(span, stage1_span); }
};
static_assert(sizeof(Translation) == 32);

/// A fault with its finished record.
struct Fault {
    enum class Kind : u8 {
        None,
        Fixed,   ///< always aborts, always recorded if possible
        Silent,  ///< aborts, and there is no event for it
        Muted,   ///< aborts; the registers say that its event is not recorded
        Stage1,  ///< disposition by CD.{A,R,S}
        Stage2,  ///< disposition by STE.{S2R,S2S}
    };
    Kind kind = Kind::None;
    spec::Event event;
    const char* reason = "";  ///< the rule that decided, for explanations

    explicit operator bool() const { return kind != Kind::None; }
};

/// A value, or the fault that prevented it.
template <class T>
struct Checked {
    T value{};
    Fault fault;
    Checked() = default;
    Checked(const T& good) : value(good) {}
    Checked(const Fault& bad) : fault(bad) {}
    explicit operator bool() const { return fault.kind == Fault::Kind::None; }
};

/// How a transaction ends at the SMMU.
enum class Disposition : u8 {
    Proceed,
    Abort,
    RazWi,
    Stall,
    Answer,       ///< a translation request, with `entry`
    Unsupported,  ///< a translation request, as an unsupported one
};

/// With what a transaction goes on behind the SMMU.
struct Passage {
    u64 address = 0;  ///< physical address
    sim::MemoryAttributes memory;
    sim::CacheOperation operation = sim::CacheOperation::None;  ///< what a maintenance operation has become
    bool privileged = false;                                    ///< after overrides
    bool instruction = false;
};

/// The passage of one that proceeds, or the end of another.
struct Outcome : Passage {
    Disposition disposition = Disposition::Abort;
    bool recorded = false;    ///< the fault's event goes to the event queue
    bool translated = false;  ///< by a stage, as opposed to bypass
    Translation translation;  ///< valid if translated
    Fault fault;
    sim::TranslationEntry entry;  ///< of an answered translation request
};

/// Hardware updates that a stage makes (CD.HA and HD, STE.S2HA and S2HD): HD works with HA only (IHI 0070, 3.13).
struct HardwareUpdate {
    bool access_flag = false;
    bool dirty = false;
};

/// What an entry or a descriptor says about the walks of one tree, worked out once.
struct Regime {
    Geometry geometry;
    u64 first_table = 0;
    unsigned output_bits = 0;  ///< a larger output address is a fault
    spec::Descriptor::Format format = spec::Descriptor::Format::Plain;
    bool wide = false;    ///< 52-bit descriptors: the shareability is that of the tables
    u8 shareability = 0;  ///< of the tables, as a field
    bool big_endian = false;
    bool access_flag_faults = false;  ///< AF = 0 is a fault
    bool privileged_only = false;     ///< E0PDx of stage 1
    bool table_attributes = false;    ///< tables restrict what lies below them (stage 1 without HAD)
    HardwareUpdate update;
    sim::MemoryAttributes memory;  ///< of the SMMU's own reads, before stage 2
};

/// The attributes of a stream's latest translated transaction, and what they follow from.
struct LatestAttributes {
    bool known = false;
    sim::MemoryAttributes incoming;
    sim::MemoryAttributes outgoing;
    u32 stages = 0;  ///< of the translation
};

/// Stream table entry and context descriptor of a stream, with what follows from them.
struct StreamContext : boost::intrusive_ref_counter<StreamContext, boost::thread_unsafe_counter> {
    StreamContext() = default;
    spec::Ste ste;
    spec::Cd cd;
    Tags tags;
    bool stage1 = false;  ///< after S1DSS
    bool stage2 = false;
    bool two_privileges = true;
    mutable LatestAttributes latest;  ///< saves the host's time, see translated_attributes()
    std::array<Regime, 2> first;      ///< of TTB0 and TTB1, where walks are enabled
    Regime second;
};
/// A context that is not going to change, as caches, walks and results share it.
using ContextPtr = boost::intrusive_ptr<const StreamContext>;

}  // namespace smmusim::smmu::arch
