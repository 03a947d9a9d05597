// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.fault;

import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Pointer;
import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.it.support.DeviceMapper;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.it.support.SystemCalls.Outcome;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The kernel's own fault injection and ours, to the same application: what it is told must be the same. */
class DeviceMapperErrorsIT {

    private static final long SECTORS = 8 << 11;
    private static final long FIRST = 2048;
    private static final long LAST = 2055;
    private static final long AT = FIRST * 512;
    private static final int OLD = 0x11;
    private static final int NEW = 0x22;

    @Test
    void dmErrorAndAFailingRangeAreTheSameToAnApplication(
            @DblockDevice(size = "8MiB") BlockDevice under, @DblockDevice(size = "8MiB") BlockDevice ours) {
        List<String> theirs;
        String table =
                """
                0 %1$d linear %2$s 0
                %1$d 8 error
                %3$d %4$d linear %2$s %3$d"""
                        .formatted(FIRST, under.path(), LAST + 1, SECTORS - LAST - 1);
        try (DeviceMapper mapped = DeviceMapper.create(table)) {
            theirs = application(mapped.path());
        }
        List<String> here;
        try (Fault bad = ours.faults().on(READ, WRITE).sectors(FIRST, LAST).fail(Errno.EIO)) {
            here = application(ours.path());
            assertThat(bad.hits()).isPositive();
        }
        same("dm-error", theirs, here);
        assertThat(here).anyMatch(line -> line.endsWith("EIO")).anyMatch(line -> line.contains("ok 4096"));
    }

    @Test
    void dmFlakeyWhenDownAndAFailingDeviceAreTheSameToAnApplication(
            @DblockDevice(size = "8MiB") BlockDevice under, @DblockDevice(size = "8MiB") BlockDevice ours) {
        List<String> theirs;
        // Up for 0 seconds, down for 1000.
        try (DeviceMapper mapped =
                DeviceMapper.create("0 %d flakey %s 0 0 1000".formatted(SECTORS, under.path()), "dm_flakey")) {
            theirs = application(mapped.path());
        }
        List<String> here;
        try (Fault bad = ours.faults().on(READ, WRITE, FLUSH).fail(Errno.EIO)) {
            here = application(ours.path());
            assertThat(bad.hits()).isPositive();
        }
        same("dm-flakey", theirs, here);
    }

    @Test
    void dmFlakeyThatFailsWritesAndARuleOnWritesAreTheSameToAnApplication(
            @DblockDevice(size = "8MiB") BlockDevice under, @DblockDevice(size = "8MiB") BlockDevice ours) {
        List<String> theirs;
        try (DeviceMapper mapped = DeviceMapper.create(
                "0 %d flakey %s 0 0 1000 1 error_writes".formatted(SECTORS, under.path()), "dm_flakey")) {
            theirs = application(mapped.path());
        }
        List<String> here;
        // A flush is a write to dm-flakey.
        try (Fault bad = ours.faults().on(WRITE, FLUSH).fail(Errno.EIO)) {
            here = application(ours.path());
            assertThat(bad.hits()).isPositive();
        }
        same("dm-flakey error_writes", theirs, here);
        assertThat(here).anyMatch(line -> line.startsWith("read") && line.contains("ok"));
    }

    @Test
    void dmFlakeyThatDropsWritesAndALostWriteAreTheSameToAnApplication(
            @DblockDevice(size = "8MiB") BlockDevice under, @DblockDevice(size = "8MiB") BlockDevice ours) {
        List<String> theirs;
        try (DeviceMapper mapped = DeviceMapper.create(
                "0 %d flakey %s 0 0 1000 1 drop_writes".formatted(SECTORS, under.path()), "dm_flakey")) {
            theirs = application(mapped.path());
        }
        List<String> here;
        try (Fault lost = ours.faults().on(WRITE).lose()) {
            here = application(ours.path());
            assertThat(lost.hits()).isPositive();
        }
        same("dm-flakey drop_writes", theirs, here);
        assertThat(here).anyMatch(line -> line.startsWith("write") && line.contains("ok"));
    }

    private static void same(String name, List<String> theirs, List<String> here) {
        System.out.println(name + " and a rule of ours, to the same application:");
        for (int i = 0; i < Math.max(theirs.size(), here.size()); i++) {
            System.out.printf(
                    "  %-60s %s%n", i < theirs.size() ? theirs.get(i) : "", i < here.size() ? here.get(i) : "");
        }
        assertThat(here).as("our rule, against %s", name).containsExactlyElementsOf(theirs);
    }

    /** Reads, writes and syncs in and around the sectors, and tells each outcome and each content it gets. */
    private static List<String> application(Path device) {
        List<String> told = new ArrayList<>();
        Pointer memory = SystemCalls.memory(16384);
        // Before, at, across the start, across the end, behind, some of it, and the sectors on both sides of both ends.
        long[][] ranges = {
            {AT - 4096, 4096},
            {AT, 4096},
            {AT - 4096, 8192},
            {AT, 16384},
            {AT + 4096, 4096},
            {AT + 512, 512},
            {AT - 512, 512},
            {AT, 512},
            {AT + 3584, 512},
            {AT + 4096, 512}
        };
        try (SystemCalls node = new SystemCalls(device, Mode.DIRECT)) {
            for (long[] range : ranges) {
                memory.setMemory(0, 16384, (byte) NEW);
                tell(told, "write direct", range, node.write(memory, range[1], range[0]));
                memory.setMemory(0, 16384, (byte) OLD);
                Outcome outcome = node.read(memory, range[1], range[0]);
                tell(told, "read direct", range, outcome);
                if (outcome.ok()) {
                    told.add("  first byte " + memory.getByte(0) + ", last " + memory.getByte(range[1] - 1));
                }
            }
            tell(told, "sync direct", new long[] {0, 0}, node.sync());
        }
        try (SystemCalls node = new SystemCalls(device, Mode.BUFFERED)) {
            for (long[] range : ranges) {
                node.forget();
                tell(told, "read buffered", range, node.read(memory, range[1], range[0]));
            }
            // Whole pages only: others would be read first.
            for (long[] range : new long[][] {ranges[0], ranges[1], ranges[2], ranges[4]}) {
                memory.setMemory(0, 16384, (byte) NEW);
                tell(told, "write buffered", range, node.write(memory, range[1], range[0]));
                tell(told, "sync after it", range, node.sync());
                tell(told, "sync again", range, node.sync());
            }
            node.forget();
        }
        return told;
    }

    private static void tell(List<String> told, String call, long[] range, Outcome outcome) {
        told.add(call + " " + range[1] + " at " + range[0] + ": " + outcome);
    }
}
