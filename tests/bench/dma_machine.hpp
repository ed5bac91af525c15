// A whole machine with tables built by hand and DMA traffic that never pauses.
#pragma once

#include "bench/trace.hpp"
#include "platform/platform.hpp"

namespace smmusim::bench {

/// What the traffic looks like, and how it is translated.
struct Workload {
    u32 tags = 64;
    u32 pages = 16'384;    ///< virtual pages that reads are spread over, at random
    u32 frames = 1'024;    ///< physical pages behind them
    u32 tlb_entries = 64;  ///< fully associative; there is no other TLB
    u32 walk_slots = 16;
    bool nested = false;  ///< both stages, 4 KiB granule, four levels each
    u32 streams = 1;      ///< configured
    u32 active = 1;       ///< streams that send, spread over those configured
};

/// Endpoint, link, SMMU, interconnect and memory, connected as always. One active stream is the endpoint; more send
/// from a raw requester in front of the TBU, because one function has one StreamID.
class DmaMachine {
public:
    explicit DmaMachine(const Workload& workload);
    ~DmaMachine();

    /// Runs until `count` more reads of 64 bytes are complete; returns `count`. Throws std::runtime_error if one of
    /// them failed.
    u64 run(u64 count);

    platform::Platform& platform() { return platform_; }
    u64 statistic(const std::string& path);
    const Layout& layout() const { return layout_; }

private:
    struct Source;
    static platform::PlatformConfig config_of(const Workload& workload);
    void build_tables();
    void enable();
    void submit(Source& source);

    Workload workload_;
    platform::Platform platform_;
    std::vector<std::unique_ptr<Source>> sources_;
    Trace trace_;
    Layout layout_;
    u64 completed_ = 0;
    u64 target_ = 0;
    bool started_ = false;
};

}  // namespace smmusim::bench
