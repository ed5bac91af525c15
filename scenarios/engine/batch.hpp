// Many scenarios, each in a process of its own: a crash or a hang of one is its own result.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "scenarios/engine/outcome.hpp"

namespace smmusim::scenarios {

class Batch {
public:
    /// Runs one scenario to its outcome; called in the process of that scenario.
    using Run = std::function<Outcome(const std::filesystem::path&)>;
    /// Called in the order of the files, as soon as the outcome and all before it are known.
    using Report = std::function<void(const Outcome&)>;

    explicit Batch(Run run) : run_(std::move(run)) {}

    std::vector<Outcome> execute(const std::vector<std::filesystem::path>& files, unsigned jobs, const Report& report);

private:
    struct Worker;
    Worker start(std::size_t index, const std::filesystem::path& file);
    Outcome finish(Worker& worker, const std::filesystem::path& file);

    Run run_;
};

}  // namespace smmusim::scenarios
