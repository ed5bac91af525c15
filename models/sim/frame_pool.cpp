#include "sim/frame_pool.hpp"

#include <array>
#include <new>

namespace smmusim::sim {

#if defined(__SANITIZE_ADDRESS__) || defined(SMMUSIM_SANITIZED)

void* allocate_frame(std::size_t size) { return ::operator new(size); }
void release_frame(void* frame, std::size_t) noexcept { ::operator delete(frame); }

#else

namespace {

constexpr std::size_t granule = 64;
constexpr std::size_t classes = 32;  // frames up to 2 KiB; larger ones come from the heap

struct FreeFrame {
    FreeFrame* next;
};

struct Pool {
    std::array<FreeFrame*, classes> free{};
    ~Pool() {
        for (FreeFrame*& list : free) {
            while (list != nullptr) {
                FreeFrame* const next = list->next;
                ::operator delete(list);
                list = next;
            }
        }
    }
};

thread_local Pool pool;

std::size_t class_of(std::size_t size) { return (size + granule - 1) / granule - 1; }

}  // namespace

void* allocate_frame(std::size_t size) {
    const std::size_t size_class = class_of(size);
    if (size_class >= classes) return ::operator new(size);
    FreeFrame*& list = pool.free[size_class];
    if (list == nullptr) return ::operator new((size_class + 1) * granule);
    FreeFrame* const frame = list;
    list = frame->next;
    return frame;
}

void release_frame(void* frame, std::size_t size) noexcept {
    const std::size_t size_class = class_of(size);
    if (size_class >= classes) {
        ::operator delete(frame);
        return;
    }
    FreeFrame*& list = pool.free[size_class];
    list = new (frame) FreeFrame{list};
}

#endif

}  // namespace smmusim::sim
