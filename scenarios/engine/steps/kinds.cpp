#include "scenarios/engine/steps/step_base.hpp"

namespace smmusim::scenarios {

std::span<const StepKind> step_kinds() {
    static const std::vector<StepKind> all = [] {
        std::vector<StepKind> kinds;
        for (const auto group : {guest_steps(), interrupt_steps(), vcpu_steps(), dma_steps(), check_steps()})
            kinds.insert(kinds.end(), group.begin(), group.end());
        return kinds;
    }();
    return all;
}

}  // namespace smmusim::scenarios
