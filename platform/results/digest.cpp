#include "platform/results/digest.hpp"

#include <fmt/format.h>

namespace smmusim::platform::results {

void Digest::byte(u8 value) { state_ = (state_ ^ value) * 0x100000001b3; }

void Digest::add(u64 value) {
    for (unsigned shift = 0; shift < 64; shift += 8) byte(static_cast<u8>(value >> shift));
}

void Digest::add(std::string_view text) {
    for (const char c : text) byte(static_cast<u8>(c));
    add(u64{text.size()});
}

u64 Digest::value() const {
    u64 mixed = state_;
    mixed = (mixed ^ (mixed >> 33)) * 0xff51afd7ed558ccd;
    mixed = (mixed ^ (mixed >> 33)) * 0xc4ceb9fe1a85ec53;
    return mixed ^ (mixed >> 33);
}

u64 digest_of(const StatisticsTable& statistics, std::span<const Event> events) {
    Digest digest;
    for (const auto& [name, statistic] : statistics.all()) {
        if (!statistic.in_digest) continue;
        digest.add(std::string_view(name));
        digest.add(statistic.integer);
    }
    for (const Event& event : events) {
        digest.add(event.at);
        digest.add(std::string_view(event.source));
        digest.add(std::string_view(event.name));
        for (const auto& [name, value] : event.fields) {
            digest.add(std::string_view(name));
            digest.add(value);
        }
        for (const u64 word : event.record) digest.add(word);
    }
    return digest.value();
}

std::string digest_text(u64 digest) { return fmt::format("{:016x}", digest); }

}  // namespace smmusim::platform::results
