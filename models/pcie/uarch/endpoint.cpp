#include "pcie/uarch/endpoint.hpp"

#include <fmt/format.h>

#include <cassert>
#include <stdexcept>

#include "pcie/arch/cutting.hpp"
#include "sim/trace.hpp"

namespace smmusim::pcie::uarch {

namespace {

const EndpointConfig& checked(const EndpointConfig& config, const LinkConfig& link) {
    std::string problem = config.problem();
    if (problem.empty()) {
        problem = link.root_credits.problem(config.function.mps);
        if (!problem.empty()) problem = "root_credits." + problem;
    }
    if (problem.empty()) {
        problem = link.device_credits.problem(config.function.mps);
        if (!problem.empty()) problem = "device_credits." + problem;
    }
    if (!problem.empty()) throw std::invalid_argument(fmt::format("endpoint {}: {}", config.bdf, problem));
    return config;
}

}  // namespace

Endpoint::Endpoint(sim::Simulation& simulation, const EndpointConfig& config, Link& link)
    : simulation_(simulation),
      config_(checked(config, link.config())),
      address_(*arch::FunctionAddress::parse(config_.bdf)),
      path_("endpoint." + address_.name()),
      link_(link),
      state_(config_.function, {link.config().generation, link.config().width}),
      messages_(config_.journeys_kept),
      engine_(simulation, config_, path_, state_, link, messages_) {
    link_.announce_payload(this, state_.max_payload());
}

void Endpoint::connect(RootSide& root, u32 number) {
    root_ = &root;
    engine_.connect(root, number);
}

void Endpoint::submit(const sim::DmaHandle& operation) {
    if (const char* const reason = problem(*operation)) throw std::invalid_argument(path_ + ": " + reason);
    engine_.submit(operation);
}

arch::Raised Endpoint::raise(u32 vector) {
    if (vector >= state_.vectors())
        throw std::invalid_argument(
            fmt::format("{}: vector {} of a function with {} vectors", path_, vector, state_.vectors()));
    arch::Message message;
    const arch::Raised raised = state_.raise(vector, message);
    switch (raised) {
        case arch::Raised::Message: send_message(message); break;
        case arch::Raised::Pending: messages_.count_masked(); break;
        case arch::Raised::Disabled: messages_.count_suppressed(); break;
    }
    return raised;
}

void Endpoint::send_message(const arch::Message& message) {
    // A message is a memory request: bus mastering off forbids it too.
    if (state_.bus_master()) engine_.send(message);
    else messages_.count_suppressed();
}

void Endpoint::send_deliverable() {
    while (const auto message = state_.take_deliverable()) engine_.send(*message);
}

void Endpoint::config_write(u32 offset, u32 size, u32 value) {
    if (state_.config_write(offset, size, value) == arch::FunctionState::ConfigEffect::FunctionReset) {
        state_.function_level_reset();
        restart();
    } else {
        link_.announce_payload(this, state_.max_payload());
        engine_.configuration_changed();
        send_deliverable();
    }
    send_completions();  // what they waited for may have been dropped
}

void Endpoint::reset() {
    state_.reset();
    restart();
}

void Endpoint::restart() {
    link_.announce_payload(this, state_.max_payload());
    engine_.reset();
}

// Requests of the machine

Time Endpoint::access_latency() const {
    return config_.receive_latency + config_.register_latency + config_.transmit_latency;
}

void Endpoint::request(DownstreamRequest& request, Time at) {
    request.token = simulation_.scheduler().at(at + config_.receive_latency + config_.register_latency,
                                               &Endpoint::request_arrived, this, &request);
}

void Endpoint::forget_requests() {
    answers_.clear();
    stop_waiting();
}

void Endpoint::request_arrived(void* object, void* argument) {
    Endpoint& endpoint = *static_cast<Endpoint*>(object);
    DownstreamRequest& request = *static_cast<DownstreamRequest*>(argument);
    request.token = {};
    const Time now = endpoint.simulation_.now();
    endpoint.link_.down().give_back(request.packet, now);
    endpoint.trace_access(request);
    endpoint.perform(request, true);
    if (request.posted()) {
        endpoint.root_->performed(request, now);
        return;
    }
    const bool data = !request.access->is_write() && sim::succeeded(request.access->status);
    endpoint.answers_.push_back(
        {&request, request.access->address, data ? request.access->size : 0, endpoint.engine_.posted_queued()});
    endpoint.send_completions();
}

void Endpoint::perform(const DownstreamRequest& request, bool effects) {
    sim::Access& access = *request.access;
    if (request.space == RegisterSpace::Configuration) {
        const u32 offset = static_cast<u32>(request.offset);
        access.status = sim::Status::Ok;
        if (!access.is_write()) access.set_value(state_.config_read(offset, access.size));
        else if (effects) config_write(offset, access.size, static_cast<u32>(access.value()));
        else access.status = sim::Status::Discarded;  // there is no storage without an effect here
        return;
    }
    // The BAR may have been reprogrammed while the request was under way.
    const auto region = state_.decode(access.address, access.size);
    access.status = region ? state_.access_region(*region, access) : sim::Status::Unsupported;
    if (effects && access.is_write()) send_deliverable();
}

void Endpoint::send_completions() {
    while (!answers_.empty()) {
        Answer& answer = answers_.front();
        // Table of ordering rules: a completion does not pass an earlier posted request.
        if (engine_.posted_sent() < answer.behind) {
            engine_.wait_for_posted(*this);
            return;
        }
        // A function's completions end at multiples of its MPS, which are multiples of its RCB of 128 bytes.
        const u32 piece =
            answer.remaining == 0 ? 0 : arch::first_completion(answer.address, answer.remaining, state_.max_payload());
        const spec::Packet packet = piece == 0 ? spec::completion() : spec::completion_with_data(answer.address, piece);
        if (!link_.up().affordable(packet)) {
            link_.up().wait_for_credits(*this);
            return;
        }
        // The wire keeps the order of what was handed to it before: a completion pushes the writes ahead of it.
        const LinkDirection::Sent sent = link_.up().send(packet, simulation_.now() + config_.transmit_latency);
        link_.up().give_back(packet, sent.arrival);
        answer.address += piece;
        answer.remaining -= piece;
        if (answer.remaining != 0) continue;
        DownstreamRequest& request = *answer.request;
        answers_.pop_front();
        root_->completion(request, sent.arrival);
    }
}

void Endpoint::trace_access(const DownstreamRequest& request) const {
    sim::Trace* const trace = simulation_.trace();
    if (trace == nullptr || !trace->wants(sim::Trace::Kind::Mmio)) return;
    const sim::Access& access = *request.access;
    const bool configuration = request.space == RegisterSpace::Configuration;
    std::string text =
        fmt::format("{} {} {:#x} +{}", configuration ? "config" : "memory", access.is_write() ? "write" : "read",
                    configuration ? request.offset : access.address, access.size);
    if (access.is_write() && access.size <= 8) text += fmt::format(" <- {:#x}", access.value());
    trace->line(sim::Trace::Kind::Mmio, simulation_.now(), path_, text);
}

void Endpoint::statistics(sim::StatisticsVisitor& visit) {
    engine_.statistics(visit);
    messages_.statistics(visit);
}

}  // namespace smmusim::pcie::uarch
