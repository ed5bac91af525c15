// From register values to what translation depends on.
#include <fmt/format.h>

#include "platform/dump/registers.hpp"
#include "smmu/spec/identification_fields.hpp"
#include "smmu/spec/identification_rules.hpp"

namespace smmusim::platform::dump {

using config::ConfigError;
using smmu::spec::IdentificationField;

namespace {

/// One field of an Identification, found by its name: its value and what the model supports.
class FieldAccess final : public sim::ConfigVisitor {
public:
    FieldAccess(const char* reg, const char* field) : register_(reg), field_(field) {}
    bool known = false;
    u64 lowest = 0, highest = 0;
    std::optional<u64> assign;

private:
    void number(u64& value, const sim::FieldInfo& info) override {
        if (inside_ != register_ || field_ != info.name) return;
        known = true;
        lowest = info.minimum;
        highest = info.maximum;
        if (assign) value = *assign;
    }
    void flag(bool&, const sim::FieldInfo&) override {}
    void text(std::string&, const sim::FieldInfo&) override {}
    void texts(std::vector<std::string>&, const sim::FieldInfo&) override {}
    void choice(u64&, const sim::FieldInfo&, std::span<const sim::Choice>) override {}
    bool enter(const char* name, const char*) override {
        inside_ = name;
        return true;
    }
    void leave() override { inside_.clear(); }
    std::size_t list_size(const char*, const char*, std::size_t present) override { return present; }

    std::string inside_, register_, field_;
};

/// A field of an ID register of the dump becomes the model's, or the reason why it cannot.
void adopt(const IdentificationField& row, const RegisterValue& from, SmmuRegisters& registers) {
    sim::Record<1> record;
    record.words[0] = from.value;
    const u64 value = record.value(row.field);
    FieldAccess access(row.reg, row.field.name);
    registers.identification.fields(access);
    if (access.known && value >= access.lowest && value <= access.highest) {
        access.assign = value;
        registers.identification.fields(access);
        return;
    }
    if (!access.known && value == 0) return;
    if (!row.translates) {
        if (!access.known)
            registers.remarks.push_back(fmt::format("{}.{} = {} is not modelled; no translation depends on it", row.reg,
                                                    row.field.name, value));
        return;
    }
    const std::string supported = !access.known ? std::string("0")
                                  : access.lowest == access.highest
                                      ? fmt::format("{}", access.lowest)
                                      : fmt::format("{} to {}", access.lowest, access.highest);
    throw ConfigError(
        from.where, fmt::format("{}.{} = {} is not supported", row.reg, row.field.name, value),
        fmt::format("the model supports {}; change the field to see what such an SMMU would do", supported));
}

/// Values by name; remembers those that were asked for in vain.
class Lookup {
public:
    Lookup(const RegisterValues& values, const std::string& file) : values_(values), file_(file) {}

    const RegisterValue* find(const char* name, unsigned bits) const {
        const auto found = values_.find(name);
        if (found == values_.end()) return nullptr;
        if (bits < 64 && found->second.value >> bits != 0)
            throw ConfigError(found->second.where, fmt::format("{} has more than {} bits", name, bits),
                              "check the value");
        return &found->second;
    }
    u64 required(const char* name, unsigned bits, const char* why) const {
        const RegisterValue* const found = find(name, bits);
        if (found == nullptr)
            throw ConfigError({file_}, fmt::format("{} is missing; {}", name, why),
                              fmt::format("add {} = VALUE", name));
        return found->value;
    }
    u64 optional(const char* name, u64 otherwise, SmmuRegisters& registers) const {
        const RegisterValue* const found = find(name, 32);
        if (found != nullptr) return found->value;
        registers.remarks.push_back(fmt::format("{} is not in {}; taken as {:#x}", name, file_, otherwise));
        return otherwise;
    }

private:
    const RegisterValues& values_;
    const std::string& file_;
};

}  // namespace

SmmuRegisters smmu_registers(const RegisterValues& values, const std::string& file) {
    SmmuRegisters registers;
    const Lookup lookup(values, file);
    for (const IdentificationField& row : smmu::spec::identification_fields)
        if (const RegisterValue* const value = lookup.find(row.reg, 32)) adopt(row, *value, registers);
    std::string absent;
    for (const char* const name : {"IDR0", "IDR1", "IDR3", "IDR5", "AIDR"})
        if (lookup.find(name, 32) == nullptr) absent += (absent.empty() ? "" : ", ") + std::string(name);
    if (!absent.empty())
        registers.remarks.push_back(fmt::format("{}: not in {}; taken as the model's default", absent, file));

    // What was not dumped follows what was; what a machine says of itself is taken as it is.
    const auto given = [&](const std::string& field) { return values.contains(field.substr(0, field.find('.'))); };
    if (const auto problem = smmu::spec::settle(registers.identification, given))
        registers.remarks.push_back(problem->field + ": " + problem->cause);

    using namespace smmu::spec;
    smmu::arch::Control& control = registers.control;
    const RegisterValue* const acknowledged = lookup.find("CR0ACK", 32);
    const Cr0 cr0(acknowledged != nullptr ? acknowledged->value
                                          : lookup.required("CR0", 32, "it says whether the SMMU translates at all"));
    control.enabled = cr0[Cr0::SMMUEN];
    control.checks_translated = cr0[Cr0::ATSCHK];
    if (!control.enabled) {
        control.gbpa = Gbpa(lookup.required("GBPA", 32, "with SMMUEN = 0 it decides"));
        return registers;
    }
    control.cr1 = Cr1(lookup.optional("CR1", 0, registers));
    control.cr2 = Cr2(lookup.optional("CR2", 0, registers));
    control.strtab_base = StrtabBase(lookup.required("STRTAB_BASE", 64, "the stream table lies there"));
    control.strtab_cfg = StrtabBaseCfg(lookup.required("STRTAB_BASE_CFG", 32, "it says how large the stream table is"));
    return registers;
}

}  // namespace smmusim::platform::dump
