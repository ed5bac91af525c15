#include "scenarios/engine/memory_image.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "platform/results/digest.hpp"

namespace smmusim::scenarios {

namespace {

using Page = std::array<u8, memory::Storage::page_size>;

void blank(Page& page, u64 address, const std::vector<Range>& excluded) {
    for (const Range& range : excluded) {
        const u64 first = std::max(address, range.base);
        const u64 end = std::min(address + page.size(), range.base + range.size);
        if (first < end) std::memset(page.data() + (first - address), 0, end - first);
    }
}

}  // namespace

MemoryImage::MemoryImage(const memory::Storage& memory, const std::vector<Range>& excluded) {
    memory.visit_pages([&](u64 address, std::span<const u8> bytes) {
        Page page;
        std::ranges::copy(bytes, page.begin());
        blank(page, address, excluded);
        if (std::ranges::all_of(page, [](u8 byte) { return byte == 0; })) return;
        platform::results::Digest digest;
        for (std::size_t offset = 0; offset < page.size(); offset += 8) {
            u64 word = 0;
            std::memcpy(&word, page.data() + offset, 8);
            digest.add(word);
        }
        pages_[address] = digest.value();
    });
}

u64 MemoryImage::hash() const {
    platform::results::Digest digest;
    for (const auto& [address, value] : pages_) {
        digest.add(address);
        digest.add(value);
    }
    return digest.value();
}

std::vector<u64> MemoryImage::differences(const MemoryImage& other) const {
    std::vector<u64> addresses;
    const auto collect = [&](const std::map<u64, u64>& from, const std::map<u64, u64>& to, bool only_absent) {
        for (const auto& [address, value] : from) {
            const auto found = to.find(address);
            if (found == to.end() || (!only_absent && found->second != value)) addresses.push_back(address);
        }
    };
    collect(pages_, other.pages_, false);
    collect(other.pages_, pages_, true);
    std::ranges::sort(addresses);
    return addresses;
}

}  // namespace smmusim::scenarios
