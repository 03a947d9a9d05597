// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.BlockDevice;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.crash.FaultSweep;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/**
 * Checks what storage code makes of each single error of its disk. The workload runs once without a fault, and then again for
 * each request that it made: the first flush fails, then the second one, and so on, then each write, discard, write-zeroes and
 * read; at first only this request, then also all later ones of its kind. Before each run, the disk is put back to what it
 * was at first, and mounted, if it has a filesystem. After each run, two states are checked: the disk as the workload left it,
 * and what a power cut at the end of the workload leaves, which is all that was durable.
 *
 * <p>The workload may throw; {@link CrashState#reported()} has the exception. What it acknowledged all the same has to be
 * there.
 *
 * <p>The system property {@code dblock.fault} has the id of a fault for which a check failed: then only this one is tried.
 */
@CheckReturnValue
public final class FaultTest {
    /** The system property with the id of the only fault to try. */
    public static final String FAULT = "dblock.fault";

    private static final Path IMAGES = Path.of("target", "dblock", "crash");

    private final BlockDevice disk;
    private CrashTest.Workload workload;
    private CrashTest.Check check;
    private Set<Operation> operations =
            EnumSet.of(Operation.FLUSH, Operation.WRITE, Operation.DISCARD, Operation.WRITE_ZEROES, Operation.READ);
    private Set<Errno> errors = EnumSet.of(Errno.EIO);
    private boolean once = true;
    private boolean forGood = true;
    private Duration within = Duration.ofMinutes(2);
    private FaultReport report;

    private FaultTest(BlockDevice disk) {
        this.disk = Objects.requireNonNull(disk, "disk");
    }

    /**
     * Creates a test on this disk, whose data is in memory: without a handler of your own, zones, or an image in place. It is
     * unmounted when the test begins, so that nothing of it is cached, and has its first content again when the test has ended.
     */
    public static FaultTest of(BlockDevice disk) {
        return new FaultTest(disk);
    }

    /** Sets what the test does with the disk. It runs once for each fault, and closes what it opens, also when it fails. */
    public FaultTest workload(CrashTest.Workload value) {
        workload = Objects.requireNonNull(value, "workload");
        return this;
    }

    /** Sets what has to hold after each run. */
    public FaultTest check(CrashTest.Check value) {
        check = Objects.requireNonNull(value, "check");
        return this;
    }

    /** Sets which operations fail, of FLUSH, WRITE, DISCARD, WRITE_ZEROES and READ. Left out: all these. */
    public FaultTest operations(Operation first, Operation... more) {
        operations = EnumSet.of(first, more);
        return this;
    }

    /** Sets what requests fail with, of {@link io.dblock.fault.Action#ERRORS}; each is tried. Left out: EIO. */
    public FaultTest errors(Errno first, Errno... more) {
        errors = EnumSet.of(first, more);
        return this;
    }

    /** Lets only one request fail each time. Left out: this, and then all later ones of the kind, too. */
    public FaultTest once() {
        once = true;
        forGood = false;
        return this;
    }

    /** Lets a request and all later ones of its kind fail each time. Left out: first only the one. */
    public FaultTest forGood() {
        once = false;
        forGood = true;
        return this;
    }

    /** Sets how long faults are tried at most; the report says how many are left then. Left out: two minutes. */
    public FaultTest within(Duration time) {
        if (time.isNegative() || time.isZero()) {
            throw new IllegalArgumentException("within is " + time + ". Allowed: more than no time.");
        }
        within = time;
        return this;
    }

    private Trials<FaultReport> trials() {
        if (workload == null || check == null) {
            throw new IllegalStateException("This fault test has no " + (workload == null ? "workload" : "check")
                    + ". Give it one: FaultTest.of(disk).workload(run -> ...).check(state -> ...).");
        }
        FaultSweep sweep = new FaultSweep(
                disk,
                new FaultSweep.Settings(operations, errors, once, forGood, within),
                acknowledge -> workload.run(new CrashRun(acknowledge)),
                state -> check.check(new CrashState(state)),
                IMAGES);
        return new Trials<>(sweep, FAULT, () -> report = new FaultReport(sweep.counts()));
    }

    /**
     * Runs the workload for each fault, up to the first one after which a state fails. No simpler one does: those that
     * happen once come first, and those of earlier requests.
     *
     * @throws AssertionError if the workload fails without a fault, or a state fails; the message explains it
     * @throws IllegalArgumentException if these operations or errors cannot be tried
     */
    @CanIgnoreReturnValue
    public FaultReport verify() {
        FaultReport done = trials().verify();
        System.err.println("junit-dblock: fault test on " + disk.name() + ": " + done);
        return done;
    }

    /**
     * Returns a test for each fault, whose name begins with the id of the fault, and a last one that has the report as its
     * name. The stream has to be closed, as JUnit does with what a {@code @TestFactory} returns. The tests run one after the
     * other; the workload runs without a fault when the first one is asked for.
     *
     * @throws IllegalArgumentException if these operations or errors cannot be tried
     */
    public Stream<DynamicTest> states() {
        return trials().tests();
    }

    /**
     * Returns what this test has done, when {@link #verify} has returned or found a fault that breaks it, or the stream of
     * {@link #states} is closed.
     *
     * @throws IllegalStateException if it has not run to its end yet
     */
    public FaultReport report() {
        if (report == null) {
            throw new IllegalStateException(
                    "There is no report: this fault test has not run. Call verify(), or close the stream of states().");
        }
        return report;
    }
}
