#include "sim/access.hpp"

namespace smmusim::sim {

AccessPool::~AccessPool() {
    if (cleaner_ == nullptr) return;
    for (const auto& access : all_)
        if (access->foreign != nullptr) cleaner_(access->foreign);
}

void AccessPool::grow() {
    all_.push_back(std::make_unique<Access>());
    all_.back()->pool_ = this;
    free_.push_back(all_.back().get());
}

void AccessPool::drop_in_flight() {
    for (const auto& access : all_) {
        if (!access->under_way()) continue;
        access->depth_ = 0;
        if (access->foreign != nullptr) cleaner_(std::exchange(access->foreign, nullptr));
        if (!access->owned_) release(access.get());
    }
}

}  // namespace smmusim::sim
