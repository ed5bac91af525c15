// The commands of the program: demo, run, list, params, schema.
#pragma once

namespace smmusim::scenarios {

/// Does what the arguments say; the result is the exit status.
int command_line(int argc, char** argv);

}  // namespace smmusim::scenarios
