/* The machine for C programs: create it, talk to its devices and memory, let time pass, be told of interrupts.
 *
 * Functions that return int return 0, or one of the codes below; smmusim_error() then has the text. Times are
 * picoseconds. A machine is used by one thread at a time. With the setting "memory.backing=fixed" RAM lies at its
 * physical address in the process, so that pointers into it are addresses. */
#ifndef SMMUSIM_H
#define SMMUSIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMMUSIM_API __attribute__((visibility("default")))

struct smmusim_machine;

enum {
    SMMUSIM_OK = 0,
    SMMUSIM_BUS_ERROR = -1, /* nothing decodes the address, or the target refused */
    SMMUSIM_BLOCKED = -2,   /* nothing is left that could finish the operation */
    SMMUSIM_ARGUMENT = -3,  /* a wrong call: size, CPU, register, address outside RAM, time inside a callback */
    SMMUSIM_FAILED = -4     /* anything else */
};

/* `preset`: a YAML file such as "presets/virt.yaml", or NULL for the defaults. `settings`: `count` texts like
 * "memory.size=1GiB". Returns NULL on error and then writes the text to `error`, if that is not NULL. */
SMMUSIM_API struct smmusim_machine* smmusim_create(const char* preset, const char* const* settings, size_t count,
                                                   char* error, size_t error_size);
SMMUSIM_API void smmusim_destroy(struct smmusim_machine* machine);

/* Text of the last error of this machine; valid until its next call. */
SMMUSIM_API const char* smmusim_error(const struct smmusim_machine* machine);

/* A load or store of a CPU; sizes 1, 2, 4, 8. Returns when it is complete in simulated time. */
SMMUSIM_API int smmusim_mmio_read(struct smmusim_machine* machine, unsigned cpu, uint64_t address, unsigned size,
                                  uint64_t* value);
SMMUSIM_API int smmusim_mmio_write(struct smmusim_machine* machine, unsigned cpu, uint64_t address, unsigned size,
                                   uint64_t value);

/* The CPU interface's registers by architected name ("ICC_IAR1_EL1"). */
SMMUSIM_API int smmusim_register_read(struct smmusim_machine* machine, unsigned cpu, const char* name, uint64_t* value);
SMMUSIM_API int smmusim_register_write(struct smmusim_machine* machine, unsigned cpu, const char* name, uint64_t value);

/* RAM, without time. */
SMMUSIM_API int smmusim_memory_read(struct smmusim_machine* machine, uint64_t address, void* data, size_t size);
SMMUSIM_API int smmusim_memory_write(struct smmusim_machine* machine, uint64_t address, const void* data, size_t size);
/* Where these bytes lie in the process; NULL if they are not all RAM. */
SMMUSIM_API void* smmusim_memory_at(struct smmusim_machine* machine, uint64_t address, size_t size);

/* Time. */
SMMUSIM_API int smmusim_run(struct smmusim_machine* machine, uint64_t duration);
SMMUSIM_API int smmusim_run_until_idle(struct smmusim_machine* machine);
SMMUSIM_API uint64_t smmusim_now(const struct smmusim_machine* machine);
SMMUSIM_API int smmusim_reset(struct smmusim_machine* machine, int clear_memory);

/* Called when the interrupt line of a CPU changes, from inside a call that lets time pass; it may access registers
 * and memory, but must not let time pass, reset or destroy (no MMIO, no run). NULL: no callback any more. */
typedef void smmusim_irq_callback(void* context, unsigned cpu, int asserted);
SMMUSIM_API int smmusim_on_irq(struct smmusim_machine* machine, unsigned cpu, smmusim_irq_callback* callback,
                               void* context);

#ifdef __cplusplus
}
#endif

#endif
