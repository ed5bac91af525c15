// A PCIe endpoint function: configuration space and BARs on one side, DMA and message-signalled interrupts on the
// other.
#pragma once

#include <deque>
#include <string>

#include "pcie/arch/function.hpp"
#include "pcie/arch/requester_id.hpp"
#include "pcie/uarch/dma_engine.hpp"
#include "pcie/uarch/link.hpp"
#include "pcie/uarch/message_log.hpp"

namespace smmusim::pcie::uarch {

/// Lives and dies with its link and the root port that it is attached to.
class Endpoint final : public Function, public Sender {
public:
    /// Throws std::invalid_argument for a configuration with a problem(), or that the link cannot carry.
    Endpoint(sim::Simulation& simulation, const EndpointConfig& config, Link& link);

    // What a test, a scenario or a notebook does with it; without time unless said otherwise.

    /// Why an operation cannot be submitted; null if it can.
    static const char* problem(const sim::DmaOperation& operation) { return DmaEngine::problem(operation); }
    /// Queues an operation; returns at once. With bus mastering off it ends at once, unsupported, nothing sent.
    /// Throws std::invalid_argument for an operation with a problem().
    void submit(const sim::DmaHandle& operation);
    /// Raises an interrupt cause through the MSI-X or MSI state of the configuration space. Throws
    /// std::invalid_argument for a vector that the function does not have.
    arch::Raised raise(u32 vector);

    u32 config_read(u32 offset, u32 size) const { return state_.config_read(offset, size); }
    void config_write(u32 offset, u32 size, u32 value);

    /// Reset of the machine: registers as at power-on, operations end with a timeout. Register requests are the root
    /// complex's to end. (A function level reset, which software asks for, answers them, its own among them.)
    void reset();

    const arch::FunctionAddress& address() const { return address_; }
    const EndpointConfig& config() const { return config_; }
    const arch::FunctionState& state() const { return state_; }
    MessageLog& messages() { return messages_; }
    const std::string& path() const { return path_; }  ///< "endpoint.00_01_0"
    void statistics(sim::StatisticsVisitor& visit);

    // Function
    u32 global_id() const override { return address_.global_id(); }
    u32 max_payload() const override { return state_.max_payload(); }
    bool claims(u64 address, u32 size) const override { return state_.decode(address, size).has_value(); }
    void request(DownstreamRequest& request, Time at) override;
    void perform(const DownstreamRequest& request, bool effects) override;
    Time access_latency() const override;
    void forget_requests() override;
    void connect(RootSide& root, u32 number) override;

    void link_ready() override { send_completions(); }

private:
    /// The rest of an answer to a register access.
    struct Answer {
        DownstreamRequest* request;
        u64 address;
        u64 remaining;
        u64 behind;  ///< posted requests of this function that were queued before it
    };

    void restart();
    static void request_arrived(void* endpoint, void* request);
    void send_completions();
    void send_message(const arch::Message& message);
    void send_deliverable();
    void trace_access(const DownstreamRequest& request) const;

    sim::Simulation& simulation_;
    EndpointConfig config_;
    arch::FunctionAddress address_;
    std::string path_;
    Link& link_;
    arch::FunctionState state_;
    MessageLog messages_;
    DmaEngine engine_;
    RootSide* root_ = nullptr;
    std::deque<Answer> answers_;
};

}  // namespace smmusim::pcie::uarch
