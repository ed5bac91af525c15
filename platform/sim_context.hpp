// A SystemC kernel of one's own, so that many simulations live one after the other, or interleaved, in one process.
#pragma once

#include <memory>
#include <systemc>

namespace smmusim::platform {

/// The kernel's state lies in two global pointers; whoever calls into SystemC does it inside a Use.
/// Works as long as there are no SC_THREADs to unwind: a platform with foreign threads is one per process.
class SimContext {
public:
    SimContext();
    ~SimContext();
    SimContext(const SimContext&) = delete;
    SimContext& operator=(const SimContext&) = delete;

    /// Makes a context the current one for its own lifetime; may be nested.
    class [[nodiscard]] Use {
    public:
        explicit Use(SimContext& context)
            : current_(sc_core::sc_curr_simcontext), global_(sc_core::sc_default_global_context) {
            sc_core::sc_curr_simcontext = context.context_.get();
            sc_core::sc_default_global_context = context.context_.get();
        }
        ~Use() {
            sc_core::sc_curr_simcontext = current_;
            sc_core::sc_default_global_context = global_;
        }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;

    private:
        sc_core::sc_simcontext* current_;
        sc_core::sc_simcontext* global_;
    };

private:
    std::unique_ptr<sc_core::sc_simcontext> context_;
};

}  // namespace smmusim::platform
