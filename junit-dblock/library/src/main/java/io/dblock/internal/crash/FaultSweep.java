// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.Snapshot;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.crash.FaultRun.End;
import io.dblock.internal.device.CrashDevice;
import io.dblock.internal.server.ServedRecording;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Runs a workload once for each fault, on a disk that is put back to its start in place, and checks what is left.
 */
public final class FaultSweep implements Search {
    private static final Duration PROGRESS = Duration.ofSeconds(10);

    private final CrashDevice disk;
    private final Settings settings;
    private final Work work;
    private final Path images;
    private final ServedRecording start;
    private final StateDisk states;
    private final long begun = System.nanoTime();
    private long progress = begun;
    /** What is to be tried; null before the workload has run without a fault. */
    private ArrayDeque<FaultPoint> faults;

    private final List<Failed> failures = new ArrayList<>();
    private long tried;
    private long reached;
    private long reported;
    private long checked;
    /** How many faults were not tried because nobody wanted it. */
    private long unwanted;

    /**
     * What is tried.
     *
     * @param once whether a fault is tried for one request
     * @param forGood whether it is tried for all from one on
     * @param within for how long
     */
    public record Settings(
            Set<Operation> operations, Set<Errno> errors, boolean once, boolean forGood, Duration within) {

        /** Throws an IllegalArgumentException if it cannot be tried. */
        public Settings {
            FaultPoint.checkOperations(operations);
            FaultPoint.checkErrors(errors);
            operations = Set.copyOf(operations);
            errors = Set.copyOf(errors);
        }
    }

    /**
     * What has been done.
     *
     * @param faults how many were tried
     * @param reached how many of these acted: the workload made the request
     * @param reported after how many of those the workload threw
     * @param checked how many states were checked
     * @param failures the first state that failed after each
     * @param left how many faults were not tried
     */
    public record Counts(
            long faults,
            long reached,
            long reported,
            long checked,
            List<Failed> failures,
            long left,
            Duration elapsed) {}

    /** Takes over a disk, which is not mounted. {@code images} is the directory for images of failed states. */
    public FaultSweep(BlockDevice disk, Settings settings, Work work, Check check, Path images) {
        this.disk = CrashDevice.of(disk);
        this.settings = settings;
        this.work = work;
        this.images = images;
        disk.unmount();
        start = this.disk.record();
        boolean done = false;
        try {
            start.end();
            states = new StateDisk(this.disk.another(), check);
            done = true;
        } finally {
            if (!done) {
                start.close();
            }
        }
    }

    private FaultRun run(FaultPoint fault) {
        disk.show(start, new byte[0]);
        if (disk.device().spec().filesystem() != Filesystem.NONE) {
            disk.device().mount();
        }
        return FaultRun.of(disk, states, fault, work);
    }

    @Override
    public Optional<String> next() {
        if (faults == null) {
            faults = faults(requestsWithoutFault());
        }
        return isTimeLeft() && !faults.isEmpty()
                ? Optional.of(faults.peek().id() + " " + faults.peek())
                : Optional.empty();
    }

    private boolean isTimeLeft() {
        return System.nanoTime() - begun < settings.within().toNanos();
    }

    private Map<Operation, Integer> requestsWithoutFault() {
        try (FaultRun run = run(null)) {
            if (run.reported() != null) {
                throw new AssertionError(
                        "The workload of the fault test failed without a fault: " + run.reported(), run.reported());
            }
            Optional<Failed> failed = check(run);
            if (failed.isPresent()) {
                throw new AssertionError(failed.get().text(), failed.get().cause());
            }
            return run.requests();
        }
    }

    @Override
    public Optional<Failed> check() {
        Optional<Failed> failed = tryOne(faults.remove());
        tellProgress();
        return failed;
    }

    @Override
    public void leave() {
        faults.remove();
        unwanted++;
    }

    @Override
    public Optional<Failed> check(String id) {
        FaultPoint fault = FaultPoint.parse(id);
        Optional<Failed> failed = tryOne(fault);
        if (reached == 0) {
            throw new IllegalStateException(
                    "The fault " + id + " did not act: this time the workload made fewer requests of "
                            + fault.operation() + ". It has to do the same each time.");
        }
        return failed;
    }

    private Optional<Failed> tryOne(FaultPoint fault) {
        tried++;
        try (FaultRun run = run(fault)) {
            if (!run.reached()) {
                return Optional.empty();
            }
            reached++;
            reported += run.reported() != null ? 1 : 0;
            Optional<Failed> failed = check(run);
            failed.ifPresent(failures::add);
            return failed;
        }
    }

    /** Returns the faults to try, the most telling first. */
    private ArrayDeque<FaultPoint> faults(Map<Operation, Integer> requests) {
        ArrayDeque<FaultPoint> faults = new ArrayDeque<>();
        for (boolean forGood : new boolean[] {false, true}) {
            if (!(forGood ? settings.forGood() : settings.once())) {
                continue;
            }
            for (Operation operation : FaultPoint.OPERATIONS) {
                int count = settings.operations().contains(operation) ? requests.getOrDefault(operation, 0) : 0;
                for (int number = 1; number <= count; number++) {
                    for (Errno errno : settings.errors().stream().sorted().toList()) {
                        faults.add(new FaultPoint(operation, number, errno, forGood));
                    }
                }
            }
        }
        return faults;
    }

    private Optional<Failed> check(FaultRun run) {
        for (End end : run.ends()) {
            checked++;
            Throwable failure = run.failureOf(end);
            if (failure != null) {
                return Optional.of(new Failed(
                        run.id(), run.lostWrites(end), run.explain(end, failure) + "\n" + image(run, end), failure));
            }
        }
        return Optional.empty();
    }

    private String image(FaultRun run, End end) {
        Path file = images.resolve("fault-" + disk.device().name() + "-" + run.id() + ".img");
        try {
            Files.createDirectories(images);
            run.show(end);
            try (Snapshot snapshot = states.device().device().snapshot()) {
                snapshot.save(file);
            }
            return "Its content: " + file.toAbsolutePath() + "\n  mount -o loop " + file.toAbsolutePath() + " /mnt";
        } catch (IOException | RuntimeException e) {
            return "Its content could not be written to " + file.toAbsolutePath() + ": " + e;
        }
    }

    private void tellProgress() {
        long now = System.nanoTime();
        if (now - progress < PROGRESS.toNanos()) {
            return;
        }
        progress = now;
        System.err.println(String.format(
                Locale.ROOT,
                "junit-dblock: fault test on %s: %d faults tried, %d left, %d states checked; %d s of at most %d s",
                disk.device().name(),
                tried,
                left(),
                checked,
                Duration.ofNanos(now - begun).toSeconds(),
                settings.within().toSeconds()));
    }

    /** Returns the numbers so far. */
    public Counts counts() {
        return new Counts(
                tried,
                reached,
                reported,
                checked,
                List.copyOf(failures),
                left(),
                Duration.ofNanos(System.nanoTime() - begun));
    }

    private long left() {
        return unwanted + (faults == null ? 0 : faults.size());
    }

    /** Puts the disk back to its start. */
    @Override
    public void close() {
        try {
            states.close();
        } finally {
            try {
                if (disk.unmount().isEmpty()) {
                    disk.show(start, new byte[0]);
                }
            } finally {
                start.close();
            }
        }
    }
}
