// Register files and images of memory, as somebody dumped them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "platform/dump/memory.hpp"
#include "platform/dump/registers.hpp"
#include "smmu/spec/identification_fields.hpp"
#include "support/temporary_folder.hpp"

namespace smmusim::platform::dump {
namespace {

namespace fs = std::filesystem;
using config::ConfigError;

class Dump : public testing::Test {
protected:
    std::string write(const std::string& text, const std::string& name = "r.txt") {
        std::ofstream(folder_ / name, std::ios::binary) << text;
        return (folder_ / name).string();
    }
    SmmuRegisters load(const std::string& text) {
        const std::string file = write(text);
        return smmu_registers(read_registers(file), file);
    }
    /// What is said about a mistake, without the folder.
    template <class Action>
    std::string error_of(Action action) {
        try {
            action();
        } catch (const ConfigError& error) {
            std::string what = error.what();
            const std::string prefix = folder_.path().string() + "/";
            for (std::size_t at = what.find(prefix); at != std::string::npos; at = what.find(prefix))
                what.erase(at, prefix.size());
            return what;
        }
        return "no error";
    }
    std::string error_of_registers(const std::string& text) {
        return error_of([&] { load(text); });
    }
    support::TemporaryFolder folder_;
};

const std::string enough = "CR0 = 1\nSTRTAB_BASE = 0x40000000\nSTRTAB_BASE_CFG = 8\n";

TEST_F(Dump, LinesAndJsonSayTheSame) {
    const std::string lines =
        "# a comment\n\nSMMU_CR0: 0xD  # enabled\n\tSTRTAB_BASE = 0x4000000040000000\r\n"
        "STRTAB_BASE_CFG=65800\nCR2:0x2\nCR1 = 0xD75";
    const std::string json = R"({"CR0": "0xD", "STRTAB_BASE": "0x4000000040000000", "STRTAB_BASE_CFG": 65800,
                                 "CR2": 2, "CR1": "0xd75"})";
    for (const std::string& text : {lines, json}) {
        const SmmuRegisters registers = load(text);
        using namespace smmu::spec;
        EXPECT_TRUE(registers.control.enabled);
        EXPECT_EQ(registers.control.strtab_base[StrtabBase::ADDR], 0x4000'0000u);
        EXPECT_TRUE(registers.control.strtab_base[StrtabBase::RA]);
        EXPECT_EQ(registers.control.strtab_cfg[StrtabBaseCfg::LOG2SIZE], 8u);
        EXPECT_EQ(registers.control.strtab_cfg[StrtabBaseCfg::FMT], 1u);
        EXPECT_TRUE(registers.control.cr2[Cr2::RECINVSID]);
        EXPECT_EQ(registers.control.cr1.raw(), 0xD75u);
    }
}

TEST_F(Dump, Cr0AckCountsIfItIsThereAndCr0IfNot) {
    EXPECT_TRUE(load(enough).control.enabled);
    EXPECT_FALSE(load(enough + "CR0ACK = 0\nGBPA = 0x1000\n").control.enabled);
    EXPECT_EQ(error_of_registers("CR1 = 0\n"),
              "r.txt: CR0 is missing; it says whether the SMMU translates at all; add CR0 = VALUE");
}

TEST_F(Dump, WhatIsAbsentIsTakenFromTheModelAndSaid) {
    const std::vector<std::string> remarks = load(enough + "IDR0 = 0x2800000b\n").remarks;
    ASSERT_EQ(remarks.size(), 3u);
    EXPECT_TRUE(remarks[0].starts_with("IDR1, IDR3, IDR5, AIDR: not in "));
    EXPECT_TRUE(remarks[1].starts_with("CR1 is not in "));
    EXPECT_TRUE(remarks[2].starts_with("CR2 is not in "));
}

TEST_F(Dump, EveryFieldOfTheIdRegistersArrivesAtItsPlace) {
    smmu::spec::Identification expected;
    expected.idr0 = {.S2P = 0,
                     .HTTU = 1,
                     .Hyp = 0,
                     .ATS = 0,
                     .NS1ATS = 1,
                     .VMID16 = 0,
                     .TTENDIAN = 0,
                     .STALL_MODEL = 1,
                     .TERM_MODEL = 1,
                     .ST_LEVEL = 1};
    expected.idr1 = {.ATTR_PERMS_OVR = 0, .CMDQS = 8, .EVENTQS = 7, .PRIQS = 0, .SSIDSIZE = 3, .SIDSIZE = 9};
    expected.idr3 = {.HAD = 0, .STT = 1, .BBML = 1, .EPAN = 1};
    expected.idr5 = {.VAX = 1, .DS = 1, .GRAN16K = 0, .OAS = 6};
    expected.aidr = {.ArchMinorRev = 3};
    const auto hex = [](u64 value) { return std::to_string(value) + "\n"; };
    const smmu::spec::Identification found =
        load(enough + "IDR0 = " + hex(expected.idr0.value()) + "IDR1 = " + hex(expected.idr1.value()) +
             "IDR3 = " + hex(expected.idr3.value()) + "IDR5 = " + hex(expected.idr5_value()) +
             "AIDR = " + hex(expected.aidr.value()))
            .identification;
    EXPECT_EQ(found.idr0.value(), expected.idr0.value());
    EXPECT_EQ(found.idr1.value(), expected.idr1.value());
    EXPECT_EQ(found.idr3.value(), expected.idr3.value());
    EXPECT_EQ(found.idr5_value(), expected.idr5_value());
    EXPECT_EQ(found.aidr.value(), expected.aidr.value());
}

TEST_F(Dump, AnIdRegisterThatTheModelIsNotIsAnErrorThatNamesTheField) {
    EXPECT_EQ(
        error_of_registers(enough + "IDR0 = 0x0000000f\n"),
        "r.txt:4:1: IDR0.TTF = 3 is not supported; the model supports 2; change the field to see what such an SMMU "
        "would do");
    EXPECT_EQ(
        error_of_registers(enough + "IDR0 = 0x000000cb\n"),
        "r.txt:4:1: IDR0.HTTU = 3 is not supported; the model supports 0 to 2; change the field to see what such an "
        "SMMU would do");
    EXPECT_TRUE(error_of_registers(enough + "IDR5 = 0x175\n")
                    .starts_with("r.txt:4:1: IDR5.D128 = 1 is not supported; the model supports 0"));
}

TEST_F(Dump, AFeatureThatNoTranslationDependsOnIsOnlyMentioned) {
    const SmmuRegisters registers = load(enough + "IDR0 = 0x2800002b\n");
    EXPECT_EQ(registers.remarks.front(), "IDR0.BTM = 1 is not modelled; no translation depends on it");
}

TEST_F(Dump, AMistakeInARegisterFileHasItsPlaceCauseAndFix) {
    EXPECT_EQ(error_of_registers(""), "r.txt:1:1: the file is empty; write lines like 'CR0 = 0x1', or a JSON object");
    EXPECT_EQ(
        error_of_registers("CR0 = 1\nSTRTAB 5\n"),
        "r.txt:2:1: neither = nor : follows the name of a register; write lines like 'CR0 = 0x1', or a JSON object");
    EXPECT_EQ(error_of_registers("CR0 =\n"),
              "r.txt:1:1: CR0 has no value; write lines like 'CR0 = 0x1', or a JSON object");
    EXPECT_EQ(error_of_registers("CR0 = 1\n  CR2 = 0x1g\n"),
              "r.txt:2:9: '0x1g' is no number; write it like 0x1000 or 4096");
    EXPECT_EQ(error_of_registers("CR0 = -1\n"), "r.txt:1:7: '-1' is no number; write it like 0x1000 or 4096");
    EXPECT_EQ(error_of_registers("CR0 = 0x10000000000000000\n"),
              "r.txt:1:7: '0x10000000000000000' has more than 64 bits; no register has that many");
    EXPECT_EQ(error_of_registers("CR0 = 0x100000001\n"), "r.txt:1:1: CR0 has more than 32 bits; check the value");
    EXPECT_EQ(error_of_registers("STRTAB_BSAE = 1\n"),
              "r.txt:1:1: there is no register 'STRTAB_BSAE'; did you mean 'STRTAB_BASE'?");
    EXPECT_EQ(error_of_registers("CR0 = 1\nCR0 = 1\n"),
              "r.txt:2:1: CR0 has a value already, in line 1; give every register once");
    EXPECT_EQ(error_of_registers("{\"CR0\": 1,\n \"CR1\" 2}"),
              "r.txt:2:8: this is not JSON; write lines like 'CR0 = 0x1', or a JSON object");
    EXPECT_EQ(error_of_registers("{\"CR0\": 1,\n \"CR1\": true}"),
              "r.txt:2:2: CR1 is neither a number nor a string; write it like \"0x1000\"");
    EXPECT_EQ(error_of([&] { read_registers((folder_ / "absent").string()); }),
              "absent: the file cannot be read; name a register file");
}

TEST_F(Dump, MemoryIsReadWhereItLiesAndWhatIsMissingIsRemembered) {
    std::string content(4096, '\0');
    content[8] = 1;
    content[4095] = 2;
    const std::string low = write(content, "low.bin"), high = write(content, "high.bin");
    MemoryFiles memory;
    memory.add(low + "@0x40000000");
    memory.add(high + "@0x40001000");
    u64 word = 0;
    EXPECT_TRUE(memory.read(0x4000'0008, &word, 8));
    EXPECT_EQ(word, 1u);
    EXPECT_TRUE(memory.read(0x4000'1FF8, &word, 8));
    EXPECT_EQ(word, u64{2} << 56);
    EXPECT_TRUE(memory.missing().empty());
    for (const u64 address : {u64{0x3FFF'FFF8}, u64{0x4000'2000}, u64{0x4000'1FFC}, ~u64{7}})
        EXPECT_FALSE(memory.read(address, &word, 8)) << address;
    EXPECT_EQ(memory.missing().size(), 4u);
}

TEST_F(Dump, AMistakeAboutAnImageSaysWhatIsWrong) {
    const std::string file = write(std::string(4096, 'x'), "a.bin"), empty = write("", "empty.bin");
    const auto add = [&](std::initializer_list<std::string> arguments) {
        return error_of([&] {
            MemoryFiles memory;
            for (const std::string& argument : arguments) memory.add(argument);
        });
    };
    EXPECT_EQ(add({file}),
              "--memory: 'a.bin' does not say which file lies at which address; write it like table.bin@0x40000000");
    EXPECT_EQ(add({file + "@here"}),
              "--memory: 'here' in 'a.bin@here' is no address; write it like table.bin@0x40000000");
    EXPECT_EQ(add({file + "@0x1000", file + "@0x1800"}),
              "--memory: a.bin at 0x1000 and a.bin at 0x1800 overlap; place every address once");
    EXPECT_EQ(add({empty + "@0"}), "--memory: empty.bin is empty; name an image of memory");
    EXPECT_EQ(add({file + "x@0"}),
              "--memory: a.binx cannot be read: No such file or directory; name an image of memory");
    EXPECT_EQ(add({folder_.path().string() + "/@0"}), "--memory:  is not a file; name an image of memory");
    EXPECT_TRUE(add({file + "@0xfffffffffffff800"}).find("ends beyond 64 bits") != std::string::npos);
    EXPECT_EQ(add({file + "@0x1000", file + "@0x2000"}), "no error");
}

}  // namespace
}  // namespace smmusim::platform::dump
