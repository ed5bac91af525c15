// The way from table to table down to a leaf: what needs no answer from elsewhere (DDI 0487, D8.2 and D8.3).
#pragma once

#include "smmu/arch/environment.hpp"
#include "smmu/arch/geometry.hpp"

namespace smmusim::smmu::arch {

/// Where the walk of a tree stands, and the descriptor that it reads next.
struct Descent {
    Descent(const StreamContext& stream, const Regime& tree, bool of_stage1, u64 input)
        : context(stream), regime(tree), address(input), stage1(of_stage1) {
        fetch.kind = stage1 ? Fetch::Kind::Stage1 : Fetch::Kind::Stage2;
        fetch.memory = regime.memory;
    }

    // What every step uses lies together, from the end of the point to the beginning of the fetch.
    TablePoint point;
    const StreamContext& context;
    const Regime& regime;
    u64 address;          ///< under translation
    unsigned covers = 0;  ///< log2 of what the table covers; 0: it is the first
    bool stage1;
    Fetch fetch;

    /// At the first table, unless caches know a deeper one.
    void begin() {
        if (point.valid) {
            covers = regime.geometry.low_bit(point.level - 1);
        } else {
            point.valid = true;
            point.level = regime.geometry.start;
            point.base = regime.first_table;
        }
    }

    void aim() {
        fetch.level = point.level;
        fetch.address = point.base + regime.geometry.index(point.level, address) * 8;
    }

    Descriptor descriptor(const FetchedDescriptor& fetched) const {
        return Descriptor(in_order(fetched.raw, regime.big_endian));
    }
    Shape shape(const Descriptor& descriptor) const {
        return shape_of(descriptor, regime.geometry.granule_bits, point.level, regime.format);
    }

    /// Goes on to the table at `base`, to which the descriptor leads. Only those of stage 1 restrict what lies below.
    template <class Env>
    void enter(Env& env, const Descriptor& descriptor, u64 base) {
        if (stage1 && regime.table_attributes) point.above.add(descriptor);
        covers = regime.geometry.low_bit(point.level);
        ++point.level;
        point.base = base;
        if (context.stage2) point.place.reset();
        env.keep_table(context.tags, stage1, address, covers, point);
    }

    /// Whether the descriptor leads to another table, whose descriptor is to be read now. Where a nested table of
    /// stage 1 lies is for stage 2 to say, and what is wrong with a descriptor for the walk.
    template <class Env>
    bool follow(Env& env, const FetchedDescriptor& fetched) {
        const Descriptor table = descriptor(fetched);
        if ((stage1 && context.stage2) || !fetched.ok || shape(table) != Shape::Table) return false;
        const u64 base = table.output(regime.geometry.granule_bits, regime.format);
        if (base >> regime.output_bits != 0) return false;
        enter(env, table, base);
        aim();
        return true;
    }
};

/// What follows from the last descriptor that a walk has read.
struct Conclusion {
    enum class Kind : u8 {
        Fault,
        Table,   ///< the walk goes on below it
        Leaf,    ///< the walk is done
        Update,  ///< done, once the descriptor reads `desired` (3.13)
    };
    Kind kind = Kind::Fault;
    bool becomes_dirty = false;  ///< by the update: what is attainable is permitted then
    u64 desired = 0;             ///< as it lies in memory
};

}  // namespace smmusim::smmu::arch
