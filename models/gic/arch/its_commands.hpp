// What each ITS command does, and the order in which its errors are looked for (IHI 0069, 5.3).
#pragma once

#include "gic/arch/its_translation.hpp"

namespace smmusim::gic::arch {

/// Executes one command; its effects at redistributors are complete when a SYNC for them is.
sim::Task<spec::ItsError> execute(Its& its, ItsEnvironment& environment, spec::ItsCommand command);

/// The commands of GICv4.
sim::Task<spec::ItsError> execute_virtual(Its& its, ItsEnvironment& environment, spec::ItsCommand command);
sim::Task<spec::ItsError> unknown_command();

}  // namespace smmusim::gic::arch
