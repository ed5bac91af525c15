#include "platform/results/explanation.hpp"

#include <gtest/gtest.h>

namespace smmusim::platform::results {
namespace {

using smmu::arch::Explanation;

Explanation example() {
    smmu::spec::Identification id;
    smmu::arch::Control control;
    control.enabled = true;
    control.strtab_base = smmu::spec::StrtabBase(0x1'0000);
    control.strtab_cfg = smmu::spec::StrtabBaseCfg(8);
    smmu::arch::Request request;
    request.stream_id = 5;
    request.substream_id = 0x12345;
    request.address = 0xFFFF'FFFF'FFFF'F000;
    request.address_type = sim::AddressType::TranslationRequest;
    Explanation explanation = smmu::arch::explain(id, control, request, [](const smmu::arch::Fetch& fetch, void* data) {
        std::memset(data, 0, fetch.size);
        return true;
    });
    explanation.remarks = {"something else"};
    return explanation;
}

TEST(ExplanationJson, ComesBackAsItWas) {
    Explanation explanation = example();
    for (const bool known : {true, false}) {
        explanation.address_known = known;
        const Explanation again = explanation_of(nlohmann::ordered_json::parse(json_of(explanation).dump()));
        EXPECT_EQ(json_of(again), json_of(explanation));
        EXPECT_EQ(smmu::arch::text(again), smmu::arch::text(explanation));
    }
}

TEST(ExplanationJson, KeepsAll64BitsOfAddressesAndTheFieldsThatAreZero) {
    const nlohmann::ordered_json document = json_of(example());
    EXPECT_EQ(document["access"]["address"], "0xfffffffffffff000");
    EXPECT_EQ(document["entries"][2]["kind"], "STE");
    EXPECT_EQ(document["entries"][2]["address"], "0x10140");
    EXPECT_EQ(document["entries"][2]["fields"]["V"], "0x0");
    EXPECT_EQ(document["result"]["event"], "C_BAD_STE");
}

TEST(ExplanationJson, WhatIsNoExplanationIsRefused) {
    nlohmann::ordered_json document = json_of(example());
    document["access"]["at"] = "somehow";
    EXPECT_THROW(explanation_of(document), std::invalid_argument);
    document.erase("result");
    EXPECT_ANY_THROW(explanation_of(document));
    EXPECT_ANY_THROW(explanation_of(nullptr));
}

}  // namespace
}  // namespace smmusim::platform::results
