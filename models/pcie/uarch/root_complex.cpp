#include "pcie/uarch/root_complex.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "pcie/arch/config_space.hpp"

namespace smmusim::pcie::uarch {

RootComplex::RootComplex(sim::Simulation& simulation, const RootComplexConfig& config, std::string name, u64 ecam_base)
    : simulation_(simulation), config_(config), name_(std::move(name)), ecam_base_(ecam_base) {
    const std::string problem = config_.problem();
    if (!problem.empty()) throw std::invalid_argument(name_ + "." + problem);
}

RootComplex::~RootComplex() {
    for (DownstreamRequest& request : requests_) simulation_.scheduler().cancel(request.token);
}

RootPort& RootComplex::add_port(Link& link, sim::Port& upstream) {
    auto port = std::make_unique<RootPort>(simulation_, config_, fmt::format("{}.port{}", name_, ports_.size()), link,
                                           upstream);
    port->set_owner(*this);
    for (const auto& other : ports_)
        if (&other->upstream() == &upstream) {
            other->share_upstream();
            port->share_upstream();
        }
    return *ports_.emplace_back(std::move(port));
}

void RootComplex::attach(RootPort& port, Function& function) {
    const u16 requester_id = static_cast<u16>(function.global_id());
    if (!functions_.emplace(requester_id, Place{&port, &function}).second)
        throw std::invalid_argument(fmt::format("{}: two functions at RequesterID {:#06x}", name_, requester_id));
    port.attach(function, stream_id(requester_id), device_id(requester_id));
}

RootComplex::Place RootComplex::route(DownstreamRequest& request) const {
    sim::Access& access = *request.access;
    const auto answer = [&](sim::Status status, u8 fill) {
        if (!access.is_write()) std::memset(access.data(), fill, access.size);
        access.status = status;
        return Place{};
    };
    if (request.space == RegisterSpace::Memory) {
        if (access.command != sim::Command::Atomic)
            for (const auto& [requester_id, place] : functions_)
                if (place.function->claims(access.address, access.size)) return place;
        return answer(sim::Status::Unsupported, 0);
    }
    const u64 offset = access.address - ecam_base_;
    request.offset = offset % spec::config_bytes;
    const bool legal = access.command != sim::Command::Atomic && arch::ConfigSpace::legal(request.offset, access.size);
    if (!legal) return answer(sim::Status::Discarded, 0);
    // ECAM: bus [27:20], device [19:15], function [14:12], register [11:0].
    const auto found = functions_.find(static_cast<u16>(offset / spec::config_bytes));
    const bool absent = found == functions_.end() || offset / spec::config_bytes > 0xFFFF;
    return absent ? answer(sim::Status::Ok, 0xFF) : found->second;
}

void RootComplex::receive(sim::Access& access, RegisterSpace space, Time at) {
    if (free_requests_.empty()) free_requests_.push_back(&requests_.emplace_back());
    DownstreamRequest& request = *free_requests_.back();
    free_requests_.pop_back();
    request.space = space;
    request.access = &access;
    request.token = simulation_.scheduler().at(at + config_.request_latency, &RootComplex::arrived, this, &request);
}

void RootComplex::arrived(void* object, void* argument) {
    RootComplex& complex = *static_cast<RootComplex*>(object);
    DownstreamRequest& request = *static_cast<DownstreamRequest*>(argument);
    request.token = {};
    // Decoded when the link is reached, so that a BAR programmed before is seen.
    const Place place = complex.route(request);
    if (place.function != nullptr) place.port->forward(*place.function, request);
    else
        complex.answered(request, request.access->status,
                         complex.simulation_.now() + complex.config_.completion_latency);
}

void RootComplex::answered(DownstreamRequest& request, sim::Status status, Time at) {
    sim::Access& access = *request.access;
    request.access = nullptr;
    free_requests_.push_back(&request);
    access.respond(status, at);
}

Time RootComplex::functional(sim::Access& access, RegisterSpace space, bool effects) {
    DownstreamRequest request;
    request.space = space;
    request.access = &access;
    const Place place = route(request);
    if (place.function == nullptr) return config_.request_latency + config_.completion_latency;
    place.function->perform(request, effects);
    return unloaded(*place.port, *place.function);
}

Time RootComplex::unloaded(const RootPort& port, const Function& function) const {
    return config_.request_latency + port.link().round_trip() + function.access_latency() + config_.completion_latency;
}

void RootComplex::reset() {
    std::vector<DownstreamRequest*> under_way;
    for (DownstreamRequest& request : requests_) {
        if (request.access == nullptr) continue;
        simulation_.scheduler().cancel(request.token);
        request.token = {};
        under_way.push_back(&request);
    }
    for (const auto& port : ports_) port->reset();
    // Only now, when nobody else knows them: an answer may bring the next request.
    for (DownstreamRequest* request : under_way) answered(*request, sim::Status::Timeout, simulation_.now());
}

void RootComplex::statistics(sim::StatisticsVisitor& visit) {
    for (std::size_t index = 0; index < ports_.size(); ++index) {
        visit.enter("port" + std::to_string(index));
        ports_[index]->statistics(visit);
        visit.leave();
    }
}

}  // namespace smmusim::pcie::uarch
