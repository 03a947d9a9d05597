// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.fault.Action;
import io.dblock.fault.Fault;
import io.dblock.kernel.Command;
import io.dblock.kernel.ControlException;
import io.dblock.kernel.Errno;
import io.dblock.kernel.KernelPath;
import io.dblock.proc.Holders;
import io.dblock.proc.ProcFs;
import io.dblock.server.ServedDevice;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Takes one device away, whoever uses it, and whether it answers or not. Each step is tried, whatever became of those before
 * it, and each has a bound: one that waits for the disk goes on first to the removal of the fault rules that keep its
 * requests waiting, then to the forced removal of the disk, which fails them.
 */
final class Teardown {
    private static final Duration LOOK = Duration.ofMillis(50);
    /** How old a request may become before the rules that hold or delay requests are removed. */
    private static final Duration PATIENCE = Duration.ofSeconds(3);
    /** How old one may become before the disk is removed: what would answer it does not. */
    private static final Duration MORE_PATIENCE = Duration.ofSeconds(10);
    /** For questions to a server that may not answer any more. */
    private static final Duration ANSWER = Duration.ofSeconds(5);

    private final ServedDevice served;
    private final DeviceMounts mounts;
    private final Path node;
    private final Supplier<Duration> oldestRequest;
    private final Runnable closeServer;
    private final Consumer<String> note;
    private final List<String> leaks = new ArrayList<>();
    private final List<DblockException> failures = new ArrayList<>();
    private boolean released;
    private boolean forced;

    /**
     * @param oldestRequest how long the request that is under way the longest has been
     * @param closeServer closes {@code served}
     * @param note takes a note of what had to be done besides what every teardown does
     */
    Teardown(
            ServedDevice served,
            DeviceMounts mounts,
            Path node,
            Supplier<Duration> oldestRequest,
            Runnable closeServer,
            Consumer<String> note) {
        this.served = served;
        this.mounts = mounts;
        this.node = node;
        this.oldestRequest = oldestRequest;
        this.closeServer = closeServer;
        this.note = note;
    }

    /** To be called once. */
    void run() {
        attempt(() -> leaks.addAll(mounts.tryUnmount(false, this::patiently)));
        mounts.point().ifPresent(point -> attempt(() -> detach(KernelPath.of(point))));
        attempt(() -> {
            for (ProcFs.Mount mount : mounts.foreign()) {
                leaks.addAll(Holders.ofThisMachine().find(node, List.of(mount.point())));
                leaks.add("it is mounted at " + mount.point());
                detach(mount.point());
            }
        });
        attempt(this::destroy);
        attempt(closeServer);
    }

    private void attempt(Runnable step) {
        try {
            step.run();
        } catch (DblockException e) {
            failures.add(e);
        }
    }

    private void detach(KernelPath point) {
        mounts.detach(point, this::patiently);
    }

    /** Destroys it, by force if it stays busy or is known to be in use. */
    private void destroy() {
        if (forced) {
            return;
        }
        if (leaks.isEmpty()) {
            leaks.addAll(mounts.whileBusy(false).until(() -> patiently("destroying " + node, this::tryToDestroy)));
        }
        if (!leaks.isEmpty()) {
            force("it was in use");
        }
    }

    private boolean tryToDestroy() {
        try {
            served.destroy(false);
            return true;
        } catch (ControlException e) {
            if (!e.is(Errno.EBUSY)) {
                throw e;
            }
            return false;
        }
    }

    /** What a step returns that may have to wait for the disk. */
    <T> T patiently(String what, Supplier<T> step) {
        Bounded<T> running = Bounded.start(what, step);
        long start = System.nanoTime();
        while (!running.awaitEnd(LOOK)) {
            Duration waited = Duration.ofNanos(System.nanoTime() - start);
            Duration oldest = oldestRequest.get();
            if (!released && oldest.compareTo(PATIENCE) > 0) {
                released = true;
                release(what);
            } else if (!forced && oldest.compareTo(MORE_PATIENCE) > 0) {
                force(what + " waited for a request that the disk had not answered for " + MORE_PATIENCE.toSeconds()
                        + " s");
                start = System.nanoTime();
            } else if (waited.compareTo(Command.timeout()) > 0) {
                if (forced) {
                    break;
                }
                force(what + " had not ended within " + waited.toSeconds() + " s");
                start = System.nanoTime();
            }
        }
        return running.result(Duration.ofNanos(System.nanoTime() - start));
    }

    /** Removes the rules that keep requests waiting, which nobody is there to release any more. */
    private void release(String what) {
        Bounded<List<String>> removal = Bounded.start("removing fault rules", () -> {
            List<String> removed = new ArrayList<>();
            for (Fault fault : served.faults().list()) {
                Action action = fault.rule().action();
                if (action instanceof Action.Hold || action instanceof Action.Wait) {
                    fault.close();
                    removed.add(fault.rule().toString());
                }
            }
            return removed;
        });
        if (!removal.awaitEnd(ANSWER)) {
            note.accept(what + " waits for the disk, whose server does not answer either");
            return;
        }
        for (String rule : removal.result(ANSWER)) {
            note.accept(what + " waited for requests that a fault rule kept waiting; it has been removed: " + rule);
        }
    }

    /** Removes the disk, so that whoever waits for it gets an error. */
    void force(String why) {
        forced = true;
        String text = node.getFileName() + " has been removed by force when it was closed: " + why + ".";
        // A leak is told in other words.
        if (leaks.isEmpty()) {
            note.accept(text);
            failures.add(new DblockException(text + " " + describeServer()));
        }
        served.destroy(true);
    }

    private static String describeServer() {
        return "Its handler has to answer every request, with an error if need be.";
    }

    /**
     * Returns if all went well.
     *
     * @throws LeakException if somebody still used the device
     * @throws DblockException if a step failed
     */
    void report() {
        DblockException thrown = null;
        if (!leaks.isEmpty()) {
            thrown = LeakException.of(
                    node.getFileName() + " was still in use when it was closed:",
                    leaks.stream().distinct().toList(),
                    "It has been removed all the same. Close these before the device is.");
        } else if (!failures.isEmpty()) {
            thrown = failures.remove(0);
        }
        if (thrown != null) {
            failures.forEach(thrown::addSuppressed);
            throw thrown;
        }
    }
}
