// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.watchdog;

import io.dblock.internal.journal.RequestOperations;
import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.OldestRequest;
import io.dblock.internal.kernel.ProcFs;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A report about a request that nobody answers. It asks all questions at the same time. What is not known after a few
 * seconds is reported as unknown.
 */
final class StuckRequestReport {
    private static final int MAX_THREADS = 60;
    private static final int MAX_TASKS = 40;
    private static final int KERNEL_FRAMES = 16;
    /** Functions in the kernel stack of a task that waits for a page it has touched, on any architecture. */
    private static final List<String> PAGE_FAULT = List.of("filemap_fault", "handle_mm_fault", "do_page_fault");
    /**
     * Prefixes of the innermost function of such a task. Nothing else is known where the kernel does not show the
     * stacks of tasks (User Mode Linux), and read(2) looks the same.
     */
    private static final List<String> PAGE_READ = List.of("filemap_", "folio_");

    private final Watchdog.Subject subject;
    private final Watchdog watchdog;
    private final ProcFs proc;
    private final DeviceInfo info;
    private final OldestRequest request;
    private final long deadline;
    private final StringBuilder text = new StringBuilder();
    private Optional<Watchdog.Party> silent = Optional.empty();
    private boolean waitsForItself;

    private StuckRequestReport(Watchdog.Subject subject, DeviceInfo info, OldestRequest request, Watchdog watchdog) {
        this.subject = subject;
        this.watchdog = watchdog;
        this.info = info;
        this.request = request;
        proc = watchdog.proc();
        Duration left = WatchedDevice.limit(info).minus(request.age()).minusSeconds(1);
        Duration wait = left.compareTo(watchdog.answer()) > 0 ? left : watchdog.answer();
        deadline = System.nanoTime() + wait.toNanos();
    }

    /** Creates a report, which takes a few seconds if something does not answer. */
    static StuckRequestReport of(Watchdog.Subject subject, DeviceInfo info, OldestRequest request, Watchdog watchdog) {
        StuckRequestReport report = new StuckRequestReport(subject, info, request, watchdog);
        report.make();
        return report;
    }

    String text() {
        return text.toString();
    }

    /** Returns whether the JVM that answers the device waits for a page of a file on it, and so will never answer. */
    boolean waitsForItself() {
        return waitsForItself;
    }

    /** Returns whether the JVM that did not answer during the report answers now. */
    boolean answersNow() {
        long half = System.nanoTime() + watchdog.answer().toNanos() / 2;
        return silent.flatMap(party ->
                        Bounded.start("watchdog asks again", party.stacks()).resultBy(half))
                .isPresent();
    }

    private record Asked(Watchdog.Party party, Bounded<List<String>> stacks) {}

    private void make() {
        Bounded<List<String>> description = Bounded.start("watchdog asks for the handler", subject::description);
        List<Watchdog.Party> parties = Bounded.start("watchdog asks for the parties", subject::parties)
                .resultBy(deadline)
                .orElse(List.of());
        List<Asked> asked = parties.stream()
                .map(party -> new Asked(party, Bounded.start("watchdog asks for stacks", party.stacks())))
                .toList();
        Bounded<List<String>> waiting = Bounded.start("watchdog looks for waiting tasks", this::uninterruptible);
        Bounded<List<String>> users = Bounded.start("watchdog looks for holders", () -> users(parties));

        headline();
        int belowHeadline = text.length();
        section("", description, "what answers it is not known: that question was not answered");
        for (Asked one : asked) {
            threads(one);
        }
        section(
                "tasks of the machine that wait in the kernel and cannot be interrupted:",
                waiting,
                "not known: looking for them took too long");
        section("users of the disk:", users, "not known: looking for them took too long");
        int end = text.length();
        asked.stream().findFirst().ifPresent(one -> diagnose(one.party()));
        // Found last but read first: there may be hundreds of lines between.
        String cause = text.substring(end);
        text.setLength(end);
        text.insert(belowHeadline, cause);
    }

    private void headline() {
        text.append("junit-dblock: /dev/")
                .append(info.name())
                .append(": a ")
                .append(nameOf(request))
                .append(" has waited for ")
                .append(seconds(request.age()))
                .append(" s. It fails (ETIMEDOUT) after ")
                .append(seconds(WatchedDevice.limit(info)))
                .append(" s, the device's requestTimeout.\n  ")
                .append(
                        request.held()
                                ? "its server has it and has not answered"
                                : "no server has asked for it: all of its threads are busy or stuck")
                .append("; requests under way: ")
                .append(info.pending())
                .append('\n');
    }

    /** Returns the request for a sentence, after "a". */
    static String nameOf(OldestRequest request) {
        String operation = RequestOperations.isKnown(request.operation())
                ? RequestOperations.of(request.operation()).name()
                : "request with the operation " + request.operation();
        return request.length() == 0
                ? operation
                : operation + " of " + request.length() + " bytes at byte " + request.offset();
    }

    private static String seconds(Duration duration) {
        return String.format(Locale.ROOT, "%.1f", duration.toMillis() / 1000.0);
    }

    private void section(String title, Bounded<List<String>> lines, String unknown) {
        List<String> known = lines.resultBy(deadline).orElse(List.of(unknown));
        if (!title.isEmpty()) {
            text.append("  ").append(title).append(known.isEmpty() ? " none\n" : "\n");
        }
        known.forEach(line -> indented(title.isEmpty() ? "  " : "    ", line));
    }

    private void indented(String indent, String lines) {
        lines.lines().forEach(line -> text.append(indent).append(line).append('\n'));
    }

    private void threads(Asked asked) {
        Watchdog.Party party = asked.party();
        Optional<List<String>> stacks = asked.stacks().resultBy(deadline);
        String who = party.role() + " (pid " + party.pid() + ")";
        if (stacks.isPresent()) {
            text.append("  threads of ").append(who).append(":\n");
            limited(stacks.get(), MAX_THREADS).forEach(stack -> indented("    ", stack));
            return;
        }
        if (silent.isEmpty()) {
            silent = Optional.of(party);
        }
        text.append("  ")
                .append(who)
                .append(" does not say what its threads are doing. Its tasks, as the kernel sees them:\n");
        limited(proc.tasks(party.pid()).stream().map(this::describe).toList(), MAX_TASKS)
                .forEach(task -> indented("    ", task));
    }

    private static List<String> limited(List<String> all, int most) {
        return all.size() <= most
                ? all
                : Stream.concat(all.stream().limit(most), Stream.of("and " + (all.size() - most) + " more"))
                        .toList();
    }

    private List<String> uninterruptible() {
        return limited(
                proc.pids().stream()
                        .flatMap(pid -> proc.tasks(pid).stream())
                        .filter(ProcFs.Task::isUninterruptible)
                        .map(this::describe)
                        .toList(),
                MAX_TASKS);
    }

    private String describe(ProcFs.Task task) {
        StringBuilder line = new StringBuilder(
                "pid " + task.pid() + " tid " + task.tid() + " \"" + task.name() + "\" " + task.state());
        List<String> stack = proc.kernelStack(task);
        stack.stream().limit(KERNEL_FRAMES).forEach(frame -> line.append("\n    in ")
                .append(frame));
        return line.toString();
    }

    private List<String> users(List<Watchdog.Party> parties) {
        return watchdog.holders().find(node(), mountPoints(parties));
    }

    private Path node() {
        return Path.of("/dev", info.name());
    }

    /** Returns the mount points as the parties see them: the server process has its own mounts. */
    private List<KernelPath> mountPoints(List<Watchdog.Party> parties) {
        Set<KernelPath> points = new LinkedHashSet<>();
        for (Watchdog.Party party : parties) {
            for (ProcFs.Mount mount : proc.mounts(Long.toString(party.pid()))) {
                if (mount.device().equals(info.major() + ":" + info.minor())
                        || mount.source().equals(node().toString())) {
                    points.add(mount.point());
                }
            }
        }
        return new ArrayList<>(points);
    }

    private static boolean isOneOf(List<String> functions, String frame) {
        return functions.stream().anyMatch(frame::contains);
    }

    private void diagnose(Watchdog.Party server) {
        if (!silent.equals(Optional.of(server))) {
            return;
        }
        List<ProcFs.Task> tasks = proc.tasks(server.pid());
        if (tasks.stream().anyMatch(task -> task.state() == 'T')) {
            text.append("  cause: ")
                    .append(server.role())
                    .append(" is stopped (SIGSTOP, or a debugger). Way out: kill -CONT ")
                    .append(server.pid())
                    .append('\n');
            return;
        }
        List<List<String>> stacks = tasks.stream()
                .filter(ProcFs.Task::isUninterruptible)
                .map(proc::kernelStack)
                .toList();
        waitsForItself = stacks.stream().flatMap(List::stream).anyMatch(frame -> isOneOf(PAGE_FAULT, frame))
                || (stacks.stream().anyMatch(stack -> stack.size() == 1 && isOneOf(PAGE_READ, stack.get(0)))
                        && watchdog.holders().isMappedBy(server.pid(), node(), mountPoints(List.of(server))));
        if (waitsForItself) {
            indented(
                    "  ",
                    "cause: " + server.role() + " waits for itself. A file of the disk is mapped into the memory of"
                            + " the JVM that answers for the disk; one of its threads touched a page that must be"
                            + " read first, and cannot be stopped while it waits for the page. So a garbage"
                            + " collection waits for this thread, and all other threads wait for the collection,"
                            + " including the one that should answer the read.\n"
                            + "way out: let another process answer. Leave out the handler, so that a built-in store"
                            + " answers, with placement = SERVER_PROCESS (which AUTOMATIC means for it); or use the"
                            + " file through a FileChannel instead of a mapping (no FileChannel.map, MMapDirectory"
                            + " and the like).\n"
                            + "the device is removed by force when the request's time is over, which ends the wait"
                            + " with an error (InternalError, from a mapping).");
        }
    }
}
