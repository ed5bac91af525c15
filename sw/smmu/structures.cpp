#include "sw/smmu/structures.hpp"

namespace smmusim::sw::smmu {

namespace {

using Words = std::array<u64, 8>;

template <class Field>
void use(Words& mask, Field field) {
    u64& word = mask[field.low / 64];
    word = sim::with_bits(word, field.high() % 64, field.low % 64, ~u64{0});
}

}  // namespace

Words Ste::used(const Words& words) {
    Ste ste;
    ste.words = words;
    Words mask{};
    use(mask, V);
    if (!ste[V]) return mask;
    use(mask, Config);
    const Configuration config = ste[Config];
    const bool stage1 = config == Configuration::Stage1 || config == Configuration::Nested;
    const bool stage2 = config == Configuration::Stage2 || config == Configuration::Nested;
    if (config == Configuration::Bypass) use(mask, SHCFG);
    if (stage1) {
        use(mask, S1Fmt), use(mask, S1ContextPtr), use(mask, S1CDMax), use(mask, S1DSS);
        use(mask, S1CIR), use(mask, S1COR), use(mask, S1CSH), use(mask, S1STALLD);
        use(mask, S2VMID);  // tags stage 1 entries too, where stage 2 is implemented
    }
    if (stage2) {
        mask[2] = ~u64{0};
        use(mask, S2TTB);
    }
    return mask;
}

Words ContextDescriptor::used(const Words& words) {
    ContextDescriptor cd;
    cd.words = words;
    Words mask{};
    use(mask, V);
    if (cd[V]) mask.fill(~u64{0});
    return mask;
}

}  // namespace smmusim::sw::smmu
