#include "support/structure_builder.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace smmusim::support {

std::string describe(const EventBuilder& record) {
    return fmt::format(
        "event {:#04x} stream {:#x} SSV {} substream {:#x} Stall {} PnU {} InD {} RnW {} S2 {} CLASS {} TTRnW {} "
        "InputAddr {:#x} IPA/FetchAddr {:#x}",
        record.get(event::number), record.get(event::StreamID), record.get(event::SSV), record.get(event::SubstreamID),
        record.get(event::Stall), record.get(event::PnU), record.get(event::InD), record.get(event::RnW),
        record.get(event::S2), record.get(event::CLASS), record.get(event::TTRnW), record.get(event::InputAddr),
        record.get(event::FetchAddr));
}

u64 encode_tg0(unsigned offset_bits) {
    switch (offset_bits) {
        case 12: return 0b00;
        case 14: return 0b10;
        case 16: return 0b01;
        default: throw std::invalid_argument("no such granule");
    }
}

u64 encode_tg1(unsigned offset_bits) {
    switch (offset_bits) {
        case 12: return 0b10;
        case 14: return 0b01;
        case 16: return 0b11;
        default: throw std::invalid_argument("no such granule");
    }
}

u64 encode_address_size(unsigned bits) {
    for (u64 encoding = 0; encoding < 8; ++encoding)
        if (decode_address_size(encoding) == bits) return encoding;
    throw std::invalid_argument("no such address size");
}

unsigned decode_address_size(u64 encoding) {
    constexpr std::array<unsigned, 8> sizes{32, 36, 40, 42, 44, 48, 52, 56};
    return sizes.at(encoding);
}

}  // namespace smmusim::support
