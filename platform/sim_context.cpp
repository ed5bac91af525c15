#include "platform/sim_context.hpp"

// libsystemc refers to this symbol; who has one of his own keeps it.
__attribute__((weak, visibility("default"))) int sc_main(int, char**) { return 0; }

#if defined(SMMUSIM_SANITIZED)
/// The library keeps its timed events in a free list of the process.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions() {
    return "leak:sc_core::sc_event_timed::allocate";
}
#endif

namespace smmusim::platform {

SimContext::SimContext() {
    // The first context of the process belongs to the library and is never deleted.
    sc_core::sc_simcontext* const first = sc_core::sc_get_curr_simcontext();
    sc_core::sc_simcontext* const global = sc_core::sc_default_global_context;
    context_ = std::make_unique<sc_core::sc_simcontext>();
    sc_core::sc_curr_simcontext = first;
    sc_core::sc_default_global_context = global;
}

SimContext::~SimContext() {
    const Use use(*this);
    context_.reset();
}

}  // namespace smmusim::platform
