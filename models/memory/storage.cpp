#include "memory/storage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace smmusim::memory {

namespace {

[[noreturn]] void refuse(const std::string& what, const char* fix) {
    throw std::runtime_error(fmt::format("{}: {}; {}", what, std::strerror(errno), fix));
}

bool all_zero(const u8* page) { return page[0] == 0 && std::memcmp(page, page + 1, Storage::page_size - 1) == 0; }

}  // namespace

Backing Backing::parse(const std::string& text) {
    if (text == "anonymous") return {Kind::Anonymous, {}};
    if (text == "fixed") return {Kind::Fixed, {}};
    if (text.starts_with("file:") && text.size() > 5) return {Kind::File, text.substr(5)};
    throw std::invalid_argument(
        fmt::format("\"{}\" is no backing of a memory; write anonymous, fixed or file:PATH", text));
}

Storage::Storage(const Backing& backing, u64 base, u64 size) : base_(base), size_(size) {
    if (size == 0 || (base | size) % page_size != 0)
        throw std::invalid_argument(fmt::format(
            "memory of {} bytes at {:#x}: base and size must be multiples of 4 KiB, and size not 0", size, base));
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* place = nullptr;
    if (backing.kind == Backing::Kind::File) {
        file_ = ::open(backing.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (file_ < 0) refuse(fmt::format("cannot open {} as memory", backing.path), "name a file that may be written");
        // A longer file keeps its length: others may use the rest.
        struct stat status {};
        if (::fstat(file_, &status) != 0 ||
            (static_cast<u64>(status.st_size) < size && ::ftruncate(file_, static_cast<off_t>(size)) != 0)) {
            const int cause = errno;
            ::close(file_);
            errno = cause;
            refuse(fmt::format("cannot give {} a size of {} bytes", backing.path, size),
                   "choose a smaller memory.size");
        }
        flags = MAP_SHARED | MAP_NORESERVE;
    } else if (backing.kind == Backing::Kind::Fixed) {
        flags |= MAP_FIXED_NOREPLACE;
        place = reinterpret_cast<void*>(base);
    }
    void* const mapped = ::mmap(place, size, PROT_READ | PROT_WRITE, flags, file_, 0);
    if (mapped == MAP_FAILED || (place != nullptr && mapped != place)) {
        const int cause = mapped == MAP_FAILED ? errno : EEXIST;
        if (mapped != MAP_FAILED) ::munmap(mapped, size);  // a kernel that takes the place as a hint
        if (file_ >= 0) ::close(file_);
        errno = cause;
        refuse(fmt::format("cannot map {} bytes of memory at {:#x}", size, base),
               "choose a smaller memory.size or another memory.backing");
    }
    bytes_ = static_cast<u8*>(mapped);
}

Storage::~Storage() {
    ::munmap(bytes_, size_);
    if (file_ >= 0) ::close(file_);
}

void Storage::clear() {
    const int advice = file_ >= 0 ? MADV_REMOVE : MADV_DONTNEED;
    if (::madvise(bytes_, size_, advice) == 0) return;
    // A file system without holes: write the zeros.
    visit_held([this](u64 first, u64 count) { std::memset(bytes_ + first * page_size, 0, count * page_size); });
}

void Storage::visit_pages(const PageVisitor& visit) const {
    visit_held([&](u64 first, u64 count) {
        for (u64 page = first; page < first + count; ++page) {
            const u8* const bytes = bytes_ + page * page_size;
            if (!all_zero(bytes)) visit(base_ + page * page_size, {bytes, page_size});
        }
    });
}

void Storage::visit_held(const std::function<void(u64 first, u64 count)>& visit) const {
    if (file_ >= 0) visit_held_file(visit);
    else visit_held_private(visit);
}

void Storage::visit_held_private(const std::function<void(u64 first, u64 count)>& visit) const {
    // One word per page; bit 63: in memory, bit 62: swapped out (Linux, pagemap).
    const u64 pages = size_ / page_size;
    const int map = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (map < 0) {
        visit(0, pages);
        return;
    }
    std::array<u64, 8192> words{};
    const u64 first_word = reinterpret_cast<std::uintptr_t>(bytes_) / page_size;
    for (u64 page = 0; page < pages;) {
        const u64 wanted = std::min<u64>(words.size(), pages - page);
        const ssize_t got =
            ::pread(map, words.data(), wanted * sizeof(u64), static_cast<off_t>((first_word + page) * sizeof(u64)));
        if (got <= 0) {
            visit(page, pages - page);
            break;
        }
        const u64 known = static_cast<u64>(got) / sizeof(u64);
        for (u64 index = 0; index < known; ++index)
            if (words[index] >> 62 != 0) visit(page + index, 1);
        page += known;
    }
    ::close(map);
}

void Storage::visit_held_file(const std::function<void(u64 first, u64 count)>& visit) const {
    for (off_t position = 0; static_cast<u64>(position) < size_;) {
        const off_t data = ::lseek(file_, position, SEEK_DATA);
        if (data < 0 || static_cast<u64>(data) >= size_) return;
        const off_t hole = std::min<off_t>(::lseek(file_, data, SEEK_HOLE), static_cast<off_t>(size_));
        const u64 first = static_cast<u64>(data) / page_size;
        const u64 last = (static_cast<u64>(hole) + page_size - 1) / page_size;
        visit(first, last - first);
        position = hole;
    }
}

}  // namespace smmusim::memory
