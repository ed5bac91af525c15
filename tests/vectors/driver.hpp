// Runs vectors on any SMMU and says what differs from the expectation.
#pragma once

#include <string>
#include <vector>

#include "support/machine.hpp"
#include "support/table_builder.hpp"
#include "vectors/case.hpp"

namespace smmusim::vectors {

using Complaints = std::vector<std::string>;

/// A case as it lies in memory, and where its CD is.
struct Layout {
    support::Words words;
    u64 ste_address = 0;
    u64 cd_address = 0;
    support::Registers registers;
};

Layout lay_out(const Case& row);
Layout lay_out(const FetchCase& row);

/// Identity and transaction of a fetch case.
support::Identity identity_of(const FetchCase& row);
support::Transaction transaction_of(const FetchCase& row);

/// What differs between a result and the expectation, memory afterwards included.
Complaints compare(const Case& row, const Layout& layout, const support::Result& result,
                   const support::Words& memory_afterwards);
Complaints compare(const FetchCase& row, const Layout& layout, const support::Result& result);

template <support::Machine Machine>
support::Result run(Machine& machine, const Layout& layout, const support::Transaction& transaction) {
    for (const auto& [address, value] : layout.words) machine.write(address, value);
    machine.enable(layout.registers);
    return machine.access(transaction);
}

/// Runs a case on a new machine; the answer is empty if everything is as expected.
template <support::Machine Machine>
Complaints check(const Case& row) {
    Machine machine(row.identity);
    const Layout layout = lay_out(row);
    const support::Result result = run(machine, layout, row.transaction);
    support::Words afterwards;
    for (const auto& [address, value] : layout.words) afterwards[address] = machine.read(address);
    return compare(row, layout, result, afterwards);
}

template <support::Machine Machine>
Complaints check(const FetchCase& row) {
    Machine machine(identity_of(row));
    const Layout layout = lay_out(row);
    return compare(row, layout, run(machine, layout, transaction_of(row)));
}

/// Complaints in lines, for a test to print.
std::string text(const Complaints& complaints);

}  // namespace smmusim::vectors
