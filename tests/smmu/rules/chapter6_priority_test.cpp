// Which of several faults is reported (chapter 6.5 of the rules): everything is wrong, then one thing after the other
// is put right.
#include <functional>

#include "smmu/rules/two_stage_machine.hpp"

namespace smmusim::test::chapter6_priority {
namespace {

constexpr u64 address = TwoStageMachine::address;
constexpr u64 page = TwoStageMachine::page;
constexpr u64 storage = TwoStageMachine::storage;
constexpr u64 first_root = TwoStageMachine::first_root;
constexpr u64 cd_address = TwoStageMachine::cd_address;
constexpr u64 beyond = u64{1} << 41;  ///< above the 40 bits of IPS and S2PS
constexpr u64 access_flag = 0x400;

/// What a fault record must say.
struct Expected {
    event::Number number;
    bool second = false;
    event::Class access = event::CD;  ///< of configuration errors, which have no CLASS
};

/// `send` is told how many defects, from the first one, are repaired. The one that follows must be reported.
void climb(const std::vector<Expected>& defects, const std::function<Answer(unsigned repaired)>& send) {
    for (unsigned repaired = 0; repaired <= defects.size(); ++repaired) {
        const Answer answer = send(repaired);
        if (repaired == defects.size()) {
            EXPECT_TRUE(answer.passed());
            return;
        }
        const Expected& expected = defects[repaired];
        ASSERT_EQ(answer.events.size(), 1u) << repaired;
        EXPECT_EQ(answer.events[0].get(event::number), expected.number) << repaired;
        EXPECT_EQ(answer.events[0].get(event::S2), expected.second) << repaired;
        EXPECT_EQ(answer.events[0].get(event::CLASS), expected.access) << repaired;
    }
}

TEST(SmmuFaultPriority, ConfigurationFaultsComeInTheOrderOfTheLookup) {
    climb({{event::C_BAD_STREAMID},
           {event::F_STE_FETCH},
           {event::C_BAD_STE},
           {event::C_BAD_SUBSTREAMID},
           {event::F_STREAM_DISABLED},
           {event::F_WALK_EABT, true, event::CD},
           {event::F_TRANSLATION, true, event::CD},
           {event::F_PERMISSION, true, event::CD},
           {event::F_CD_FETCH},
           {event::C_BAD_CD},
           {event::F_TRANSLATION, false, event::IN}},
          [](unsigned repaired) {
              const auto wrong = [repaired](unsigned defect) { return repaired <= defect; };
              TwoStageMachine machine;
              machine.entry.set(ste::S1CDMax, 3).set(ste::S1DSS, 2).set(ste::S2TG, wrong(2) ? 3 : 0);
              machine.context.set(cd::V, !wrong(9));
              machine.map();
              const u64 attributes = wrong(6) ? 0 : wrong(7) ? 0x73F : 0x7FF;
              machine.put_second(cd_address, 3, (cd_address + storage) | attributes);
              if (wrong(10)) machine.put_first(address, 3, 0);
              machine.start();
              machine.memory.write(cd_address + storage + 64, machine.context.words().data(), 64);
              if (wrong(5)) machine.memory.fail(machine.second_descriptor(cd_address, 2), 8);
              if (wrong(8)) machine.memory.fail(cd_address + storage, 128);
              if (wrong(1)) machine.memory.fail(SmmuMachine::strtab + 8 * 64, 64);
              if (wrong(0)) machine.use_stream_table(SmmuMachine::strtab, 3);
              return machine.send(read(address).of_substream(wrong(3) ? 8 : wrong(4) ? 0 : 1));
          });
}

TEST(SmmuFaultPriority, FaultsOfASingleStageComeInWalkOrder) {
    for (const bool second : {false, true}) {
        const auto at = [second](event::Number number) {
            return Expected{number, second, number == event::F_WALK_EABT && !second ? event::TTD : event::IN};
        };
        climb({at(event::F_TRANSLATION), at(event::F_WALK_EABT), at(event::F_TRANSLATION), at(event::F_ADDR_SIZE),
               at(event::F_WALK_EABT), at(event::F_TRANSLATION), at(event::F_ADDR_SIZE), at(event::F_ACCESS),
               at(event::F_PERMISSION)},
              [second](unsigned repaired) {
                  const auto wrong = [repaired](unsigned defect) { return repaired <= defect; };
                  TwoStageMachine machine(second ? ste::Stage2 : ste::Stage1);
                  if (second) machine.second_tables(12, 25, 1, 1);
                  else machine.first_tables(12, 25, 1);
                  machine.context.set(cd::IPS, 2);
                  machine.entry.set(ste::S2PS, 2);
                  const u64 input = 0x1234'5000;
                  const u64 readable = second ? 0xC0 : 0x40;
                  u64 leaf = 0x73F;
                  if (!second) leaf = 0xF03;
                  if (!wrong(8)) leaf |= readable;
                  if (wrong(7)) leaf &= ~access_flag;
                  if (wrong(6)) leaf |= beyond;
                  if (wrong(5)) leaf &= ~u64{1};
                  const auto put = [&](int level, u64 descriptor) {
                      if (second) machine.put_second(input, level, descriptor);
                      else machine.put_first(input, level, descriptor);
                  };
                  put(3, page | leaf);
                  machine.start();
                  // The tables: the start table, then those behind it.
                  const u64 root = second ? TwoStageMachine::second_root : first_root;
                  const u64 level2 = second ? 0x1'0100'0000 : 0x8010'0000;
                  const u64 level3 = level2 + 0x1000;
                  const u64 top = root + (input >> 30) * 8;
                  if (wrong(1)) machine.memory.fail(top, 8);
                  u64 table = level2 | 3;
                  if (wrong(3)) table |= beyond;
                  if (wrong(2)) table &= ~u64{1};
                  machine.memory.put(top, table);
                  if (wrong(4)) machine.memory.fail(level3 + (input >> 12 & 511) * 8, 8);
                  return machine.send(read(wrong(0) ? input + (u64{1} << 39) : input));
              });
    }
}

TEST(SmmuFaultPriority, NestedFaultsOfATableComeBeforeThoseOfItsContent) {
    const auto second = [](event::Number number) { return Expected{number, true, event::TTD}; };
    climb({{event::F_TRANSLATION, false, event::IN},
           second(event::F_WALK_EABT),
           second(event::F_TRANSLATION),
           second(event::F_ADDR_SIZE),
           second(event::F_ACCESS),
           second(event::F_PERMISSION),
           {event::F_WALK_EABT, false, event::TTD},
           {event::F_TRANSLATION, false, event::IN},
           {event::F_ADDR_SIZE, false, event::IN}},
          [](unsigned repaired) {
              const auto wrong = [repaired](unsigned defect) { return repaired <= defect; };
              TwoStageMachine machine;
              machine.context.set(cd::IPS, 2);
              machine.entry.set(ste::S2PS, 2);
              machine.map();
              u64 leaf = wrong(5) ? 0x73F : 0x7FF;
              if (wrong(4)) leaf &= ~access_flag;
              if (wrong(3)) leaf |= beyond;
              if (wrong(2)) leaf &= ~u64{1};
              machine.put_second(first_root, 3, (first_root + storage) | leaf);
              machine.start();
              if (wrong(1)) machine.memory.fail(machine.second_descriptor(first_root, 3), 8);
              const u64 top = machine.first_descriptor(address, 0);
              u64 table = machine.memory.u64_at(top);
              if (wrong(8)) table |= beyond;
              if (wrong(7)) table &= ~u64{1};
              machine.memory.put(top, table);
              if (wrong(6)) machine.memory.fail(top, 8);
              return machine.send(read(wrong(0) ? address | u64{1} << 50 : address));
          });
}

TEST(SmmuFaultPriority, NestedFaultsOfStage1ComeBeforeThoseOfItsOutput) {
    const auto second = [](event::Number number) { return Expected{number, true, event::IN}; };
    climb({{event::F_WALK_EABT, false, event::TTD},
           {event::F_TRANSLATION, false, event::IN},
           {event::F_ADDR_SIZE, false, event::IN},
           {event::F_ACCESS, false, event::IN},
           {event::F_PERMISSION, false, event::IN},
           second(event::F_WALK_EABT),
           second(event::F_TRANSLATION),
           second(event::F_ADDR_SIZE),
           second(event::F_ACCESS),
           second(event::F_PERMISSION)},
          [](unsigned repaired) {
              const auto wrong = [repaired](unsigned defect) { return repaired <= defect; };
              TwoStageMachine machine;
              machine.context.set(cd::IPS, 2);
              machine.entry.set(ste::S2PS, 2);
              u64 first = wrong(4) ? 0xF03 : 0xF43;
              if (wrong(3)) first &= ~access_flag;
              if (wrong(2)) first |= beyond;
              if (wrong(1)) first &= ~u64{1};
              u64 second_attributes = wrong(9) ? 0x73F : 0x7FF;
              if (wrong(8)) second_attributes &= ~access_flag;
              if (wrong(7)) second_attributes |= beyond;
              if (wrong(6)) second_attributes &= ~u64{1};
              machine.put_first(address, 3, page | first);
              machine.put_second(page, 3, (page + storage) | second_attributes);
              machine.start();
              if (wrong(0)) machine.memory.fail(machine.first_descriptor(address, 3), 8);
              if (wrong(5)) machine.memory.fail(machine.second_descriptor(page, 2), 8);
              return machine.send(read(address));
          });
}

TEST(SmmuFaultPriority, RangeOfStage2ComesBeforeItsTables) {
    // Stage 1 gives an address of 40 bits, stage 2 has 39 and aborts every read.
    TwoStageMachine machine;
    machine.second_tables(12, 25, 1, 1);
    machine.map(address, TwoStageMachine::first_leaf, TwoStageMachine::second_leaf, page);
    machine.put_first(address, 3, u64{1} << 39 | TwoStageMachine::first_leaf);
    machine.start();
    machine.memory.fail(TwoStageMachine::second_root, 8);
    const Answer answer = machine.send(read(address));
    EXPECT_ONLY_EVENT(answer, second_fault(event::F_TRANSLATION, address, event::IN, u64{1} << 39));
}

}  // namespace
}  // namespace smmusim::test::chapter6_priority
