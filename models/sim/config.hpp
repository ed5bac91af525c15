// Configuration by reflection: each plain aggregate names its fields once; loading, printing, schema and docs follow.
#pragma once

#include <array>
#include <concepts>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::sim {

/// What a number counts; a number with a unit is written with it ("200us", "4KiB", "100Gb/s", "2.5GHz").
enum class Unit : u8 { Count, Time, Bytes, Hertz, BitsPerSecond, Cycles, Address, Raw };

/// Where a default comes from.
enum class Origin : u8 {
    Choice,    ///< a decision of this project, no claim about hardware
    Manual,    ///< an architecture or product manual
    Measured,  ///< a published measurement
    Assumed,   ///< an engineering estimate
};

/// What is said about a field besides its value.
struct FieldInfo {
    const char* name;
    const char* meaning;
    Unit unit = Unit::Count;
    Origin origin = Origin::Choice;
    const char* source = "";  ///< manual section, paper, reason
    u64 minimum = 0;
    u64 maximum = ~u64{0};
};

/// One name of an enumerated value.
struct Choice {
    const char* name;
    u64 value;
};

class ConfigVisitor;

template <class T>
concept Configurable = requires(T config, ConfigVisitor& visitor) {
    config.fields(visitor);
};

/// Sees every field of a configuration in order; loaders, writers and the schema derive from it.
class ConfigVisitor {
public:
    virtual ~ConfigVisitor() = default;

    template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>) void operator()(T& value, FieldInfo info) {
        info.maximum = std::min<u64>(info.maximum, static_cast<T>(~T{0}));
        u64 wide = value;
        number(wide, info);
        value = static_cast<T>(wide);
    }
    void operator()(bool& value, const FieldInfo& info) { flag(value, info); }
    void operator()(std::string& value, const FieldInfo& info) { text(value, info); }
    void operator()(std::vector<std::string>& value, const FieldInfo& info) { texts(value, info); }

    /// An enumeration with the names of its values.
    template <class E>
    requires std::is_enum_v<E>
    void operator()(E& value, const FieldInfo& info, std::span<const Choice> choices) {
        u64 wide = static_cast<u64>(value);
        choice(wide, info, choices);
        value = static_cast<E>(wide);
    }

    /// A part with fields of its own, reached as `name.field`.
    template <Configurable T>
    void group(const char* name, const char* meaning, T& part) {
        if (enter(name, meaning)) {
            part.fields(*this);
            leave();
        }
    }

    /// Equal parts, addressed by singular name and index (`smmu0`); naming the next index adds one.
    template <Configurable T>
    void list(const char* singular, const char* meaning, std::vector<T>& parts) {
        list(singular, meaning, parts, [](std::size_t) { return T{}; });
    }

    /// The same, where the defaults of a part depend on its place: `make(index)` is a new part.
    template <Configurable T, class Make>
    void list(const char* singular, const char* meaning, std::vector<T>& parts, Make make) {
        const std::size_t count = list_size(singular, meaning, parts.size());
        while (parts.size() > count) parts.pop_back();
        while (parts.size() < count) parts.push_back(make(parts.size()));
        for (std::size_t index = 0; index < count; ++index) {
            const std::string name = singular + std::to_string(index);
            if (enter(name.c_str(), meaning)) {
                parts[index].fields(*this);
                leave();
            }
        }
    }

protected:
    virtual void number(u64& value, const FieldInfo& info) = 0;
    virtual void flag(bool& value, const FieldInfo& info) = 0;
    virtual void text(std::string& value, const FieldInfo& info) = 0;
    virtual void texts(std::vector<std::string>& value, const FieldInfo& info) = 0;
    virtual void choice(u64& value, const FieldInfo& info, std::span<const Choice> choices) = 0;
    /// False: the visitor has no interest in this part.
    virtual bool enter(const char* name, const char* meaning) = 0;
    virtual void leave() = 0;
    /// How many parts the list shall have, given how many it has.
    virtual std::size_t list_size(const char* singular, const char* meaning, std::size_t present) = 0;
};

}  // namespace smmusim::sim
