// Event records for faults, and what a stage's flags make of them (IHI 0070, 7.3, 3.12, 5.5).
#pragma once

#include "smmu/arch/request.hpp"

namespace smmusim::smmu::arch {

using spec::EventNumber;
using spec::FaultClass;

/// Configuration errors and fetch aborts: always abort, always recorded if the queue can take them.
Fault configuration_fault(EventNumber number, const Request& request, const char* reason);
/// F_STE_FETCH and F_CD_FETCH.
Fault fetch_fault(EventNumber number, const Request& request, u64 fetch_address, const char* reason);
/// F_TRANSL_FORBIDDEN, F_BAD_ATS_TREQ and F_UUT.
Fault forbidden_fault(const Request& request, const char* reason);
Fault bad_translation_request(const Request& request, const char* reason);
Fault unsupported_transaction(const Request& request, const char* reason);
/// E_PAGE_REQUEST.
spec::Event page_hint(const sim::PageRequest& request, u8 pages);
/// Terminated without any record.
Fault silent_fault(const char* reason);

/// Where a translation fault happened.
struct FaultPlace {
    bool stage2 = false;
    FaultClass access = FaultClass::In;
    u64 ipa = 0;          ///< of a stage 2 fault
    bool update = false;  ///< a descriptor was to be written, not read
};

/// F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION. `request` is after overrides.
Fault translation_fault(EventNumber number, const Request& request, const FaultPlace& place, const char* reason);
/// `request` as its F_PERMISSION tells it: an atomic counts as a read if it lacks the permission to read alone (7.3).
Request refused_part(Request request, const Permissions& granted);
/// F_WALK_EABT: always aborts.
Fault walk_abort(const Request& request, const FaultPlace& place, u64 fetch_address);
/// Bypass with an address that is too large: F_ADDR_SIZE of stage 1 that always aborts (3.4).
Fault bypass_address_fault(const Request& request, const char* reason);

/// Applies CD.{A,R,S} or STE.{S2R,S2S}, or the fixed rule. `context` is that of the stage that faulted.
Outcome dispose(const Fault& fault, const Request& request, const StreamContext& context);

}  // namespace smmusim::smmu::arch
