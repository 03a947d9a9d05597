// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.ModuleUnavailableException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.Mounts;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.internal.remote.ServerMain;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Clears what crashed runs have left: mounts, devices and server processes. They are identified by the pid and start time
 * of their test JVM, so those of running JVMs stay.
 */
public final class StaleRuns {
    private static final Duration END = Duration.ofSeconds(10);

    private final RunDirectory runs;
    private final ProcFs proc;
    private final Machine machine;

    /** The changes to this machine. Unit tests have their own. */
    interface Machine {
        /** Detaches a mount, even if it is in use. Returns 0 or a negative error number. */
        int detach(KernelPath mountPoint);

        /** Kills this process and waits up to 10 s for its end. */
        void kill(long pid);

        /** Destroys the device of this name by force, if its owner is gone. */
        void destroyIfAbandoned(String name);
    }

    StaleRuns(RunDirectory runs, ProcFs proc, Machine machine) {
        this.runs = runs;
        this.proc = proc;
        this.machine = machine;
    }

    /** Returns the directories of crashed runs on this machine, {@code /run/junit-dblock/<pid>-<start time>}. */
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

    /** Clears what crashed runs have left on this machine, through a session of the loaded module. */
    static List<String> clear(ControlSession session) {
        Machine machine = new Machine() {
            @Override
            public int detach(KernelPath mountPoint) {
                return Mounts.detach(mountPoint);
            }

            @Override
            public void kill(long pid) {
                ProcessHandle.of(pid).ifPresent(StaleRuns::kill);
            }

            @Override
            public void destroyIfAbandoned(String name) {
                try {
                    DeviceInfo info = session.info(name);
                    // 0 may also mean an owner in another pid namespace, but a dead process has recorded the name.
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
        return new StaleRuns(RunDirectory.ofThisMachine(), new ProcFs(Path.of("/proc")), machine).clear();
    }

    /** Kills a process. One that has not ended in time waits in the kernel; its devices fail all the same. */
    private static void kill(ProcessHandle process) {
        process.destroyForcibly();
        process.onExit()
                .completeOnTimeout(process, END.toMillis(), TimeUnit.MILLISECONDS)
                .join();
    }

    /**
     * Returns the server processes of a run that is gone. They end by themselves unless they are stopped. The last
     * argument of a server process is the pid of its test JVM. If another process has that pid by now, a server process
     * that started later belongs to that one.
     */
    private List<Long> servers(RunDirectory.Owner owner) {
        List<Long> servers = new ArrayList<>();
        for (long pid : proc.pids()) {
            List<String> arguments = proc.arguments(pid);
            int size = arguments.size();
            if (size > 1
                    && arguments.get(size - 1).equals(Long.toString(owner.pid()))
                    && arguments.get(size - 2).equals(ServerMain.class.getName())) {
                long started = proc.startTime(pid).map(Long::parseLong).orElse(0L);
                long next = proc.startTime(owner.pid()).map(Long::parseLong).orElse(Long.MAX_VALUE);
                if (started >= owner.started() && started < next) {
                    servers.add(pid);
                }
            }
        }
        return servers;
    }

    /** Clears what crashed runs have left, and returns one line for each thing found. */
    List<String> clear() {
        List<String> done = new ArrayList<>();
        for (Path directory : runs.abandoned()) {
            for (long server : servers(RunDirectory.ownerOf(directory))) {
                machine.kill(server);
                done.add("ended the server process " + server);
            }
            List<ProcFs.Mount> mounts = proc.mounts("self");
            // A later mount may be inside an earlier one.
            Collections.reverse(mounts);
            for (ProcFs.Mount mount : mounts) {
                if (mount.point().isIn(directory)) {
                    int result = machine.detach(mount.point());
                    // The cover of a mount point is an internal detail, so it is not reported.
                    if (result < 0 || !DeviceMounts.isCover(mount)) {
                        done.add("unmounted " + mount.point() + (result < 0 ? ": " + Errno.describe(-result) : ""));
                    }
                }
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
