#include "tlm/module.hpp"

namespace smmusim::tlm {

namespace {

/// Makes a module the parent of what is created in its lifetime.
class Inside {
public:
    explicit Inside(sc_core::sc_module& module) : context_(*module.simcontext()) { context_.hierarchy_push(&module); }
    ~Inside() { context_.hierarchy_pop(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

private:
    sc_core::sc_simcontext& context_;
};

}  // namespace

InitiatorSocket& Module::initiator(const std::string& name) {
    const Inside inside(*this);
    initiators_.push_back(std::make_unique<InitiatorSocket>(bridge_, name));
    return *initiators_.back();
}

TargetSocket& Module::target(const std::string& name, sim::Target& target) {
    const Inside inside(*this);
    targets_.push_back(std::make_unique<TargetSocket>(bridge_, target, name));
    return *targets_.back();
}

void Module::reset() {
    for (const auto& initiator : initiators_) initiator->reset();
    for (const auto& socket : targets_) socket->reset();
}

}  // namespace smmusim::tlm
