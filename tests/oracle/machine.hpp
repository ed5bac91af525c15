// The oracle as a machine that vectors run on.
#pragma once

#include "oracle/oracle.hpp"
#include "support/table_builder.hpp"

namespace smmusim::oracle {

class OracleMachine {
public:
    explicit OracleMachine(const Identity& identity) : identity_(identity) {}

    void write(u64 address, u64 value) { words_[address] = value; }
    u64 read(u64 address) const {
        const auto word = words_.find(address);
        return word == words_.end() ? 0 : word->second;
    }
    void enable(const Registers& registers) { registers_ = registers; }

    support::Result access(const Transaction& transaction) {
        Memory memory;
        memory.read = [this](u64 address) -> std::optional<u64> { return read(address); };
        memory.write = [this](u64 address, u64 value) {
            write(address, value);
            return true;
        };
        last_ = translate(identity_, registers_, memory, transaction);
        support::Result result;
        result.ok = last_.verdict == Verdict::Translated || last_.verdict == Verdict::ReadAsZero;
        result.pa = last_.pa;
        if (last_.recorded) result.event = last_.event;
        if (last_.verdict == Verdict::Translated) result.span = last_.span;
        for (const Read& read : last_.reads) result.reads.push_back({read.address, read.size});
        return result;
    }
    const Outcome& last() const { return last_; }

private:
    Identity identity_;
    Registers registers_;
    support::Words words_;
    Outcome last_;
};

}  // namespace smmusim::oracle
