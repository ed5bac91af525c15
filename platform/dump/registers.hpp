// The registers of an SMMU as somebody dumped them from a machine: architected names and values in a text file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "platform/config/error.hpp"
#include "smmu/arch/environment.hpp"

namespace smmusim::platform::dump {

/// What a dump says about an SMMU; what it does not say is taken from the model, and `remarks` tell so.
struct SmmuRegisters {
    smmu::spec::Identification identification;
    smmu::arch::Control control;
    std::vector<std::string> remarks;
};

/// A register in the file that gave it.
struct RegisterValue {
    u64 value = 0;
    config::Position where;
};
using RegisterValues = std::map<std::string, RegisterValue>;

/// Lines "NAME = VALUE" or "NAME: VALUE" with # comments, or a JSON object. Throws ConfigError.
RegisterValues read_registers(const std::string& file);

/// Throws ConfigError if a register is missing that translation needs, or an ID register says what the model is not.
SmmuRegisters smmu_registers(const RegisterValues& values, const std::string& file);

}  // namespace smmusim::platform::dump
