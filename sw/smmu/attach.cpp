// Domains of the SMMUv3 driver and the streams that use them: STE, CD, ASID, VMID.
#include "sw/smmu/context.hpp"
#include "sw/smmu/driver.hpp"

namespace smmusim::sw::smmu {

using Operation = Command::Operation;

namespace {

using Form = SmmuDomain::Form;

constexpr u64 inner_shareable = 3, write_back = 1;

/// The lowest number from 1 that is not in use, or -ENOSPC.
Result<u32> take_number(std::set<u32>& used, bool sixteen_bits) {
    const u32 limit = sixteen_bits ? 0xFFFF : 0xFF;
    for (u32 number = 1; number <= limit; ++number)
        if (used.insert(number).second) return number;
    return Error(-ENOSPC);
}

/// STE.S2SL0: counts up from the level before last (IHI 0070, 5.2; DDI 0487, D8.2.2).
u64 start_level_code(const pgtable::Geometry& geometry) {
    const unsigned last_code_level = geometry.granule_bits == 12 ? 2 : 3;
    return last_code_level - geometry.start_level();
}

}  // namespace

/// After a change of a stream's STE or CD.
class SmmuDriver::StreamSync final : public EntrySync {
public:
    StreamSync(CommandQueue& queue, Operation operation, u32 stream)
        : queue_(queue), operation_(operation), stream_(stream) {}
    Task<int> sync(cpu::Cpu& cpu) override {
        Command command(operation_);
        command.set(Command::StreamID, stream_);
        command.set(Command::Leaf, true);
        std::vector<Command> commands{command};
        const int error = co_await queue_.issue(cpu, std::move(commands), true);
        co_return error;
    }

private:
    CommandQueue& queue_;
    Operation operation_;
    u32 stream_;
};

pgtable::Geometry SmmuDriver::geometry(pgtable::Stage stage) const {
    pgtable::Geometry shape;
    shape.stage = stage;
    shape.granule_bits = features_.granule_bits;
    shape.output_bits = features_.output_bits;
    // Stage 1 translates 48 bits always; a stage 2 input larger than the IPA size (OAS without LPAE) is ILLEGAL.
    shape.input_bits = stage == pgtable::Stage::One ? 48 : features_.output_bits;
    shape.blocks = config_.block_mappings;
    return shape;
}

Task<Result<std::unique_ptr<iommu::Domain>>> SmmuDriver::make_domain(cpu::Cpu& cpu, iommu::DomainRequest request) {
    using iommu::DomainType;
    using Stage = iommu::DomainRequest::Stage;
    Form form = Form::Bypass;
    if (request.type == DomainType::Nested) form = Form::Nested;
    else if (request.type == DomainType::Unmanaged)
        form = request.stage == Stage::Two || (request.stage == Stage::Any && !features_.stage1) ? Form::Stage2
                                                                                                 : Form::Stage1;
    if (form == Form::Stage1 && !features_.stage1) co_return Error(-EINVAL);
    if (form == Form::Stage2 && !features_.stage2) co_return Error(-EINVAL);
    const std::string domain_name = name_ + ".domain" + std::to_string(domains_made_++);
    auto domain = std::make_unique<SmmuDomain>(simulation_, domain_name, request.type, form, statistics_,
                                               static_cast<Invalidator&>(*this));
    if (form == Form::Nested) {
        auto* parent = dynamic_cast<SmmuDomain*>(request.parent);
        if (parent == nullptr || parent->form() != Form::Stage2 || !features_.stage1) co_return Error(-EINVAL);
        domain->nest(*parent, request);
    } else if (form != Form::Bypass) {
        const bool stage1 = form == Form::Stage1;
        std::set<u32>& used = stage1 ? asids_ : vmids_;
        const Result<u32> tag = take_number(used, stage1 ? features_.asid16 : features_.vmid16);
        if (!tag) co_return Error(tag.error());
        const pgtable::Geometry shape = geometry(stage1 ? pgtable::Stage::One : pgtable::Stage::Two);
        const int error = co_await domain->prepare(cpu, *tag, shape, tables_);
        if (error != 0) {
            used.erase(*tag);
            co_return Error(error);
        }
    }
    co_return std::unique_ptr<iommu::Domain>(std::move(domain));
}

Task<> SmmuDriver::retire_domain(cpu::Cpu& cpu, iommu::Domain& domain) {
    auto& own = static_cast<SmmuDomain&>(domain);
    // The tag may be given to another domain: nothing that carries it may remain.
    co_await own.invalidate_all(cpu);
    if (own.form() == Form::Stage1) asids_.erase(own.tag());
    if (own.form() == Form::Stage2) vmids_.erase(own.tag());
}

Task<int> SmmuDriver::attach(cpu::Cpu& cpu, iommu::Device& device, iommu::Domain& domain) {
    auto* own = dynamic_cast<SmmuDomain*>(&domain);
    if (own == nullptr || !own->belongs_to(*this)) co_return -EINVAL;
    for (const u32 stream : device.streams) {
        const Result<u64> entry = co_await streams_.entry(cpu, stream);
        if (!entry) co_return entry.error();
        u64 context = 0;
        if (own->form() == Form::Stage1) {
            // The CD is in place before an STE leads to it.
            const Result<u64> written = co_await write_context(cpu, stream, *own);
            if (!written) co_return written.error();
            context = *written;
        } else if (own->form() == Form::Nested) {
            context = own->request().context_pointer;
        }
        const Ste ste = stream_entry(*own, context);
        StreamSync sync(commands_, Operation::CFGI_STE, stream);
        int error = co_await write_entry(cpu, *entry, ste.words, &Ste::used, sync);
        if (error == 0 && own->form() == Form::Nested) {
            // The guest's CD is another one now, whatever was cached for this stream.
            StreamSync context_sync(commands_, Operation::CFGI_CD, stream);
            error = co_await context_sync.sync(cpu);
        }
        if (error != 0) co_return error;
    }
    co_return 0;
}

Task<Result<u64>> SmmuDriver::write_context(cpu::Cpu& cpu, u32 stream, const SmmuDomain& domain) {
    auto context = contexts_.find(stream);
    if (context == contexts_.end()) {
        const std::optional<u64> memory = pool_.allocate(ContextDescriptor::bytes, ContextDescriptor::bytes);
        if (!memory) co_return Error(-ENOMEM);
        context = contexts_.emplace(stream, *memory).first;
        const sim::Status status = co_await cpu.zero_block(*memory, ContextDescriptor::bytes);
        if (!sim::succeeded(status)) co_return Error(-EFAULT);
    }
    const u64 address = context->second;
    const ContextDescriptor cd =
        stage1_context(*domain.table(), domain.tag(), features_.output_code, features_.stall_forced);
    StreamSync sync(commands_, Operation::CFGI_CD, stream);
    const int error = co_await write_entry(cpu, address, cd.words, &ContextDescriptor::used, sync);
    if (error != 0) co_return Error(error);
    co_return address;
}

Ste SmmuDriver::stream_entry(const SmmuDomain& domain, u64 context) const {
    using Configuration = Ste::Configuration;
    Ste ste;
    ste.set(Ste::V, true);
    constexpr u64 incoming_shareability = 1;
    constexpr u64 substream0_is_context0 = 2;
    const auto describe_stage1 = [&] {
        ste.set(Ste::S1ContextPtr, context);
        ste.set(Ste::S1DSS, substream0_is_context0);
        ste.set(Ste::S1CIR, write_back), ste.set(Ste::S1COR, write_back), ste.set(Ste::S1CSH, inner_shareable);
        // Faults are terminated. S1STALLD=1 is ILLEGAL where stalling is absent or forced (5.2).
        ste.set(Ste::S1STALLD, features_.stalls);
    };
    switch (domain.form()) {
        case Form::Bypass:
            ste.set(Ste::Config, Configuration::Bypass);
            ste.set(Ste::SHCFG, incoming_shareability);
            break;
        case Form::Stage1:
            ste.set(Ste::Config, Configuration::Stage1);
            describe_stage1();
            break;
        case Form::Stage2:
            ste.set(Ste::Config, Configuration::Stage2);
            describe_stage2(ste, domain);
            break;
        case Form::Nested:
            ste.set(Ste::Config, Configuration::Nested);
            describe_stage1();
            ste.set(Ste::S1CDMax, domain.request().context_log2);
            ste.set(Ste::S1Fmt, domain.request().context_format);
            describe_stage2(ste, *domain.parent());
            break;
    }
    return ste;
}

void SmmuDriver::describe_stage2(Ste& ste, const SmmuDomain& domain) const {
    const pgtable::PageTable& table = *domain.table();
    const pgtable::Geometry& shape = table.geometry();
    ste.set(Ste::S2VMID, domain.tag());
    ste.set(Ste::S2T0SZ, 64 - shape.input_bits);
    ste.set(Ste::S2SL0, start_level_code(shape));
    ste.set(Ste::S2IR0, write_back), ste.set(Ste::S2OR0, write_back), ste.set(Ste::S2SH0, inner_shareable);
    ste.set(Ste::S2TG, granule_code(shape.granule_bits));
    ste.set(Ste::S2PS, features_.output_code);
    ste.set(Ste::S2AA64, true);
    ste.set(Ste::S2PTW, true);
    ste.set(Ste::S2S, features_.stall_forced);  // S2S=0 is ILLEGAL then (5.2)
    ste.set(Ste::S2R, true);
    ste.set(Ste::S2TTB, table.root());
}

}  // namespace smmusim::sw::smmu
