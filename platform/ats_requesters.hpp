// Raw requesters as the SMMU's partners in ATS and PRI: without a cache, with page requests that wait for an answer.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sim/ats.hpp"

namespace smmusim::platform {

/// One page request as it was submitted, and what became of it.
struct PageOperation {
    sim::PageRequest request;
    bool done = false;
    std::optional<sim::PageResponse::Code> code;  ///< none: needs no answer, or the machine was reset
    bool carried_pasid = false;                   ///< the response named the PASID
};
using PageHandle = std::shared_ptr<PageOperation>;

class RawAtsRequesters final : public sim::AtsRequesters {
public:
    /// Remembers the request until its group is answered; one that is not the last of its group is done at once.
    void expect(const PageHandle& operation) {
        if (operation->request.last && !operation->request.stop_marker()) waiting_.push_back(operation);
        else operation->done = true;
    }
    /// What the SMMU asked a stream to forget, in order.
    const std::vector<sim::AtcInvalidation>& invalidations(u32 stream) { return invalidations_[stream]; }
    void reset() {
        for (const PageHandle& operation : waiting_) operation->done = true;
        waiting_.clear();
    }

    void invalidate(const sim::AtcInvalidation& invalidation, sim::AtcCompletion& completion, u64 ticket) override {
        invalidations_[invalidation.stream_id].push_back(invalidation);
        completion.atc_invalidated(ticket);  // nothing is cached
    }
    void respond(const sim::PageResponse& response) override {
        // One response answers every request of the group.
        std::erase_if(waiting_, [&](const PageHandle& operation) {
            const sim::PageRequest& request = operation->request;
            if (request.stream_id != response.stream_id || request.group != response.group) return false;
            if (response.substream_id != sim::no_id && response.substream_id != request.substream_id) return false;
            operation->done = true;
            operation->code = response.code;
            operation->carried_pasid = response.substream_id != sim::no_id;
            return true;
        });
    }

private:
    std::vector<PageHandle> waiting_;
    std::map<u32, std::vector<sim::AtcInvalidation>> invalidations_;
};

}  // namespace smmusim::platform
