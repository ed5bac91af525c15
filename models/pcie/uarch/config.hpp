// Sizes and latencies of links, endpoints and root complexes.
#pragma once

#include <string>
#include <vector>

#include "pcie/arch/function_config.hpp"
#include "pcie/arch/id_map.hpp"
#include "sim/config.hpp"

namespace smmusim::pcie::uarch {

/// Receive buffers that one side of a link advertises, in flow-control units; 0 is infinite.
struct CreditConfig {
    u32 PH = 0;
    u32 PD = 0;
    u32 NPH = 0;
    u32 NPD = 0;
    u32 CplH = 0;
    u32 CplD = 0;

    void fields(sim::ConfigVisitor& visit);
    /// Why packets with such payloads could never pass; empty if they can.
    std::string problem(u32 payload_limit) const;
};

struct LinkConfig {
    u32 generation = 3;
    u32 width = 8;
    bool ecrc = false;
    Time propagation = 30 * nanosecond;
    Time credit_return = 50 * nanosecond;
    CreditConfig root_credits{256, 4096, 256, 256, 0, 0};
    CreditConfig device_credits{64, 1024, 64, 64, 0, 0};

    void fields(sim::ConfigVisitor& visit);
    /// Why a link cannot be built like this; empty if it can.
    std::string problem() const;
};

struct EndpointConfig {
    std::string bdf = "00:01.0";
    u32 link = 0;
    bool alias = false;
    arch::FunctionConfig function;
    Time issue_interval = 0;
    Time transmit_latency = 50 * nanosecond;
    Time receive_latency = 50 * nanosecond;
    Time register_latency = 20 * nanosecond;
    u32 journeys_kept = 4096;

    void fields(sim::ConfigVisitor& visit);
    std::string problem() const;
};

struct RootComplexConfig {
    u32 rcb = 64;
    bool cut_at_rcb = false;
    Time request_latency = 30 * nanosecond;
    Time completion_latency = 30 * nanosecond;
    std::vector<arch::IdMapRule> iommu_map;
    std::vector<arch::IdMapRule> msi_map;

    void fields(sim::ConfigVisitor& visit);
    std::string problem() const;
};

}  // namespace smmusim::pcie::uarch
