// The bytes of a memory: one lazily committed mapping of the host, so that gigabytes cost nothing until touched.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "sim/types.hpp"

namespace smmusim::memory {

/// Where the bytes live.
struct Backing {
    enum class Kind : u8 {
        Anonymous,  ///< private to the process
        File,       ///< shared with everybody who maps the file
        Fixed,      ///< private, at its own physical address in the process: pointers are addresses
    };
    Kind kind = Kind::Anonymous;
    std::string path;

    /// Of "anonymous", "fixed" or "file:PATH"; throws std::invalid_argument for anything else.
    static Backing parse(const std::string& text);
};

/// Throws std::runtime_error with cause and fix when the host cannot provide the mapping.
class Storage {
public:
    static constexpr u64 page_size = 4 * KiB;

    Storage(const Backing& backing, u64 base, u64 size);
    ~Storage();
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;

    u64 base() const { return base_; }
    u64 size() const { return size_; }
    bool contains(u64 address, u64 count) const {
        return address >= base_ && count <= size_ && address - base_ <= size_ - count;
    }
    u8* at(u64 address) { return bytes_ + (address - base_); }
    const u8* at(u64 address) const { return bytes_ + (address - base_); }
    /// Bytes that will be used soon; any address will do.
    void prefetch(u64 address) const {
        __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(bytes_) + (address - base_)));
    }

    /// All bytes zero again; the memory goes back to the host.
    void clear();

    /// Calls `visit(address, page)` for every page that is not all zero, in ascending order, looking only at pages that
    /// the host holds.
    using PageVisitor = std::function<void(u64 address, std::span<const u8> page)>;
    void visit_pages(const PageVisitor& visit) const;

private:
    /// Calls `visit(first, count)` with runs of pages that may hold something.
    void visit_held(const std::function<void(u64 first, u64 count)>& visit) const;
    void visit_held_private(const std::function<void(u64 first, u64 count)>& visit) const;
    void visit_held_file(const std::function<void(u64 first, u64 count)>& visit) const;

    u64 base_;
    u64 size_;
    u8* bytes_ = nullptr;
    int file_ = -1;
};

}  // namespace smmusim::memory
