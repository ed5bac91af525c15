#include "sim/access.hpp"

namespace smmusim::sim {

void AccessRelease::operator()(Access* access) const {
    access->owned_ = false;
    if (access->under_way()) access->abandon();
    else access->pool_->release(access);
}

AccessPool::~AccessPool() {
    if (cleaner_ == nullptr) return;
    for (const auto& access : all_)
        if (access->foreign != nullptr) cleaner_(access->foreign);
}

AccessPtr AccessPool::make(Command command, u64 address, u32 size) {
    Access* access = nullptr;
    if (free_.empty()) {
        all_.push_back(std::make_unique<Access>());
        access = all_.back().get();
        access->pool_ = this;
    } else {
        access = free_.back();
        free_.pop_back();
    }
    access->command = command;
    access->status = Status::Pending;
    access->address = address;
    access->attributes = {};
    access->operand = access->compare = access->scratch = 0;
    access->acceptance = nullptr;
    access->abandoned_ = false;
    access->owned_ = true;
    access->depth_ = 0;
    access->resize(size);
    return AccessPtr(access);
}

void AccessPool::drop_in_flight() {
    for (const auto& access : all_) {
        if (!access->under_way()) continue;
        access->depth_ = 0;
        if (access->foreign != nullptr) cleaner_(std::exchange(access->foreign, nullptr));
        if (!access->owned_) release(access.get());
    }
}

void AccessPool::release(Access* access) {
    if (access->journey) access->journey.reset();
    free_.push_back(access);
}

}  // namespace smmusim::sim
