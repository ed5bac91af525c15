// Requesters with translation caches as a test of the SMMU sees them: what they were told, answered when the test says.
#pragma once

#include <utility>
#include <vector>

#include "sim/ats.hpp"

namespace smmusim::test::rule {

class Requesters final : public sim::AtsRequesters {
public:
    bool answers_at_once = true;
    std::vector<sim::AtcInvalidation> invalidations;
    std::vector<sim::PageResponse> responses;

    void invalidate(const sim::AtcInvalidation& invalidation, sim::AtcCompletion& completion, u64 ticket) override {
        invalidations.push_back(invalidation);
        if (answers_at_once) completion.atc_invalidated(ticket);
        else waiting_.push_back({&completion, ticket});
    }
    void respond(const sim::PageResponse& response) override { responses.push_back(response); }
    /// All invalidations so far are done.
    void answer() {
        for (const Waiting& waiting : std::exchange(waiting_, {})) waiting.completion->atc_invalidated(waiting.ticket);
    }

private:
    struct Waiting {
        sim::AtcCompletion* completion;
        u64 ticket;
    };
    std::vector<Waiting> waiting_;
};

}  // namespace smmusim::test::rule
