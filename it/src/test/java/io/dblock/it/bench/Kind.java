// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import io.dblock.BlockDevice;
import io.dblock.Placement;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.it.support.Commands;
import io.dblock.it.support.NullBlk;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The kinds of devices there are to measure; all keep their data in memory. */
enum Kind {
    /** The kernel's RAM disk: what fio and the block layer cost by themselves. */
    BRD {
        @Override
        Contender make(int mib, Path programs) {
            modprobe("brd", "rd_nr=1", "rd_size=" + (mib << 10));
            return module("brd", Path.of("/dev/ram0"));
        }
    },
    /** The kernel's test device, with memory, one queue. */
    NULL_BLK {
        @Override
        Contender make(int mib, Path programs) throws IOException {
            return nullBlk(mib, 1);
        }
    },
    /** Ours, in Java, as it is by default: served by the server process. */
    DBLOCK {
        @Override
        Contender make(int mib, Path programs) {
            return ours(mib, Placement.SERVER_PROCESS);
        }
    },
    /** Ours, in Java, served by the JVM of the test. */
    DBLOCK_TEST_JVM {
        @Override
        Contender make(int mib, Path programs) {
            return ours(mib, Placement.TEST_JVM);
        }
    },
    /** Ours, served in batches by a program in C. */
    DBLOCK_C {
        @Override
        Contender make(int mib, Path programs) throws IOException {
            ModuleLoader.ensureLoaded();
            return program(programs.resolve("dblock_ram"), "dblockbench", (long) mib << 20);
        }
    },
    /** Ours, served one request at a time by the sample in C. */
    DBLOCK_SAMPLE {
        @Override
        Contender make(int mib, Path programs) throws IOException {
            ModuleLoader.ensureLoaded();
            return program(programs.resolve("dblock_sample_ramdisk"), "-n", "dblockbenchsample", "-s", mib + "M");
        }
    },
    /** The kernel's driver for devices in userspace, served by a program in C, one queue. */
    UBLK {
        @Override
        Contender make(int mib, Path programs) throws IOException {
            modprobe("ublk_drv");
            return program(programs.resolve("ublk_ram"), (long) mib << 20);
        }
    },
    /** nbdkit's memory plugin, over a socket and the kernel's network block device. */
    NBDKIT {
        @Override
        Contender make(int mib, Path programs) throws IOException {
            modprobe("nbd", "nbds_max=1");
            Path directory = Files.createTempDirectory("bench-nbd");
            Path socket = directory.resolve("socket");
            Path node = Path.of("/dev/nbd0");
            Program server = new Program("nbdkit", "-f", "-U", socket, "memory", mib + "M");
            server.await(socket);
            Commands.run("nbd-client", "-unix", socket, node);
            return Contender.of(node, () -> {
                Commands.run("nbd-client", "-d", node);
                server.close();
                Files.deleteIfExists(socket);
                Files.delete(directory);
                unload("nbd");
            });
        }
    },
    /** A SCSI disk in the kernel's memory that answers at once. */
    SCSI_DEBUG {
        @Override
        Contender make(int mib, Path programs) throws IOException {
            modprobe("sd_mod");
            Set<Path> before = scsiDisks();
            modprobe("scsi_debug", "delay=0", "dev_size_mb=" + mib);
            Set<Path> added = new TreeSet<>();
            Poll.until("a new SCSI disk", Duration.ofMinutes(1), () -> {
                added.addAll(scsiDisks());
                added.removeAll(before);
                return !added.isEmpty();
            });
            return module("scsi_debug", added.iterator().next());
        }
    },
    /** A file on tmpfs as a device, past the page cache. */
    LOOP {
        @Override
        Contender make(int mib, Path programs) throws IOException {
            modprobe("loop");
            Path file = Files.createTempFile("bench-loop", ".img");
            Commands.run("truncate", "-s", mib + "M", file);
            Path node = Path.of(Commands.run("losetup", "--direct-io=on", "--show", "-f", file)
                    .strip());
            return Contender.of(node, () -> {
                Commands.run("losetup", "-d", node);
                Files.delete(file);
            });
        }
    };

    /** Makes one. {@code programs} is where the servers in C are. */
    abstract Contender make(int mib, Path programs) throws IOException;

    /** As it is named in files, tables and on the command line. */
    String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Code of a JVM is compiled while it runs: such a device is measured when it does not get faster any more. */
    boolean warmsUp() {
        return this == DBLOCK || this == DBLOCK_TEST_JVM;
    }

    static Kind ofKey(String key) {
        return Arrays.stream(values())
                .filter(kind -> kind.key().equals(key))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("No device '" + key + "'. There are: "
                        + Arrays.stream(values()).map(Kind::key).toList()));
    }

    /** {@link #NULL_BLK} with so many queues; one at a time. */
    static Contender nullBlk(int mib, int queues) throws IOException {
        NullBlk.load();
        NullBlk device = NullBlk.create("dblock-bench", mib, queues);
        return Contender.of(device.node(), () -> {
            device.close();
            NullBlk.unload();
        });
    }

    private static Contender module(String name, Path node) {
        return Contender.of(node, () -> unload(name));
    }

    private static Contender ours(int mib, Placement placement) {
        BlockDevice device =
                BlockDevice.builder().size(mib + "MiB").placement(placement).create();
        return Contender.of(device.path(), device::close);
    }

    private static Contender program(Object... command) throws IOException {
        Program program = new Program(command);
        return Contender.of(program.awaitNode(), program::close);
    }

    private static void modprobe(Object... arguments) {
        Commands.run(
                Stream.concat(Stream.of("modprobe"), Arrays.stream(arguments)).toArray());
    }

    private static void unload(String module) {
        Poll.until(
                module + " to be unloaded",
                Duration.ofSeconds(30),
                () -> Commands.tryRun("modprobe", "-r", module).status() == 0);
    }

    private static Set<Path> scsiDisks() throws IOException {
        try (Stream<Path> disks = Files.list(Path.of("/dev"))) {
            return disks.filter(disk -> disk.getFileName().toString().matches("sd[a-z]+"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }
}
