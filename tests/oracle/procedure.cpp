// The order of steps of a translation: registers, stream table, context descriptor, stages (IHI 0070, 3.11 and 3.4).
#include <fmt/format.h>

#include <algorithm>

#include "oracle/walker.hpp"

namespace smmusim::oracle {

namespace event = support::event;
namespace ste_field = support::ste;

Outcome translate(const Identity& identity, const Registers& registers, const Memory& memory,
                  const Transaction& transaction) {
    return Walker(identity, registers, memory, transaction).run();
}

Outcome Walker::run() {
    try {
        translate();
        outcome_.verdict = Verdict::Translated;
    } catch (const Fault& fault) {
        outcome_.verdict = fault.verdict;
        outcome_.event = fault.event;
        outcome_.recorded = fault.event && fault.recorded;
    }
    return outcome_;
}

void Walker::translate() {
    privileged_ = transaction_.privileged;
    instruction_ = transaction_.instruction && transaction_.kind == support::Kind::Read;  // writes are always Data
    if (!registers_.SMMUEN) return bypass_by_gbpa();

    fetch_ste();
    if (ste(ste_field::V) == 0) fail(event::C_BAD_STE);
    if (ste(ste_field::Config) < ste_field::Bypass) throw Fault{{}, false, Verdict::Abort};  // aborts without a record
    check_ste();
    if (transaction_.substream && !stage1_enabled()) fail_substream(*transaction_.substream);
    override_attributes();  // records carry the attributes after overrides (7.3), bypassing transactions included
    if (ste(ste_field::Config) == ste_field::Bypass) return bypass(transaction_.address);

    if (stage1_enabled() && !stage1_skipped()) {
        fetch_cd();
        check_cd();
        return stage1();
    }
    // Stage 1 does nothing: its input is its output, and must be an intermediate address (IAS = OAS).
    if (!stage2_enabled()) return bypass(transaction_.address);
    if (beyond(transaction_.address, oas())) bypass(transaction_.address);
    const Needs needs{reads() && !instruction_, writes(), instruction_, privileged_};
    const Leaf leaf = stage2(transaction_.address, event::IN, needs);
    outcome_.ipa = transaction_.address;
    outcome_.pa = leaf.output;
    outcome_.stage2_level = leaf.level;
    outcome_.span = leaf.span;
}

void Walker::bypass_by_gbpa() {
    if (registers_.GBPA >> support::gbpa::ABORT.low & 1) throw Fault{{}, false, Verdict::Abort};
    if (beyond(transaction_.address, oas())) throw Fault{{}, false, Verdict::Abort};
    outcome_.pa = transaction_.address;
}

void Walker::bypass(u64 address) {
    // No CD says what to do: always aborts, always recorded.
    if (beyond(address, oas())) throw Fault{access_event(event::F_ADDR_SIZE, false, event::IN), true, Verdict::Abort};
    outcome_.pa = address;
}

u64 Walker::load_pointer(u64 address, ReadKind kind, u64 fetch_fault) {
    outcome_.reads.push_back({kind, 0, address, 8});
    const auto word = beyond(address, oas()) ? std::nullopt : memory_.read(address);
    if (!word) throw Fault{event(fetch_fault).set(event::FetchAddr, address), true, Verdict::Abort};
    return *word;
}

void Walker::load(support::StructureBuilder<8>& structure, u64 address, ReadKind kind, u64 fetch_fault) {
    outcome_.reads.push_back({kind, 0, address, 64});
    for (unsigned index = 0; index < 8; ++index) {
        const auto word = beyond(address, oas()) ? std::nullopt : memory_.read(address + 8 * index);
        if (!word) throw Fault{event(fetch_fault).set(event::FetchAddr, address), true, Verdict::Abort};
        structure.words()[index] = *word;
    }
}

void Walker::fetch_ste() {
    namespace base = support::strtab_base;
    namespace cfg = support::strtab_base_cfg;
    support::StructureBuilder<1> base_register;
    support::StructureBuilder<1> cfg_register;
    base_register.words()[0] = registers_.STRTAB_BASE;
    cfg_register.words()[0] = registers_.STRTAB_BASE_CFG;
    const u64 log2size = cfg_register.get(cfg::LOG2SIZE);
    const u64 address = base_register.get(base::ADDR);
    const u64 stream = transaction_.stream;

    const auto bad_stream = [&] {
        const bool recorded = registers_.CR2 >> support::cr2::RECINVSID.low & 1;
        throw Fault{event(event::C_BAD_STREAMID), recorded, Verdict::Abort};
    };
    if (beyond(stream, static_cast<unsigned>(std::min<u64>(log2size, identity_.SIDSIZE)))) bad_stream();

    if (identity_.ST_LEVEL == 0 || cfg_register.get(cfg::FMT) != 1) {
        const u64 aligned = address & ~((u64{64} << log2size) - 1);
        return load(ste_, aligned + stream * 64, ReadKind::STE, event::F_STE_FETCH);
    }
    u64 split = cfg_register.get(cfg::SPLIT);
    if (split != 8 && split != 10) split = 6;
    const u64 table_bytes = log2size > split ? std::max<u64>(64, u64{8} << (log2size - split)) : 64;
    support::StructureBuilder<1> first;
    first.words()[0] =
        load_pointer((address & ~(table_bytes - 1)) + (stream >> split) * 8, ReadKind::L1STD, event::F_STE_FETCH);
    const u64 span = first.get(support::l1std::Span);
    const u64 within = stream & ((u64{1} << split) - 1);
    if (span == 0 || span > split + 1 || within >= u64{1} << (span - 1)) bad_stream();
    const u64 second = first.get(support::l1std::L2Ptr) & ~((u64{64} << (span - 1)) - 1);
    load(ste_, second + within * 64, ReadKind::STE, event::F_STE_FETCH);
}

void Walker::override_attributes() {
    if (identity_.ATTR_PERMS_OVR == 0) return;
    const u64 privilege = ste(ste_field::PRIVCFG);
    if (privilege >= 0b10) privileged_ = privilege == 0b11;
    const u64 instruction = ste(ste_field::INSTCFG);
    if (instruction >= 0b10 && transaction_.kind == support::Kind::Read) instruction_ = instruction == 0b11;
}

bool Walker::stage1_skipped() const {
    return !transaction_.substream && s1cdmax() != 0 && ste(ste_field::S1DSS) == 0b01;
}

void Walker::fetch_cd() {
    const u64 default_substream = ste(ste_field::S1DSS);
    if (transaction_.substream) {
        if (s1cdmax() == 0 || beyond(*transaction_.substream, static_cast<unsigned>(s1cdmax())))
            fail_substream(*transaction_.substream);
        // CD 0 belongs to the transactions without a substream.
        if (*transaction_.substream == 0 && default_substream == 0b10) fail(event::F_STREAM_DISABLED);
    } else if (s1cdmax() != 0 && default_substream != 0b10) {
        fail(event::F_STREAM_DISABLED);
    }
    const u64 index = transaction_.substream.value_or(0);

    // Nested: what the STE and the first level point to are intermediate addresses.
    const auto physical = [&](u64 address) {
        if (!stage2_enabled()) return address;
        return stage2(address, event::CD, Needs{true, false, false, true}).output;
    };
    const u64 pointer = ste(ste_field::S1ContextPtr);
    const u64 format = ste(ste_field::S1Fmt);
    if (s1cdmax() == 0 || (format != 0b01 && format != 0b10)) {
        const u64 aligned = pointer & ~((u64{64} << s1cdmax()) - 1);
        return load(cd_, physical(aligned + index * 64), ReadKind::CD, event::F_CD_FETCH);
    }
    const u64 split = format == 0b01 ? 6 : 10;
    const u64 table_bytes = s1cdmax() > split ? std::max<u64>(64, u64{8} << (s1cdmax() - split)) : 64;
    support::StructureBuilder<1> first;
    first.words()[0] = load_pointer(physical((pointer & ~(table_bytes - 1)) + (index >> split) * 8), ReadKind::L1CD,
                                    event::F_CD_FETCH);
    const u64 second = first.get(support::l1cd::L2Ptr) & ~((u64{64} << split) - 1);
    if (first.get(support::l1cd::V) == 0 || beyond(second, oas())) fail_substream(static_cast<u32>(index));
    load(cd_, physical(second + (index & ((u64{1} << split) - 1)) * 64), ReadKind::CD, event::F_CD_FETCH);
}

bool Walker::one_privilege() const {
    return ste(ste_field::Config) == ste_field::Stage1 && identity_.Hyp != 0 && ste(ste_field::STRW) == 0b10 &&
           (registers_.CR2 >> support::cr2::E2H.low & 1) == 0;
}

unsigned Walker::offset_bits_of(u64 tg, bool encoded_as_tg1) const {
    for (const auto& [bits, implemented] :
         {std::pair{12u, identity_.GRAN4K}, {14u, identity_.GRAN16K}, {16u, identity_.GRAN64K}})
        if (implemented != 0 && tg == (encoded_as_tg1 ? support::encode_tg1(bits) : support::encode_tg0(bits)))
            return bits;
    return 0;
}

Walker::Event Walker::event(u64 number) const {
    Event record;
    record.set(event::number, number).set(event::StreamID, transaction_.stream);
    if (transaction_.substream && number != event::F_STREAM_DISABLED)
        record.set(event::SSV, 1).set(event::SubstreamID, *transaction_.substream);
    return record;
}

Walker::Event Walker::access_event(u64 number, bool second_stage, Class why) const {
    Event record = event(number);
    record.set(event::PnU, privileged_).set(event::InD, instruction_).set(event::RnW, !writes());
    record.set(event::S2, second_stage).set(event::CLASS, why).set(event::InputAddr, transaction_.address);
    return record;
}

void Walker::fail_substream(u32 index) const {
    Event record = event(event::C_BAD_SUBSTREAMID);
    record.set(event::SSV, 0).set(event::SubstreamID, index);  // always valid here, whether the transaction had one
    throw Fault{record, true, Verdict::Abort};
}

void Walker::fail_stage1(u64 number) const {
    Event record = access_event(number, false, event::IN);
    if (cd(support::cd::S)) throw Fault{record.set(event::Stall, 1), true, Verdict::Stall};
    throw Fault{record, cd(support::cd::R) != 0, cd(support::cd::A) ? Verdict::Abort : Verdict::ReadAsZero};
}

void Walker::fail_stage2(u64 number, Class why, u64 ipa, bool descriptor_read, bool as_read) const {
    Event record = access_event(number, true, why).set(event::IPA, ipa);
    if (as_read) record.set(event::RnW, 1);
    if (number == event::F_PERMISSION && why == event::TTD) record.set(event::TTRnW, descriptor_read);
    if (ste(ste_field::S2S)) throw Fault{record.set(event::Stall, 1), true, Verdict::Stall};
    throw Fault{record, ste(ste_field::S2R) != 0, Verdict::Abort};
}

std::string describe(const Outcome& outcome) {
    constexpr std::array<const char*, 4> verdicts{"translated", "aborted", "read as zero", "stalled"};
    constexpr std::array<const char*, 6> kinds{"L1STD", "STE", "L1CD", "CD", "S1", "S2"};
    std::string text = verdicts[static_cast<std::size_t>(outcome.verdict)];
    if (outcome.verdict == Verdict::Translated) text += fmt::format(" to {:#x}, span {:#x}", outcome.pa, outcome.span);
    if (outcome.ipa) text += fmt::format(", IPA {:#x}", *outcome.ipa);
    if (outcome.event) text += (outcome.recorded ? "; recorded " : "; not recorded ") + describe(*outcome.event);
    for (const Read& read : outcome.reads)
        text += fmt::format("\n  {} level {} at {:#x}, {} bytes", kinds[static_cast<std::size_t>(read.kind)],
                            read.level, read.address, read.size);
    for (const Update& update : outcome.updates)
        text += fmt::format("\n  update at {:#x}: {:#x} -> {:#x}", update.address, update.before, update.after);
    return text;
}

}  // namespace smmusim::oracle
