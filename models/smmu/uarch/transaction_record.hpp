// What became of one transaction and where its time went: stages that add up to its latency.
#pragma once

#include <array>

#include "sim/access.hpp"

namespace smmusim::smmu::uarch {

/// The TLB, or else, that a translation came from.
enum class Hit : u8 { Bypass, Micro, Main, Miss, Joined };
inline constexpr std::array<const char*, 5> hit_names{"bypass", "micro", "main", "miss", "joined"};

enum class Stage : u8 {
    LookUp,           ///< waiting to be accepted, and the look-ups of the TBU
    TranslationSlot,  ///< waiting for a translation slot of the TBU
    Link,             ///< to the TCU and back
    Joined,           ///< waiting for the walk of another transaction
    WalkSlot,         ///< waiting for a walk slot
    Walk,             ///< the rest of the TCU: configuration, walk caches, reads and updates
    Stalled,          ///< waiting for software
    Ordering,         ///< translated, behind an earlier write
    Sending,          ///< from the TBU to the interconnect
    Downstream,       ///< from there to the response
};
inline constexpr std::size_t stage_count = 10;
inline constexpr std::array<const char*, stage_count> stage_names{
    "look_up", "translation_slot", "link",     "joined",  "walk_slot",
    "walk",    "stalled",          "ordering", "sending", "downstream"};

/// Time spent in each stage.
class StageTimes {
public:
    Time& operator[](Stage stage) { return spent_[static_cast<u8>(stage)]; }
    Time operator[](Stage stage) const { return spent_[static_cast<u8>(stage)]; }
    Time sum() const {
        Time total = 0;
        for (const Time time : spent_) total += time;
        return total;
    }

private:
    std::array<Time, stage_count> spent_{};
};

struct TransactionRecord {
    u32 stream = 0;
    u32 substream = sim::no_id;
    u64 input = 0;
    u64 output = 0;  ///< of a transaction that was sent
    bool write = false;
    bool sent = false;  ///< it went on; else the SMMU has answered it
    Hit hit = Hit::Bypass;
    sim::Status status = sim::Status::Pending;
    Time arrived = 0;
    Time responded = 0;
    StageTimes stages;
};

}  // namespace smmusim::smmu::uarch
