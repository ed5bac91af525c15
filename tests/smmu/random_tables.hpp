// Random streams and random tables: what lies at an address follows from a seed and the address alone.
#pragma once

#include <map>
#include <set>

#include "sim/bits.hpp"
#include "support/machine.hpp"
#include "support/structure_builder.hpp"

namespace smmusim::test {

/// splitmix64: the same numbers everywhere.
class Random {
public:
    explicit Random(u64 seed) : state_(seed) {}
    u64 next() {
        u64 z = state_ += 0x9E37'79B9'7F4A'7C15ull;
        z = (z ^ z >> 30) * 0xBF58'476D'1CE4'E5B9ull;
        z = (z ^ z >> 27) * 0x94D0'49BB'1331'11EBull;
        return z ^ z >> 31;
    }
    u64 below(u64 bound) { return next() % bound; }
    bool chance(unsigned percent) { return below(100) < percent; }
    template <class T>
    T one_of(std::initializer_list<T> choices) {
        return *(choices.begin() + below(choices.size()));
    }

private:
    u64 state_;
};

/// One random machine, stream and access. Values are legal often enough to get deep, and wrong often enough to fail.
class RandomCase {
public:
    static constexpr u64 stream_table = 0x6000'0000;
    static constexpr u32 stream = 8;

    explicit RandomCase(u64 seed) : seed_(seed), random_(seed) {
        choose_identity();
        choose_entry();
        choose_descriptor();
        choose_transaction();
        if (random_.chance(15)) faulty_ = static_cast<int>(random_.below(40));
        read_only_ = random_.chance(3);
        for (unsigned word = 0; word < 8; ++word) memory_[stream_table + stream * 64 + word * 8] = ste_.words()[word];
        registers.STRTAB_BASE = stream_table;
        registers.STRTAB_BASE_CFG = 8;
        registers.CR2 = static_cast<u32>(random_.below(2)) | 0b10;
    }

    support::Identity identity;
    support::Registers registers;
    support::Transaction transaction;

    /// Memory, made up where it is read for the first time; no value where the bus answers with an abort.
    std::optional<u64> read(u64 address) {
        if (seen_.insert(address).second && faulty_-- == 0) fault_ = address;
        if (address == fault_) return std::nullopt;
        const auto known = memory_.find(address);
        if (known != memory_.end()) return known->second;
        return memory_[address] = make_up(address);
    }
    const std::map<u64, u64>& memory() const { return memory_; }
    /// The word that cannot be read, if the case came across it.
    std::optional<u64> fault() const { return fault_; }
    /// Whether descriptors can be read, but not written.
    bool read_only() const { return read_only_; }

private:
    void choose_identity() {
        identity.HTTU = static_cast<unsigned>(random_.below(3));
        identity.STALL_MODEL = random_.chance(60) ? 1 : static_cast<unsigned>(random_.below(3));
        identity.TERM_MODEL = random_.chance(10);
        identity.TTENDIAN = 0;
        identity.STT = random_.chance(30);
        identity.XNX = random_.chance(70);
        identity.HAD = random_.chance(70);
        identity.E0PD = random_.chance(50);
        identity.EPAN = random_.chance(50);
        identity.CD2L = random_.chance(80);
        identity.OAS = random_.chance(70) ? 5 : static_cast<unsigned>(random_.below(7));
        identity.DS = random_.chance(30);
        identity.VAX = random_.chance(30);
        identity.VMID16 = random_.chance(90);
        identity.ASID16 = random_.chance(90);
    }

    void choose_entry() {
        namespace ste = support::ste;
        ste_.set(ste::V, random_.chance(98));
        ste_.set(ste::Config, random_.chance(95) ? random_.one_of<u64>({5, 5, 6, 7, 7, 7}) : random_.below(8));
        ste_.set(ste::S1Fmt, random_.below(4));
        ste_.set(ste::S1ContextPtr,
                 random_.below(1ull << 36) & ~0x7FFFull & (random_.chance(3) ? ~0ull : sim::low_mask(34)));
        ste_.set(ste::S1CDMax, random_.chance(60) ? 0 : random_.below(12));
        ste_.set(ste::S1DSS, random_.below(4));
        ste_.set(ste::STRW, random_.chance(90) ? random_.one_of<u64>({0, 0, 2}) : random_.below(4));
        ste_.set(ste::PRIVCFG, random_.below(4));
        ste_.set(ste::INSTCFG, random_.below(4));
        ste_.set(ste::S2VMID, random_.chance(95) ? random_.below(256) : random_.below(65536));
        ste_.set(ste::S2TG, random_.chance(97) ? random_.below(3) : 3);
        const unsigned offset = random_granule(ste_.get(ste::S2TG), {12, 16, 14, 12});
        const u64 start = random_.below(3);
        const unsigned level = static_cast<unsigned>(offset == 12 ? 2 - start : 3 - start);
        const unsigned low = (3 - level) * (offset - 3) + offset + 1;
        const u64 bits = low + random_.below(offset - 3 + 4);
        ste_.set(ste::S2SL0, random_.chance(97) ? start : 3);
        ste_.set(ste::S2DS, random_.chance(30));
        ste_.set(ste::S2SL0_2, random_.chance(10));
        ste_.set(ste::S2T0SZ, random_.chance(95) ? 64 - bits : random_.below(64));
        ste_.set(ste::S2PS, random_.chance(80) ? 5 : random_.below(8));
        ste_.set(ste::S2AA64, random_.chance(98));
        ste_.set(ste::S2ENDI, random_.chance(3));
        ste_.set(ste::S2AFFD, random_.chance(50));
        ste_.set(ste::S2HA, identity.HTTU != 0 && random_.chance(60));
        ste_.set(ste::S2HD, identity.HTTU == 2 && random_.chance(60));
        ste_.set(ste::S2PTW, random_.chance(30));
        ste_.set(ste::S2S, random_stall());
        ste_.set(ste::S1STALLD, random_.chance(3));
        ste_.set(ste::EATS, random_.chance(90) ? 0 : random_.below(4));
        ste_.set(ste::S2R, random_.chance(90));
        ste_.set(ste::S2TTB, random_.below(1ull << 34) & ~0xFull);
    }

    void choose_descriptor() {
        namespace cd = support::cd;
        cd_.set(cd::V, random_.chance(98));
        cd_.set(cd::AA64, random_.chance(98));
        for (const bool upper : {false, true}) {
            cd_.set(upper ? cd::T1SZ : cd::T0SZ, random_.chance(97)
                                                     ? 16 - 4 * identity.VAX + random_.below(identity.STT ? 31 : 24)
                                                     : random_.below(64));
            cd_.set(upper ? cd::TG1 : cd::TG0, random_.chance(97) ? random_.below(3) + upper : random_.below(4));
            cd_.set(upper ? cd::EPD1 : cd::EPD0, random_.chance(10));
            cd_.set(upper ? cd::TBI1 : cd::TBI0, random_.chance(30));
            cd_.set(upper ? cd::HAD1 : cd::HAD0, random_.chance(30));
            cd_.set(upper ? cd::E0PD1 : cd::E0PD0, random_.chance(15));
            cd_.set(upper ? cd::TTB1 : cd::TTB0, random_.below(1ull << 34) & ~0xFull);
        }
        cd_.set(cd::DS, random_.chance(30));
        cd_.set(cd::ENDI, random_.chance(3));
        cd_.set(cd::IPS, random_.chance(80) ? 5 : random_.below(8));
        cd_.set(cd::AFFD, random_.chance(50));
        cd_.set(cd::HA, identity.HTTU != 0 && random_.chance(60));
        cd_.set(cd::HD, identity.HTTU == 2 && random_.chance(60));
        cd_.set(cd::WXN, random_.chance(20));
        cd_.set(cd::PAN, random_.chance(20));
        cd_.set(cd::EPAN, random_.chance(20));
        cd_.set(cd::S, random_stall());
        cd_.set(cd::R, random_.chance(90));
        cd_.set(cd::A, random_.chance(90));
        cd_.set(cd::ASID, random_.chance(95) ? random_.below(256) : random_.below(65536));
    }

    void choose_transaction() {
        transaction.stream = stream;
        if (random_.chance(25))
            transaction.substream = static_cast<u32>(random_.below(random_.chance(80) ? 8 : 1 << 12));
        transaction.kind =
            random_.one_of({support::Kind::Read, support::Kind::Read, support::Kind::Write, support::Kind::Atomic});
        transaction.privileged = random_.chance(50);
        transaction.instruction = transaction.kind == support::Kind::Read && random_.chance(30);
        u64 address = random_.next() & sim::low_mask(static_cast<unsigned>(20 + random_.below(29)));
        if (random_.chance(30)) address = ~address;
        if (random_.chance(15)) address = sim::with_bits(address, 63, 56, random_.below(256));
        transaction.address = address;
    }

    /// A stall bit that the stall model allows, most of the time.
    bool random_stall() {
        const bool allowed = identity.STALL_MODEL == 0 ? random_.chance(50) : identity.STALL_MODEL == 2;
        return random_.chance(99) ? allowed : !allowed;
    }
    unsigned random_granule(u64 encoding, std::initializer_list<unsigned> bits) const {
        return *(bits.begin() + encoding);
    }

    u64 make_up(u64 address) const {
        // Every eighth page holds context descriptors, the others hold translation tables.
        if ((address >> 12 & 7) == 0) return cd_.words()[address / 8 % 8];
        Random random(seed_ ^ address * 0xD134'2543'DE82'EF95ull);
        u64 descriptor = random.chance(92) ? (random.chance(85) ? 3 : 1) : random.below(4);
        descriptor |= random.below(1ull << 34) & ~sim::low_mask(12);
        if (random.chance(2)) descriptor |= random.below(1ull << 48) & ~sim::low_mask(12);
        descriptor |= (random.next() & 0xFFC);
        if (random.chance(70)) descriptor |= 0b1100'0000 & (random.next() | 0b0100'0000);
        if (random.chance(identity.HTTU != 0 ? 60 : 92)) descriptor |= 1 << 10;
        if (random.chance(50)) descriptor |= 1ull << 51;  // DBM
        if (random.chance(50)) descriptor |= 0b11'1100;   // Normal memory at stage 2
        if (random.chance(10)) descriptor |= 1ull << 52;
        if (random.chance(25)) descriptor |= random.below(4) << 53;
        if (random.chance(15)) descriptor |= random.below(32) << 59;
        return descriptor;
    }

    u64 seed_;
    Random random_;
    support::SteBuilder ste_;
    support::CdBuilder cd_;
    std::map<u64, u64> memory_;
    std::set<u64> seen_;
    int faulty_ = -1;  ///< first reads until the one that fails
    std::optional<u64> fault_;
    bool read_only_ = false;
};

}  // namespace smmusim::test
