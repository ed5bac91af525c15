"""An SMMU brought up by its registers, with tables written through the backdoor: what the tests share."""

import smmusim

SMMU = 0x0905_0000
GICD = 0x0800_0000
ITS = 0x0808_0000
GICR = 0x080A_0000
RAM = 0x4000_0000
STRTAB, CDS, CMDQ, EVTQ, TABLES = (RAM + 0x100_0000 * n for n in range(1, 6))


def virt(**overrides):
    return smmusim.Platform("presets/virt.yaml", **overrides)


class Stage1:
    """A linear stream table and 4 KiB pages of stage 1, T0SZ 16."""

    def __init__(self, sim):
        self.sim = sim
        self.next_table = TABLES
        self.producer = 0

    def enable(self):
        mmio = self.sim.mmio
        mmio.write(SMMU + 0x2C, 0b10, 4)
        mmio.write(SMMU + 0x80, STRTAB, 8)
        mmio.write(SMMU + 0x88, 8, 4)
        mmio.write(SMMU + 0x90, CMDQ | 8, 8)
        mmio.write(SMMU + 0xA0, EVTQ | 7, 8)
        mmio.write(SMMU + 0x50, 0b101, 4)
        mmio.write(SMMU + 0x20, 0b1101, 4)
        self.sim.run()
        assert mmio.read(SMMU + 0x24, 4) == 0b1101

    def words(self, address, *values):
        self.sim.memory.write(address, b"".join(value.to_bytes(8, "little") for value in values))

    def table(self):
        address = self.next_table
        self.next_table += 0x1000
        return address

    def stream(self, stream_id, asid=1):
        """Returns the root table."""
        root = self.table()
        cd = CDS + stream_id * 64
        self.words(STRTAB + stream_id * 64, 1 | 0b101 << 1 | cd, 1 << 44, 0, 0, 0, 0, 0, 0)
        low = 16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 1 << 45 | 1 << 46 | asid << 48
        self.words(cd, low, root, 0, 0xFF, 0, 0, 0, 0)
        return root

    def map(self, root, iova, pa, attributes=0xF43):
        table = root
        for shift in (39, 30, 21):
            entry = table + (iova >> shift & 511) * 8
            descriptor = self.sim.memory.read_u64(entry)
            if not descriptor:
                descriptor = self.table() | 3
                self.sim.memory.write_u64(entry, descriptor)
            table = descriptor & ~0xFFF
        self.leaf = table + (iova >> 12 & 511) * 8
        self.sim.memory.write_u64(self.leaf, pa | attributes)
        return self.leaf

    def command(self, low, high=0):
        self.words(CMDQ + (self.producer & 255) * 16, low, high)
        self.producer = (self.producer + 1) & 511

    def ring(self):
        self.sim.mmio.write(SMMU + 0x98, self.producer, 4)
        self.sim.run()

    def records(self):
        count = self.sim.smmus[0].registers["EVENTQ_PROD"] & 0xFF
        return [smmusim.Event(self.sim.memory.read(EVTQ + 32 * n, 32)) for n in range(count)]
