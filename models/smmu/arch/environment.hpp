// What the translation procedure asks of its surroundings: registers, memory, caches.
#pragma once

#include <concepts>
#include <optional>

#include "sim/task.hpp"
#include "smmu/arch/request.hpp"
#include "smmu/spec/registers.hpp"

namespace smmusim::smmu::arch {

/// The registers in force that translation depends on.
struct Control {
    bool enabled = false;            ///< CR0.SMMUEN
    bool checks_translated = false;  ///< CR0.ATSCHK
    u64 message_window = 0;          ///< first address of the window whose writes are messages before translation
    u64 message_window_size = 0;     ///< 0: there is none, as in every Arm system
    spec::Cr1 cr1;
    spec::Cr2 cr2;
    spec::Gbpa gbpa;
    spec::StrtabBase strtab_base;
    spec::StrtabBaseCfg strtab_cfg;
};

/// One access of the SMMU to a structure or descriptor.
struct Fetch {
    enum class Kind : u8 { L1Std, Ste, L1Cd, Cd, Stage1, Stage2 };
    Kind kind = Kind::Ste;
    int level = Translation::no_level;  ///< of a descriptor
    u64 address = 0;                    ///< physical
    u64 ipa = 0;                        ///< where stage 2 gave the address
    u32 size = 8;
    sim::MemoryAttributes memory;

    bool descriptor() const { return kind == Kind::Stage1 || kind == Kind::Stage2; }
};

/// What lies there.
struct Fetched {
    bool ok = false;
    std::array<u64, 8> words{};
};
/// The same of a descriptor.
struct FetchedDescriptor {
    bool ok = false;
    u64 raw = 0;
};

/// Leaf of a stage 2 walk.
struct Stage2Leaf {
    u64 output = 0;
    u8 span = 12;
    i8 level = 0;
    Permissions permissions;
    Permissions attainable;  ///< once hardware has marked the page dirty
    u8 memory = 0;
    u8 shareability = 0;
    u64 descriptor_address = 0;
    u64 descriptor = 0;  ///< as it lies in memory
    /// log2 of the range of which each address invalidates it.
    unsigned reach() const { return span; }
};

/// What tables forbid for everything below them: each of their attributes, by any of them (DDI 0487, D8.3.2).
class TableRestrictions {
public:
    void add(const spec::Descriptor& table) { fields_ |= static_cast<u8>(table[spec::Descriptor::Restrictions]); }
    bool no_privileged_execute() const { return (fields_ & 0b0001) != 0; }    ///< PXNTable
    bool no_unprivileged_execute() const { return (fields_ & 0b0010) != 0; }  ///< UXNTable
    bool no_unprivileged() const { return (fields_ & 0b0100) != 0; }          ///< APTable[0]
    bool read_only() const { return (fields_ & 0b1000) != 0; }                ///< APTable[1]

private:
    u8 fields_ = 0;
};

/// Where a walk of one stage stands: the table to read next and what the tables above it forbid.
struct TablePoint {
    /// Of a nested table of stage 1, if known: the translation of `place_ipa`, within the page that holds it.
    std::optional<Stage2Leaf> place;
    u64 place_ipa = 0;
    u64 base = 0;
    int level = 0;
    bool valid = false;
    TableRestrictions above;
};

/// Whether the page where a table of stage 1 is known to lie also holds `ipa`.
inline bool holds(const TablePoint& point, u64 ipa) {
    return point.place && (ipa ^ point.place_ipa) >> point.place->span == 0;
}
/// The translation of `ipa` by that page.
inline Stage2Leaf place_of(const TablePoint& point, u64 ipa) {
    Stage2Leaf leaf = *point.place;
    leaf.output = leaf.output - point.place_ipa + ipa;
    return leaf;
}

struct Descent;

/// The functional environment answers at once; the timed one asks caches, takes slots and sends transactions.
/// Each function marked * may be awaited.
template <class E>
concept TranslationEnvironment = requires(E& env, const Fetch& fetch, u32 id, const Tags& tags, u64 address, int level,
                                          const TablePoint& point, const Stage2Leaf& leaf, const spec::Ste& ste,
                                          const spec::Cd& cd, const ContextPtr& context, const Translation& stage1,
                                          Descent& walk, FetchedDescriptor& last, Translation& translation,
                                          Stage2Leaf& known) {
    { env.identification() } -> std::same_as<const spec::Identification&>;
    { env.control() } -> std::same_as<const Control&>;
    env.read(fetch);          // * Fetched; `fetch` lives until then
    env.descend(walk, last);  // * reads on as long as `walk` can follow(), gives the last
    // * FetchedDescriptor: compare-and-swap, and what was there before
    env.update(fetch, address, address);
    env.cached_context(id, id);  // * ContextPtr: the checked context of a stream and substream, or null
    env.cached_ste(id);          // * std::optional
    env.keep_ste(id, ste);
    env.keep_context(id, id, context);  // entry and descriptor that were found legal
    env.cached_cd(id, id);              // * std::optional
    env.keep_cd(id, id, cd);
    env.cached_table(walk);                              // * fills in the deepest table known, before the walk begins
    env.keep_table(tags, true, address, 12u, point);     // the table covers 2^12 bytes
    env.place_table(tags, address, 12u, point);          // the same of a nested stage 1, once it is placed
    env.cached_translation(tags, address, translation);  // * bool: known; of all the stages that the tags name
    env.keep_translation(tags, address, stage1);
    env.cached_stage2(tags, address, known);  // * bool, the same
    env.keep_stage2(tags, address, leaf);
    env.forget_stage2(tags, address);
    env.tagged(tags);  // from now on the walk depends on these
    env.decided("");   // the last read decided, for this reason
    // For explanations; a timed environment makes nothing of them.
    env.noted("", "");         // a rule that the access has passed, and the section of the manual
    env.found_stage1(stage1);  // the last read was a leaf that permits the access
};

}  // namespace smmusim::smmu::arch
