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

/** What a run that crashed has left: its mounts, devices and server process, known by the identity of its process, and no others. */
public final class StaleRuns {
    private static final Duration END = Duration.ofSeconds(10);

    private final RunDirectory runs;
    private final ProcFs proc;
    private final Machine machine;

    /** What is done to this machine. Tests bring their own. */
    interface Machine {
        /** umount2(2), lazily; 0 or a negative error. */
        int detach(KernelPath mountPoint);

        /** Ends this process and waits for it to be gone. */
        void kill(long pid);

        /** Destroys the device of this name by force, if its owner is gone. */
        void destroyIfAbandoned(String name);
    }

    StaleRuns(RunDirectory runs, ProcFs proc, Machine machine) {
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
        return new StaleRuns(RunDirectory.ofThisMachine(), new ProcFs(Path.of("/proc")), machine).clear();
    }

    /** A process that has gone on living for the time that this takes is in the kernel, and its devices fail all the same. */
    private static void kill(ProcessHandle process) {
        process.destroyForcibly();
        process.onExit()
                .completeOnTimeout(process, END.toMillis(), TimeUnit.MILLISECONDS)
                .join();
    }

    /**
     * The server processes of a run that is gone. They end by themselves, but not while they are stopped. One serves the
     * process whose pid it was given, unless that is another's by now, which has started after it.
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

    /** What was found and cleared, one line each. */
    List<String> clear() {
        List<String> done = new ArrayList<>();
        for (Path directory : runs.abandoned()) {
            for (long server : servers(RunDirectory.ownerOf(directory))) {
                machine.kill(server);
                done.add("ended the server process " + server);
            }
            List<ProcFs.Mount> mounts = proc.mounts("self");
            // Later mounts may lie on earlier ones.
            Collections.reverse(mounts);
            for (ProcFs.Mount mount : mounts) {
                if (mount.point().isIn(directory)) {
                    int result = machine.detach(mount.point());
                    // That a mount point was covered is of interest to nobody.
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
