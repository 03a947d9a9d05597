// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.BlockDevice;
import io.dblock.internal.crash.CrashSearch;
import io.dblock.internal.crash.CrashSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/**
 * Checks that storage code survives a power cut at any moment. The workload runs once on the disk, which records it. Then
 * the states that a cut could have left are made one after the other on another device, mounted and checked: everything
 * durable, and of the writes that no flush covered any that a correct disk may keep, whole or {@linkplain #atomic torn}.
 *
 * <p>States are tried in this order, each content once: all or nothing of what is unflushed, when something is acknowledged
 * and then at each moment; one write lost or kept, or only the first ones kept; all states, where these are
 * {@linkplain #every few}; one file-system block lost or kept; a {@linkplain #samples sample}.
 *
 * <p>The system property {@code dblock.crash.state} has the id of a state that failed: then only this one is checked.
 */
@CheckReturnValue
public final class CrashTest {
    /** The system property with the id of the only state to check. */
    public static final String STATE = "dblock.crash.state";

    private static final Path IMAGES = Path.of("target", "dblock", "crash");

    private final BlockDevice disk;
    private Workload workload;
    private Check check;
    private long seed;
    private int every = 32;
    private int samples = 4;
    private int atomic;
    private boolean ignoresFlushes;
    private boolean keepsOrder;
    private int recoveries;
    private boolean prunes = true;
    private Duration within = Duration.ofMinutes(2);
    private CrashReport report;

    /** What the test does with the disk. */
    @FunctionalInterface
    public interface Workload {

        /** Uses the disk, and acknowledges what has to survive from then on. */
        void run(CrashRun run) throws Exception;
    }

    /** What has to hold after a power cut. */
    @FunctionalInterface
    public interface Check {

        /**
         * Checks a state. It closes what it opens on the disk.
         *
         * @throws Exception if the state is not as it should be
         */
        void check(CrashState state) throws Exception;
    }

    private CrashTest(BlockDevice disk) {
        this.disk = Objects.requireNonNull(disk, "disk");
        seed = disk.seed();
    }

    /** Creates a test on this disk, whose data is in memory: without a handler of your own, zones, or an image in place. */
    public static CrashTest of(BlockDevice disk) {
        return new CrashTest(disk);
    }

    /** Sets what the test does with the disk. It runs once. What was on the disk before is durable. */
    public CrashTest workload(Workload value) {
        workload = Objects.requireNonNull(value, "workload");
        return this;
    }

    /** Sets what has to hold in each state. */
    public CrashTest check(Check value) {
        check = Objects.requireNonNull(value, "check");
        return this;
    }

    /** Sets the seed of the sample. Left out: that of the disk. */
    public CrashTest seed(long value) {
        seed = value;
        return this;
    }

    /** Sets up to how many states of one moment are all checked. Left out: 32. */
    public CrashTest every(int states) {
        every = atLeastNone("every", states);
        return this;
    }

    /** Sets how many random states are checked at each moment before a flush or after an acknowledgement. Left out: 4. */
    public CrashTest samples(int states) {
        samples = atLeastNone("samples", states);
        return this;
    }

    /**
     * Sets how many bytes, aligned to that, the disk writes whole or not at all: a power of two, at least a logical block.
     * Left out: a logical block, or more if the filesystem relies on it. That is 1 KiB for ext4, which cannot be mounted with
     * a torn superblock, and 4 KiB for btrfs. Where a request is not aligned to it, less is used; the report says how much.
     */
    public CrashTest atomic(int bytes) {
        if (Integer.bitCount(bytes) != 1 || bytes < disk.logicalBlockSize()) {
            throw new IllegalArgumentException("atomic is " + bytes
                    + ". Allowed: powers of two from the logical block (" + disk.logicalBlockSize() + " bytes) on.");
        }
        atomic = bytes;
        return this;
    }

    /**
     * Checks what is left by a disk that ignores flushes, and FUA: a cut may lose any write since the workload began. Code
     * that relies on a flush fails, of course; what is left should still be consistent, or known to be damaged.
     */
    public CrashTest ignoringFlushes() {
        ignoresFlushes = true;
        return this;
    }

    /** Checks what is left by a disk that keeps order: a cut loses the last of the unflushed writes, each of them whole. */
    public CrashTest keepingOrder() {
        keepsOrder = true;
        return this;
    }

    /**
     * Cuts the power during recovery, too. When all states are checked, each of them is checked again, and what mounting and
     * the check then write is recorded. The states that a cut during this can leave are checked, with what had been
     * acknowledged at first; they may write again, and so on, until nothing new is written.
     *
     * @param most how many such cuts there may be one after the other; 1 finds nearly all there is to find. Left out: none
     */
    public CrashTest cutsDuringRecovery(int most) {
        if (most < 0) {
            throw new IllegalArgumentException("cutsDuringRecovery is " + most + ". Allowed: 0 cuts and more.");
        }
        recoveries = most;
        return this;
    }

    /**
     * Sets whether states are left out that only differ from one that passed in blocks that were not read while that one
     * was mounted and checked, with the same acknowledgements. The check then sees the same, and does the same; unless it
     * depends on anything else, such as a counter of its own. Left out: true.
     */
    public CrashTest prune(boolean value) {
        prunes = value;
        return this;
    }

    private static int atLeastNone(String what, int states) {
        if (states < 0) {
            throw new IllegalArgumentException(what + " is " + states + ". Allowed: 0 states and more.");
        }
        return states;
    }

    /** Sets how long states are checked at most; the report says how many are left then. Left out: two minutes. */
    public CrashTest within(Duration time) {
        if (time.isNegative() || time.isZero()) {
            throw new IllegalArgumentException("within is " + time + ". Allowed: more than no time.");
        }
        within = time;
        return this;
    }

    private CrashSearch search() {
        if (workload == null || check == null) {
            throw new IllegalStateException("This crash test has no " + (workload == null ? "workload" : "check")
                    + ". Give it one: CrashTest.of(disk).workload(run -> ...).check(state -> ...).");
        }
        return CrashSearch.of(
                disk,
                new CrashSettings(atomic, ignoresFlushes, keepsOrder, seed, every, samples, recoveries, prunes, within),
                acknowledge -> workload.run(new CrashRun(acknowledge)),
                state -> check.check(new CrashState(state)),
                IMAGES);
    }

    private Trials<CrashReport> trials() {
        CrashSearch search = search();
        return new Trials<>(search, STATE, () -> report = new CrashReport(search.counts()));
    }

    /**
     * Runs the workload and checks the states, up to the first one that fails.
     *
     * @throws AssertionError if the workload or a state fails; the message explains the state
     */
    @CanIgnoreReturnValue
    public CrashReport verify() {
        CrashReport done = trials().verify();
        System.err.println("junit-dblock: crash test on " + disk.name() + ": " + done);
        return done;
    }

    /**
     * Runs the workload, and returns a test for each state, and a last one that has the report as its name. The stream has
     * to be closed, as JUnit does with what a {@code @TestFactory} returns. The tests run one after the other.
     */
    public Stream<DynamicTest> states() {
        return trials().tests();
    }

    /**
     * Returns what this test has done, when {@link #verify} has returned or found a state that fails, or the stream of
     * {@link #states} is closed.
     *
     * @throws IllegalStateException if it has not run to its end yet
     */
    public CrashReport report() {
        if (report == null) {
            throw new IllegalStateException(
                    "There is no report: this crash test has not run. Call verify(), or close the stream of states().");
        }
        return report;
    }
}
