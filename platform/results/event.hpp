// An architected event of a run: a fault record, a command error, a global error.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/types.hpp"

namespace smmusim::platform::results {

struct Event {
    Time at = 0;
    std::string source;                               ///< path of the component: "smmu0", "its0"
    std::string name;                                 ///< the manual's: "F_TRANSLATION", "GERROR", ...
    std::vector<std::pair<std::string, u64>> fields;  ///< raw encodings under the manual's names
    std::vector<u64> record;                          ///< as written to memory; empty if nothing was

    /// The field's value; 0 where the record has no such field.
    u64 field(const std::string& field_name) const {
        for (const auto& [known, value] : fields)
            if (known == field_name) return value;
        return 0;
    }
};

}  // namespace smmusim::platform::results
