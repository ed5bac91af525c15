// The root complex of one segment: its root ports, the ECAM window, and the window to the functions' BARs.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pcie/uarch/root_port.hpp"

namespace smmusim::pcie::uarch {

class RootComplex final : public RootPort::Owner {
public:
    /// The ECAM window begins at `ecam_base` with bus 0. Throws std::invalid_argument for a configuration with a
    /// problem().
    RootComplex(sim::Simulation& simulation, const RootComplexConfig& config, std::string name, u64 ecam_base);
    ~RootComplex();

    /// A root port on a link; `upstream` leads to an SMMU or to the bus and may be shared by several.
    RootPort& add_port(Link& link, sim::Port& upstream);
    /// Puts a function behind a root port. Throws std::invalid_argument if its address is taken.
    void attach(RootPort& port, Function& function);

    /// Identifiers that the requests of a function get; sim::no_id if the maps give none.
    u32 stream_id(u16 requester_id) const { return arch::map_requester(config_.iommu_map, requester_id); }
    u32 device_id(u16 requester_id) const { return arch::map_requester(config_.msi_map, requester_id); }

    /// Configuration space, 1 MiB per bus. All ones where there is no function; accesses that no configuration
    /// request can make are RAZ/WI.
    sim::Target& ecam() { return ecam_; }
    /// Memory of the functions at bus addresses; unsupported where no function claims the address.
    sim::Target& window() { return window_; }

    /// Unloaded latency of a register access, there and back.
    Time unloaded(const RootPort& port, const Function& function) const;

    void answered(DownstreamRequest& request, sim::Status status, Time at) override;
    /// Resets the ports and their links; the functions behind them come first. Register accesses under way end
    /// with a timeout.
    void reset();
    void statistics(sim::StatisticsVisitor& visit);
    const std::string& name() const { return name_; }

private:
    struct Place {
        RootPort* port = nullptr;
        Function* function = nullptr;
    };
    /// One of the two windows.
    class Window final : public sim::Target {
    public:
        Window(RootComplex& owner, RegisterSpace space) : owner_(owner), space_(space) {}
        void receive(sim::Access& access, Time at) override { owner_.receive(access, space_, at); }
        Time perform(sim::Access& access) override { return owner_.functional(access, space_, true); }
        void inspect(sim::Access& access) override { owner_.functional(access, space_, false); }

    private:
        RootComplex& owner_;
        RegisterSpace space_;
    };

    static void arrived(void* complex, void* request);
    void receive(sim::Access& access, RegisterSpace space, Time at);
    Time functional(sim::Access& access, RegisterSpace space, bool effects);
    /// Finds the function; if there is none, or none may see the access, its status and data are set.
    Place route(DownstreamRequest& request) const;

    sim::Simulation& simulation_;
    RootComplexConfig config_;
    std::string name_;
    u64 ecam_base_;
    Window ecam_{*this, RegisterSpace::Configuration};
    Window window_{*this, RegisterSpace::Memory};
    std::vector<std::unique_ptr<RootPort>> ports_;
    std::map<u16, Place> functions_;  ///< by RequesterID

    std::deque<DownstreamRequest> requests_;  ///< storage
    std::vector<DownstreamRequest*> free_requests_;
};

}  // namespace smmusim::pcie::uarch
