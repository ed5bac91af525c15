// A PCIe link: two directions between a root port and the functions of a device.
#pragma once

#include <string>
#include <vector>

#include "pcie/uarch/link_direction.hpp"
#include "sim/access.hpp"

namespace smmusim::pcie::uarch {

enum class RegisterSpace : u8 { Configuration, Memory };

/// A request of the machine to a function: a CPU's access to its registers, or another function's to its memory.
struct DownstreamRequest {
    RegisterSpace space = RegisterSpace::Configuration;
    sim::Access* access = nullptr;
    u64 offset = 0;          ///< in configuration space
    spec::Packet packet;     ///< the last that carried it
    u64 ordered_behind = 0;  ///< upstream writes that its completion pushes
    sim::Scheduler::Token token;

    bool posted() const { return space == RegisterSpace::Memory && access->command == sim::Command::Write; }
};

/// The root complex's end of a link.
class RootSide {
public:
    /// A memory request of a function arrives. The function has pushed itself; reads come back with their last
    /// completion, posted writes when they are visible or dropped, as their observer sees it.
    virtual void request(u32 function, sim::Access& access, Time at) = 0;
    /// The last completion of a non-posted downstream request arrives.
    virtual void completion(DownstreamRequest& request, Time at) = 0;
    /// A posted downstream request has taken effect.
    virtual void performed(DownstreamRequest& request, Time at) = 0;

protected:
    ~RootSide() = default;
};

/// A function at the device's end of a link.
class Function {
public:
    virtual ~Function() = default;
    virtual u32 global_id() const = 0;  ///< segment, bus, device, function
    virtual u32 max_payload() const = 0;
    /// True if a region that is decoded now contains the access.
    virtual bool claims(u64 address, u32 size) const = 0;

    /// Timed: the last packet of a request arrives. Answered through RootSide::completion() or performed().
    virtual void request(DownstreamRequest& request, Time at) = 0;
    /// The same without time; `effects` false only looks, or stores.
    virtual void perform(const DownstreamRequest& request, bool effects) = 0;
    /// From the last byte of a request to the first of its completion.
    virtual Time access_latency() const = 0;
    /// The root complex is reset and has ended all requests: those that have arrived here are not answered any more.
    virtual void forget_requests() = 0;

    /// The root port that it is behind, and its number there.
    virtual void connect(RootSide& root, u32 number) = 0;
};

class Link {
public:
    /// Throws std::invalid_argument for a configuration with a problem().
    Link(sim::Simulation& simulation, const LinkConfig& config, const std::string& name);

    LinkDirection& up() { return up_; }      ///< from the device to the root complex
    LinkDirection& down() { return down_; }  ///< from the root complex to the device
    const LinkConfig& config() const { return config_; }

    /// A function uses payloads up to this; the link's overhead follows the largest.
    void announce_payload(const void* function, u32 bytes);

    /// Least time for a small request and its answer, both ways.
    Time round_trip() const;

    void reset();
    void statistics(sim::StatisticsVisitor& visit);

private:
    struct Payload {
        const void* function;
        u32 bytes;
    };
    LinkConfig config_;
    LinkDirection up_;
    LinkDirection down_;
    std::vector<Payload> payloads_;
    u32 payload_limit_ = 0;
};

}  // namespace smmusim::pcie::uarch
