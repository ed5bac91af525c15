// The files of a result folder.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "platform/results/event.hpp"
#include "sim/occupancy.hpp"
#include "sim/trace.hpp"

namespace smmusim::platform::results {

/// Writes a whole file, by way of a temporary one: a reader never sees half of it. Throws std::system_error.
void write_file(const std::filesystem::path& file, const std::string& content);
void write_json(const std::filesystem::path& file, const nlohmann::ordered_json& document);

/// events.csv: time, source, name, and one column for each field that occurs.
std::string events_csv(std::span<const Event> events);

/// occupancy.csv: source, start and end of each window, mean and peak of the slots in use.
std::string occupancy_csv(std::span<const sim::SlotHistory> histories);

/// trace.txt: "[    0.000012.345678] smmu0: cmd: ..." with seconds, microseconds and picoseconds.
class TextTrace final : public sim::Trace {
public:
    explicit TextTrace(const std::filesystem::path& file);
    void line(Kind kind, Time at, std::string_view source, const std::string& text) override;

private:
    struct Close {
        void operator()(std::FILE* stream) const { std::fclose(stream); }
    };
    std::unique_ptr<std::FILE, Close> stream_;
};

}  // namespace smmusim::platform::results
