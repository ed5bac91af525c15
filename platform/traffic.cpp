#include "platform/traffic.hpp"

namespace smmusim::platform {

const char* TrafficPlan::problem() const {
    if (size == 0) return "an operation needs at least one byte";
    if (window < size) return "the window is smaller than one operation";
    if (base + (window - 1) < base) return "the window ends beyond 64 bits";
    if (count == 0) return "there must be at least one operation";
    if (warmup >= count) return "the warm-up leaves nothing to measure";
    if (outstanding == 0) return "at least one operation must be under way";
    if (command == sim::Command::Atomic) return "operations are reads or writes";
    return nullptr;
}

Traffic::Traffic(sim::Simulation& simulation, const TrafficPlan& plan, Submit submit)
    : simulation_(simulation), plan_(plan), submit_(std::move(submit)), random_(plan.seed) {
    if (const char* const problem = plan.problem()) throw std::invalid_argument(problem);
    if (plan_.stride == 0) plan_.stride = plan_.size;
    places_ = (plan_.window - plan_.size) / plan_.stride + 1;
}

void Traffic::start() {
    measured_from_ = simulation_.now();
    lanes_.resize(std::min(plan_.outstanding, plan_.count));
    const std::weak_ptr<Traffic> self = weak_from_this();
    for (std::size_t index = 0; index < lanes_.size(); ++index) {
        sim::DmaOperation& operation = *(lanes_[index].operation = std::make_shared<sim::DmaOperation>());
        operation.on_done = [self, index](sim::DmaOperation&) {
            if (const std::shared_ptr<Traffic> traffic = self.lock()) traffic->ended(index);
        };
    }
    for (std::size_t index = 0; index < lanes_.size(); ++index) drive(index);
}

void Traffic::prepare(sim::DmaOperation& operation) {
    const u64 place = plan_.order == TrafficPlan::Order::Random ? random_.below(places_) : submitted_ % places_;
    operation.command = plan_.command;
    operation.address = plan_.base + place * plan_.stride;
    operation.size = plan_.size;
    operation.attributes = plan_.attributes;
    operation.status = sim::Status::Pending;
    if (plan_.command == sim::Command::Write) operation.data.resize(plan_.size);
    else operation.data.clear();
    ++submitted_;
}

/// Operations that end at once are followed by the next here, not by recursion.
void Traffic::drive(std::size_t index) {
    Lane& lane = lanes_[index];
    while (submitted_ < plan_.count) {
        prepare(*lane.operation);
        lane.submitting = true;
        submit_(lane.operation);
        lane.submitting = false;
        if (!lane.operation->done()) return;
    }
}

void Traffic::ended(std::size_t index) {
    const sim::DmaOperation& operation = *lanes_[index].operation;
    ++completed_;
    last_ = simulation_.now();
    const bool good = sim::succeeded(operation.status);
    if (!good) ++faults_;
    if (completed_ == plan_.warmup) measured_from_ = last_;
    if (good && completed_ > plan_.warmup) {
        latency_.add(operation.latency());
        bytes_ += operation.size;
    }
    if (!lanes_[index].submitting) drive(index);
    if (done() && on_done) on_done();
}

}  // namespace smmusim::platform
