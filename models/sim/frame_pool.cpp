#include "sim/frame_pool.hpp"

namespace smmusim::sim::detail {

constinit thread_local std::array<FreeFrame*, frame_classes> free_frames{};

namespace {

/// Frees this thread's frames when the thread ends.
struct Cleaner {
    bool used = false;
    ~Cleaner() {
        for (FreeFrame*& list : free_frames) {
            while (list != nullptr) {
                FreeFrame* const next = list->next;
                ::operator delete(list);
                list = next;
            }
        }
    }
};
thread_local Cleaner cleaner;

}  // namespace

void* allocate_fresh_frame(std::size_t size_class) {
    cleaner.used = true;
    return ::operator new((size_class + 1) * frame_granule);
}

}  // namespace smmusim::sim::detail
