// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import io.dblock.BlockDevice;
import io.dblock.Placement;
import io.dblock.it.support.Commands;
import io.dblock.it.support.NullBlk;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A kind of block device that a program can make, without running another program for it. */
interface Peer extends AutoCloseable {
    int MIB = 64;

    /** What one took, in nanoseconds: until it was there, and from then until it was gone. */
    record Lap(long created, long destroyed) {}

    /** Makes one of {@link #MIB} MiB and destroys it. */
    Lap lap() throws IOException;

    /** Gives back what all devices of the kind need. */
    @Override
    default void close() {}

    /** Ours. */
    static SteppedPeer dblock(Placement placement) {
        return new SteppedPeer() {
            private BlockDevice device;

            @Override
            public String create() {
                device = BlockDevice.builder()
                        .size(MIB + "MiB")
                        .placement(placement)
                        .create();
                return device.name();
            }

            @Override
            public void destroy() {
                device.close();
            }
        };
    }

    /** Memory in the kernel, made by configfs. */
    static SteppedPeer nullBlk() throws IOException {
        NullBlk.load();
        return new SteppedPeer() {
            private NullBlk device;

            @Override
            public String create() throws IOException {
                device = NullBlk.create("dblock-it", MIB, 1);
                return device.node().getFileName().toString();
            }

            @Override
            public void destroy() throws IOException {
                device.close();
            }

            @Override
            public void close() {
                NullBlk.unload();
            }
        };
    }

    /** Compressed memory in the kernel. */
    static SteppedPeer zram() {
        load("zram", "num_devices=0");
        Path control = Path.of("/sys/class/zram-control");
        return new SteppedPeer() {
            private String number;

            @Override
            public String create() throws IOException {
                number = Files.readString(control.resolve("hot_add")).strip();
                write(Path.of("/sys/block/zram" + number + "/disksize"), MIB + "M");
                return "zram" + number;
            }

            @Override
            public void destroy() throws IOException {
                write(control.resolve("hot_remove"), number);
            }

            @Override
            public void close() {
                unload("zram");
            }
        };
    }

    /** A SCSI host with one disk. */
    static SteppedPeer scsiDebug() {
        load("sd_mod");
        load("scsi_debug", "add_host=0", "dev_size_mb=" + MIB);
        Path hosts = Path.of("/sys/bus/pseudo/drivers/scsi_debug/add_host");
        return new SteppedPeer() {
            private String disk;

            @Override
            public String create() throws IOException {
                Set<String> before = scsiDisks();
                write(hosts, 1);
                Spin.until("a new SCSI disk", () -> scsiDisks().size() > before.size());
                Set<String> now = scsiDisks();
                now.removeAll(before);
                disk = now.iterator().next();
                // It is there before it has been asked for its size, and the node comes last.
                Spin.until("its node", () -> Files.exists(Path.of("/dev", disk)));
                return disk;
            }

            @Override
            public void destroy() throws IOException {
                write(hosts, -1);
                Spin.until(disk + " to go", () -> !scsiDisks().contains(disk));
            }

            @Override
            public void close() {
                unload("scsi_debug");
            }
        };
    }

    /** Memory of a program in C, by the kernel's driver for that. */
    static Peer ublk() throws IOException {
        load("ublk_drv");
        return new LapsProgram("ublk_ram", "-l", Long.toString((long) MIB << 20));
    }

    /** Memory of a program in C, by the kernel's network block device. */
    static Peer nbd() throws IOException {
        load("nbd", "nbds_max=1");
        return new LapsProgram("nbd_laps", "/dev/nbd0", Long.toString((long) MIB << 20));
    }

    private static Set<String> scsiDisks() throws IOException {
        try (Stream<Path> disks = Files.list(Path.of("/sys/block"))) {
            return disks.map(disk -> disk.getFileName().toString())
                    .filter(name -> name.startsWith("sd"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static void write(Path attribute, Object value) throws IOException {
        Files.writeString(attribute, value.toString());
    }

    private static void load(String module, String... parameters) {
        Commands.run(Stream.concat(Stream.of("modprobe", module), List.of(parameters).stream())
                .toArray());
    }

    private static void unload(String module) {
        Poll.until(
                module + " to be unloaded",
                Duration.ofSeconds(30),
                () -> Commands.tryRun("modprobe", "-r", module).status() == 0);
    }
}
