// The program; the commands are the scenario engine's.
#include "scenarios/engine/command_line.hpp"

int main(int argc, char** argv) { return smmusim::scenarios::command_line(argc, argv); }
