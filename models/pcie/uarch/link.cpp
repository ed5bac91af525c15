#include "pcie/uarch/link.hpp"

#include <algorithm>
#include <stdexcept>

namespace smmusim::pcie::uarch {

namespace {
const LinkConfig& checked(const LinkConfig& config, const std::string& name) {
    const std::string problem = config.problem();
    if (!problem.empty()) throw std::invalid_argument(name + "." + problem);
    return config;
}
}  // namespace

Link::Link(sim::Simulation& simulation, const LinkConfig& config, const std::string& name)
    : config_(checked(config, name)),
      up_(simulation, name + ".up", config_, config_.root_credits),
      down_(simulation, name + ".down", config_, config_.device_credits) {}

void Link::announce_payload(const void* function, u32 bytes) {
    const auto known = std::find_if(payloads_.begin(), payloads_.end(),
                                    [&](const Payload& payload) { return payload.function == function; });
    if (known == payloads_.end()) payloads_.push_back({function, bytes});
    else known->bytes = bytes;
    u32 largest = 0;
    for (const Payload& payload : payloads_) largest = std::max(largest, payload.bytes);
    if (largest == payload_limit_) return;
    payload_limit_ = largest;
    up_.set_payload_limit(largest);
    down_.set_payload_limit(largest);
}

Time Link::round_trip() const {
    const u32 framing = spec::generation(config_.generation).framing_bytes();
    const spec::ByteTime byte_time = spec::byte_time(config_.generation, config_.width, 128);
    return 2 * config_.propagation + byte_time.bytes(2 * (framing + 16));
}

void Link::reset() {
    up_.reset();
    down_.reset();
}

void Link::statistics(sim::StatisticsVisitor& visit) {
    visit.enter("up");
    up_.statistics(visit);
    visit.leave();
    visit.enter("down");
    down_.statistics(visit);
    visit.leave();
}

}  // namespace smmusim::pcie::uarch
