#include "scenarios/engine/value.hpp"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

#include "platform/config/nearest.hpp"

namespace smmusim::scenarios {

using platform::config::Bare;
using platform::config::ConfigError;
using platform::config::Node;
using platform::config::parse_quantity;
using platform::results::Statistic;
using platform::results::StatisticsTable;

namespace {

/// A number in any notation that a configuration knows, a real number, or a word.
Quantity constant_of(const std::string& text) {
    Quantity result;
    const auto integer = [&](sim::Unit unit, Quantity::Kind kind) {
        try {
            result.integer = parse_quantity(text, unit, Bare::Rejected);
            result.kind = kind;
            return true;
        } catch (const platform::config::QuantityError&) {
            return false;
        }
    };
    if (integer(sim::Unit::Count, Quantity::Kind::Integer)) return result;
    if (integer(sim::Unit::Time, Quantity::Kind::Time)) return result;
    if (integer(sim::Unit::BitsPerSecond, Quantity::Kind::Rate)) {
        result.real = static_cast<double>(result.integer);
        return result;
    }
    for (const sim::Unit unit : {sim::Unit::Bytes, sim::Unit::Hertz, sim::Unit::Cycles})
        if (integer(unit, Quantity::Kind::Integer)) return result;
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, result.real).ptr == end && !text.empty()) {
        result.kind = Quantity::Kind::Real;
        return result;
    }
    result.kind = Quantity::Kind::Word;
    result.word = text;
    return result;
}

bool exact(const Quantity& quantity) {
    return quantity.kind == Quantity::Kind::Integer || quantity.kind == Quantity::Kind::Time;
}

double real_of(const Quantity& quantity) {
    if (quantity.kind == Quantity::Kind::Real || quantity.kind == Quantity::Kind::Rate) return quantity.real;
    return static_cast<double>(quantity.integer);
}

}  // namespace

std::string Quantity::text() const {
    switch (kind) {
        case Kind::Integer: return fmt::format("{}", integer);
        case Kind::Time: return platform::config::format_quantity(integer, sim::Unit::Time);
        case Kind::Rate: return fmt::format("{}Gb/s", real / 1e9);
        case Kind::Real: return fmt::format("{}", real);
        case Kind::Word: break;
    }
    return word;
}

std::optional<Quantity> value_of(const Statistic& statistic) {
    Quantity result;
    result.integer = statistic.integer;
    result.real = statistic.real;
    result.word = statistic.word;
    switch (statistic.kind) {
        case Statistic::Kind::Absent: return std::nullopt;
        case Statistic::Kind::Integer: result.kind = Quantity::Kind::Integer; break;
        case Statistic::Kind::Time: result.kind = Quantity::Kind::Time; break;
        case Statistic::Kind::Real: result.kind = Quantity::Kind::Real; break;
        case Statistic::Kind::Word: result.kind = Quantity::Kind::Word; break;
    }
    // A mean of times is shown in nanoseconds; it is compared with times like the exact ones.
    if (statistic.kind == Statistic::Kind::Real && statistic.unit == "ns") {
        result.kind = Quantity::Kind::Time;
        result.integer = static_cast<u64>(statistic.real * static_cast<double>(nanosecond) + 0.5);
    }
    if (statistic.kind == Statistic::Kind::Real && statistic.unit == "Gb/s") {
        result.kind = Quantity::Kind::Rate;
        result.real = statistic.real * 1e9;
    }
    return result;
}

std::optional<int> compare(const Quantity& left, const Quantity& right) {
    const auto order = [](const auto& a, const auto& b) { return a < b ? -1 : b < a ? 1 : 0; };
    if (left.is_number() != right.is_number()) return std::nullopt;
    if (!left.is_number()) return order(left.word, right.word);
    for (const Quantity::Kind kind : {Quantity::Kind::Time, Quantity::Kind::Rate})
        if ((left.kind == kind) != (right.kind == kind)) return std::nullopt;
    if (!exact(left) || !exact(right)) return order(real_of(left), real_of(right));
    return order(left.integer, right.integer);
}

Value Value::read(const Node& node) {
    if (node.kind() != Node::Kind::Scalar)
        throw ConfigError(node.where(), std::string("a value is expected, not ") + node.kind_name(),
                          "write a number, a word or a sum");
    Value value;
    value.text_ = node.text();
    std::istringstream words(node.text());
    bool operand = true;
    for (std::string word; words >> word; operand = !operand) {
        if (!operand) {
            if (word != "+")
                throw ConfigError(node.where(), "'" + word + "' stands where a + is expected", "write a + b");
            continue;
        }
        Term term;
        term.constant = constant_of(word);
        if (term.constant.kind == Quantity::Kind::Word && word.find('.') != std::string::npos) term.statistic = word;
        value.terms_.push_back(std::move(term));
    }
    if (operand) throw ConfigError(node.where(), "the value is incomplete", "write a number, a word or a sum");
    for (const Term& term : value.terms_)
        if (value.terms_.size() > 1 && term.statistic.empty() && !term.constant.is_number())
            throw ConfigError(node.where(), "'" + term.constant.word + "' cannot be added",
                              "add numbers and statistics");
    return value;
}

Value Value::read_statistic(const Node& node) {
    const Value value = read(node);
    bool any = false;
    for (const Term& term : value.terms_) {
        any = any || !term.statistic.empty();
        if (term.statistic.empty() && !term.constant.is_number())
            throw ConfigError(node.where(), "'" + term.constant.word + "' is not the name of a statistic",
                              "write the whole name, such as smmu0.tlb_miss");
    }
    if (!any) throw ConfigError(node.where(), "'" + value.text_ + "' names no statistic", "write the name of one");
    return value;
}

std::optional<Quantity> Value::evaluate(const StatisticsTable& statistics, std::string& problem) const {
    std::optional<Quantity> sum;
    for (const Term& term : terms_) {
        Quantity part = term.constant;
        if (!term.statistic.empty()) {
            const Statistic* const statistic = statistics.find(term.statistic);
            const std::optional<Quantity> found = statistic == nullptr ? std::nullopt : value_of(*statistic);
            if (!found) {
                const std::string& name = term.statistic;
                problem = statistic != nullptr ? "no samples of " + name
                                               : "no statistic '" + name + "', nearest is '" +
                                                     platform::config::nearest(name, statistics.names()) + "'";
                return std::nullopt;
            }
            part = *found;
        }
        if (!sum) {
            sum = part;
            continue;
        }
        if (!compare(*sum, part)) {
            problem = "'" + text_ + "' adds what cannot be added";
            return std::nullopt;
        }
        if (exact(*sum) && exact(part)) {
            sum->integer += part.integer;
        } else {
            sum->real = real_of(*sum) + real_of(part);
            if (exact(*sum)) sum->kind = part.kind;
        }
    }
    return sum;
}

}  // namespace smmusim::scenarios
