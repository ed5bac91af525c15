#include "platform/results/explanation.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace smmusim::platform::results {

using Json = nlohmann::ordered_json;
using smmu::arch::Explanation;
using smmu::arch::Request;
using smmu::arch::Translation;
using Fields = std::vector<Explanation::Field>;

namespace {

constexpr std::array address_types{"untranslated", "request", "translated"};

std::string hex(u64 value) { return fmt::format("{:#x}", value); }

u64 number(const Json& value) {
    const std::string digits = value.get<std::string>();
    std::size_t used = 0;
    const u64 result = std::stoull(digits, &used, 16);
    if (used != digits.size()) throw std::invalid_argument("'" + digits + "' is no number");
    return result;
}

Json optional_hex(const std::optional<u64>& value) { return value ? Json(hex(*value)) : Json(nullptr); }

std::optional<u64> optional_number(const Json& value) {
    return value.is_null() ? std::nullopt : std::optional<u64>(number(value));
}

Json json_of(const Fields& fields) {
    Json result = Json::object();
    for (const Explanation::Field& field : fields) result[field.name] = hex(field.value);
    return result;
}

Fields fields_of(const Json& document) {
    Fields fields;
    for (const auto& [name, value] : document.items()) fields.push_back({name, number(value)});
    return fields;
}

Json json_of(const Request& request) {
    return {{"stream", hex(request.stream_id)},
            {"substream", request.has_substream() ? Json(hex(request.substream_id)) : Json(nullptr)},
            {"address", hex(request.address)},
            {"write", request.write},
            {"privileged", request.privileged},
            {"instruction", request.instruction},
            {"unsupported", request.unsupported},
            {"at", address_types[static_cast<u8>(request.address_type)]}};
}

Request request_of(const Json& document) {
    Request request;
    request.stream_id = static_cast<u32>(number(document.at("stream")));
    if (const Json& substream = document.at("substream"); !substream.is_null())
        request.substream_id = static_cast<u32>(number(substream));
    request.address = optional_number(document.at("address")).value_or(0);
    request.write = document.at("write").get<bool>();
    request.read = !request.write;
    request.privileged = document.at("privileged").get<bool>();
    request.instruction = document.at("instruction").get<bool>();
    request.unsupported = document.at("unsupported").get<bool>();
    const std::string type = document.at("at").get<std::string>();
    const auto known = std::ranges::find(address_types, type);
    if (known == address_types.end()) throw std::invalid_argument("there is no kind of access '" + type + "'");
    request.address_type = static_cast<sim::AddressType>(known - address_types.begin());
    return request;
}

}  // namespace

Json json_of(const Explanation& explanation) {
    Json entries = Json::array();
    for (const Explanation::Entry& entry : explanation.entries) {
        Json item = Json::object();
        item["kind"] = entry.kind;
        if (entry.read()) {
            item["level"] = entry.level == Translation::no_level ? Json(nullptr) : Json(entry.level);
            item["address"] = hex(entry.address);
            item["ipa"] = optional_hex(entry.ipa);
            item["size"] = entry.words.size() * 8;
            item["words"] = Json::array();
            for (const u64 word : entry.words) item["words"].push_back(hex(word));
        }
        if (entry.kind != "check") item["fields"] = json_of(entry.fields);
        item["then"] = entry.then;
        if (entry.kind == "check") item["section"] = entry.section;
        if (entry.read()) item["decided"] = entry.decided;
        entries.push_back(std::move(item));
    }
    const Explanation::Result& end = explanation.result;
    Json result{{"proceeds", end.proceeds},
                {"ending", end.ending},
                {"address", optional_hex(end.address)},
                {"attributes", end.attributes},
                {"rule", end.rule},
                {"section", end.section},
                {"event", end.event.empty() ? Json(nullptr) : Json(end.event)},
                {"recorded", end.recorded},
                {"event_fields", json_of(end.event_fields)},
                {"disposition", end.disposition}};
    Json access = json_of(explanation.request);
    if (!explanation.address_known) access["address"] = nullptr;
    return {{"access", std::move(access)},
            {"entries", std::move(entries)},
            {"result", std::move(result)},
            {"remarks", explanation.remarks}};
}

Explanation explanation_of(const Json& document) {
    Explanation explanation;
    explanation.request = request_of(document.at("access"));
    explanation.address_known = !document.at("access").at("address").is_null();
    for (const Json& item : document.at("entries")) {
        Explanation::Entry entry;
        entry.kind = item.at("kind").get<std::string>();
        entry.then = item.at("then").get<std::string>();
        if (entry.kind == "check") entry.section = item.at("section").get<std::string>();
        else entry.fields = fields_of(item.at("fields"));
        if (entry.read()) {
            if (const Json& level = item.at("level"); !level.is_null()) entry.level = level.get<int>();
            entry.address = number(item.at("address"));
            entry.ipa = optional_number(item.at("ipa"));
            for (const Json& word : item.at("words")) entry.words.push_back(number(word));
            entry.decided = item.at("decided").get<bool>();
        }
        explanation.entries.push_back(std::move(entry));
    }
    const Json& end = document.at("result");
    Explanation::Result& result = explanation.result;
    result.proceeds = end.at("proceeds").get<bool>();
    result.ending = end.at("ending").get<std::string>();
    result.address = optional_number(end.at("address"));
    result.attributes = end.at("attributes").get<std::string>();
    result.rule = end.at("rule").get<std::string>();
    result.section = end.at("section").get<std::string>();
    if (const Json& event = end.at("event"); !event.is_null()) result.event = event.get<std::string>();
    result.recorded = end.at("recorded").get<bool>();
    result.event_fields = fields_of(end.at("event_fields"));
    result.disposition = end.at("disposition").get<std::string>();
    explanation.remarks = document.at("remarks").get<std::vector<std::string>>();
    return explanation;
}

}  // namespace smmusim::platform::results
