// Which ID fields go together (IHI 0070, 6.3.1 to 6.3.8 and chapter 2): what a feature needs, and what is mandatory
// from which version on.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "smmu/spec/identification.hpp"

namespace smmusim::smmu::spec {

/// A combination that the architecture forbids.
struct IdentificationProblem {
    std::string field;  ///< "IDR0.PRI"
    std::string cause;
    std::string fix;
};

/// Lets fields that nobody has given follow those that somebody has, so that no forbidden combination is left; `given`
/// is asked for fields by their names. What was given is never changed: a combination forbidden among given fields is
/// returned.
std::optional<IdentificationProblem> settle(Identification& id,
                                            const std::function<bool(const std::string& field)>& given);

}  // namespace smmusim::smmu::spec
