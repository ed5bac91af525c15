#include "sw/msi/msi_domain.hpp"

#include <algorithm>

namespace smmusim::sw::msi {

Vector* MsiDomain::vector(const Source& source, u32 index) const {
    return index < source.vectors.size() ? source.vectors[index].get() : nullptr;
}

Source* MsiDomain::source_of(const iommu::Device& device) const {
    const auto found = sources_.find(&device);
    return found == sources_.end() ? nullptr : found->second;
}

u32 MsiDomain::least_loaded() const {
    return static_cast<u32>(std::min_element(load_.begin(), load_.end()) - load_.begin());
}

Task<int> MsiDomain::alloc_vectors(cpu::Cpu& cpu, Source& source, u32 count) {
    if (source.controller == nullptr || source.table == nullptr) co_return -ENODEV;
    const auto turn = co_await lock_.acquire();
    if (count == 0 || !source.vectors.empty()) co_return -EINVAL;
    if (count > source.table->capacity()) co_return -ENOSPC;
    std::vector<Vector*> wanted;
    for (u32 index = 0; index < count; ++index) {
        Vector& vector = *source.vectors.emplace_back(std::make_unique<Vector>());
        vector.source = &source;
        vector.index = index;
        vector.cpu = least_loaded();
        ++load_[vector.cpu];
        wanted.push_back(&vector);
    }
    // Order of 1.6 of the facts: parent first, then all mappings, because only allocation may sleep.
    int error = co_await source.controller->allocate(cpu, source, wanted);
    if (error != 0) {
        for (const Vector* vector : wanted) --load_[vector->cpu];
        source.vectors.clear();
        co_return error;
    }
    error = co_await source.table->enable(cpu);
    for (std::size_t next = 0; next < wanted.size() && error == 0; ++next)
        error = co_await policy_.prepare(cpu, *wanted[next]);
    for (std::size_t next = 0; next < wanted.size() && error == 0; ++next) error = co_await start(cpu, *wanted[next]);
    if (error != 0)
        for (u32 index = 0; index < count; ++index) co_await drop(cpu, source, index);
    co_return error;
}

Task<int> MsiDomain::start(cpu::Cpu& cpu, Vector& vector) {
    for (const u32 intid : vector.source->controller->intids(vector))
        interrupts_.add(intid, [this, &vector](cpu::Cpu& on, u32) { return handle(on, vector); });
    const int error = co_await vector.source->controller->activate(cpu, vector);
    vector.active = true;
    if (error != 0) co_return error;
    const int written = co_await write_message(cpu, vector);
    co_return written;
}

Task<int> MsiDomain::write_message(cpu::Cpu& cpu, Vector& vector) {
    MessageTable& table = *vector.source->table;
    Message message = vector.source->controller->compose(vector);
    int error = policy_.compose(vector, message);
    // A doorbell out of reach leaves the vector masked and without an address: it sends nothing anywhere.
    if (error != 0) message = Message();
    const int masked = co_await table.set_masked(cpu, vector.index, true);
    const int written = co_await table.write_message(cpu, vector.index, message);
    vector.message = message;
    int unmasked = 0;
    if (error == 0) unmasked = co_await table.set_masked(cpu, vector.index, false);
    for (const int step : {masked, written, unmasked})
        if (error == 0) error = step;
    co_return error;
}

Task<> MsiDomain::stop(cpu::Cpu& cpu, Vector& vector) {
    MessageTable& table = *vector.source->table;
    co_await table.set_masked(cpu, vector.index, true);
    co_await vector.source->controller->deactivate(cpu, vector);
    co_await table.write_message(cpu, vector.index, Message());
    vector.active = false;
    // No handler starts from here on; one that runs ends first.
    for (const u32 intid : vector.source->controller->intids(vector)) interrupts_.remove(intid);
    while (running_.contains(&vector)) co_await idle_.wait();
}

Task<> MsiDomain::handle(cpu::Cpu& cpu, Vector& vector) {
    struct Running {
        MsiDomain& domain;
        const Vector* vector;
        Running(MsiDomain& owner, const Vector* which) : domain(owner), vector(which) { ++domain.running_[vector]; }
        ~Running() {
            if (--domain.running_[vector] != 0) return;
            domain.running_.erase(vector);
            domain.idle_.notify_all();
        }
    } running(*this, &vector);
    ++vector.fired;
    const Vector::Handler handler = vector.handler;
    if (handler) co_await handler(cpu, vector);
}

Task<> MsiDomain::drop(cpu::Cpu& cpu, Source& source, u32 index) {
    Vector& vector = *source.vectors[index];
    if (vector.active) co_await stop(cpu, vector);
    co_await policy_.release(cpu, vector);
    co_await source.controller->release(cpu, vector);
    withdraw(vector);
    --load_[vector.cpu];
    source.vectors[index] = nullptr;
    const bool last =
        std::all_of(source.vectors.begin(), source.vectors.end(), [](const auto& other) { return other == nullptr; });
    if (!last) co_return;
    source.vectors.clear();
    co_await source.table->disable(cpu);
}

Task<int> MsiDomain::free_vector(cpu::Cpu& cpu, Source& source, u32 index) {
    const auto turn = co_await lock_.acquire();
    if (vector(source, index) == nullptr) co_return -EINVAL;
    co_await drop(cpu, source, index);
    co_return 0;
}

Task<int> MsiDomain::free_vectors(cpu::Cpu& cpu, Source& source) {
    const auto turn = co_await lock_.acquire();
    const u32 count = static_cast<u32>(source.vectors.size());
    for (u32 index = 0; index < count; ++index)
        if (vector(source, index) != nullptr) co_await drop(cpu, source, index);
    co_return 0;
}

Task<int> MsiDomain::set_affinity(cpu::Cpu& cpu, Source& source, u32 index, u32 target) {
    const auto turn = co_await lock_.acquire();
    Vector* const chosen = vector(source, index);
    if (chosen == nullptr || target >= load_.size()) co_return -EINVAL;
    const u32 before = chosen->cpu;
    const Result<Controller::Moved> moved = co_await source.controller->set_affinity(cpu, *chosen, target);
    if (!moved) co_return moved.error();
    --load_[before];
    ++load_[chosen->cpu];
    if (*moved == Controller::Moved::Done) co_return 0;
    // Every doorbell was mapped when the vector was allocated: this only looks up.
    const int error = co_await write_message(cpu, *chosen);
    co_return error;
}

Task<int> MsiDomain::set_vcpu_affinity(cpu::Cpu& cpu, Source& source, u32 index, std::optional<VirtualRoute> route) {
    const auto turn = co_await lock_.acquire();
    Vector* const chosen = vector(source, index);
    if (chosen == nullptr || !chosen->active) co_return -EINVAL;
    const int error = co_await source.controller->set_vcpu_affinity(cpu, *chosen, route);
    if (error == 0 && !route) withdraw(*chosen);
    co_return error;
}

/// Whoever had it forwarded forgets it.
void MsiDomain::withdraw(Vector& vector) {
    if (const auto tell = std::exchange(vector.withdrawn, nullptr)) tell(vector);
}

Task<int> MsiDomain::on_attach(cpu::Cpu& cpu, iommu::Device& device, iommu::Domain& domain) {
    Source* const source = source_of(device);
    if (source == nullptr) co_return 0;
    const int error = co_await policy_.on_attach(cpu, *source, domain);
    co_return error;
}

Task<int> MsiDomain::on_replace(cpu::Cpu& cpu, iommu::Device& device, iommu::Domain& before, iommu::Domain& after) {
    Source* const source = source_of(device);
    if (source == nullptr) co_return 0;
    const auto turn = co_await lock_.acquire();
    // A new domain without a window is no reason to refuse the device: its messages wait, masked.
    co_await policy_.on_replace(cpu, *source, before, after);
    for (const auto& live : source->vectors)
        if (live != nullptr && live->active) co_await write_message(cpu, *live);
    co_return 0;
}

Task<> MsiDomain::on_domain_free(cpu::Cpu& cpu, iommu::Domain& domain) { co_await policy_.on_domain_free(cpu, domain); }

}  // namespace smmusim::sw::msi
