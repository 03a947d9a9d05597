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
 * Watches devices for requests that nobody answers. Before the kernel fails such a request, it is reported: what it is, who
 * should have answered it, and what everybody who may have to do with it is doing. One thread per JVM asks the module, a few
 * times in a request's limit; each report is made by threads of its own, since any of the questions may itself never be
 * answered.
 *
 * <p>A JVM that serves a disk and waits for a page of a file on it cannot report anything: its threads have stopped for a
 * garbage collection that waits for the one in the page fault. So such a device is to be watched from another process.
 *
 * <p>Safe for use by several threads.
 */
public final class Watchdog {
    private static final int REPORTS_AT_ONCE = 8;
    private static final Duration MIN_PERIOD = Duration.ofMillis(100);
    private static final Duration MAX_PERIOD = Duration.ofSeconds(2);
    /** How long the questions of a report may take at least; longer if there is time until the request fails. */
    private static final Duration ANSWER = Duration.ofSeconds(5);

    private static Watchdog ofThisJvm;

    private final Semaphore reports = new Semaphore(REPORTS_AT_ONCE);
    private final ProcFs proc;
    private final Holders holders;
    private final Duration answer;
    private final PrintStream err;
    private final ScheduledThreadPoolExecutor poller = new ScheduledThreadPoolExecutor(1, Watchdog::poller);

    /**
     * A device that is watched. Any method but {@link #info()} may block, or throw: each is called on a thread that
     * nobody else waits for without a limit.
     */
    public interface Subject {
        /**
         * What the module says of it now. Called often; must not wait for anything but the module.
         *
         * @throws io.dblock.internal.kernel.ControlException if it is gone; nobody watches it any more then
         */
        DeviceInfo info();

        /** Who answers its requests, and which fault rules hold or delay one now; a line each. */
        List<String> description();

        /** The JVMs that have to do with it, first the one that answers; a JVM that does both is in it once. */
        List<Party> parties();

        /** Takes a report. It has been written to this JVM's standard error already. */
        void report(String text);

        /**
         * Ends the device by force: the JVM that answers waits for itself, for a page of a file on the device. Called about
         * when the kernel fails the request that was reported, as there is one after the other of them.
         */
        void giveUp();
    }

    /**
     * A JVM that has to do with a device.
     *
     * @param role what it does, as in "the server process"
     * @param pid its process
     * @param stacks what its threads are doing, a text each, see {@link JavaStacks}; it may block
     */
    public record Party(String role, long pid, Supplier<List<String>> stacks) {}

    /** Ends the watch. When {@link #close()} has returned, {@link Subject#info()} is not called any more. */
    public interface Watch extends AutoCloseable {
        @Override
        void close();
    }

    Watchdog(ProcFs proc, Holders holders, Duration answer, PrintStream err) {
        this.proc = proc;
        this.holders = holders;
        this.answer = answer;
        this.err = err;
        // No thread while there is nothing to watch.
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

    /** Has something done, on the one thread for that, after this time. */
    Future<?> later(Runnable poll, Duration delay) {
        return poller.schedule(poll, delay.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** How often a device whose requests have this limit is looked at. */
    static Duration period(Duration limit) {
        Duration tenth = limit.dividedBy(10);
        if (tenth.compareTo(MIN_PERIOD) < 0) {
            return MIN_PERIOD;
        }
        return tenth.compareTo(MAX_PERIOD) > 0 ? MAX_PERIOD : tenth;
    }

    /** How long a request has been under way when it is reported: late enough to be odd, early enough to be looked at. */
    static Duration reportAfter(Duration limit) {
        Duration most = limit.multipliedBy(3).dividedBy(5);
        Duration before = limit.minusSeconds(20);
        return most.compareTo(before) > 0 ? most : before;
    }

    /** Runs a report, unless there are too many already. */
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
