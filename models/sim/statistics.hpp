// Statistics by reflection: counters stay plain integers beside their component, named once with unit and meaning.
#pragma once

#include <string>

#include "sim/histogram.hpp"
#include "sim/types.hpp"

namespace smmusim::sim {

/// Sees every statistic of a component; names are relative to the component's path.
class StatisticsVisitor {
public:
    virtual ~StatisticsVisitor() = default;

    /// A count since the last reset.
    virtual void counter(const char* name, u64& value, const char* unit, const char* meaning) = 0;
    /// An amount that exists now; a reset leaves it alone.
    virtual void gauge(const char* name, u64 value, const char* unit, const char* meaning) = 0;
    /// A derived figure; not part of the digest.
    virtual void derived(const char* name, double value, const char* unit, const char* meaning) = 0;
    /// A word, such as the name of a policy.
    virtual void text(const char* name, const std::string& value, const char* meaning) = 0;
    /// A latency in picoseconds, shown in nanoseconds as `name.{count,mean,min,p50,p99,p999,max}`.
    virtual void latency(const char* name, Histogram& histogram, const char* meaning) = 0;
    /// A distribution of plain numbers, shown as `name.{count,mean,min,p50,p99,p999,max}`.
    virtual void distribution(const char* name, Histogram& histogram, const char* unit, const char* meaning) = 0;

    /// Prefixes the names of what follows.
    virtual void enter(const std::string& name) = 0;
    virtual void leave() = 0;
};

/// A component that has statistics.
class HasStatistics {
public:
    virtual ~HasStatistics() = default;
    virtual void statistics(StatisticsVisitor& visit) = 0;
};

}  // namespace smmusim::sim
