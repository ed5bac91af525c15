/* A C program drives the machine: identification registers, memory as pointers, a doorbell that interrupts a CPU. */
#include <stdio.h>
#include <string.h>

#include "smmusim.h"

static int failures;

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            ++failures;                                                    \
        }                                                                  \
    } while (0)

enum { RAM = 0x40000000, GICD = 0x08000000, V2M = 0x08020000, GICR = 0x080A0000, SMMU = 0x09050000, SPI = 144 };

struct handler {
    struct smmusim_machine* machine;
    unsigned calls;
    unsigned cpu;
    uint64_t intid;
    int nested;
};

static void on_irq(void* context, unsigned cpu, int asserted) {
    struct handler* handler = context;
    uint64_t ignored;
    if (!asserted) return;
    ++handler->calls;
    handler->cpu = cpu;
    handler->nested = smmusim_mmio_read(handler->machine, 0, SMMU, 4, &ignored);
    smmusim_register_read(handler->machine, cpu, "ICC_IAR1_EL1", &handler->intid);
    smmusim_register_write(handler->machine, cpu, "ICC_EOIR1_EL1", handler->intid);
}

static void write32(struct smmusim_machine* machine, uint64_t address, uint32_t value) {
    CHECK(smmusim_mmio_write(machine, 0, address, 4, value) == SMMUSIM_OK);
}

static void interrupts_reach_the_callback(struct smmusim_machine* machine) {
    struct handler handler = {machine, 0, 0, 0, 0};
    const unsigned word = SPI / 32 * 4;
    const uint32_t bit = 1u << SPI % 32;

    write32(machine, GICR + 2 * 0x20000 + 0x14, 0);                    /* CPU 2: WAKER */
    write32(machine, GICD + 0x000, 0x12);                              /* CTLR: ARE, group 1 */
    write32(machine, GICD + 0x080 + word, bit);                        /* IGROUPR */
    write32(machine, GICD + 0xC00 + SPI / 16 * 4, 2u << SPI % 16 * 2); /* ICFGR: edge */
    CHECK(smmusim_mmio_write(machine, 0, GICD + 0x400 + SPI, 1, 0x80) == SMMUSIM_OK);
    CHECK(smmusim_mmio_write(machine, 0, GICD + 0x6000 + SPI * 8, 8, 2) == SMMUSIM_OK); /* IROUTER: CPU 2 */
    write32(machine, GICD + 0x100 + word, bit);                                         /* ISENABLER */
    CHECK(smmusim_register_write(machine, 2, "ICC_PMR_EL1", 0xF0) == SMMUSIM_OK);
    CHECK(smmusim_register_write(machine, 2, "ICC_IGRPEN1_EL1", 1) == SMMUSIM_OK);
    CHECK(smmusim_on_irq(machine, 2, on_irq, &handler) == SMMUSIM_OK);

    write32(machine, V2M + 0x40, SPI);
    CHECK(smmusim_run_until_idle(machine) == SMMUSIM_OK);
    CHECK(handler.calls == 1);
    CHECK(handler.cpu == 2);
    CHECK(handler.intid == SPI);
    CHECK(handler.nested == SMMUSIM_ARGUMENT);

    CHECK(smmusim_on_irq(machine, 2, NULL, NULL) == SMMUSIM_OK);
    write32(machine, V2M + 0x40, SPI);
    CHECK(smmusim_run_until_idle(machine) == SMMUSIM_OK);
    CHECK(handler.calls == 1);
    CHECK(smmusim_on_irq(machine, 9, on_irq, NULL) == SMMUSIM_ARGUMENT);
}

int main(void) {
    /* Far from everything that a process or a sanitizer has mapped, pointers into RAM are addresses. */
    const char* const fixed[] = {"memory.backing=fixed", "memory.base=0x200000000000", "memory.size=64MiB"};
    char error[200] = "";
    uint64_t value = 0;
    uint32_t word = 0;
    struct smmusim_machine* machine = smmusim_create("presets/virt.yaml", NULL, 0, error, sizeof error);
    CHECK(machine != NULL);
    if (machine == NULL) {
        printf("%s\n", error);
        return 1;
    }

    CHECK(smmusim_mmio_read(machine, 0, SMMU, 4, &value) == SMMUSIM_OK);
    CHECK((value & 3) == 3); /* IDR0: both stages */
    CHECK(smmusim_now(machine) != 0);
    CHECK(smmusim_mmio_read(machine, 0, 0x1000, 4, &value) == SMMUSIM_BUS_ERROR);
    CHECK(strstr(smmusim_error(machine), "0x1000") != NULL);
    CHECK(smmusim_mmio_read(machine, 0, SMMU, 3, &value) == SMMUSIM_ARGUMENT);
    CHECK(smmusim_register_read(machine, 0, "ICC_NONE", &value) == SMMUSIM_ARGUMENT);

    CHECK(smmusim_memory_write(machine, RAM + 16, "data", 4) == SMMUSIM_OK);
    CHECK(smmusim_mmio_read(machine, 3, RAM + 16, 4, &value) == SMMUSIM_OK);
    CHECK(value == 0x61746164);
    CHECK(smmusim_mmio_write(machine, 0, RAM + 32, 4, 0x11223344) == SMMUSIM_OK);
    CHECK(smmusim_memory_read(machine, RAM + 32, &word, 4) == SMMUSIM_OK && word == 0x11223344);
    CHECK(smmusim_memory_read(machine, 0, &word, 4) == SMMUSIM_ARGUMENT);
    CHECK(smmusim_memory_at(machine, 0, 1) == NULL);

    value = smmusim_now(machine);
    CHECK(smmusim_run(machine, 1000000) == SMMUSIM_OK);
    CHECK(smmusim_now(machine) == value + 1000000);

    interrupts_reach_the_callback(machine);
    CHECK(smmusim_reset(machine, 1) == SMMUSIM_OK);
    CHECK(smmusim_memory_read(machine, RAM + 32, &word, 4) == SMMUSIM_OK && word == 0);
    smmusim_destroy(machine);

    machine = smmusim_create(NULL, fixed, 3, error, sizeof error);
    CHECK(machine != NULL);
    if (machine != NULL) {
        uint64_t* const pointer = (uint64_t*)(uintptr_t)0x200000001000;
        CHECK(smmusim_memory_at(machine, 0x200000001000, 8) == pointer);
        *pointer = 42;
        CHECK(smmusim_mmio_read(machine, 0, 0x200000001000, 8, &value) == SMMUSIM_OK && value == 42);
        smmusim_destroy(machine);
    }

    CHECK(smmusim_create("presets/none.yaml", NULL, 0, error, sizeof error) == NULL);
    CHECK(strstr(error, "none.yaml") != NULL);
    if (failures == 0) printf("all checks passed\n");
    return failures != 0;
}
