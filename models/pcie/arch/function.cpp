#include "pcie/arch/function.hpp"

#include <algorithm>
#include <bit>

#include "pcie/arch/tags.hpp"
#include "sim/bits.hpp"

namespace smmusim::pcie::arch {

namespace header = spec::header;
namespace express = spec::express;

FunctionState::FunctionState(const FunctionConfig& config, LinkIdentity link) : config_(config) {
    lay_out_header();
    lay_out_bars();
    if (config_.power_management) {
        const u32 base = space_.add_capability(spec::Capability::PowerManagement, spec::power::bytes);
        space_.define(base + spec::power::capabilities, 2, spec::power::version_3);
        space_.define(base + spec::power::control, 2, spec::power::no_soft_reset);
    }
    msi_.emplace(space_, config_.msi_vectors, config_.msi_maskable);
    lay_out_express(link);
    msix_.emplace(space_, config_.msix_vectors, config_.msix_bar);
    scratch_.resize(scratch_bytes);
    refresh();
}

void FunctionState::lay_out_header() {
    space_.define(header::vendor_id, 2, config_.vendor_id);
    space_.define(header::device_id, 2, config_.device_id);
    // Bus mastering off, no memory decoding.
    space_.define(header::command, 2, 0,
                  spec::command::memory | spec::command::bus_master | spec::command::parity | spec::command::serr |
                      spec::command::intx_disable);
    space_.define(header::status, 2, spec::status::capability_list, 0, spec::status::write_one_to_clear);
    space_.define(header::revision, 1, config_.revision);
    space_.define(header::class_code, 3, config_.class_code);
    space_.define(header::cache_line_size, 1, 0, 0xFF);
    space_.define(header::subsystem_vendor_id, 2, config_.vendor_id);
    space_.define(header::subsystem_id, 2, config_.device_id);
    space_.define(header::interrupt_line, 1, 0, 0xFF);
}

void FunctionState::lay_out_bars() {
    u32 number = 0;
    for (const BarConfig& bar : config_.bars) {
        const u32 offset = header::bar0 + 4 * number;
        if (bar.size != 0) {
            bars_.push_back({number, bar});
            // Software writes all ones and reads the size as the lowest writable address bit.
            const u64 writable = ~(bar.size - 1);
            space_.define(offset, 4,
                          (bar.wide ? spec::bar::wide : 0u) | (bar.prefetchable ? spec::bar::prefetchable : 0u),
                          static_cast<u32>(writable) & ~spec::bar::attributes);
            if (bar.wide) space_.define(offset + 4, 4, 0, static_cast<u32>(writable >> 32));
        }
        number += bar.wide ? 2 : 1;
    }
}

void FunctionState::lay_out_express(LinkIdentity link) {
    express_ = space_.add_capability(spec::Capability::Express, express::bytes);
    const u32 payload = spec::encode_payload(config_.mps);
    const bool extended = config_.tags > 32;
    const bool ten_bits = config_.tags > 256;
    space_.define(express_ + express::flags, 2, express::version);
    space_.define(express_ + express::device_capabilities, 4,
                  payload | express::devcap_extended_tag | express::devcap_function_reset);
    // As firmware leaves it: payload, read request and tags as configured.
    space_.define(express_ + express::device_control, 2,
                  express::devctl_relaxed_ordering | payload << express::devctl_payload |
                      (extended ? express::devctl_extended_tag : 0u) | express::devctl_no_snoop |
                      spec::encode_payload(config_.mrrs) << express::devctl_read_request,
                  0x7FFF);
    space_.define(express_ + express::device_status, 2, 0, 0, express::devsta_errors);
    space_.define(express_ + express::link_capabilities, 4, link.generation | link.width << 4);
    space_.define(express_ + express::link_control, 2, 0, express::lnkctl_read_completion_boundary);
    space_.define(express_ + express::link_status, 2, link.generation | link.width << 4);
    space_.define(express_ + express::device_capabilities_2, 4,
                  express::devcap2_ten_bit_tag_requester | express::devcap2_end_to_end_prefix);
    space_.define(express_ + express::device_control_2, 2, ten_bits ? express::devctl2_ten_bit_tag : 0u,
                  express::devctl2_ten_bit_tag | express::devctl2_id_based_ordering);
    // Supported speeds: one bit each from bit 1.
    space_.define(express_ + express::link_capabilities_2, 4, ((1u << link.generation) - 1) << 1);
}

void FunctionState::reset() {
    space_.reset();
    msix_->reset();
    std::fill(scratch_.begin(), scratch_.end(), u8{0});
    refresh();
}

void FunctionState::function_level_reset() {
    constexpr u32 payload = 0b111u << express::devctl_payload;
    constexpr u32 boundary = express::lnkctl_read_completion_boundary;
    const u32 device_control = space_.get(express_ + express::device_control, 2);
    const u32 link_control = space_.get(express_ + express::link_control, 2);
    reset();
    const auto keep = [&](u32 offset, u32 before, u32 kept) {
        space_.set(offset, 2, (space_.get(offset, 2) & ~kept) | (before & kept));
    };
    keep(express_ + express::device_control, device_control, payload);
    keep(express_ + express::link_control, link_control, boundary);
    refresh();
}

void FunctionState::refresh() {
    bus_master_ = (space_.get(header::command, 2) & spec::command::bus_master) != 0;
    const u32 control = space_.get(express_ + express::device_control, 2);
    // A function never sends more than it supports, whatever was written.
    max_payload_ = std::min(spec::payload_bytes(control >> express::devctl_payload & 0b111), config_.mps);
    max_read_request_ = spec::payload_bytes(control >> express::devctl_read_request & 0b111);
    relaxed_ordering_ = (control & express::devctl_relaxed_ordering) != 0;
    no_snoop_ = (control & express::devctl_no_snoop) != 0;
    const u32 control2 = space_.get(express_ + express::device_control_2, 2);
    id_based_ordering_ = (control2 & express::devctl2_id_based_ordering) != 0;
    const bool ten_bits = (control2 & express::devctl2_ten_bit_tag) != 0;
    const bool extended = (control & express::devctl_extended_tag) != 0;
    usable_tags_ = std::min(arch::usable_tags(extended, ten_bits), config_.tags);
}

FunctionState::ConfigEffect FunctionState::config_write(u32 offset, u32 bytes, u32 value) {
    space_.write(offset, bytes, value);
    refresh();
    const u32 control = express_ + express::device_control;
    // DEVCTL[15] reads as zero: writing a one is the request.
    const bool covers_reset =
        ConfigSpace::legal(offset, bytes) && offset <= control + 1 && control + 1 < offset + bytes;
    const bool reset_bit = covers_reset && (value >> ((control + 1 - offset) * 8 + 7) & 1) != 0;
    return reset_bit ? ConfigEffect::FunctionReset : ConfigEffect::None;
}

u64 FunctionState::base_of(const Bar& bar) const {
    const u32 offset = header::bar0 + 4 * bar.number;
    const u64 low = space_.get(offset, 4) & ~spec::bar::attributes;
    const u64 high = bar.config.wide ? space_.get(offset + 4, 4) : 0;
    return high << 32 | low;
}

std::optional<FunctionState::Region> FunctionState::decode(u64 address, u32 size) const {
    if ((space_.get(header::command, 2) & spec::command::memory) == 0) return std::nullopt;
    for (const Bar& bar : bars_) {
        const u64 base = base_of(bar);
        // An unprogrammed BAR holds zero and claims nothing.
        if (base == 0 || address < base || address - base >= bar.config.size) continue;
        if (size > bar.config.size - (address - base)) continue;
        return Region{bar.number, address - base};
    }
    return std::nullopt;
}

sim::Status FunctionState::access_region(Region region, sim::Access& access) {
    if (region.bar == config_.msix_bar && msix_->contains(region.offset)) return msix_->access(region.offset, access);
    // The first BAR is a page of plain registers; what lies behind it, and in other regions, is reserved.
    const bool stored = !bars_.empty() && region.bar == bars_.front().number &&
                        region.offset + access.size <= scratch_.size() && access.command != sim::Command::Atomic;
    if (stored) {
        u8* const place = scratch_.data() + region.offset;
        if (access.is_write()) std::memcpy(place, access.data(), access.size);
        else std::memcpy(access.data(), place, access.size);
        return sim::Status::Ok;
    }
    if (!access.is_write()) std::memset(access.data(), 0, access.size);
    return sim::Status::Discarded;
}

Raised FunctionState::raise(u32 vector, Message& message) {
    if (msix_->enabled()) return msix_->raise(vector, message);
    return msi_->raise(vector, message);
}

std::optional<Message> FunctionState::take_deliverable() {
    if (!bus_master_) return std::nullopt;
    if (msix_->enabled()) return msix_->take_deliverable();
    return msi_->take_deliverable();
}

u32 FunctionState::vectors() const { return std::max(config_.msi_vectors, config_.msix_vectors); }

void FunctionState::set_transactions_pending(bool pending) {
    const u32 offset = express_ + express::device_status;
    const u32 others = space_.get(offset, 2) & ~express::devsta_transactions_pending;
    space_.set(offset, 2, others | (pending ? express::devsta_transactions_pending : 0u));
}

void FunctionState::report_abort(sim::Status status) {
    u32 bits = 0;
    if (status == sim::Status::Unsupported) bits = spec::status::received_master_abort;
    if (status == sim::Status::CompleterAbort) bits = spec::status::received_target_abort;
    if (status == sim::Status::Poisoned) bits = spec::status::detected_parity_error;
    space_.set(header::status, 2, space_.get(header::status, 2) | bits);
}

}  // namespace smmusim::pcie::arch
