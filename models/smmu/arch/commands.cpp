#include "smmu/arch/commands.hpp"

#include "smmu/arch/attributes.hpp"

namespace smmusim::smmu::arch {

using spec::Command;
using spec::CommandError;
using spec::Identification;
using spec::Opcode;

namespace {

/// Addresses are compared below the top byte: bits [63:56] repeat bit 55.
u64 sign_extended(u64 address) {
    return sim::with_bits(address, 63, 56, sim::bits_of(address, 55, 55) != 0 ? 0xFF : 0);
}

DecodedCommand illegal() {
    DecodedCommand decoded;
    decoded.error = CommandError::Illegal;
    return decoded;
}

DecodedCommand translations(const TranslationScope& scope) {
    DecodedCommand decoded;
    decoded.action = DecodedCommand::Action::InvalidateTranslations;
    decoded.translations = scope;
    return decoded;
}

DecodedCommand configuration(const ConfigurationScope& scope) {
    DecodedCommand decoded;
    decoded.action = DecodedCommand::Action::InvalidateConfiguration;
    decoded.configuration = scope;
    return decoded;
}

/// Range and level hints (4.4.1.1): TG = 0 names one entry, else (NUM + 1) x 2^SCALE granules.
bool set_range(TranslationScope& scope, const Command& command, u64 address, const Identification& id) {
    scope.match_address = true;
    scope.leaf_only = command[Command::Leaf];
    scope.first = sign_extended(address);
    scope.last = scope.first;
    const u64 tg = id.idr3.RIL != 0 ? command[Command::TG] : 0;
    if (tg == 0) return true;
    const u64 num = command[Command::NUM];
    // SCALE has a sixth bit with 52-bit addresses; more than 39 acts as 39.
    const u64 scale = id.idr5.DS != 0 ? std::min<u64>(command[Command::WideSCALE], 39) : command[Command::SCALE];
    const u64 ttl = command[Command::TTL];
    if (num == 0 && scale == 0 && ttl == 0) return false;
    if (tg == 2 && ttl == 1 && id.idr5.DS == 0 && num == 0 && scale == 0) return false;  // no such leaf
    const unsigned granule_bits = 10 + 2 * static_cast<unsigned>(tg);
    const u64 bytes = (num + 1) << (scale + granule_bits);
    const u64 room = ~u64{0} - scope.first;  // no wrap from the top
    scope.last = bytes - 1 > room ? ~u64{0} : scope.first + bytes - 1;
    // A hint for a leaf above level 3 names the block that contains the address.
    if (ttl != 0 && ttl != 3 && num == 0 && scale == 0) {
        const unsigned low_bit = granule_bits + (3 - static_cast<unsigned>(ttl)) * (granule_bits - 3);
        scope.last = scope.first | sim::low_mask(low_bit);
    }
    return true;
}

DecodedCommand prefetch(const Command& command, bool addresses) {
    DecodedCommand decoded;
    decoded.action = DecodedCommand::Action::Prefetch;
    Prefetch& wanted = decoded.prefetch;
    wanted.stream = static_cast<u32>(command[Command::StreamID]);
    if (command[Command::SSV]) wanted.substream = static_cast<u32>(command[Command::SubstreamID]);
    wanted.addresses = addresses;
    wanted.first = command[Command::VA];
    wanted.count = u64{1} << command[Command::PrefetchSize];
    wanted.stride = u64{1} << (12 + command[Command::PrefetchStride]);
    return decoded;
}

/// CMD_ATC_INV (4.5.1): 2^Size pages from an address aligned to it; 52 is everything.
DecodedCommand invalidate_atc(const Command& command) {
    DecodedCommand decoded;
    decoded.action = DecodedCommand::Action::InvalidateAtc;
    sim::AtcInvalidation& atc = decoded.atc;
    atc.stream_id = static_cast<u32>(command[Command::StreamID]);
    if (command[Command::SSV]) atc.substream_id = static_cast<u32>(command[Command::SubstreamID]);
    atc.global = command[Command::SSV] && command[Command::Global];
    atc.span = static_cast<unsigned>(std::min<u64>(command[Command::AtcSize], 52)) + 12;
    atc.address = command[Command::VA] & ~sim::low_mask(atc.span);
    return decoded;
}

/// CMD_PRI_RESP (4.5.2): the response goes to the requester with the code of PCI Express.
DecodedCommand respond(const Command& command) {
    DecodedCommand decoded;
    decoded.action = DecodedCommand::Action::RespondToPageRequest;
    sim::PageResponse& response = decoded.response;
    response.stream_id = static_cast<u32>(command[Command::StreamID]);
    if (command[Command::SSV]) response.substream_id = static_cast<u32>(command[Command::SubstreamID]);
    response.group = static_cast<u16>(command[Command::PRGIndex]);
    switch (command[Command::Resp]) {
        case 0b00: response.code = sim::PageResponse::Code::Failure; break;
        case 0b01: response.code = sim::PageResponse::Code::InvalidRequest; break;
        case 0b10: response.code = sim::PageResponse::Code::Success; break;
        default: return illegal();
    }
    return decoded;
}

DecodedCommand resume(const Command& command, bool all_of_stream) {
    DecodedCommand decoded;
    decoded.action = all_of_stream ? DecodedCommand::Action::TerminateStalls : DecodedCommand::Action::Resume;
    decoded.resume.stream = static_cast<u32>(command[Command::StreamID]);
    decoded.resume.tag = static_cast<u16>(command[Command::STAG]);
    decoded.resume.retry = command[Command::Ac];
    decoded.resume.abort = command[Command::Ab];
    return decoded;
}

DecodedCommand synchronise(const Command& command) {
    DecodedCommand decoded;
    decoded.action = DecodedCommand::Action::Synchronise;
    decoded.signal.kind = command[Command::CS];
    if (decoded.signal.kind == Command::CompletionSignal::Reserved) return illegal();
    decoded.signal.address = command[Command::MSIAddr];
    decoded.signal.data = static_cast<u32>(command[Command::MSIData]);
    decoded.signal.memory = message_attributes(command[Command::MSIAttr], command[Command::MSH]);
    return decoded;
}

}  // namespace

bool TranslationScope::covers_world(StreamWorld world) const {
    switch (worlds) {
        case Worlds::El1: return world == StreamWorld::El1;
        case Worlds::El2Any: return world != StreamWorld::El1;
        case Worlds::El2: return world == StreamWorld::El2;
        case Worlds::El2E2h: return world == StreamWorld::El2E2h;
    }
    return false;
}

bool TranslationScope::covers_tags(const Tags& tags, bool global) const {
    if (!covers_world(tags.world)) return false;
    if (!(tags.stage1 ? stage1 : stage2)) return false;
    if (match_vmid && ((tags.vmid ^ vmid) & vmid_mask) != 0) return false;
    if (match_asid && !(global ? globals : tags.asid == asid)) return false;
    return true;
}

bool TranslationScope::covers_range(u64 base, unsigned span) const {
    if (!match_address) return true;
    const u64 low = sign_extended(base) & ~sim::low_mask(span);
    const u64 high = low | sim::low_mask(span);
    return low <= last && first <= high;
}

bool TranslationScope::covers(const Tags& tags, bool global, u64 base, unsigned span) const {
    return covers_tags(tags, global) && covers_range(base, span);
}

DecodedCommand decode(const Command& command, const Identification& id, bool e2h, unsigned vmid_wildcard_bits) {
    const bool s1 = id.idr0.S1P != 0;
    const bool s2 = id.idr0.S2P != 0;
    const bool hyp = id.idr0.Hyp != 0;
    const Opcode opcode = command[Command::Op];

    TranslationScope scope;
    scope.match_vmid = s2;  // the VMID counts only if stage 2 is implemented
    scope.vmid = static_cast<u16>(command[Command::VMID]);
    scope.vmid_mask = static_cast<u16>(0xFFFFu << vmid_wildcard_bits);
    scope.asid = static_cast<u16>(command[Command::ASID]);

    ConfigurationScope structures;
    structures.first_stream = structures.last_stream = command[Command::StreamID];
    const bool names_stream = opcode == Opcode::PREFETCH_CONFIG || opcode == Opcode::PREFETCH_ADDR ||
                              (opcode >= Opcode::CFGI_STE && opcode <= Opcode::CFGI_CD_ALL) ||
                              (opcode >= Opcode::ATC_INV && opcode <= Opcode::STALL_TERM);
    // SSec = 1 is for the Secure queue alone (4.1.5).
    if (names_stream && command[Command::SSec]) return illegal();

    switch (opcode) {
        case Opcode::PREFETCH_CONFIG: return prefetch(command, false);
        case Opcode::PREFETCH_ADDR: return prefetch(command, true);
        case Opcode::CFGI_STE: return configuration(structures);
        case Opcode::CFGI_STE_RANGE: {
            const u64 block = sim::low_mask(static_cast<unsigned>(command[Command::Range]) + 1);
            structures.first_stream &= ~block;
            structures.last_stream = structures.first_stream | block;
            return configuration(structures);
        }
        case Opcode::CFGI_CD:
            if (!s1) return illegal();
            structures.stream_entries = false;
            structures.one_substream = true;
            structures.substream = static_cast<u32>(command[Command::SubstreamID]);
            return configuration(structures);
        case Opcode::CFGI_CD_ALL:
            if (!s1) return illegal();
            structures.stream_entries = false;
            return configuration(structures);
        case Opcode::TLBI_NH_ALL: return s1 ? translations(scope) : illegal();
        case Opcode::TLBI_NH_ASID:
            scope.match_asid = true;
            scope.globals = false;
            return s1 ? translations(scope) : illegal();
        case Opcode::TLBI_NH_VA:
            scope.match_asid = true;
            return s1 && set_range(scope, command, command[Command::VA], id) ? translations(scope) : illegal();
        case Opcode::TLBI_NH_VAA:
            return s1 && set_range(scope, command, command[Command::VA], id) ? translations(scope) : illegal();
        case Opcode::TLBI_EL2_ALL:
            scope.worlds = TranslationScope::Worlds::El2Any;
            scope.match_vmid = false;
            return hyp ? translations(scope) : illegal();
        case Opcode::TLBI_EL2_ASID:
            scope.worlds = TranslationScope::Worlds::El2E2h;
            scope.match_vmid = false;
            scope.match_asid = true;
            scope.globals = false;
            return hyp ? translations(scope) : illegal();
        case Opcode::TLBI_EL2_VA:
        case Opcode::TLBI_EL2_VAA:
            // With E2H = 0 there are no ASIDs.
            scope.worlds = e2h ? TranslationScope::Worlds::El2E2h : TranslationScope::Worlds::El2;
            scope.match_vmid = false;
            scope.match_asid = e2h && opcode == Opcode::TLBI_EL2_VA;
            return hyp && set_range(scope, command, command[Command::VA], id) ? translations(scope) : illegal();
        case Opcode::TLBI_S12_VMALL: scope.stage2 = true; return s2 ? translations(scope) : illegal();
        case Opcode::TLBI_S2_IPA:
            // Combined entries of both stages may stay: software follows up with TLBI_NH_ALL (4.4.3.2).
            scope.stage1 = false;
            scope.stage2 = true;
            return s2 && set_range(scope, command, command[Command::IPA], id) ? translations(scope) : illegal();
        case Opcode::TLBI_NSNH_ALL:
            scope.stage2 = true;
            scope.match_vmid = false;
            return translations(scope);
        case Opcode::ATC_INV: return id.idr0.ATS != 0 ? invalidate_atc(command) : illegal();
        case Opcode::PRI_RESP: return id.idr0.PRI != 0 ? respond(command) : illegal();
        case Opcode::RESUME: return id.idr0.STALL_MODEL != 1 ? resume(command, false) : illegal();
        case Opcode::STALL_TERM: return id.idr0.STALL_MODEL != 1 ? resume(command, true) : illegal();
        case Opcode::SYNC: return synchronise(command);
        default: break;
    }
    return illegal();  // reserved, or of an absent feature
}

const char* opcode_name(Opcode opcode) {
    switch (opcode) {
        case Opcode::PREFETCH_CONFIG: return "CMD_PREFETCH_CONFIG";
        case Opcode::PREFETCH_ADDR: return "CMD_PREFETCH_ADDR";
        case Opcode::CFGI_STE: return "CMD_CFGI_STE";
        case Opcode::CFGI_STE_RANGE: return "CMD_CFGI_STE_RANGE";
        case Opcode::CFGI_CD: return "CMD_CFGI_CD";
        case Opcode::CFGI_CD_ALL: return "CMD_CFGI_CD_ALL";
        case Opcode::CFGI_VMS_PIDM: return "CMD_CFGI_VMS_PIDM";
        case Opcode::TLBI_NH_ALL: return "CMD_TLBI_NH_ALL";
        case Opcode::TLBI_NH_ASID: return "CMD_TLBI_NH_ASID";
        case Opcode::TLBI_NH_VA: return "CMD_TLBI_NH_VA";
        case Opcode::TLBI_NH_VAA: return "CMD_TLBI_NH_VAA";
        case Opcode::TLBI_EL3_ALL: return "CMD_TLBI_EL3_ALL";
        case Opcode::TLBI_EL3_VA: return "CMD_TLBI_EL3_VA";
        case Opcode::TLBI_EL2_ALL: return "CMD_TLBI_EL2_ALL";
        case Opcode::TLBI_EL2_ASID: return "CMD_TLBI_EL2_ASID";
        case Opcode::TLBI_EL2_VA: return "CMD_TLBI_EL2_VA";
        case Opcode::TLBI_EL2_VAA: return "CMD_TLBI_EL2_VAA";
        case Opcode::TLBI_S12_VMALL: return "CMD_TLBI_S12_VMALL";
        case Opcode::TLBI_S2_IPA: return "CMD_TLBI_S2_IPA";
        case Opcode::TLBI_NSNH_ALL: return "CMD_TLBI_NSNH_ALL";
        case Opcode::ATC_INV: return "CMD_ATC_INV";
        case Opcode::PRI_RESP: return "CMD_PRI_RESP";
        case Opcode::RESUME: return "CMD_RESUME";
        case Opcode::STALL_TERM: return "CMD_STALL_TERM";
        case Opcode::SYNC: return "CMD_SYNC";
    }
    return "?";
}

}  // namespace smmusim::smmu::arch
