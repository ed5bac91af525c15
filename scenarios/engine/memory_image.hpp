// What memory held at one moment, page by page, to show afterwards that nothing else was touched.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "memory/storage.hpp"

namespace smmusim::scenarios {

struct Range {
    u64 base = 0;
    u64 size = 0;
};

class MemoryImage {
public:
    /// All of memory but what lies in `excluded`; pages of zeros cost nothing.
    MemoryImage(const memory::Storage& memory, const std::vector<Range>& excluded);

    /// One number for the whole image.
    u64 hash() const;
    /// Addresses of the pages that differ, ascending.
    std::vector<u64> differences(const MemoryImage& other) const;

private:
    std::map<u64, u64> pages_;  ///< address -> hash; a page of zeros is absent
};

}  // namespace smmusim::scenarios
