// SPDX-License-Identifier: Apache-2.0
package io.dblock.assertj;

import static io.dblock.assertj.DblockAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.RequestFlag;
import io.dblock.internal.fault.UnitDisk;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BlockDeviceAssertTest {
    private static final int KIB = 1024;

    private final UnitDevice device = new UnitDevice("dblock7", 1 << 20);
    private final UnitDisk disk = device.disk;

    @AfterEach
    void close() {
        device.close();
    }

    @Test
    void aCommitThatWritesAndFlushesPasses() {
        disk.write(0, 8, 1);
        disk.journal().mark("commit");
        disk.write(8, 8, 1);
        disk.write(16, 8, 1, RequestFlag.FUA);
        disk.flush();
        disk.read(8, 8);
        disk.discard(100, 8);
        disk.flush();

        assertThat(device)
                .since("commit")
                .wrote()
                .thenFlushed()
                .wrote(4 * KIB, 8 * KIB)
                .thenFlushed()
                .flushed()
                .read()
                .read(4 * KIB, 512)
                .discarded()
                .discarded(100 * 512, 8 * 512)
                .thenFlushed()
                .neverWrote(0, 4 * KIB)
                .leavesNothingUnflushed()
                .hasNothingUnflushed();
    }

    @Test
    void nullIsNoDevice() {
        BlockDevice none = null;
        assertMessage(() -> assertThat(none).wrote(), "Expecting actual not to be null");
    }

    @Test
    void aMarkThatWasNotSetIsAnError() {
        assertThatThrownBy(() -> assertThat(device).since("commit"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("There is no mark \"commit\".");
    }

    @Test
    void theDescriptionOfAssertJComesFirst() {
        assertMessage(() -> assertThat(device).as("the 100% log").wrote(), "[the 100% log]", "Expecting dblock7");
    }

    @Test
    void wroteSaysThatNothingWasWritten() {
        disk.write(0, 8, 1);
        disk.journal().mark("commit");
        disk.read(0, 8);
        assertMessage(
                () -> assertThat(device).since("commit").wrote(),
                "Expecting dblock7 to have written since mark \"commit\", but there was no write",
                "Its journal since mark \"commit\":",
                "    #3 ",
                "READ   sectors 0-7 (4KiB): ok");
        disk.journal().mark("empty");
        assertMessage(() -> assertThat(device).since("empty").wrote(), "    (no entry)");
    }

    @Test
    void wroteDoesNotTakeAFailedWriteForOne() {
        disk.faults().on(Operation.WRITE).named("bad").fail(Errno.EIO);
        disk.write(0, 8, 1);
        assertMessage(
                () -> assertThat(device).wrote(),
                "Expecting dblock7 to have written, but no write has succeeded (1 did not)",
                "Its journal around that:",
                "  > #1 ",
                "WRITE  sectors 0-7 (4KiB): EIO, ",
                "[bad]");
    }

    @Test
    void wroteARangeSaysWhatOfItWasNot() {
        disk.faults().on(Operation.WRITE).sectors(4, 4).fail(Errno.EIO);
        disk.write(0, 8, 1);
        disk.zero(12, 2);
        assertThat(device).wrote(0, 2048).wrote(6 * KIB, 1024);
        assertMessage(
                () -> assertThat(device).wrote(1024, 7 * KIB),
                "Expecting dblock7 to have written 7168 bytes at 1024 (sectors 2-15), but not 512 bytes at 2048 (sector 4),"
                        + " 2048 bytes at 4096 (sectors 8-11), 1024 bytes at 7168 (sectors 14-15)",
                "  > #1 ",
                "  > #2 ");
    }

    @Test
    void readAndDiscardedSayWhatWasNot() {
        disk.write(0, 8, 1);
        assertMessage(() -> assertThat(device).read(), "to have read, but there was no read");
        assertMessage(
                () -> assertThat(device).read(0, 512), "to have read 512 bytes at 0 (sector 0), but not 512 bytes");
        assertMessage(() -> assertThat(device).discarded(), "to have discarded, but there was no discard");
        assertMessage(
                () -> assertThat(device).discarded(0, 512), "to have discarded 512 bytes at 0 (sector 0), but not");
        assertMessage(() -> assertThat(device).flushed(), "to have flushed, but there was no flush");
    }

    @Test
    void aFlushThatFailedIsNone() {
        disk.faults().on(Operation.FLUSH).named("no flush").fail(Errno.EIO);
        disk.write(0, 8, 1);
        disk.flush();
        assertMessage(
                () -> assertThat(device).flushed(),
                "to have flushed, but no flush has succeeded (1 did not)",
                "  > #2 ",
                "FLUSH : EIO");
        assertMessage(() -> assertThat(device).wrote().thenFlushed(), "to have flushed what it has written");
    }

    @Test
    void thenFlushedShowsTheWritesThatNoFlushFollowed() {
        disk.journal().mark("commit");
        disk.write(0, 8, 1);
        disk.flush();
        disk.write(8, 8, 1);
        disk.write(16, 8, 1, RequestFlag.FUA);
        assertMessage(
                () -> assertThat(device).since("commit").wrote().thenFlushed(),
                "Expecting dblock7 to have flushed what it has written since mark \"commit\", but of 3 requests 1 had no"
                        + " successful flush issued after their completion",
                "Its journal around that since mark \"commit\":",
                "    #2 ",
                "    #3 ",
                "  > #4 ",
                "    #5 ");
        assertThat(device).wrote(0, 512).thenFlushed();
    }

    @Test
    void aFlushIssuedBeforeTheWriteWasCompletedDoesNotCount() throws Exception {
        try (var hold = disk.faults()
                .on(Operation.FLUSH)
                .delay(io.dblock.fault.Delay.fixed(java.time.Duration.ofMillis(300)))) {
            Thread flusher = new Thread(disk::flush);
            flusher.start();
            hold.awaitHit(java.time.Duration.ofSeconds(20));
            disk.write(0, 8, 1);
            flusher.join();
        }
        assertThat(device).flushed().wrote();
        assertMessage(() -> assertThat(device).wrote().thenFlushed(), "but of 1 requests 1 had no successful flush");
    }

    @Test
    void thenFlushedNeedsSomethingBeforeIt() {
        String message = "thenFlushed() is about what wrote() or discarded() has found. Call one of them first.";
        assertThatThrownBy(() -> assertThat(device).thenFlushed())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(message);
        disk.write(0, 8, 1);
        disk.read(0, 8);
        disk.journal().mark("m");
        assertThatThrownBy(() -> assertThat(device).wrote().since("m").thenFlushed())
                .hasMessage(message);
        assertThatThrownBy(() -> assertThat(device).read().thenFlushed()).hasMessage(message);
    }

    @Test
    void neverWroteShowsEachAttempt() {
        disk.faults().on(Operation.WRITE).sectors(9, 9).fail(Errno.EIO);
        disk.write(8, 1, 1);
        disk.write(9, 1, 1);
        disk.zero(10, 4);
        disk.discard(0, 1);
        assertThat(device).neverWrote(0, 4 * KIB).neverWrote(7 * KIB, 512);
        assertMessage(
                () -> assertThat(device).neverWrote(512 * 9, 1024),
                "Expecting dblock7 never to have written to 1024 bytes at 4608 (sectors 9-10), but there were 2 writes",
                "    #1 ",
                "  > #2 ",
                "  > #3 ",
                "    #4 ");
        assertMessage(() -> assertThat(device).neverWrote(512 * 8, 512), "but there was a write\n");
    }

    @Test
    void writeAmplificationIsWhatWasWrittenByWhatTheTestWrote() {
        disk.write(0, 8, 1);
        disk.write(0, 4, 1, RequestFlag.META);
        disk.zero(0, 100);
        assertThat(device).hasWriteAmplificationBelow(1.51, 4 * KIB);
        assertMessage(
                () -> assertThat(device).hasWriteAmplificationBelow(1.5, 4 * KIB),
                "Expecting dblock7 to have a write amplification below 1.5, but it was 1.500: for 4096 bytes it has"
                        + " written 6144 in 2 requests, 2048 of them metadata");
        assertThatThrownBy(() -> assertThat(device).hasWriteAmplificationBelow(2, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("bytes is 0. Allowed: what the test has written, at least 1.");
    }

    @Test
    void unflushedWritesAreListedWithTheirAgeAndMark() {
        disk.write(0, 8, 1);
        disk.journal().mark("commit");
        disk.write(8, 16, 1);
        assertMessage(
                () -> assertThat(device).hasNothingUnflushed(),
                "Expecting dblock7 to have nothing unflushed, but a power cut would lose 12288 bytes:",
                "    #1 WRITE of 4096 bytes at 0, ",
                "    #3 WRITE of 8192 bytes at 4096, ",
                "since mark \"commit\"",
                "  > #1 ",
                "    #2 ",
                "  > #3 ");
        assertMessage(
                () -> assertThat(device).since("commit").leavesNothingUnflushed(),
                "Expecting dblock7 to leave nothing unflushed since mark \"commit\", but a power cut would lose 8192 bytes:");
        disk.journal().mark("later");
        disk.write(200, 1, 1, RequestFlag.FUA);
        assertThat(device).since("later").leavesNothingUnflushed();
        disk.flush();
        assertThat(device).hasNothingUnflushed();
    }

    @Test
    void aDiskThatIgnoresFlushesIsSeenToHaveUnflushedWrites() {
        disk.faults().on(Operation.FLUSH).ignoreFlushes();
        disk.write(0, 8, 1);
        disk.flush();
        assertThat(device).wrote().thenFlushed();
        assertMessage(() -> assertThat(device).hasNothingUnflushed(), "a power cut would lose 4096 bytes");
    }

    @Test
    void manyUnflushedWritesAreNotAllListed() {
        for (int i = 0; i < 50; i++) {
            disk.write(i * 2L, 1, i);
        }
        assertMessage(
                () -> assertThat(device).hasNothingUnflushed(), "    and 40 more", "    (", " entries not shown)");
    }

    @Test
    void bytesAreComparedInHexadecimal() {
        disk.write(1, 1, 'A');
        byte[] expected = new byte[512];
        Arrays.fill(expected, (byte) 'A');
        assertThat(device).hasBytes(512, expected);
        expected[200] = 'B';
        assertMessage(
                () -> assertThat(device).hasBytes(512, expected),
                "Expecting dblock7 to have 512 bytes as expected at 512, but they differ first at byte 712:",
                """
                  actual    0000000002c0  41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41  |AAAAAAAAAAAAAAAA|
                  expected  0000000002c0  41 41 41 41 41 41 41 41 42 41 41 41 41 41 41 41  |AAAAAAAABAAAAAAA|
                                                                  ^^
                """
                        .indent(0),
                "The journal of dblock7 around the last write of this byte:",
                "  > #1 ");
        assertMessage(
                () -> assertThat(device).hasBytes(0, expected),
                "There is no write of this byte in the journal of dblock7.");
    }

    @Test
    void twoDevicesAreComparedToTheirFirstDifference() {
        try (UnitDevice other = new UnitDevice("dblock8", 1 << 20);
                UnitDevice small = new UnitDevice("dblock9", 1 << 19)) {
            disk.write(2000, 1, 7);
            other.disk.write(2000, 1, 7);
            assertThat(device).hasSameContentAs(other);
            other.disk.write(2001, 1, 9);
            assertMessage(
                    () -> assertThat(device).hasSameContentAs(other),
                    "Expecting dblock7 to have the same content as dblock8, but they differ first at byte 1024512 (sector"
                            + " 2001), \"expected\" being dblock8:",
                    "  actual    0000000fa200  00 ",
                    "  expected  0000000fa200  09 ");
            assertMessage(() -> assertThat(device).hasSameContentAs(small), "but it has 1048576 bytes, not 524288.");
        }
    }

    @Test
    void faultHitsAreThoseOfTheRuleOfThatName() {
        disk.faults().on(Operation.WRITE).named("once").times(1).fail(Errno.EIO);
        disk.faults().on(Operation.READ).named("never").fail(Errno.EIO);
        disk.write(0, 8, 1);
        disk.write(0, 8, 1);
        assertThat(device).hasFaultHits("once", 1).hasFaultHits("never", 0);
        disk.faults().clear();
        assertThat(device).hasFaultHits("once", 1);
        assertMessage(
                () -> assertThat(device).hasFaultHits("once", 2),
                "Expecting dblock7 to have a fault rule \"once\" with 2 hits, but it has 1. Its rules:",
                ": 1 hits, removed",
                ": 0 hits, removed",
                "  > #1 ");
        assertMessage(
                () -> assertThat(device).hasFaultHits("other", 1),
                "to have a fault rule \"other\" with 1 hit, but there was none. Its rules:");
    }

    @Test
    void rangesOutsideTheDeviceAreRefused() {
        assertThatThrownBy(() -> assertThat(device).neverWrote(1 << 20, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "There are no 1 bytes at 1048576 of dblock7. Allowed: at least one byte, within its 1048576.");
        assertThatThrownBy(() -> assertThat(device).wrote(0, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> assertThat(device).wrote(-1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> assertThat(device).hasBytes(0, new byte[0]))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aJournalThatHasDroppedEntriesProvesNothingOfWhatItNeverHad() {
        try (UnitDevice small = new UnitDevice("dblock9", new UnitDisk(1 << 20, 1024, 1))) {
            for (int i = 0; i < 1025; i++) {
                small.disk.read(0, 1);
            }
            assertThat(small).read();
            assertThatThrownBy(() -> assertThat(small).neverWrote(0, 512))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "The journal of dblock9 has dropped its first 1 entries, so it does not show all of what"
                                    + " was written. Assert since a mark, make the device with more journalEntries(n), keep all"
                                    + " with streamTo(file), or ignore what is missing with ignoringDropped().");
            small.journal().mark("m");
            small.disk.read(0, 1);
            assertThat(small).since("m").neverWrote(0, 512);
        }
    }

    @Test
    void whatTheJournalStillHasCanBeAssertedOn() {
        UnitDevice small = new UnitDevice("dblock9", new UnitDisk(1 << 20, 1024, 1));
        try {
            small.journal().mark("m");
            for (int i = 0; i < 1025; i++) {
                small.disk.write(8, 8, 1);
            }
            assertThatThrownBy(() -> assertThat(small).since("m")).isInstanceOf(IllegalStateException.class);
            assertThat(small).ignoringDropped().neverWrote(0, 512).since("m").neverWrote(0, 512);
            assertThatThrownBy(() -> assertThat(small).ignoringDropped().since("n"))
                    .isInstanceOf(IllegalArgumentException.class);
            assertMessage(
                    () -> assertThat(small).ignoringDropped().since("m").neverWrote(8 * 512, 512),
                    "there were 1024 writes");
            assertMessage(() -> assertThat(small).read(), "; its first 2 entries have been dropped");
        } finally {
            small.close();
        }
    }

    @Test
    void aDeviceThatWasAskedNothingShowsNothing() {
        disk.write(0, 8, 1);
        disk.flush();
        disk.journal().mark("idle");
        assertMessage(
                () -> assertThat(device).since("idle").neverWrote(0, 512),
                "never to have written to 512 bytes at 0",
                "there was no request at all, which shows nothing",
                "call allowingNoRequests()");
        assertMessage(
                () -> assertThat(device).since("idle").hasWriteAmplificationBelow(10, 1), "there was no write at all");
        assertMessage(
                () -> assertThat(device).since("idle").leavesNothingUnflushed(),
                "there was no write or discard at all");
        assertThat(device)
                .since("idle")
                .allowingNoRequests()
                .neverWrote(0, 512)
                .hasWriteAmplificationBelow(10, 1)
                .leavesNothingUnflushed();
        disk.read(0, 8);
        assertThat(device).since("idle").neverWrote(0, 512);
    }

    @Test
    void aDeviceIsNotComparedWithItself() {
        assertThatThrownBy(() -> assertThat(device).hasSameContentAs(device))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("dblock7 itself");
    }

    private static Place file(String name, long offset, long length, long inside) {
        return new Place(offset, length, Place.Kind.FILE, name, inside);
    }

    @Test
    void ofAFileOnlyItsRequestsCount() {
        device.haveFiles(
                file("wal/1.log", 4 * KIB, 4 * KIB, 0),
                file("wal/1.log", 64 * KIB, 4 * KIB, 4 * KIB),
                file("data", 8 * KIB, 4 * KIB, 0));
        disk.write(8, 8, 1); // wal/1.log
        disk.flush();
        disk.write(16, 8, 1); // data
        assertThat(device)
                .file("wal/1.log")
                .wrote()
                .thenFlushed()
                .hasNothingUnflushed()
                .wrote(0, 4 * KIB)
                .neverWrote(4 * KIB, 4 * KIB);
        assertThat(device).file(Path.of("/mnt/disk/wal/1.log")).wrote().thenFlushed();
        assertThat(device).file("wal/*.log").wrote().thenFlushed();
        assertMessage(
                () -> assertThat(device).file("data").wrote().thenFlushed(),
                "Expecting dblock7 to have flushed what it has written of file data, but of 1 requests 1 had no"
                        + " successful flush",
                "WRITE  sectors 16-23 (4KiB) data +0..4095: ok");
        assertMessage(
                () -> assertThat(device).file("data").hasNothingUnflushed(),
                "to have nothing unflushed of file data",
                "(data +0..4095)");

        disk.write(128, 8, 1); // wal/1.log, its second part
        assertThat(device).file("wal/1.log").wrote(1024, 6 * KIB);
        assertMessage(() -> assertThat(device).file("wal/1.log").neverWrote(4 * KIB, 4 * KIB), "but there was a write");
        disk.faults().on(Operation.WRITE).sectors(130, 130).fail(Errno.EIO);
        disk.journal().mark("fails");
        disk.write(128, 8, 1);
        assertThat(device).since("fails").file("wal/1.log").wrote(4 * KIB, 1024).wrote(5 * KIB + 512, 512);
        assertMessage(
                () -> assertThat(device).since("fails").file("wal/1.log").wrote(4 * KIB, 4 * KIB),
                "of file wal/1.log since mark \"fails\", but not 512 bytes at 5120");
    }

    @Test
    void aFileWithoutARequestSaysWhatElseThereWas() {
        device.haveFiles(file("data", 8 * KIB, 4 * KIB, 0));
        disk.write(0, 8, 1);
        assertMessage(
                () -> assertThat(device).file("data").wrote(),
                "to have written of file data, but there was no write, and 1 of which no file is known");
    }

    @Test
    void whatIsNoFileOfTheDeviceIsRefused() {
        assertThatThrownBy(() -> assertThat(device).file("data"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("dblock7 has no filesystem");
        device.haveFiles();
        assertThatThrownBy(() -> assertThat(device).file(Path.of("/home/data")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("/home/data is not on dblock7, which is mounted at /mnt/disk.");
        assertThatThrownBy(() -> assertThat(device).file("/data"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("without a slash before it");
        assertThatThrownBy(() -> assertThat(device).file("data").hasBytes(0, new byte[1]))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("not about file data");
    }

    private static void assertMessage(ThrowingCallable call, String... parts) {
        assertThatThrownBy(call).isInstanceOf(AssertionError.class).message().contains(parts);
    }
}
