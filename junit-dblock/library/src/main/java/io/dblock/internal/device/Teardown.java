// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.LeakException;
import io.dblock.fault.Action;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.server.ServedDevice;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Removes one device, even if it is in use, and even if its server is dead or stopped. Each step is tried, even if an
 * earlier one failed, and each has a limit. If a step waits for the disk too long, first the fault rules that keep
 * requests waiting are removed; then the disk is removed by force, which fails its requests.
 */
public final class Teardown {
    private static final Duration LOOK = Duration.ofMillis(50);

    /**
     * The limits of the steps.
     *
     * @param rules how old a request may become before the rules that hold or delay requests are removed
     * @param disk how old a request may become before the disk is removed by force
     * @param unmount how long an unmount may take, even if each request is answered quickly
     * @param destroy how long it may take to destroy the disk, which is no longer in use then
     * @param close how long the server may take to free its resources
     */
    record Limits(Duration rules, Duration disk, Duration unmount, Duration destroy, Duration close) {
        static Limits ofThisJvm() {
            return new Limits(
                    Duration.ofSeconds(3),
                    Duration.ofSeconds(10),
                    Command.timeout(),
                    Duration.ofSeconds(30),
                    Duration.ofSeconds(75));
        }
    }

    private final ServedDevice served;
    private final DeviceMounts mounts;
    private final Tenants tenants;
    private final Path node;
    private final Supplier<Duration> oldestRequest;
    private final Removal removal;
    private final Runnable closeServer;
    private final Consumer<String> note;
    private final Limits limits;
    /** The tenants that were ended. */
    private final List<String> ended = new ArrayList<>();

    private final List<String> leaks = new ArrayList<>();
    private final List<DblockException> failures = new ArrayList<>();
    private boolean released;
    private boolean forced;
    /** Whether the forced removal has succeeded. */
    private boolean removed;

    /**
     * @param oldestRequest returns the age of the oldest request under way
     * @param removal removes {@code served} by force
     * @param closeServer closes {@code served}
     * @param note records what had to be done beyond the usual steps
     */
    Teardown(
            ServedDevice served,
            DeviceMounts mounts,
            Tenants tenants,
            Path node,
            Supplier<Duration> oldestRequest,
            Removal removal,
            Runnable closeServer,
            Consumer<String> note,
            Limits limits) {
        this.served = served;
        this.mounts = mounts;
        this.tenants = tenants;
        this.node = node;
        this.oldestRequest = oldestRequest;
        this.removal = removal;
        this.closeServer = closeServer;
        this.note = note;
        this.limits = limits;
    }

    /** Removes the device. Must be called once; {@link #report()} then throws what went wrong. */
    void run() {
        attempt(() -> ended.addAll(tenants.end()));
        attempt(() -> leaks.addAll(mounts.tryUnmount(false, this::unmounting)));
        mounts.point().ifPresent(point -> attempt(() -> detach(KernelPath.of(point))));
        attempt(() -> mounts.foreign().forEach(this::detachForeign));
        // This comes before the disk is destroyed: then the next disk may get its name, and thus this directory.
        attempt(mounts::uncover);
        attempt(this::destroy);
        attempt(this::closeServer);
    }

    private void attempt(Runnable step) {
        try {
            step.run();
        } catch (DblockException e) {
            failures.add(e);
        } catch (RuntimeException e) {
            failures.add(new DblockException("A step of the removal of " + node + " failed: " + e, e));
        }
    }

    private void detachForeign(ProcFs.Mount mount) {
        attempt(() -> leaks.addAll(mounts.holders(mount)));
        leaks.add("it is mounted at " + mount.point());
        attempt(() -> detach(mount.point()));
    }

    private void detach(KernelPath point) {
        mounts.detach(point, this::unmounting);
    }

    private <T> T unmounting(String what, Supplier<T> step) {
        return patiently(what, limits.unmount(), step);
    }

    /** Destroys the disk: by force if it is in use, stays busy, or cannot be destroyed otherwise. */
    private void destroy() {
        if (forced) {
            if (!removed) {
                force("an earlier try has failed");
            }
            return;
        }
        if (leaks.isEmpty()) {
            try {
                leaks.addAll(mounts.whileBusy(false)
                        .until(() -> patiently("destroying " + node, limits.destroy(), this::tryToDestroy)));
                if (leaks.isEmpty()) {
                    return;
                }
            } catch (RuntimeException e) {
                if (!forced) {
                    force("destroying it failed: " + e.getMessage());
                }
                throw e;
            }
        }
        force("it was in use");
    }

    private boolean tryToDestroy() {
        try {
            served.destroyToClose();
            return true;
        } catch (ControlException e) {
            if (!e.is(Errno.EBUSY)) {
                throw e;
            }
            return false;
        }
    }

    /** Frees the server's resources. A server that is known not to answer gets less time. */
    private void closeServer() {
        Bounded<Boolean> closing = Bounded.start("closing " + node, () -> {
            closeServer.run();
            return true;
        });
        Duration limit = removal.isSilent() ? removal.answer().multipliedBy(3) : limits.close();
        if (!closing.awaitEnd(limit)) {
            throw new DblockException("What keeps the content of " + node + " has not been freed within "
                    + limit.toSeconds() + " s: the device's server does not answer. The disk itself is gone.");
        }
        closing.result(limit);
    }

    /** Runs a step that may wait for the disk, and returns its result. */
    private <T> T patiently(String what, Duration limit, Supplier<T> step) {
        Bounded<T> running = Bounded.start(what, step);
        long start = System.nanoTime();
        while (!running.awaitEnd(LOOK)) {
            Duration waited = Duration.ofNanos(System.nanoTime() - start);
            Duration oldest = oldestRequest.get();
            if (!released && oldest.compareTo(limits.rules()) > 0) {
                released = true;
                release(what);
            } else if (!forced && oldest.compareTo(limits.disk()) > 0) {
                force(what + " waited for a request that the disk had not answered for "
                        + limits.disk().toSeconds() + " s");
                start = System.nanoTime();
            } else if (waited.compareTo(limit) > 0) {
                if (forced) {
                    break;
                }
                force(what + " had not ended within " + waited.toSeconds() + " s");
                start = System.nanoTime();
            }
        }
        return running.result(Duration.ofNanos(System.nanoTime() - start));
    }

    /** Removes the rules that hold or delay requests: the test can no longer release them. */
    private void release(String what) {
        List<String> removed;
        try {
            removed = removal.ask("removing fault rules", this::removeWaits);
        } catch (DblockException e) {
            note.accept(what + " waits for the disk, whose server does not answer either: " + e.getMessage());
            return;
        }
        for (String rule : removed) {
            note.accept(what + " waited for requests that a fault rule kept waiting; it has been removed: " + rule);
        }
    }

    private List<String> removeWaits() {
        List<String> removed = new ArrayList<>();
        for (Fault fault : served.faults().list()) {
            Action action = fault.rule().action();
            if (action instanceof Action.Hold || action instanceof Action.Wait) {
                fault.close();
                removed.add(fault.rule().toString());
            }
        }
        return removed;
    }

    /** Removes the disk by force, so that threads that wait for it get an error. */
    void force(String why) {
        forced = true;
        String text = node.getFileName() + " has been removed by force when it was closed: " + why + ".";
        Optional<DblockException> refused = Optional.empty();
        try {
            refused = removal.byForce();
            removed = true;
        } catch (RuntimeException e) {
            failures.add(new DblockException(node + " could not be removed by force: " + e.getMessage(), e));
        }
        if (leaks.isEmpty()) {
            note.accept(text);
            failures.add(new DblockException(
                    text
                            + refused.map(e -> " Its server did not do it: " + e.getMessage())
                                    .orElse(" Its handler has to answer every request, with an error if need be."),
                    refused.orElse(null)));
        } else {
            // report() names the users instead.
            refused.ifPresent(failures::add);
        }
    }

    /**
     * Throws what went wrong; returns if all went well.
     *
     * @throws LeakException if the device was still in use
     * @throws DblockException if a step failed
     */
    void report() {
        DblockException thrown = null;
        List<String> users = new ArrayList<>(ended);
        users.addAll(leaks);
        if (!users.isEmpty()) {
            thrown = Leaks.exception(
                    node.getFileName() + " was still in use when it was closed:",
                    users.stream().distinct().toList(),
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
