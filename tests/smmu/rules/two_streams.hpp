// Two streams over the same tables, to see what they share.
#pragma once

#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test {

/// Two streams over the same tables; stream 9 differs from stream 8 in what the test changes.
class TwoStreams : public TwoStageMachine {
public:
    static constexpr u32 second_stream = 9;
    static constexpr u64 second_cd = cd_address + 0x40'0000;

    explicit TwoStreams(u64 configuration, const uarch::SmmuConfig& config = small_config())
        : TwoStageMachine(configuration, config) {
        map();
    }
    template <class Change>
    TwoStreams& start(Change change, u64 cr2 = 0b10) {
        put_second(second_cd, 3, (second_cd + storage) | second_leaf);
        TwoStageMachine::start(cr2);
        SteBuilder second_entry = entry;
        CdBuilder second_context = context;
        second_entry.set(ste::S1ContextPtr, second_cd);
        change(second_entry, second_context);
        memory.write(strtab + u64{second_stream} * 64, second_entry.words().data(), 64);
        memory.write(stored(second_cd), second_context.words().data(), 64);
        return *this;
    }
    TwoStreams& start() {
        return start([](SteBuilder&, CdBuilder&) {});
    }
    /// Table and structure reads of one access that must pass.
    std::size_t reads(u32 id = stream, u64 where = TwoStageMachine::address) {
        memory.log.clear();
        EXPECT_TRUE(send(test::read(where).of_stream(id)).passed());
        return own_reads();
    }
    bool cached(u32 id = stream, u64 where = TwoStageMachine::address) { return reads(id, where) == 0; }
};

}  // namespace smmusim::test
