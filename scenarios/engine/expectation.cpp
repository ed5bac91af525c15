#include "scenarios/engine/expectation.hpp"

#include <fmt/format.h>

#include <array>

#include "platform/config/nearest.hpp"
#include "platform/config/source.hpp"
#include "scenarios/engine/golden.hpp"
#include "scenarios/engine/value.hpp"
#include "smmu/spec/event.hpp"

namespace smmusim::scenarios {

using Json = nlohmann::ordered_json;
using platform::config::Bare;
using platform::config::ConfigError;
using platform::config::Node;
using platform::config::parse_quantity;
using platform::config::Position;
using platform::results::Event;

namespace {

enum class Relation : u8 { Equal, NotEqual, LessEqual, Less, GreaterEqual, Greater };
struct RelationName {
    const char* key;
    const char* sign;
};
constexpr std::array<RelationName, 6> relations{
    {{"eq", "="}, {"ne", "!="}, {"le", "<="}, {"lt", "<"}, {"ge", ">="}, {"gt", ">"}}};

bool holds(Relation relation, int order) {
    switch (relation) {
        case Relation::Equal: return order == 0;
        case Relation::NotEqual: return order != 0;
        case Relation::LessEqual: return order <= 0;
        case Relation::Less: return order < 0;
        case Relation::GreaterEqual: return order >= 0;
        case Relation::Greater: return order > 0;
    }
    return false;
}

/// {stat: path, le: 2us, gt: 0}
class Bounds final : public Expectation {
public:
    explicit Bounds(const Node& map)
        : Expectation(map.where()), statistic_(Value::read_statistic(map.find("stat")->value)) {
        std::vector<std::string> valid{"stat"};
        for (const RelationName& name : relations) valid.emplace_back(name.key);
        for (const Node::Entry& entry : map.entries()) {
            if (entry.key == "stat") continue;
            const auto known =
                std::ranges::find_if(relations, [&](const RelationName& name) { return entry.key == name.key; });
            if (known == relations.end())
                throw ConfigError(entry.where, "there is no comparison '" + entry.key + "'",
                                  platform::config::suggestion(entry.key, valid));
            bounds_.push_back({static_cast<Relation>(known - relations.begin()), Value::read(entry.value)});
        }
        if (bounds_.empty())
            throw ConfigError(map.where(), "nothing is expected of " + statistic_.text(),
                              "add eq, ne, le, lt, ge or gt");
    }

    void judge(const Evidence& evidence, std::vector<Verdict>& verdicts) const override {
        for (const Bound& bound : bounds_) {
            const std::string words =
                statistic_.text() + " " + relations[static_cast<u8>(bound.relation)].sign + " " + bound.value.text();
            std::string problem;
            const std::optional<Quantity> left = statistic_.evaluate(evidence.statistics, problem);
            const std::optional<Quantity> right =
                left ? bound.value.evaluate(evidence.statistics, problem) : std::nullopt;
            if (!right) {
                verdicts.push_back(verdict(words, false, problem));
                continue;
            }
            const std::optional<int> order = compare(*left, *right);
            const bool hexadecimal = bound.value.text().starts_with("0x") && left->kind == Quantity::Kind::Integer;
            const std::string found = hexadecimal ? fmt::format("{:#x}", left->integer) : left->text();
            verdicts.push_back(verdict(words, order && holds(bound.relation, *order),
                                       order ? found : found + ", which has another unit"));
        }
    }

private:
    struct Bound {
        Relation relation;
        Value value;
    };
    Value statistic_;
    std::vector<Bound> bounds_;
};

std::string describe(const Event& event) {
    std::string text = event.source + " " + event.name;
    for (const auto& [name, value] : event.fields)
        if (value != 0) text += fmt::format(" {}={:#x}", name, value);
    return text;
}

/// {events: [{name: F_TRANSLATION, RnW: 1}, ...]}: exactly these, in this order.
class ExactEvents final : public Expectation {
public:
    explicit ExactEvents(const Node& list) : Expectation(list.where()) {
        if (list.kind() != Node::Kind::List)
            throw ConfigError(list.where(), std::string("events is ") + list.kind_name() + ", not a list",
                              "write [] or [{name: ...}]");
        for (const Node& item : list.items()) {
            if (!item.is_map())
                throw ConfigError(item.where(), "an event is a mapping of field names", "write {name: F_TRANSLATION}");
            Pattern& pattern = patterns_.emplace_back();
            for (const Node::Entry& entry : item.entries()) {
                if (entry.value.kind() != Node::Kind::Scalar)
                    throw ConfigError(entry.value.where(), entry.key + " is " + entry.value.kind_name(),
                                      "give one value");
                if (entry.key == "name") pattern.name = known(entry.value.text(), event_names(), entry.value.where());
                else if (entry.key == "source") pattern.source = entry.value.text();
                else pattern.fields.emplace_back(known(entry.key, field_names(), entry.where), number(entry));
            }
        }
    }

    void judge(const Evidence& evidence, std::vector<Verdict>& verdicts) const override {
        std::string actual;
        for (const Event& event : evidence.events) actual += (actual.empty() ? "" : "; ") + describe(event);
        bool same = evidence.events.size() == patterns_.size();
        for (std::size_t index = 0; same && index < patterns_.size(); ++index)
            same = patterns_[index].matches(evidence.events[index]);
        std::string words;
        for (const Pattern& pattern : patterns_) words += (words.empty() ? "" : "; ") + pattern.text();
        verdicts.push_back(verdict(patterns_.empty() ? "no events" : "exactly these events: " + words, same,
                                   actual.empty() ? "none" : actual));
    }

private:
    struct Pattern {
        std::string name;
        std::string source;
        std::vector<std::pair<std::string, u64>> fields;

        bool matches(const Event& event) const {
            if (!name.empty() && name != event.name) return false;
            if (!source.empty() && source != event.source) return false;
            return std::ranges::all_of(fields, [&](const auto& field) {
                return std::ranges::find(event.fields, field) != event.fields.end();
            });
        }
        std::string text() const {
            std::string words = name;
            for (const auto& [field, value] : fields) words += fmt::format(" {}={:#x}", field, value);
            return words;
        }
    };

    static std::vector<std::string> event_names() {
        std::vector<std::string> names;
        for (unsigned number = 0; number < 256; ++number)
            if (const std::string name = smmu::spec::event_name(static_cast<u8>(number)); name != "?")
                names.push_back(name);
        return names;
    }
    static std::vector<std::string> field_names() {
        std::vector<std::string> names{"name", "source"};
        for (const sim::NamedField& field : smmu::spec::Event::fields) names.emplace_back(field.name);
        return names;
    }
    static std::string known(const std::string& word, const std::vector<std::string>& names, const Position& where) {
        if (std::ranges::find(names, word) != names.end()) return word;
        throw ConfigError(where, "no event has '" + word + "'", platform::config::suggestion(word, names));
    }

    static u64 number(const Node::Entry& entry) {
        try {
            return parse_quantity(entry.value.text(), sim::Unit::Raw, Bare::Allowed);
        } catch (const platform::config::QuantityError& error) {
            throw ConfigError(entry.value.where(), entry.key + ": " + error.what(), error.fix());
        }
    }

    std::vector<Pattern> patterns_;
};

std::unique_ptr<Expectation> read_one(const Node& item) {
    const std::vector<std::string> kinds{"no_faults", "stat", "events", "golden"};
    if (item.kind() == Node::Kind::Scalar) {
        if (item.text() != "no_faults")
            throw ConfigError(item.where(), "there is no expectation '" + item.text() + "'",
                              platform::config::suggestion(item.text(), kinds));
        return std::make_unique<ExactEvents>(Node(Node::Kind::List, item.where()));
    }
    if (item.is_map() && item.find("stat") != nullptr) return std::make_unique<Bounds>(item);
    if (item.is_map() && item.entries().size() == 1 && item.find("events") != nullptr)
        return std::make_unique<ExactEvents>(item.find("events")->value);
    if (item.is_map() && item.entries().size() == 1 && item.find("golden") != nullptr)
        return read_golden(item.find("golden")->value);
    const std::string wrong = item.is_map() && !item.entries().empty() ? item.entries().front().key : "";
    throw ConfigError(item.where(), "this is no expectation", platform::config::suggestion(wrong, kinds));
}

}  // namespace

Expectations read_expectations(const Node& list) {
    if (list.kind() != Node::Kind::List)
        throw ConfigError(list.where(), std::string("expectations are a list, this is ") + list.kind_name(),
                          "write `- no_faults` lines");
    Expectations expectations;
    for (const Node& item : list.items()) expectations.push_back(read_one(item));
    return expectations;
}

nlohmann::ordered_json expectation_schema() {
    const Json value = {{"type", Json::array({"integer", "number", "string"})}};
    Json bounds = {{"type", "object"},
                   {"properties", {{"stat", {{"type", "string"}}}}},
                   {"required", {"stat"}},
                   {"minProperties", 2},
                   {"additionalProperties", false}};
    for (const RelationName& name : relations) bounds["properties"][name.key] = value;
    const Json event = {{"type", "object"}, {"additionalProperties", value}};
    return {{"anyOf",
             {{{"const", "no_faults"}},
              bounds,
              {{"type", "object"},
               {"properties", {{"events", {{"type", "array"}, {"items", event}}}}},
               {"required", {"events"}},
               {"additionalProperties", false}},
              {{"type", "object"},
               {"properties", {{"golden", {{"type", "string"}}}}},
               {"required", {"golden"}},
               {"additionalProperties", false}}}}};
}

std::vector<Verdict> judge(const Expectations& expectations, const Evidence& evidence) {
    std::vector<Verdict> verdicts;
    for (const auto& expectation : expectations) expectation->judge(evidence, verdicts);
    return verdicts;
}

}  // namespace smmusim::scenarios
