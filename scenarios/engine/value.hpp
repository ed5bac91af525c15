// The right side of a comparison: a number with or without unit, a word, or a sum of statistics and numbers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/config/tree.hpp"
#include "platform/results/statistics_table.hpp"

namespace smmusim::scenarios {

/// An exact integer (picoseconds for times), a bit rate in b/s, another real number, or a word.
struct Quantity {
    enum class Kind : u8 { Integer, Time, Rate, Real, Word } kind = Kind::Integer;
    u64 integer = 0;
    double real = 0;
    std::string word;

    bool is_number() const { return kind != Kind::Word; }
    std::string text() const;
};

/// The value of a statistic, or nothing if it has none (the percentile of no samples).
std::optional<Quantity> value_of(const platform::results::Statistic& statistic);

/// -1, 0, 1; or nothing if the two cannot be compared (a word with a number, a time with a count).
std::optional<int> compare(const Quantity& left, const Quantity& right);

/// "2us", "7", "0.5", "reserved-iova", "smmu0.walk.s1_reads + smmu0.walk.s2_reads + 1".
class Value {
public:
    /// Throws ConfigError; a word that contains a dot is the name of a statistic.
    static Value read(const platform::config::Node& node);
    /// The same for what is compared: a statistic, or a sum with one.
    static Value read_statistic(const platform::config::Node& node);

    /// Nothing if it names a statistic that is not there or has no value; `problem` says which.
    std::optional<Quantity> evaluate(const platform::results::StatisticsTable& statistics, std::string& problem) const;
    const std::string& text() const { return text_; }

private:
    struct Term {
        std::string statistic;  ///< empty: the constant
        Quantity constant;
    };
    std::string text_;
    std::vector<Term> terms_;
};

}  // namespace smmusim::scenarios
