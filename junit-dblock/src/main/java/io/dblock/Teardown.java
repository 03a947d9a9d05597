// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.kernel.ControlException;
import io.dblock.kernel.Errno;
import io.dblock.proc.Holders;
import io.dblock.proc.ProcFs;
import io.dblock.server.ServedDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Takes one device away, whoever uses it. Each step is tried, whatever became of those before it. */
final class Teardown {
    private final ServedDevice served;
    private final DeviceMounts mounts;
    private final Path node;
    private final List<String> leaks = new ArrayList<>();
    private final List<DblockException> failures = new ArrayList<>();

    Teardown(ServedDevice served, DeviceMounts mounts, Path node) {
        this.served = served;
        this.mounts = mounts;
        this.node = node;
    }

    /** To be called once. */
    void run() {
        attempt(() -> leaks.addAll(mounts.tryUnmount(false)));
        mounts.point().ifPresent(point -> attempt(() -> mounts.detach(point)));
        attempt(() -> {
            for (ProcFs.Mount mount : mounts.foreign()) {
                leaks.addAll(Holders.ofThisMachine().find(node, List.of(mount.point())));
                leaks.add("it is mounted at " + mount.point());
                mounts.detach(mount.point());
            }
        });
        attempt(this::destroy);
        attempt(served::close);
    }

    private void attempt(Runnable step) {
        try {
            step.run();
        } catch (DblockException e) {
            failures.add(e);
        }
    }

    /** Destroys it, by force if it stays busy or is known to be in use. */
    private void destroy() {
        if (leaks.isEmpty()) {
            leaks.addAll(mounts.whileBusy(false).until(() -> {
                try {
                    served.destroy(false);
                    return true;
                } catch (ControlException e) {
                    if (!e.is(Errno.EBUSY)) {
                        throw e;
                    }
                    return false;
                }
            }));
        }
        if (!leaks.isEmpty()) {
            served.destroy(true);
        }
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
