#include "platform/results/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace smmusim::platform::results {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const fs::path& file) { throw std::system_error(errno, std::generic_category(), file.string()); }

std::string quoted(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string result = "\"";
    for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
    return result + "\"";
}

}  // namespace

void write_file(const fs::path& file, const std::string& content) {
    if (file.has_parent_path()) fs::create_directories(file.parent_path());
    const fs::path temporary = file.string() + ".new";
    std::FILE* const stream = std::fopen(temporary.c_str(), "wb");
    if (stream == nullptr) fail(temporary);
    const bool written = std::fwrite(content.data(), 1, content.size(), stream) == content.size();
    if (std::fclose(stream) != 0 || !written) fail(temporary);
    fs::rename(temporary, file);
}

void write_json(const fs::path& file, const nlohmann::ordered_json& document) {
    write_file(file, document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

std::string events_csv(std::span<const Event> events) {
    std::vector<std::string> columns;
    for (const Event& event : events)
        for (const auto& [name, value] : event.fields)
            if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
    std::string text = "time_ps,source,name";
    for (const std::string& column : columns) text += "," + quoted(column);
    text += "\n";
    for (const Event& event : events) {
        text += fmt::format("{},{},{}", event.at, quoted(event.source), quoted(event.name));
        for (const std::string& column : columns) {
            const auto field = std::ranges::find(event.fields, column, &std::pair<std::string, u64>::first);
            text += field == event.fields.end() ? "," : fmt::format(",{:#x}", field->second);
        }
        text += "\n";
    }
    return text;
}

std::string occupancy_csv(std::span<const sim::SlotHistory> histories) {
    std::string text = "source,start_ps,end_ps,mean,peak\n";
    for (const sim::SlotHistory& history : histories)
        for (const sim::Occupancy::Window& window : history.windows)
            text += fmt::format("{},{},{},{:.6g},{}\n", quoted(history.name), window.start, window.end, window.mean(),
                                window.peak);
    return text;
}

TextTrace::TextTrace(const fs::path& file) {
    if (file.has_parent_path()) fs::create_directories(file.parent_path());
    stream_.reset(std::fopen(file.c_str(), "wb"));
    if (!stream_) fail(file);
}

void TextTrace::line(Kind kind, Time at, std::string_view source, const std::string& text) {
    fmt::print(stream_.get(), "[{:5}.{:06}.{:06}] {}: {}: {}\n", at / second, at % second / microsecond,
               at % microsecond, source, names[static_cast<u8>(kind)], text);
}

}  // namespace smmusim::platform::results
