// State of a range of SGIs, PPIs or SPIs: group, enable, pending, active, priority, trigger (IHI 0069, 4.1).
#pragma once

#include <vector>

#include "gic/arch/candidate.hpp"

namespace smmusim::gic::arch {

/// Registers see it by words of 32 interrupts, `word` counted from the bank's first INTID.
class InterruptBank {
public:
    InterruptBank(u32 first, u32 count, u8 priority_bits);

    void reset();
    u32 first() const { return first_; }
    u32 words() const { return static_cast<u32>(enabled_.size()); }
    bool contains(u32 intid) const { return intid >= first_ && intid < first_ + 32 * words(); }

    u32 group(u32 word) const { return group_[word]; }
    u32 enabled(u32 word) const { return enabled_[word]; }
    u32 active(u32 word) const { return active_[word]; }
    /// A level-sensitive interrupt is pending while its line or message asserts it, or because software said so.
    u32 pending(u32 word) const { return latch_[word] | (~edge_[word] & (line_[word] | message_[word])); }

    void set_group(u32 word, u32 value) { group_[word] = value; }
    void enable(u32 word, u32 mask) { enabled_[word] |= mask; }
    void disable(u32 word, u32 mask) { enabled_[word] &= ~mask; }
    void set_pending(u32 word, u32 mask) { latch_[word] |= mask; }
    /// Takes back an edge, or what software set; a line that is asserted keeps its interrupt pending.
    void clear_pending(u32 word, u32 mask) { latch_[word] &= ~mask; }
    void activate(u32 word, u32 mask) { active_[word] |= mask; }
    void deactivate(u32 word, u32 mask) { active_[word] &= ~mask; }

    /// Four priorities, as IPRIORITYR holds them; unimplemented low bits read as zero.
    u32 priorities(u32 index) const;
    void set_priorities(u32 index, u32 value);
    /// Triggers of 16 interrupts, as ICFGR holds them; `half` counts half words of the bank.
    u32 triggers(u32 half) const;
    void set_triggers(u32 half, u32 value);

    /// A wired input; the rising edge counts for an edge-triggered interrupt, the level for the others.
    void drive(u32 intid, bool asserted);
    /// A message: an edge, or the assertion of a level until it is withdrawn.
    void assert_message(u32 intid);
    void withdraw_message(u32 intid);

    bool is_pending(u32 intid) const { return (pending(word_of(intid)) & bit_of(intid)) != 0; }
    bool is_active(u32 intid) const { return (active_[word_of(intid)] & bit_of(intid)) != 0; }
    bool is_edge(u32 intid) const { return (edge_[word_of(intid)] & bit_of(intid)) != 0; }
    u8 group_of(u32 intid) const { return (group_[word_of(intid)] & bit_of(intid)) != 0 ? 1 : 0; }

    /// Pending becomes active; an edge is used up (4.1.2).
    void acknowledge(u32 intid);
    void deactivate(u32 intid) { deactivate(word_of(intid), bit_of(intid)); }

    /// The interrupt as a candidate, if it is pending, enabled, not active, and of one of `groups`.
    Candidate find(u32 intid, Groups groups) const;

    /// Calls `visit(candidate)` for every such interrupt in order of INTID.
    template <class Visit>
    void for_each(Groups groups, Visit visit) const {
        for (u32 word = 0; word < words(); ++word) {
            u32 ready = ready_in(word, groups);
            while (ready != 0) {
                const u32 index = static_cast<u32>(__builtin_ctz(ready));
                ready &= ready - 1;
                visit(describe(first_ + 32 * word + index));
            }
        }
    }

private:
    u32 word_of(u32 intid) const { return (intid - first_) / 32; }
    u32 bit_of(u32 intid) const { return u32{1} << ((intid - first_) % 32); }
    u32 ready_in(u32 word, Groups groups) const {
        const u32 members = ((groups & group0) != 0 ? ~group_[word] : 0) | ((groups & group1) != 0 ? group_[word] : 0);
        return pending(word) & enabled_[word] & ~active_[word] & members;
    }
    Candidate describe(u32 intid) const { return {intid, priority_[intid - first_], group_of(intid)}; }

    u32 first_;
    u8 priority_mask_;
    std::vector<u32> group_, enabled_, latch_, line_, message_, active_, edge_;
    std::vector<u8> priority_;
};

}  // namespace smmusim::gic::arch
