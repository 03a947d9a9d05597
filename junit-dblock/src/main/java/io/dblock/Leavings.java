// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.kernel.ControlException;
import io.dblock.kernel.ControlSession;
import io.dblock.kernel.DeviceInfo;
import io.dblock.kernel.Errno;
import io.dblock.kernel.ModuleLoader;
import io.dblock.kernel.Mounts;
import io.dblock.proc.ProcFs;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What a run that crashed has left: its mounts and devices, known by the identity of its process, and no others. */
public final class Leavings {
    private final RunDirectory runs;
    private final ProcFs proc;
    private final Machine machine;

    /** What is done to this machine. Tests bring their own. */
    interface Machine {
        /** umount2(2), lazily; 0 or a negative error. */
        int detach(Path mountPoint);

        /** Destroys the device of this name by force, if its owner is gone. */
        void destroyIfAbandoned(String name);
    }

    Leavings(RunDirectory runs, ProcFs proc, Machine machine) {
        this.runs = runs;
        this.proc = proc;
        this.machine = machine;
    }

    /** The directories that crashed runs have left on this machine, {@code /run/junit-dblock/<pid>-<start time>}. */
    public static List<Path> find() {
        return RunDirectory.ofThisMachine().abandoned();
    }

    /**
     * Clears what crashed runs have left on this machine. Loads the kernel module if there is something to clear and it is
     * not loaded.
     *
     * @return what was found and done, one line each
     * @throws ModuleUnavailableException if the kernel module cannot be loaded
     */
    public static List<String> clearAll() {
        if (find().isEmpty()) {
            return List.of();
        }
        try (ControlSession session = ModuleLoader.openSession()) {
            return clear(session);
        }
    }

    /** Clears this machine, by means of a session of the loaded module. */
    static List<String> clear(ControlSession session) {
        Machine machine = new Machine() {
            @Override
            public int detach(Path mountPoint) {
                return Mounts.detach(mountPoint);
            }

            @Override
            public void destroyIfAbandoned(String name) {
                try {
                    DeviceInfo info = session.info(name);
                    // 0 may also mean not visible from here, but the name was noted by a process that is gone.
                    if (info.owner() == 0 || info.state() == DeviceInfo.State.ENDING) {
                        session.destroy(info.id(), true);
                    }
                } catch (ControlException e) {
                    if (!e.is(Errno.ENODEV) && !e.is(Errno.EALREADY)) {
                        throw e;
                    }
                }
            }
        };
        return new Leavings(RunDirectory.ofThisMachine(), new ProcFs(Path.of("/proc")), machine).clear();
    }

    /** What was found and cleared, one line each. */
    List<String> clear() {
        List<String> done = new ArrayList<>();
        for (Path directory : runs.abandoned()) {
            List<Path> points = new ArrayList<>();
            for (ProcFs.Mount mount : proc.mounts("self")) {
                if (mount.point().startsWith(directory)) {
                    points.add(mount.point());
                }
            }
            // Later mounts may lie on earlier ones.
            Collections.reverse(points);
            for (Path point : points) {
                int result = machine.detach(point);
                done.add("unmounted " + point + (result < 0 ? ": " + Errno.describe(-result) : ""));
            }
            for (Path device : RunDirectory.entries(directory, "devices")) {
                String name = device.getFileName().toString();
                machine.destroyIfAbandoned(name);
                done.add("removed " + name);
            }
            RunDirectory.remove(directory);
        }
        return done;
    }
}
