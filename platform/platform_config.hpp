// The machine as a user describes it: which parts, of which size, at which address, connected how.
#pragma once

#include <optional>

#include "gic/uarch/config.hpp"
#include "memory/interconnect.hpp"
#include "memory/ram.hpp"
#include "pcie/uarch/config.hpp"
#include "smmu/uarch/config.hpp"
#include "sw/cpu/config.hpp"

namespace smmusim::platform {

/// INTIDs of an SMMU's wired interrupts; 0: not wired.
struct WiredInterrupts {
    u32 event = 0;
    u32 pri = 0;
    u32 sync = 0;
    u32 global_error = 0;
    u32 pmcg = 0;        ///< of the first counter group; the next has the next
    u32 pmcg_count = 0;  ///< how many groups have one
    /// How many counter groups of `smmu` are wired.
    std::size_t pmcgs(const smmu::uarch::SmmuConfig& smmu) const;
    void fields(sim::ConfigVisitor& visit);
};

/// An SMMU and its place in the machine.
struct SmmuPlace : smmu::uarch::SmmuConfig {
    WiredInterrupts interrupts;
    void fields(sim::ConfigVisitor& visit);
    static SmmuPlace at(std::size_t index);
};

/// The host bridge of a segment and its windows in the address space.
struct RootComplexPlace : pcie::uarch::RootComplexConfig {
    u64 ecam = 0;
    u32 buses = 256;
    u64 memory32 = 0;
    u64 memory32_size = 0;
    u64 memory64 = 0;
    u64 memory64_size = 0;
    u64 ecam_size() const { return u64{buses} * MiB; }
    void fields(sim::ConfigVisitor& visit);
    static RootComplexPlace at(std::size_t index);
};

/// A link, the segment whose root port it ends at, and the SMMU behind that root port.
struct LinkPlace : pcie::uarch::LinkConfig {
    u32 root_complex = 0;
    bool translated = true;
    u32 smmu = 0;
    u32 tbu = 0;
    void fields(sim::ConfigVisitor& visit);
};

/// What is wrong with a machine: at which parameter, why, and what to do.
struct ConfigProblem {
    std::string path;
    std::string cause;
    std::string fix;
};

/// The default is the machine of QEMU's `virt`, with one endpoint 00:01.0 behind one SMMU.
struct PlatformConfig {
    std::vector<sw::cpu::CpuConfig> cpus{4};
    memory::MemoryConfig memory;
    memory::InterconnectConfig interconnect;
    gic::uarch::GicConfig gic;
    std::vector<gic::uarch::ItsConfig> itss{its_at(0)};
    std::vector<SmmuPlace> smmus{SmmuPlace::at(0)};
    std::vector<RootComplexPlace> root_complexes{RootComplexPlace::at(0)};
    std::vector<LinkPlace> links{1};
    std::vector<pcie::uarch::EndpointConfig> endpoints{endpoint_at(0)};

    void fields(sim::ConfigVisitor& visit);

    /// The first reason why this machine cannot be built.
    std::optional<ConfigProblem> problem() const;

    static gic::uarch::ItsConfig its_at(std::size_t index);
    static pcie::uarch::EndpointConfig endpoint_at(std::size_t index);
};

}  // namespace smmusim::platform
