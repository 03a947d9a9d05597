// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.watchdog;

import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.Holders;
import io.dblock.internal.kernel.ProcFs;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Watches devices for requests that nobody answers. Before the kernel fails such a request, the watchdog reports what
 * the request is, which process should have answered it, and what every process involved is doing. One thread per JVM
 * asks the module, a few times within a request's limit. Each report has its own threads, because any question may
 * itself never be answered.
 *
 * <p>A JVM that serves a disk and waits for a page of a file on it cannot report anything: its threads wait for a
 * garbage collection, which waits for the thread in the page fault. So another process must watch such a device.
 *
 * <p>Safe for use by several threads.
 */
public final class Watchdog {
    private static final int REPORTS_AT_ONCE = 8;
    private static final Duration MIN_PERIOD = Duration.ofMillis(100);
    private static final Duration MAX_PERIOD = Duration.ofSeconds(2);
    /** The minimum time for the questions of a report; longer if there is time until the request fails. */
    private static final Duration ANSWER = Duration.ofSeconds(5);

    private static Watchdog ofThisJvm;

    private final Semaphore reports = new Semaphore(REPORTS_AT_ONCE);
    private final ProcFs proc;
    private final Holders holders;
    private final Duration answer;
    private final PrintStream err;
    private final ScheduledThreadPoolExecutor poller = new ScheduledThreadPoolExecutor(1, Watchdog::poller);

    /**
     * A watched device. Every method except {@link #info()} may block or throw: no thread that must go on calls it, or
     * waits for it without a limit.
     */
    public interface Subject {
        /**
         * Returns what the module reports about the device now. Called often; must not wait for anything but the
         * module.
         *
         * @throws io.dblock.internal.kernel.ControlException if the device is gone, which ends the watch
         */
        DeviceInfo info();

        /** Returns what answers the requests, and which fault rules hold or delay one now; one line each. */
        List<String> description();

        /** Returns the JVMs involved, first the one that answers; a JVM with several roles is listed once. */
        List<Party> parties();

        /** Takes a report, which was already written to this JVM's standard error. */
        void report(String text);

        /**
         * Ends the device by force, because the JVM that answers waits for itself: for a page of a file on the device.
         * Called around the time when the kernel fails the reported request, because such requests follow one after
         * another.
         */
        void giveUp();
    }

    /**
     * A JVM involved with a device.
     *
     * @param role its role, such as "the server process"
     * @param pid its process
     * @param stacks returns what its threads are doing, one text each, see {@link JavaStacks}; it may block
     */
    public record Party(String role, long pid, Supplier<List<String>> stacks) {}

    /** Ends the watch. Once {@link #close()} has returned, {@link Subject#info()} is no longer called. */
    public interface Watch extends AutoCloseable {
        @Override
        void close();
    }

    Watchdog(ProcFs proc, Holders holders, Duration answer, PrintStream err) {
        this.proc = proc;
        this.holders = holders;
        this.answer = answer;
        this.err = err;
        // No thread while nothing is watched.
        poller.setKeepAliveTime(1, TimeUnit.SECONDS);
        poller.allowCoreThreadTimeOut(true);
        poller.setRemoveOnCancelPolicy(true);
    }

    private static Thread poller(Runnable work) {
        Thread thread = new Thread(work, "junit-dblock watchdog");
        thread.setDaemon(true);
        return thread;
    }

    /** Watches a device of this machine until it is gone, or the result is closed. */
    public static Watch watch(Subject subject) {
        return ofThisJvm().add(subject);
    }

    private static synchronized Watchdog ofThisJvm() {
        if (ofThisJvm == null) {
            ofThisJvm = new Watchdog(new ProcFs(Path.of("/proc")), Holders.ofThisMachine(), ANSWER, System.err);
        }
        return ofThisJvm;
    }

    Watch add(Subject subject) {
        WatchedDevice device = new WatchedDevice(subject, this);
        device.poll();
        return device::close;
    }

    /** Runs a task after this time, in the single thread for that. */
    Future<?> later(Runnable poll, Duration delay) {
        return poller.schedule(poll, delay.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Returns how often to check a device whose requests have this limit. */
    static Duration period(Duration limit) {
        Duration tenth = limit.dividedBy(10);
        if (tenth.compareTo(MIN_PERIOD) < 0) {
            return MIN_PERIOD;
        }
        return tenth.compareTo(MAX_PERIOD) > 0 ? MAX_PERIOD : tenth;
    }

    /** Returns after how long a request is reported: late enough to be unusual, early enough to be examined. */
    static Duration reportAfter(Duration limit) {
        Duration most = limit.multipliedBy(3).dividedBy(5);
        Duration before = limit.minusSeconds(20);
        return most.compareTo(before) > 0 ? most : before;
    }

    /** Runs a report, unless there are already too many. */
    boolean report(Runnable report) {
        if (!reports.tryAcquire()) {
            return false;
        }
        Thread thread = new Thread(
                () -> {
                    try {
                        report.run();
                    } finally {
                        reports.release();
                    }
                },
                "junit-dblock watchdog report");
        thread.setDaemon(true);
        thread.start();
        return true;
    }

    ProcFs proc() {
        return proc;
    }

    Holders holders() {
        return holders;
    }

    Duration answer() {
        return answer;
    }

    void print(String text) {
        // Standard output may be a test runner's channel.
        err.println(text);
    }
}
