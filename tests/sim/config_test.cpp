// Promises of reflection: a visitor sees every field by its path, and what it sets arrives.
#include "sim/config.hpp"

#include <gtest/gtest.h>

#include <map>

namespace smmusim::sim {
namespace {

enum class Colour : u8 { Red = 3, Green = 5 };
constexpr std::array<Choice, 2> colours{Choice{"red", 3}, Choice{"green", 5}};

struct Part {
    u32 entries = 4;
    void fields(ConfigVisitor& visit) { visit(entries, {"entries", "how many", Unit::Count}); }
};

struct Whole {
    Time latency = 100;
    u8 small = 1;
    bool enabled = false;
    std::string path = "a";
    std::vector<std::string> names{"x"};
    Colour colour = Colour::Red;
    Part cache;
    std::vector<Part> banks{1};

    void fields(ConfigVisitor& visit) {
        visit(latency, {"latency", "how long", Unit::Time, Origin::Assumed, "a guess", 1});
        visit(small, {"small", "a byte", Unit::Count});
        visit(enabled, {"enabled", "whether"});
        visit(path, {"path", "where"});
        visit(names, {"names", "who"});
        visit(colour, {"colour", "which"}, colours);
        visit.group("cache", "a part", cache);
        visit.list("bank", "equal parts", banks);
    }
};

/// Sets what it has a value for, and writes down what it saw.
class Editor final : public ConfigVisitor {
public:
    std::map<std::string, u64> numbers;
    std::map<std::string, std::size_t> sizes;
    std::vector<std::string> seen;
    std::map<std::string, FieldInfo> infos;
    std::string skipped;

protected:
    void number(u64& value, const FieldInfo& info) override { edit(value, info); }
    void flag(bool& value, const FieldInfo& info) override {
        u64 wide = value;
        edit(wide, info);
        value = wide != 0;
    }
    void text(std::string& value, const FieldInfo& info) override {
        u64 none = 0;
        edit(none, info);
        value += "!";
    }
    void texts(std::vector<std::string>& value, const FieldInfo& info) override {
        u64 none = 0;
        edit(none, info);
        value.push_back("y");
    }
    void choice(u64& value, const FieldInfo& info, std::span<const Choice> choices) override {
        EXPECT_EQ(choices.size(), 2u);
        edit(value, info);
    }
    bool enter(const char* name, const char*) override {
        if (skipped == name) return false;
        path_.push_back(name);
        return true;
    }
    void leave() override { path_.pop_back(); }
    std::size_t list_size(const char* singular, const char*, std::size_t present) override {
        return sizes.contains(singular) ? sizes[singular] : present;
    }

private:
    void edit(u64& value, const FieldInfo& info) {
        std::string name;
        for (const std::string& part : path_) name += part + ".";
        name += info.name;
        seen.push_back(name);
        infos.emplace(name, info);
        if (numbers.contains(name)) value = numbers[name];
    }
    std::vector<std::string> path_;
};

TEST(Config, VisitorSeesEveryFieldInOrderByItsPath) {
    Whole whole;
    Editor editor;
    whole.fields(editor);
    EXPECT_EQ(editor.seen, (std::vector<std::string>{"latency", "small", "enabled", "path", "names", "colour",
                                                     "cache.entries", "bank0.entries"}));
    EXPECT_EQ(editor.infos.at("latency").unit, Unit::Time);
    EXPECT_EQ(editor.infos.at("latency").minimum, 1u);
    EXPECT_EQ(editor.infos.at("small").maximum, 255u) << "no more than the type holds";
}

TEST(Config, WhatAVisitorSetsArrives) {
    Whole whole;
    Editor editor;
    editor.numbers = {{"latency", 7}, {"small", 200},       {"enabled", 1},
                      {"colour", 5},  {"cache.entries", 9}, {"bank2.entries", 11}};
    editor.sizes = {{"bank", 3}};
    whole.fields(editor);
    EXPECT_EQ(whole.latency, 7u);
    EXPECT_EQ(whole.small, 200u);
    EXPECT_TRUE(whole.enabled);
    EXPECT_EQ(whole.path, "a!");
    EXPECT_EQ(whole.names, (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(whole.colour, Colour::Green);
    EXPECT_EQ(whole.cache.entries, 9u);
    ASSERT_EQ(whole.banks.size(), 3u);
    EXPECT_EQ(whole.banks[1].entries, 4u) << "an added part starts with its defaults";
    EXPECT_EQ(whole.banks[2].entries, 11u);
}

TEST(Config, PartWithoutInterestIsSkipped) {
    Whole whole;
    Editor editor;
    editor.skipped = "cache";
    whole.fields(editor);
    EXPECT_EQ(editor.seen.back(), "bank0.entries");
    EXPECT_EQ(std::count(editor.seen.begin(), editor.seen.end(), "cache.entries"), 0);
}

}  // namespace
}  // namespace smmusim::sim
