#include "sim/access.hpp"

namespace smmusim::sim {

AccessPool::~AccessPool() {
    if (cleaner_ == nullptr) return;
    for (const auto& access : all_)
        if (void* const foreign = access->foreign()) cleaner_(foreign);
}

// What happens seldom stands here, out of the way of what every access does.

namespace {
/// Holds an answer for the time that it has in the scratch of the access; has no state.
class Delay final : public Initiator {
public:
    void complete(Access& access, Time at) override { access.respond(at + access.scratch()); }
};
constinit Delay delay;
}  // namespace

void Access::push_delay() {
    const u64 left = scratch();
    scratch() = std::exchange(answer_delay_, 0);
    push(delay);
    scratch() = left;
}

void Access::end_abandoned() {
    if (!has(owned_flag)) pool_->release(*this);
}

void Access::fetch_data() {
    const u8* const buffer = data();
    set(lent_flag, false);
    std::memcpy(data(), buffer, size);
}

void Access::grow(u32 bytes) { large_.resize(bytes); }

AccessPtr AccessPool::grow_and_make(Command command, u64 address, u32 size, const Attributes& attributes) {
    Access& access = *all_.emplace_back(std::make_unique<Access>());
    access.pool_ = this;
    free_ = &access;
    return make(command, address, size, attributes);
}

void AccessPool::drop_in_flight() {
    for (const auto& access : all_) {
        if (!access->under_way()) continue;
        access->depth_ = 0;
        access->answer_delay_ = 0;
        if (void* const foreign = access->foreign()) cleaner_(foreign);
        access->set_foreign(nullptr);
        if (!access->has(Access::owned_flag)) release(*access);
    }
}

}  // namespace smmusim::sim
