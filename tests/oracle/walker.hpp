// The oracle's working state during one transaction.
#pragma once

#include "oracle/oracle.hpp"

namespace smmusim::oracle {

/// Why a translation ended early. Thrown: the oracle reads as the list of steps that it is.
struct Fault {
    std::optional<support::EventBuilder> event;
    bool recorded = true;
    Verdict verdict = Verdict::Abort;
};

/// One stage as the STE or CD describes it, encodings undone.
struct Stage {
    unsigned offset_bits = 12;
    unsigned input_bits = 48;
    unsigned output_bits = 48;
    int start_level = 0;
    u64 table = 0;
    bool long_output = false;   ///< 52-bit descriptors of 4 and 16 KiB granules (DS)
    bool hierarchical = false;  ///< table descriptors carry permissions
    bool big_endian = false;
    bool ignore_access_flag = false;
    bool set_access_flag = false;
    bool set_dirty = false;
};

/// A leaf descriptor and what was met on the way to it.
struct Leaf {
    int level = 0;
    u64 address = 0;  ///< of the descriptor, physical
    u64 value = 0;
    u64 output = 0;  ///< with the low bits of the input address
    u64 span = 0;
    u64 tables = 0;  ///< bits [63:59] of the table descriptors on the way, ORed
};

/// What an access needs of a page.
struct Needs {
    bool read = false;
    bool write = false;
    bool execute = false;
    bool privileged = false;
};

class Walker {
public:
    Walker(const Identity& identity, const Registers& registers, const Memory& memory, const Transaction& transaction)
        : identity_(identity), registers_(registers), memory_(memory), transaction_(transaction) {}

    Outcome run();

private:
    using Field = support::Field;
    using Class = support::event::Class;
    using Event = support::EventBuilder;
    /// Reads the descriptor at an address of the stage's output space; tells where that is physically.
    using Fetch = std::function<u64(int level, u64 address, u64& physical)>;

    // procedure.cpp: from the transaction to the two stages
    void translate();
    void bypass_by_gbpa();
    void bypass(u64 address);
    void fetch_ste();
    void override_attributes();
    bool stage1_skipped() const;
    void fetch_cd();
    void load(support::StructureBuilder<8>& structure, u64 address, ReadKind kind, u64 fetch_fault);
    u64 load_pointer(u64 address, ReadKind kind, u64 fetch_fault);

    // legality.cpp: what makes a structure ILLEGAL
    void check_ste() const;
    void check_stage2() const;
    void check_cd() const;
    void check_half(bool upper) const;

    // stages.cpp: the walks
    Stage stage1_stage(bool upper) const;
    Stage stage2_stage() const;
    void stage1();
    Leaf stage2(u64 ipa, Class why, const Needs& needs);
    Leaf walk(const Stage& stage, u64 input, const Fetch& fetch, const std::function<void(u64 number)>& fault) const;
    bool stage1_permits(const Stage& stage, const Leaf& leaf, bool& becomes_dirty) const;
    u64 read_descriptor(const Stage& stage, ReadKind kind, int level, u64 address, Event abort_event);
    void update_descriptor(const Stage& stage, Leaf& leaf, u64 value, Event abort_event);

    // events
    Event event(u64 number) const;
    Event access_event(u64 number, bool second_stage, Class why) const;
    [[noreturn]] void fail(u64 number) const { throw Fault{event(number), true, Verdict::Abort}; }
    [[noreturn]] void fail_substream(u32 index) const;
    [[noreturn]] void fail_stage1(u64 number) const;
    [[noreturn]] void fail_stage2(u64 number, Class why, u64 ipa, bool descriptor_read = true,
                                  bool as_read = false) const;

    u64 ste(Field field) const { return ste_.get(field); }
    u64 cd(Field field) const { return cd_.get(field); }
    unsigned oas() const { return support::decode_address_size(identity_.OAS); }
    bool beyond(u64 address, unsigned bits) const { return bits < 64 && address >> bits != 0; }
    bool stage1_enabled() const { return (ste(support::ste::Config) & 0b101) == 0b101; }
    bool stage2_enabled() const { return (ste(support::ste::Config) & 0b110) == 0b110; }
    /// StreamWorld NS-EL2: one privilege level, TTB0 only.
    bool one_privilege() const;
    /// 0 if reserved or not implemented.
    unsigned offset_bits_of(u64 tg, bool encoded_as_tg1) const;
    bool writes() const { return transaction_.kind != support::Kind::Read; }
    bool reads() const { return transaction_.kind != support::Kind::Write; }
    /// Substreams exist only if SSIDSIZE is not 0.
    u64 s1cdmax() const { return identity_.SSIDSIZE == 0 ? 0 : ste(support::ste::S1CDMax); }

    const Identity& identity_;
    const Registers& registers_;
    const Memory& memory_;
    const Transaction& transaction_;
    Outcome outcome_;
    support::SteBuilder ste_;
    support::CdBuilder cd_;
    bool privileged_ = false;
    bool instruction_ = false;
};

}  // namespace smmusim::oracle
