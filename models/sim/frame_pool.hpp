// Memory of coroutine frames and other short-lived things: free lists by size class, the one state that simulations of
// a process share.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace smmusim::sim {

namespace detail {

constexpr std::size_t frame_granule = 64;
constexpr std::size_t frame_classes = 32;  // frames up to 2 KiB; larger ones come from the heap

struct FreeFrame {
    FreeFrame* next;
};
/// The free frames of this thread, freed with it.
extern constinit thread_local std::array<FreeFrame*, frame_classes> free_frames;

constexpr std::size_t frame_class(std::size_t size) { return (size + frame_granule - 1) / frame_granule - 1; }
void* allocate_fresh_frame(std::size_t size_class);

}  // namespace detail

#if defined(__SANITIZE_ADDRESS__) || defined(SMMUSIM_SANITIZED)

// Sanitizers see every frame.
inline void* allocate_frame(std::size_t size) { return ::operator new(size); }
inline void release_frame(void* frame, std::size_t) noexcept { ::operator delete(frame); }

#else

/// Allocates a coroutine frame.
inline void* allocate_frame(std::size_t size) {
    const std::size_t size_class = detail::frame_class(size);
    if (size_class >= detail::frame_classes) return ::operator new(size);
    detail::FreeFrame*& list = detail::free_frames[size_class];
    if (list == nullptr) return detail::allocate_fresh_frame(size_class);
    detail::FreeFrame* const frame = list;
    list = frame->next;
    return frame;
}
inline void release_frame(void* frame, std::size_t size) noexcept {
    const std::size_t size_class = detail::frame_class(size);
    if (size_class >= detail::frame_classes) {
        ::operator delete(frame);
        return;
    }
    detail::FreeFrame*& list = detail::free_frames[size_class];
    list = new (frame) detail::FreeFrame{list};
}

#endif

/// The same memory for what lives as long as an activity, in containers and shared pointers.
template <class T>
struct PoolAllocator {
    using value_type = T;
    PoolAllocator() = default;
    template <class U>
    PoolAllocator(const PoolAllocator<U>&) {}
    T* allocate(std::size_t count) { return static_cast<T*>(allocate_frame(count * sizeof(T))); }
    void deallocate(T* memory, std::size_t count) noexcept { release_frame(memory, count * sizeof(T)); }
    template <class U>
    bool operator==(const PoolAllocator<U>&) const {
        return true;
    }
};

/// Base of a class whose objects come from there.
struct Pooled {
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* object, std::size_t size) noexcept { release_frame(object, size); }
};

}  // namespace smmusim::sim
