// Where the files are that a command line names.
#pragma once

#include <filesystem>
#include <string>

namespace smmusim::scenarios {

/// A file of the repository; relative where the working directory lies above it.
std::filesystem::path in_repository(const std::string& path);

/// As given from the working directory, else from the repository.
std::filesystem::path existing(const std::string& path);

}  // namespace smmusim::scenarios
