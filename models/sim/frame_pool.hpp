// Memory of coroutine frames: free lists by size class, the one state that simulations of a process share.
#pragma once

#include <cstddef>

namespace smmusim::sim {

/// Allocates a coroutine frame; off under sanitizers, so that they see every frame.
void* allocate_frame(std::size_t size);
void release_frame(void* frame, std::size_t size) noexcept;

}  // namespace smmusim::sim
