#include "platform/fault_explanations.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace smmusim::platform {

using Json = nlohmann::ordered_json;
using smmu::arch::Explanation;
using smmu::arch::Request;
using smmu::spec::Event;
using smmu::spec::EventNumber;

namespace {

bool has(const results::Event& event, const char* name) {
    return std::ranges::find(event.fields, name, &std::pair<std::string, u64>::first) != event.fields.end();
}

/// The access as its record tells it; privilege and instruction are those after overrides.
Request request_of(const results::Event& event) {
    Event record;
    std::ranges::copy(event.record, record.words.begin());
    Request request;
    request.stream_id = static_cast<u32>(event.field("StreamID"));
    const EventNumber number = record[Event::Number];
    if (event.field("SSV") != 0 || number == EventNumber::C_BAD_SUBSTREAMID)
        request.substream_id = static_cast<u32>(event.field("SubstreamID"));
    const bool request_for_translation = number == EventNumber::F_BAD_ATS_TREQ;
    request.address = has(event, "InputAddr") || request_for_translation ? record[Event::InputAddr] : 0;
    request.write = has(event, "RnW") && event.field("RnW") == 0;
    request.read = !request.write;
    request.privileged = event.field("PnU") != 0;
    request.instruction = event.field("InD") != 0;
    if (request_for_translation) {
        request.address_type = sim::AddressType::TranslationRequest;
        request.no_write = !record[Event::W];
        request.privileged = record[Event::Priv];
        request.instruction = record[Event::X];
    }
    if (number == EventNumber::F_TRANSL_FORBIDDEN) request.address_type = sim::AddressType::Translated;
    request.unsupported = number == EventNumber::F_UUT;
    return request;
}

u64 field(const std::vector<Explanation::Field>& fields, const char* name) {
    const auto found = std::ranges::find(fields, name, &Explanation::Field::name);
    return found == fields.end() ? 0 : found->value;
}

/// The walk may end elsewhere than that of the access did: somebody has changed the tables, or a cache knew others.
bool same_fault(const Explanation& explanation, const results::Event& event) {
    const Explanation::Result& end = explanation.result;
    return end.event == event.name && field(end.event_fields, "S2") == event.field("S2") &&
           field(end.event_fields, "CLASS") == event.field("CLASS");
}

}  // namespace

FaultExplanations::FaultExplanations(Platform& platform) : machine_(platform.machine()) {
    machine_.events.on_event = [this](const results::Event& event) { explain(event); };
}

FaultExplanations::~FaultExplanations() { machine_.events.on_event = nullptr; }

void FaultExplanations::explain(const results::Event& event) {
    const auto& smmus = machine_.smmus;
    const auto smmu = std::ranges::find_if(smmus, [&](const auto& one) { return one->name() == event.source; });
    if (smmu == smmus.end() || event.record.size() != std::tuple_size_v<decltype(Event::words)>) return;
    if (faults_.size() == limit) {
        ++more_;
        return;
    }
    ExplainedFault fault{event.at, event.source, event.name, event.record, (*smmu)->explain(request_of(event))};
    Explanation& explanation = fault.explanation;
    explanation.address_known = has(event, "InputAddr") || event.name == "F_BAD_ATS_TREQ";
    if (!same_fault(explanation, event))
        explanation.remarks.push_back(fmt::format(
            "the record says {}; registers or tables have changed since, or a cache held something else", event.name));
    faults_.push_back(std::move(fault));
}

Json FaultExplanations::json() const {
    Json list = Json::array();
    for (const ExplainedFault& fault : faults_) {
        Json record = Json::array();
        for (const u64 word : fault.record) record.push_back(fmt::format("{:#x}", word));
        Json item{{"time_ps", fault.at}, {"source", fault.source}, {"name", fault.name}, {"record", std::move(record)}};
        item.update(results::json_of(fault.explanation));
        list.push_back(std::move(item));
    }
    return {{"faults", std::move(list)}, {"more", more_}};
}

ExplainedFault explained_fault_of(const Json& document) {
    ExplainedFault fault;
    fault.at = document.at("time_ps").get<Time>();
    fault.source = document.at("source").get<std::string>();
    fault.name = document.at("name").get<std::string>();
    for (const Json& word : document.at("record"))
        fault.record.push_back(std::stoull(word.get<std::string>(), nullptr, 16));
    fault.explanation = results::explanation_of(document);
    return fault;
}

}  // namespace smmusim::platform
