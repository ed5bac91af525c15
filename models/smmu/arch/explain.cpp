#include "smmu/arch/explain.hpp"

#include <fmt/format.h>

#include <span>
#include <string_view>

namespace smmusim::smmu::arch {

using spec::Cd;
using spec::Event;
using spec::Ste;
using Entry = Explanation::Entry;
using Field = Explanation::Field;

namespace {

template <class Record>
void add(std::vector<Field>& fields, const Record& record, const sim::NamedField& field) {
    fields.push_back({field.name, record.value(field)});
}

std::string size_text(unsigned span) {
    constexpr std::array units{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (span >= 64) return "everything";
    return fmt::format("{} {}", u64{1} << (span % 10), units[span / 10]);
}

std::string letters(u8 permissions) {
    return fmt::format("{}{}{}", (permissions & Permissions::read) != 0 ? 'r' : '-',
                       (permissions & Permissions::write) != 0 ? 'w' : '-',
                       (permissions & Permissions::execute) != 0 ? 'x' : '-');
}

std::string permissions_text(Permissions permissions) {
    return fmt::format("privileged {}, unprivileged {}", letters(permissions.privileged),
                       letters(permissions.unprivileged));
}

std::string leaf_text(int level, bool contiguous, unsigned span, u64 output, const char* space,
                      Permissions permissions) {
    const char* const what = contiguous ? "part of a contiguous range" : level == 3 ? "page" : "block";
    return fmt::format("{} of {} at {} {:#x}; {}", what, size_text(span), space, output & ~sim::low_mask(span),
                       permissions_text(permissions));
}

std::string memory_text(const sim::MemoryAttributes& memory) {
    constexpr std::array types{"Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE", "Normal"};
    constexpr std::array cacheabilities{"NC", "WT", "WB"};
    constexpr std::array shareabilities{"NSH", "ISH", "OSH"};
    const char* const type = types[static_cast<u8>(memory.type)];
    if (memory.is_device()) return type;
    return fmt::format("{} i{} o{} {}{}{}{}", type, cacheabilities[static_cast<u8>(memory.inner)],
                       cacheabilities[static_cast<u8>(memory.outer)],
                       shareabilities[static_cast<u8>(memory.shareability)], memory.read_allocate ? " RA" : "",
                       memory.write_allocate ? " WA" : "", memory.transient ? " transient" : "");
}

/// Where the manual states the rules whose breach this event reports.
const char* section_of(spec::EventNumber number) {
    using enum spec::EventNumber;
    switch (number) {
        case C_BAD_STREAMID:
        case F_STE_FETCH: return "IHI 0070, 3.3.1";
        case C_BAD_STE: return "IHI 0070, 5.2.2";
        case F_CD_FETCH: return "IHI 0070, 3.3.2";
        case C_BAD_CD: return "IHI 0070, 5.4.1";
        case C_BAD_SUBSTREAMID: return "IHI 0070, 3.9 and 5.3";
        case F_STREAM_DISABLED: return "IHI 0070, 5.2, S1DSS";
        case F_UUT:
        case F_BAD_ATS_TREQ:
        case F_TRANSL_FORBIDDEN: return "IHI 0070, 3.9.1";
        case F_WALK_EABT: return "IHI 0070, 7.3.12";
        case F_ACCESS: return "IHI 0070, 3.12";
        case F_TRANSLATION:
        case F_ADDR_SIZE: return "IHI 0070, 3.4; DDI 0487, D8.2 and D8.3";
        case F_PERMISSION: return "IHI 0070, 3.4; DDI 0487, D8.4";
        case F_TLB_CONFLICT:
        case F_CFG_CONFLICT:
        case E_PAGE_REQUEST:
        case F_VMS_FETCH: break;
    }
    return "";
}

/// Turns the steps of one access into entries.
class Narrator {
public:
    /// `illegal`: the structure whose read decided is ILLEGAL.
    Narrator(const Control& control, bool illegal) : control_(control), illegal_(illegal) {}

    Entry registers() const {
        Entry entry;
        entry.kind = "registers";
        std::vector<Field>& fields = entry.fields;
        const auto add_register = [&](const char* name, const auto& value, const auto& table) {
            for (const sim::NamedField& field : table)
                fields.push_back({fmt::format("{}.{}", name, field.name), value.value(field)});
        };
        fields.push_back({"CR0.SMMUEN", control_.enabled});
        if (!control_.enabled) {
            add_register("GBPA", control_.gbpa, spec::Gbpa::fields);
            return entry;
        }
        fields.push_back({"CR0.ATSCHK", control_.checks_translated});
        add_register("CR2", control_.cr2, spec::Cr2::fields);
        add_register("STRTAB_BASE", control_.strtab_base, spec::StrtabBase::fields);
        add_register("STRTAB_BASE_CFG", control_.strtab_cfg, spec::StrtabBaseCfg::fields);
        return entry;
    }

    Entry check(const Note& note) const {
        Entry entry;
        entry.kind = "check";
        entry.then = note.text;
        entry.section = note.section;
        return entry;
    }

    Entry read(const Step& step) {
        constexpr std::array kinds{"L1STD", "STE", "L1CD", "CD", "S1", "S2"};
        Entry entry;
        entry.kind = kinds[static_cast<u8>(step.fetch.kind)];
        entry.level = step.fetch.level;
        entry.address = step.fetch.address;
        if (step.fetch.kind == Fetch::Kind::Stage2) entry.ipa = step.input;
        else if (nested_ && step.fetch.kind >= Fetch::Kind::L1Cd) entry.ipa = step.fetch.ipa;
        if (step.ok) {
            entry.words.assign(step.words.begin(), step.words.begin() + step.fetch.size / 8);
            decode(step, entry);
        }
        if (step.reason != nullptr) {
            entry.then = (illegal_ ? "ILLEGAL: " : "") + std::string(step.reason);
            entry.decided = true;
        }
        return entry;
    }

    const Ste& ste() const { return ste_; }
    const Cd& cd() const { return cd_; }

private:
    template <class Record, class Fields>
    static void add_all(std::vector<Field>& fields, const Record& record, const Fields& table) {
        for (const sim::NamedField& field : table) add(fields, record, field);
    }

    void decode(const Step& step, Entry& entry) {
        switch (step.fetch.kind) {
            case Fetch::Kind::L1Std: {
                spec::L1Std l1std;
                l1std.words[0] = step.words[0];
                add_all(entry.fields, l1std, spec::L1Std::fields);
                entry.then = fmt::format("stream table of level 2 at {:#x}", l1std[spec::L1Std::L2Ptr]);
                break;
            }
            case Fetch::Kind::Ste: decode_ste(step, entry); break;
            case Fetch::Kind::L1Cd: {
                spec::L1Cd l1cd;
                l1cd.words[0] = step.words[0];
                add_all(entry.fields, l1cd, spec::L1Cd::fields);
                entry.then =
                    fmt::format("context descriptors at {} {:#x}", nested_ ? "IPA" : "PA", l1cd[spec::L1Cd::L2Ptr]);
                break;
            }
            case Fetch::Kind::Cd: decode_cd(step, entry); break;
            case Fetch::Kind::Stage1:
            case Fetch::Kind::Stage2: decode_descriptor(step, entry); break;
        }
    }

    void decode_ste(const Step& step, Entry& entry) {
        ste_.words = step.words;
        const bool s1 = ste_.stage1();
        const bool s2 = ste_.stage2();
        nested_ = s1 && s2;
        for (const sim::NamedField& field : Ste::fields) {
            const std::string_view name = field.name;
            const bool used = name == "V"              ? true
                              : !ste_[Ste::V]          ? false
                              : name == "Config"       ? true
                              : ste_.aborts()          ? false
                              : name == "S2VMID"       ? s1 || s2
                              : name == "STRW"         ? s1 && !s2
                              : name == "EATS"         ? s1 || s2
                              : name.starts_with("S1") ? s1
                              : name.starts_with("S2") ? s2
                                                       : true;
            if (used) add(entry.fields, ste_, field);
        }
        const std::string cds =
            fmt::format("context descriptors at {} {:#x}", nested_ ? "IPA" : "PA", ste_[Ste::S1ContextPtr]);
        const std::string tables = fmt::format("stage 2 tables at {:#x}", ste_[Ste::S2TTB]);
        if (nested_) entry.then = cds + ", " + tables;
        else if (s1) entry.then = cds;
        else if (s2) entry.then = tables;
        else if (!ste_.aborts()) entry.then = "bypass";
    }

    void decode_cd(const Step& step, Entry& entry) {
        cd_.words = step.words;
        const bool disabled0 = cd_[Cd::EPD0];
        const bool disabled1 = cd_[Cd::EPD1];
        for (const sim::NamedField& field : Cd::fields) {
            const std::string_view name = field.name;
            const bool half0 = name.ends_with('0') && name != "EPD0";
            const bool half1 = name.ends_with('1') && name != "EPD1";
            if ((half0 && disabled0) || (half1 && disabled1) || (name != "V" && !cd_[Cd::V])) continue;
            add(entry.fields, cd_, field);
        }
        const char* const space = nested_ ? "IPA" : "PA";
        if (!disabled0) entry.then += fmt::format("TTB0 at {} {:#x}", space, cd_[Cd::TTB0]);
        if (!disabled1) entry.then += fmt::format("{}TTB1 at {} {:#x}", disabled0 ? "" : ", ", space, cd_[Cd::TTB1]);
        if (disabled0 && disabled1) entry.then = "no stage 1 table";
    }

    void decode_descriptor(const Step& step, Entry& entry) const {
        const bool stage1 = step.fetch.kind == Fetch::Kind::Stage1;
        const bool big_endian = stage1 ? cd_[Cd::ENDI] : ste_[Ste::S2ENDI];
        const Descriptor descriptor(in_order(step.words[0], big_endian));
        if (!descriptor[Descriptor::Valid]) return;
        if (step.table.valid) {
            // Tables of stage 2 have no attributes.
            if (stage1) add_all(entry.fields, descriptor, Descriptor::table_fields);
            entry.then = fmt::format("table of level {} at {} {:#x}", step.table.level,
                                     stage1 && nested_ ? "IPA" : "PA", step.table.base);
            return;
        }
        if (stage1) add_all(entry.fields, descriptor, Descriptor::stage1_fields);
        else add_all(entry.fields, descriptor, Descriptor::stage2_fields);
        const bool contiguous = descriptor[Descriptor::Contiguous];
        if (step.stage1)
            entry.then = leaf_text(step.fetch.level, contiguous, step.stage1->span, step.stage1->output,
                                   nested_ ? "IPA" : "PA", step.stage1->stage1);
        if (step.stage2)
            entry.then = leaf_text(step.fetch.level, contiguous, step.stage2->span, step.stage2->output, "PA",
                                   step.stage2->permissions);
        if (step.updated) entry.then += fmt::format("; hardware makes it {:#x}", in_order(*step.updated, big_endian));
    }

    const Control& control_;
    bool illegal_;
    Ste ste_;
    Cd cd_;
    bool nested_ = false;
};

const char* ending_text(Disposition disposition) {
    switch (disposition) {
        case Disposition::Proceed: return "proceeds";
        case Disposition::Abort: return "aborts";
        case Disposition::RazWi: return "completes without effect (reads as zero, write ignored)";
        case Disposition::Stall: return "stalls until software resumes or terminates it";
        case Disposition::Answer: return "is answered with a translation";
        case Disposition::Unsupported: return "is answered as an unsupported request";
    }
    return "";
}

/// Which flags made of the fault what it became (IHI 0070, 5.5).
std::string disposition_text(const Outcome& outcome, const Request& request, const Ste& ste, const Cd& cd) {
    const char* const recorded = outcome.recorded ? "recorded" : "not recorded";
    switch (outcome.fault.kind) {
        case Fault::Kind::None: return "";
        case Fault::Kind::Silent: return "no event exists for this";
        case Fault::Kind::Muted: {
            const bool ats = request.address_type != sim::AddressType::Untranslated;
            return fmt::format("not recorded: CR2.{} = 0", ats ? "REC_CFG_ATS" : "RECINVSID");
        }
        case Fault::Kind::Fixed: return fmt::format("{}; no flag changes that", recorded);
        case Fault::Kind::Stage1:
            if (outcome.disposition == Disposition::Answer) return "a translation request records no missing page";
            if (cd[Cd::S]) return "CD.S = 1: stalled and recorded";
            return fmt::format("CD.S = 0, A = {:d}, R = {:d}: {}, {}", cd[Cd::A], cd[Cd::R],
                               cd[Cd::A] ? "aborted" : "RAZ/WI", recorded);
        case Fault::Kind::Stage2:
            if (outcome.disposition == Disposition::Answer) return "a translation request records no missing page";
            if (ste[Ste::S2S]) return "STE.S2S = 1: stalled and recorded";
            return fmt::format("STE.S2S = 0, S2R = {:d}: aborted, {}", ste[Ste::S2R], recorded);
    }
    return "";
}

Explanation::Result result_of(const Outcome& outcome, const Request& request, const Narrator& narrator) {
    Explanation::Result result;
    result.ending = ending_text(outcome.disposition);
    result.proceeds = outcome.disposition == Disposition::Proceed;
    if (result.proceeds) {
        result.address = outcome.address;
        result.attributes =
            fmt::format("{}, {} {}", memory_text(outcome.memory), outcome.privileged ? "privileged" : "unprivileged",
                        outcome.instruction ? "instruction" : "data");
    }
    if (outcome.disposition == Disposition::Answer) {
        const sim::TranslationEntry& entry = outcome.entry;
        using Entry = sim::TranslationEntry;
        const bool granted = entry[Entry::Readable] || entry[Entry::Writable];
        result.proceeds = granted;
        if (granted) result.address = entry.start();
        result.attributes =
            fmt::format("{}{}{}, {}", entry[Entry::Readable] ? 'r' : '-', entry[Entry::Writable] ? 'w' : '-',
                        entry[Entry::Executable] ? 'x' : '-', size_text(entry.span()));
    }
    const Fault& fault = outcome.fault;
    if (!fault) return result;
    result.rule = fault.reason;
    result.recorded = outcome.recorded;
    result.disposition = disposition_text(outcome, request, narrator.ste(), narrator.cd());
    if (fault.kind == Fault::Kind::Silent) return result;
    const Event& event = fault.event;
    const auto number = event[Event::Number];
    result.event = spec::event_name(static_cast<u8>(number));
    result.section = section_of(number);
    for (const sim::NamedField& field : Event::fields)
        if (spec::event_has(static_cast<u8>(number), field)) add(result.event_fields, event, field);
    return result;
}

}  // namespace

Explanation explain(const spec::Identification& id, const Control& control, const Request& request,
                    const ReadMemory& memory) {
    FunctionalEnvironment environment(id, control, [&](const Fetch& fetch, void* data) { return memory(fetch, data); });
    const TranslationResult translated = translate_now(environment, request);

    Explanation explanation;
    explanation.request = request;
    const spec::EventNumber number = translated.outcome.fault.event[Event::Number];
    Narrator narrator(control, number == spec::EventNumber::C_BAD_STE || number == spec::EventNumber::C_BAD_CD);
    explanation.entries.push_back(narrator.registers());
    auto note = environment.notes().begin();
    const std::vector<Step>& steps = environment.steps();
    for (std::size_t index = 0; index <= steps.size(); ++index) {
        for (; note != environment.notes().end() && note->after == index; ++note)
            explanation.entries.push_back(narrator.check(*note));
        if (index < steps.size()) explanation.entries.push_back(narrator.read(steps[index]));
    }
    explanation.result = result_of(translated.outcome, request, narrator);
    return explanation;
}

}  // namespace smmusim::smmu::arch
