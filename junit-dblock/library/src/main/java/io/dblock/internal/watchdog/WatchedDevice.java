// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.watchdog;

import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.OldestRequest;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;

/** One watched device: knows which of its requests have been reported. Safe for use by several threads. */
final class WatchedDevice {
    /** The most reports of one device. More reports of a test that fails its disk repeatedly say nothing new. */
    private static final int MAX_REPORTS = 10;
    /** The time before the limit: as long as it may take until giving up has an effect. */
    private static final Duration MARGIN = Duration.ofSeconds(1);

    private final Watchdog.Subject subject;
    private final Watchdog watchdog;
    private Future<?> next = CompletableFuture.completedFuture(null);
    private Optional<OldestRequest> reported = Optional.empty();
    private int reports;
    private boolean reporting;
    private boolean over;

    WatchedDevice(Watchdog.Subject subject, Watchdog watchdog) {
        this.subject = subject;
        this.watchdog = watchdog;
    }

    synchronized void close() {
        over = true;
        next.cancel(false);
        notifyAll();
    }

    /** Returns the state of the device; empty if it is gone or no longer watched. */
    private synchronized Optional<DeviceInfo> info() {
        if (over) {
            return Optional.empty();
        }
        try {
            return Optional.of(subject.info());
        } catch (ControlException e) {
            over = true;
            return Optional.empty();
        } catch (RuntimeException e) {
            over = true;
            watchdog.print("junit-dblock: a device is no longer watched, because its state cannot be read: " + e);
            return Optional.empty();
        }
    }

    /** Checks the device now, and then repeatedly until it is over. */
    synchronized void poll() {
        info().ifPresent(info -> {
            look(info);
            next = watchdog.later(this::poll, Watchdog.period(limit(info)));
        });
    }

    static Duration limit(DeviceInfo info) {
        return Duration.ofMillis(info.parameters().timeoutMillis());
    }

    private void look(DeviceInfo info) {
        OldestRequest oldest = info.oldest().orElse(null);
        if (oldest == null || oldest.age().compareTo(Watchdog.reportAfter(limit(info))) < 0) {
            return;
        }
        if (isReported(oldest)) {
            reported = Optional.of(oldest);
            return;
        }
        if (!reporting && reports < MAX_REPORTS && watchdog.report(() -> report(info, oldest))) {
            reporting = true;
            reports++;
            reported = Optional.of(oldest);
        }
    }

    /**
     * Returns whether this request was reported. A later request with the same values is recognized by its age: it is
     * younger than the reported one was when last seen.
     */
    private boolean isReported(OldestRequest oldest) {
        return reported.filter(known -> known.operation() == oldest.operation()
                        && known.offset() == oldest.offset()
                        && known.length() == oldest.length()
                        && known.age().compareTo(oldest.age()) <= 0)
                .isPresent();
    }

    private void report(DeviceInfo info, OldestRequest request) {
        long start = System.nanoTime() - request.age().toNanos();
        try {
            StuckRequestReport report = StuckRequestReport.of(subject, info, request, watchdog);
            say(report.text());
            if (report.waitsForItself()) {
                giveUp(info, start + limit(info).minus(MARGIN).toNanos(), report);
            }
        } catch (RuntimeException e) {
            say("junit-dblock: /dev/" + info.name() + ": a " + StuckRequestReport.nameOf(request)
                    + " has waited for a long time, and the report about it has failed, which is a bug in"
                    + " junit-dblock: "
                    + stackTrace(e));
        } finally {
            synchronized (this) {
                reporting = false;
            }
        }
    }

    private static String stackTrace(RuntimeException e) {
        StringWriter text = new StringWriter();
        e.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    private void say(String text) {
        watchdog.print(text);
        // The receiver of the report may itself be stuck.
        Bounded.start("watchdog report", () -> {
                    subject.report(text);
                    return true;
                })
                .awaitEnd(watchdog.answer());
    }

    private void giveUp(DeviceInfo info, long when, StuckRequestReport report) {
        if (!awaitUnlessOver(when) || report.answersNow()) {
            return;
        }
        if (info().flatMap(DeviceInfo::oldest).isPresent()) {
            say("junit-dblock: /dev/" + info.name() + " is removed by force, so that processes waiting for it get an"
                    + " error.");
            subject.giveUp();
        }
    }

    private synchronized boolean awaitUnlessOver(long when) {
        long millis = Duration.ofNanos(when - System.nanoTime()).toMillis();
        while (millis > 0 && !over) {
            try {
                wait(millis);
            } catch (InterruptedException e) {
                return false;
            }
            millis = Duration.ofNanos(when - System.nanoTime()).toMillis();
        }
        return !over;
    }
}
