// The bus access to a queue entry: of a command to read it, of a record to write it (IHI 0070, 3.5).
#pragma once

#include "sim/access.hpp"
#include "smmu/arch/registers.hpp"

namespace smmusim::smmu::uarch {

/// `Entry`: the structure that the queue holds.
template <class Entry>
sim::AccessPtr queue_access(sim::AccessPool& accesses, const arch::Registers& registers, spec::Queue queue) {
    const sim::Command command = queue == spec::Queue::Command ? sim::Command::Read : sim::Command::Write;
    sim::AccessPtr access = accesses.make(command, registers.entry_address(queue), Entry::bytes);
    access->attributes.transaction_class = sim::TransactionClass::Queue;
    access->attributes.privileged = true;
    access->attributes.memory = arch::queue_attributes(registers.control().cr1);
    return access;
}

}  // namespace smmusim::smmu::uarch
