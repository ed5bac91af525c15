// Why an access went where it went: every structure read, decoded, the rules that it passed, and the one that decided.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "smmu/arch/functional.hpp"

namespace smmusim::smmu::arch {

struct Explanation {
    struct Field {
        std::string name;  ///< the manual's
        u64 value = 0;     ///< raw encoding; addresses as addresses
    };

    /// The registers in force, a rule that the access passed, or one read.
    struct Entry {
        std::string kind;  ///< "registers", "check", or of the read: "L1STD", "STE", "L1CD", "CD", "S1", "S2"
        int level = Translation::no_level;  ///< of a descriptor
        u64 address = 0;                    ///< physical
        std::optional<u64> ipa;     ///< of S2 the address under translation, of others what stage 2 has translated
        std::vector<u64> words;     ///< as read from memory; empty if the read was aborted
        std::vector<Field> fields;  ///< those that count for this access
        std::string then;           ///< what followed
        std::string section;        ///< of the manual, of a check
        bool decided = false;       ///< the access ended here

        bool read() const { return kind != "registers" && kind != "check"; }
    };

    struct Result {
        bool proceeds = false;
        std::string ending;               ///< "proceeds", "aborts", "completes as RAZ/WI", ...
        std::optional<u64> address;       ///< physical, if it proceeds; the one that an answered request got
        std::string attributes;           ///< of memory, as they leave the SMMU
        std::string rule;                 ///< that decided; empty if it proceeds
        std::string section;              ///< of the manual, of the rule
        std::string event;                ///< name of the event; empty if there is none
        bool recorded = false;            ///< the event is written to the event queue
        std::vector<Field> event_fields;  ///< what the record says
        std::string disposition;          ///< which flags made of the fault what it became
    };

    Request request;
    bool address_known = true;  ///< false: the request is that of a record that does not tell
    std::vector<Entry> entries;
    Result result;
    std::vector<std::string> remarks;  ///< what whoever asked should know besides
};

/// Reads memory as the SMMU would, without side effects; false: the read is aborted.
using ReadMemory = std::function<bool(const Fetch& fetch, void* data)>;

/// Follows the access through registers and memory as they are now; caches play no part.
Explanation explain(const spec::Identification& id, const Control& control, const Request& request,
                    const ReadMemory& memory);

/// "read of 0x1000 by StreamID 0x8, ..."
std::string request_text(const Request& request);

/// For a terminal: one paragraph for each entry, in the order of the procedure. Fields that are 0 are left out.
std::string text(const Explanation& explanation, bool colour = false);

/// The value of a field as the manual would write it, with its meaning where that is not obvious: "0b101 (stage 1)".
std::string field_text(const std::string& kind, const Explanation::Field& field);

}  // namespace smmusim::smmu::arch
