#include "sw/kvm/guest.hpp"

namespace smmusim::sw::kvm {

Task<int> Guest::add_memory(cpu::Cpu& cpu, u64 guest, u64 host, u64 size) {
    constexpr u32 prot = iommu::IOMMU_READ | iommu::IOMMU_WRITE | iommu::IOMMU_CACHE;
    const int error = co_await container_.map_dma(cpu, guest, host, size, prot);
    if (error == 0) slots_.emplace(guest, Memory{host, size});
    co_return error;
}

Task<int> Guest::remove_memory(cpu::Cpu& cpu, u64 guest, u64 size) {
    const int error = co_await container_.unmap_dma(cpu, guest, size);
    if (error == 0) slots_.erase(guest);
    co_return error;
}

std::optional<u64> Guest::physical(u64 guest) const {
    const auto above = slots_.upper_bound(guest);
    if (above == slots_.begin()) return std::nullopt;
    const auto& [base, memory] = *std::prev(above);
    if (guest - base >= memory.size) return std::nullopt;
    return memory.host + (guest - base);
}

Task<int> Guest::enable_msix(cpu::Cpu& cpu, msi::Source& source, u32 vectors) {
    const int error = co_await services_.msi.alloc_vectors(cpu, source, vectors);
    if (error != 0) co_return error;
    for (const auto& vector : source.vectors)
        vector->handler = [this](cpu::Cpu& on, msi::Vector& fired) { return inject(on, fired); };
    co_return 0;
}

Task<> Guest::inject(cpu::Cpu& cpu, msi::Vector& vector) {
    ++injected_;
    co_await cpu.work(services_.injection_cycles);
    co_await handle(cpu, vector);
}

Task<> Guest::handle(cpu::Cpu& cpu, const msi::Vector& vector) {
    const Handler handler = handler_;
    if (handler) co_await handler(cpu, *vector.source, vector.index);
}

}  // namespace smmusim::sw::kvm
