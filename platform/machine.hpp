// All parts of one machine, built and connected by TLM-2.0 sockets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gic/uarch/gic.hpp"
#include "memory/interconnect.hpp"
#include "memory/ram.hpp"
#include "pcie/uarch/endpoint.hpp"
#include "pcie/uarch/root_complex.hpp"
#include "platform/ats_requesters.hpp"
#include "platform/cpu_registers.hpp"
#include "platform/event_log.hpp"
#include "platform/platform_config.hpp"
#include "platform/requester.hpp"
#include "platform/sim_context.hpp"
#include "smmu/uarch/smmu.hpp"
#include "tlm/module.hpp"

namespace smmusim::platform {

/// Parts are found by their place in the configuration. Throws std::invalid_argument or std::runtime_error when the
/// machine cannot be built as described (overlapping windows, no memory).
class Machine {
public:
    explicit Machine(const PlatformConfig& config);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    SimContext context;
    sim::Simulation simulation;
    EventLog events;

    std::unique_ptr<tlm::KernelBridge> bridge;
    std::unique_ptr<memory::Ram> ram;
    std::unique_ptr<memory::Interconnect> interconnect;
    std::unique_ptr<gic::uarch::Gic> gic;
    std::vector<std::unique_ptr<smmu::uarch::Smmu>> smmus;
    std::vector<std::unique_ptr<RawAtsRequesters>> ats_requesters;  ///< of each SMMU
    std::vector<std::unique_ptr<pcie::uarch::RootComplex>> root_complexes;
    std::vector<std::unique_ptr<pcie::uarch::Link>> links;
    std::vector<std::unique_ptr<pcie::uarch::Endpoint>> endpoints;
    std::vector<std::unique_ptr<CpuRegisters>> cpu_registers;
    std::vector<std::unique_ptr<sw::cpu::Cpu>> cpus;
    std::vector<sim::Port*> cpu_ports;  ///< of each CPU towards the interconnect

    /// The raw requester in front of a TBU; in a machine without SMMU there is one, smmu 0 and tbu 0, at the
    /// interconnect. Null if there is no such place.
    Requester* requester(std::size_t smmu, std::size_t tbu);

    // For modules of others, inside a SimContext::Use and before the simulation starts.
    /// A socket at the interconnect for a foreign initiator.
    tlm::TargetSocket& open_ingress(const std::string& name);
    /// A socket in front of a TBU for a foreign requester.
    tlm::TargetSocket& open_tbu(const std::string& name, std::size_t smmu, std::size_t tbu);
    /// A socket to be bound to a foreign target that owns a window of the address space.
    tlm::InitiatorSocket& open_window(const std::string& name, u64 base, u64 size);

    void reset(bool clear_memory);
    void statistics(sim::StatisticsVisitor& visit);

private:
    tlm::Module& module(const std::string& name);
    /// A port of a module that leads to the interconnect.
    tlm::InitiatorSocket& port_to_interconnect(tlm::Module& from, const std::string& name);
    /// Maps a window of the address space to a target in a module.
    void map(const std::string& region, u64 base, u64 size, tlm::Module& owner, sim::Target& target);

    void build_memory();
    void build_gic();
    void build_smmus();
    void build_pcie();
    void build_cpus();
    void build_requesters();

    const PlatformConfig config_;
    std::vector<std::unique_ptr<tlm::Module>> modules_;
    tlm::Module* interconnect_module_ = nullptr;
    std::vector<tlm::Module*> smmu_modules_;
    std::vector<std::unique_ptr<EventLog::SmmuListener>> listeners_;
    struct RequesterPlace {
        std::size_t smmu;
        std::size_t tbu;
        std::unique_ptr<Requester> requester;
    };
    std::vector<RequesterPlace> requesters_;
};

}  // namespace smmusim::platform
