// Memory of coroutine frames and other short-lived things: free lists by size class, the one state that simulations of
// a process share.
#pragma once

#include <cstddef>

namespace smmusim::sim {

/// Allocates a coroutine frame; off under sanitizers, so that they see every frame.
void* allocate_frame(std::size_t size);
void release_frame(void* frame, std::size_t size) noexcept;

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

}  // namespace smmusim::sim
