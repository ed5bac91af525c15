#include "sw/kvm/guest_stage1.hpp"

#include "sw/smmu/context.hpp"

namespace smmusim::sw::kvm {

u64 GuestTables::cpu_address(u64 table) const {
    // An address outside the slots is the guest's own mistake: the store meets whatever the host has there, nothing.
    return guest_.physical(table).value_or(~u64{0} << 12);
}

Task<int> GuestStage1::create(cpu::Cpu& cpu) {
    const int error = co_await table_.create(cpu);
    if (error != 0) co_return error;
    const std::optional<u64> context = memory_.allocate(smmu::ContextDescriptor::bytes, smmu::ContextDescriptor::bytes);
    if (!context) co_return -ENOMEM;
    context_ = *context;
    const smmu::ContextDescriptor cd = smmu::stage1_context(table_, asid_, output_code_, false);
    std::vector<u8> image(smmu::ContextDescriptor::bytes);
    cd.store(image.data());
    const sim::Status status = co_await cpu.write_block(memory_.cpu_address(context_), std::move(image));
    co_return sim::succeeded(status) ? 0 : -EFAULT;
}

Task<int> GuestStage1::map(cpu::Cpu& cpu, u64 iova, u64 guest_address, u64 size, u32 prot) {
    const auto turn = co_await lock_.acquire();
    const pgtable::PageTable::Progress progress = co_await table_.map(cpu, iova, guest_address, size, prot);
    co_return progress.error;
}

Task<Result<u64>> GuestStage1::unmap(cpu::Cpu& cpu, u64 iova, u64 size, smmu::SmmuDomain* domain) {
    const auto turn = co_await lock_.acquire();
    const u64 done = co_await table_.unmap(cpu, iova, size);
    if (done != 0 && domain != nullptr) {
        const int error = co_await domain->invalidate_guest(cpu, asid_, iova, done);
        if (error != 0) co_return Error(error);
    }
    co_return done;
}

}  // namespace smmusim::sw::kvm
